//! `df`.
#![forbid(unsafe_code)]

use super::{Context, Example, Failure, Outcome, Purpose, RemotePath, Run};
use crate::sftp::{Extension, Statvfs};
use crate::terminal::Printable;
use crate::terminal::table::{self, DfUnit, FileSystem};

/// Display statistics for current directory or filesystem containing 'path'
#[derive(Clone, Debug, clap::Args)]
pub struct Df {
    /// Show sizes in the unit that suits them
    #[arg(short = 'h', long)]
    human_readable: bool,
    /// Show inodes, not bytes
    #[arg(short, long)]
    inodes: bool,
    /// A path on the file system
    #[arg(value_name = "path")]
    path: Option<RemotePath>,
}

impl Run for Df {
    const EXAMPLES: &'static [Example] = &[Example { line: "df -h", does: "show how much room there is" }];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let path = match &self.path {
            Some(RemotePath(path)) => cx.remote.resolve(path),
            None => cx.remote.working_directory().clone(),
        };
        cx.require(Extension::Statvfs)?;
        let system = cx
            .session()
            .statvfs(&path)
            .map_err(|error| Failure::refused(format!("remote statvfs \"{}\"", Printable(path.as_bytes())), &error))?;
        let unit = match (self.inodes, self.human_readable) {
            (true, _) => DfUnit::Inodes,
            (false, true) => DfUnit::Scaled,
            (false, false) => DfUnit::Kib,
        };
        cx.output.answer(table::df(&file_system(&system), unit));
        Ok(Outcome::Done)
    }
}

fn file_system(system: &Statvfs) -> FileSystem {
    FileSystem {
        block_bytes: system.fragment_size,
        blocks: system.blocks,
        blocks_free: system.free_blocks,
        blocks_available: system.available_blocks,
        inodes: system.files,
        inodes_free: system.free_files,
        inodes_available: system.available_files,
    }
}
