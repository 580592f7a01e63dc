//! A context on a real server program, for the tests of commands.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Context, Failure, LocalDirectory, Outcome, Settings, Word, parse, parse_raw};
use crate::child::ChildTransport;
use crate::sftp::{self, Session};
use crate::terminal::Output;

/// OpenSSH's server program, where Debian, Fedora and macOS put it.
const SERVERS: [&str; 3] =
    ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server"];

/// A server in a directory of its own, and a local directory of its own.
pub(super) struct World {
    pub(super) cx: Context,
    root: tempfile::TempDir,
}

impl World {
    pub(super) fn new() -> World {
        World::with_server_args(&[])
    }

    pub(super) fn with_server_args(args: &[&str]) -> World {
        let root = tempfile::tempdir().unwrap();
        let [remote, local] = ["remote", "local"].map(|name| root.path().join(name));
        std::fs::create_dir(&remote).unwrap();
        std::fs::create_dir(&local).unwrap();
        let program = SERVERS.into_iter().find(|path| std::path::Path::new(path).exists()).unwrap();
        let mut server = Command::new(program);
        server.arg("-d").arg(&remote).args(args).stderr(Stdio::null());
        let transport = ChildTransport::spawn(&mut server).unwrap();
        let session = Session::open(Box::new(transport), sftp::Options::default()).unwrap();
        let mut cx = Context::open(session, Settings::default(), Output::captured()).unwrap();
        cx.local = LocalDirectory::open(&local).unwrap();
        World { cx, root }
    }

    /// With files on the server: a name that ends in a slash is a directory, any other is its own content.
    pub(super) fn with(self, names: &[&str]) -> World {
        for name in names {
            let path = self.remote(name);
            if name.ends_with('/') {
                std::fs::create_dir_all(path).unwrap();
            } else {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, name).unwrap();
            }
        }
        self
    }

    pub(super) fn remote(&self, name: &str) -> PathBuf {
        self.root.path().join("remote").join(name)
    }

    pub(super) fn local(&self, name: &str) -> PathBuf {
        self.root.path().join("local").join(name)
    }

    /// Runs a line of bare words, or one for the local shell.
    pub(super) fn run(&mut self, line: &str) -> Result<Outcome, Failure> {
        let command = match parse_raw(line.as_bytes()) {
            Some(command) => command?,
            None => parse(&words(line))?,
        };
        command.run(&mut self.cx)
    }

    /// What a line prints, the failure it ends in included; the world's own directories are put as REMOTE and LOCAL.
    pub(super) fn says(&mut self, line: &str) -> String {
        let before = self.cx.output.captured_text().merged.len();
        if let Err(failure) = self.run(line) {
            failure.tell(&self.cx.output);
        }
        let root = self.root.path().canonicalize().unwrap();
        self.cx.output.captured_text().merged[before..]
            .replace(&format!("{}/remote", root.display()), "REMOTE")
            .replace(&format!("{}/local", root.display()), "LOCAL")
    }
}

/// The words of a line without quotes.
pub(super) fn words(line: &str) -> Vec<Word> {
    let bare = |text: &str| {
        let mut word = Word::default();
        text.bytes().for_each(|byte| word.push_bare(byte));
        word
    };
    line.split_whitespace().map(bare).collect()
}
