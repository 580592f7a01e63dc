//! `sum`.

use std::io::Write;
use std::ops::ControlFlow;

use crate::commands::matches::targets;
use crate::commands::opened::Opened;
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePattern, Run, each};
use crate::remote::Ahead;
use crate::sftp::{Extension, HashAlgorithm, calls};
use crate::terminal::Printable;
use crate::transfer::hasher;

/// Display hashes of remote files
///
/// The form is that of sha256sum(1), which checks local copies against it. The server computes the hashes if it can; otherwise
/// the files are read.
#[derive(Clone, Debug, clap::Args)]
pub struct Sum {
    /// Use this algorithm [default: sha256]
    #[arg(short, long, value_name = "name", value_enum)]
    algorithm: Option<Algorithm>,
    /// Use MD5
    #[arg(long, conflicts_with = "algorithm")]
    md5: bool,
    /// Read the files, even if the server computes hashes
    #[arg(short, long)]
    read: bool,
    /// Say on stderr who computed each hash
    #[arg(short, long)]
    verbose: bool,
    /// The files to hash
    #[arg(required = true, value_name = "path")]
    paths: Vec<RemotePattern>,
}

/// The algorithms of which this machine's programs check the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl From<Algorithm> for HashAlgorithm {
    fn from(algorithm: Algorithm) -> HashAlgorithm {
        match algorithm {
            Algorithm::Md5 => HashAlgorithm::Md5,
            Algorithm::Sha1 => HashAlgorithm::Sha1,
            Algorithm::Sha224 => HashAlgorithm::Sha224,
            Algorithm::Sha256 => HashAlgorithm::Sha256,
            Algorithm::Sha384 => HashAlgorithm::Sha384,
            Algorithm::Sha512 => HashAlgorithm::Sha512,
        }
    }
}

impl Run for Sum {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] = &[
        Example { line: "sum *.iso", does: "show the SHA-256 of files" },
        Example { line: "sum --md5 big.iso", does: "show the MD5 of a file" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let algorithm = if self.md5 { Algorithm::Md5 } else { self.algorithm.unwrap_or(Algorithm::Sha256) };
        let targets = targets(cx, &self.paths)?;
        each(cx, targets, |cx, target| {
            let file = Opened::open(cx, target)?;
            let digest = self.digest(cx, &file, algorithm.into())?;
            show(cx, &digest, file.name(cx));
            Ok(())
        })
    }
}

impl Sum {
    fn digest(&self, cx: &Context, file: &Opened, algorithm: HashAlgorithm) -> Result<Vec<u8>, Failure> {
        let by_server = if self.read { None } else { by_server(cx, file, algorithm) };
        let who = if by_server.is_some() { "the server computed the hash" } else { "the file was read" };
        let digest = match by_server {
            Some(digest) => digest,
            None => by_reading(cx, file, algorithm)?,
        };
        if self.verbose {
            cx.output.warning(format_args!("{}: {who}", Printable(file.name(cx))));
        }
        Ok(digest)
    }
}

/// Returns the server's hash, if it computes one by this algorithm.
fn by_server(cx: &Context, file: &Opened, algorithm: HashAlgorithm) -> Option<Vec<u8>> {
    // A size of 0 may mean nothing, and to a server it may mean the whole file.
    let (session, handle, length) = (cx.session(), file.handle(), Some(file.size).filter(|&size| size > 0)?);
    let hash = match session.hashing()? {
        Extension::Md5Hash if algorithm == HashAlgorithm::Md5 => {
            session.submit(&calls::Md5Hash { handle, offset: 0, length })
        }
        Extension::CheckFile => {
            session.submit(&calls::CheckFile { handle, offset: 0, length, algorithms: &[algorithm] })
        }
        _ => return None,
    };
    let hash = hash.wait().ok().flatten()?;
    (hash.algorithm == algorithm).then(|| hash.digest.to_vec())
}

fn by_reading(cx: &Context, file: &Opened, algorithm: HashAlgorithm) -> Result<Vec<u8>, Failure> {
    let unusable = || Failure::new(format!("sum: this machine's OpenSSL has no {algorithm}"));
    let mut hasher = hasher(algorithm).ok_or_else(unusable)?;
    let mut hashed = Ok(());
    file.read(cx, 0, file.size, Ahead::Much, |piece| {
        hashed = hasher.update(piece);
        if hashed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let digest = hashed.and_then(|()| hasher.finish());
    digest.map(|digest| digest.to_vec()).map_err(|_| unusable())
}

/// Prints a line as sha256sum(1) writes it, with the exact bytes of the name except on a terminal.
fn show(cx: &Context, digest: &[u8], name: &[u8]) {
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if cx.output.stdout_is_terminal() {
        return cx.output.answer(format_args!("{hex}  {}", Printable(name)));
    }
    let escaped = escaped(name);
    let mark: &[u8] = if escaped.len() > name.len() { b"\\" } else { b"" };
    // If stdout is no longer read, `Output::stop_when_ended` stops the command.
    let _ = cx.output.writer().write_all(&[mark, hex.as_bytes(), b"  ", &escaped, b"\n"].concat());
}

/// Returns a name with a backslash before each byte that would end the line or look like such a pair.
fn escaped(name: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(name.len());
    for &byte in name {
        match byte {
            b'\\' => escaped.extend(b"\\\\"),
            b'\n' => escaped.extend(b"\\n"),
            b'\r' => escaped.extend(b"\\r"),
            byte => escaped.push(byte),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_sha256sum_does() {
        for (name, line) in
            [(&b"a b"[..], &b"a b"[..]), (b"a\\b", b"a\\\\b"), (b"a\nb\r", b"a\\nb\\r"), (b"\xff", b"\xff")]
        {
            assert_eq!(escaped(name), line);
        }
    }
}
