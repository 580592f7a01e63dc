//! The flags that `get` and `put` share.
#![forbid(unsafe_code)]

use super::filters::Filters;
use super::{Context, Failure, Mode, Settings};
use crate::mode::Change;
use crate::transfer::{Links, Options, Selection};

/// Flags of a transfer.
#[derive(Clone, Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own, as sftp(1) has them")]
pub(super) struct TransferFlags {
    /// Continue what is there already
    #[arg(short = 'a', long)]
    pub(super) resume: bool,
    /// Flush each file to the disk once it is there
    #[arg(short = 'f', long)]
    fsync: bool,
    /// Keep modes and times
    #[arg(short = 'p', short_alias = 'P', long)]
    preserve: bool,
    /// Transfer directories and what is in them
    #[arg(short = 'r', short_alias = 'R', long)]
    recursive: bool,
    /// Follow the symbolic links of a tree
    #[arg(short = 'L', long, overrides_with = "links")]
    dereference: bool,
    /// Copy the symbolic links of a tree as links
    #[arg(long, overrides_with = "dereference")]
    links: bool,
    /// Change the permissions of the files that arrive: 640, or go-w,u+X of what they would be
    #[arg(long, value_name = "mode")]
    chmod: Option<Mode>,
    /// Remove each source once its copy is known to be complete, and directories that are empty then
    #[arg(long)]
    remove_source: bool,
    /// Only say what would be moved
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    filters: Filters,
}

impl TransferFlags {
    /// Which entries of trees, and which matches of wildcards, are moved.
    ///
    /// # Errors
    /// A pattern, time or size that is none, or a file that can't be read.
    pub(super) fn selection(&self, cx: &Context) -> Result<Selection, Failure> {
        self.filters.selection(cx)
    }

    /// How the permissions of files that arrive are changed.
    pub(super) fn mode(&self) -> Option<Change> {
        self.chmod.clone().map(|Mode(change)| change)
    }

    /// What they ask for, together with what was set for the whole session.
    pub(super) fn options(&self, settings: &Settings) -> Options {
        Options {
            recursive: self.recursive || settings.recursive,
            preserve: self.preserve || settings.preserve,
            resume: self.resume || settings.resume,
            fsync: self.fsync || settings.fsync,
            links: match (self.dereference, self.links) {
                (true, _) => Links::Followed,
                (false, true) => Links::Copied,
                (false, false) => Links::Skipped,
            },
            remove_source: self.remove_source,
            dry_run: self.dry_run,
            request_bytes: settings.buffer.map(|size| u32::try_from(size.get()).unwrap_or(u32::MAX)),
            requests: settings.requests.map(|requests| usize::try_from(requests).unwrap_or(usize::MAX)),
            bytes_per_second: settings.bytes_per_second.map(crate::terminal::ByteSize::get),
        }
    }
}
