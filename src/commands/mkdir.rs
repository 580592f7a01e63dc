//! `mkdir`.

use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePathArg, Run, each};
use crate::name::RemotePath;
use crate::sftp::{self, Attributes, StatusCode};
use crate::terminal::Printable;

/// Create remote directory
#[derive(Clone, Debug, clap::Args)]
pub struct Mkdir {
    /// Create missing parents as well, and accept existing directories
    #[arg(short, long)]
    parents: bool,
    /// The directories to create
    #[arg(required = true, value_name = "path")]
    paths: Vec<RemotePathArg>,
}

/// The requested mode, to which the server applies its umask.
const DIRECTORY_MODE: u32 = 0o777;

impl Run for Mkdir {
    const NEEDS_SERVER: bool = true;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "mkdir photos", does: "create a directory" },
        Example { line: "mkdir -p a/b/c", does: "create a directory and its parents" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        each(cx, self.paths, |cx, RemotePathArg(path)| {
            let path = cx.remote.resolve(&path);
            match self.parents {
                true => make_with_parents(cx, &path).map_err(|error| refused(cx, &path, &error)),
                false => make(cx, &path).map_err(|error| {
                    let failure = refused(cx, &path, &error);
                    match error.status_code() {
                        Some(StatusCode::NO_SUCH_FILE) => failure.with_hint("mkdir -p creates missing parents too"),
                        _ => failure,
                    }
                }),
            }
        })
    }
}

fn make(cx: &Context, path: &RemotePath) -> Result<(), sftp::Error> {
    cx.session().mkdir(path, Attributes::with_permissions(DIRECTORY_MODE))
}

fn refused(cx: &Context, path: &RemotePath, error: &sftp::Error) -> Failure {
    let failure = Failure::refused(format!("remote mkdir \"{}\"", Printable(path.as_bytes())), error);
    match error.status_code() {
        Some(StatusCode::FAILURE) if cx.session().lstat(path).is_ok() => failure.because("it exists already"),
        _ => failure,
    }
}

/// Tries the directory itself first, then its parents from the top down, the latter without waiting in between.
fn make_with_parents(cx: &Context, path: &RemotePath) -> Result<(), sftp::Error> {
    let Err(first) = make(cx, path) else { return Ok(()) };
    if is_directory(cx, path) {
        return Ok(());
    }
    let mut missing = vec![path.clone()];
    while let Some(parent) = missing.last().and_then(RemotePath::parent).filter(|parent| parent.base_name().is_some()) {
        missing.push(parent);
    }
    let attributes = Attributes::with_permissions(DIRECTORY_MODE);
    let call = |path| crate::sftp::calls::Mkdir { path, attributes };
    let pending: Vec<_> = missing.iter().rev().map(|path| cx.session().submit(&call(path))).collect();
    for made in pending {
        // The failure for a parent that exists already has no meaning.
        let _ = made.wait();
    }
    // A server may process requests in any order, so the decisive one is sent alone.
    if is_directory(cx, path) { Ok(()) } else { make(cx, path).map_err(|_| first) }
}

fn is_directory(cx: &Context, path: &RemotePath) -> bool {
    cx.session().stat(path).is_ok_and(|attributes| attributes.is_dir())
}
