//! `rmdir`.

use crate::commands::{Context, Failure, Outcome, Purpose, RemoteDir, Run, each, is_bare_failure};
use crate::sftp::FileType;
use crate::terminal::Printable;

/// Remove remote directory
///
/// The directory must be empty.
#[derive(Clone, Debug, clap::Args)]
pub struct Rmdir {
    /// The directories to remove
    #[arg(required = true, value_name = "path")]
    paths: Vec<RemoteDir>,
}

impl Run for Rmdir {
    const NEEDS_SERVER: bool = true;

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        each(cx, self.paths, |cx, RemoteDir(path)| {
            let path = cx.remote.resolve(&path);
            cx.session().rmdir(&path).map_err(|error| {
                let failure = Failure::refused(format!("remote rmdir \"{}\"", Printable(path.as_bytes())), &error);
                match cx.kind_after(&error, &path) {
                    Some(FileType::Directory) if is_bare_failure(&error) => {
                        failure.because("is it empty?").with_hint("rm -r removes a directory and its contents")
                    }
                    Some(FileType::Regular | FileType::Symlink | FileType::Special) => {
                        failure.because("it is not a directory").with_hint("rm removes files")
                    }
                    _ => failure,
                }
            })
        })
    }
}
