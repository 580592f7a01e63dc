//! The flags that `get` and `put` share.
#![forbid(unsafe_code)]

use super::filters::Filters;
use super::{Context, Failure, Settings};
use crate::transfer::{Options, Selection};

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

    /// What they ask for, together with what was set for the whole session.
    pub(super) fn options(&self, settings: &Settings) -> Options {
        Options {
            recursive: self.recursive || settings.recursive,
            preserve: self.preserve || settings.preserve,
            resume: self.resume || settings.resume,
            fsync: self.fsync || settings.fsync,
            request_bytes: settings.buffer.map(|size| u32::try_from(size.get()).unwrap_or(u32::MAX)),
            requests: settings.requests.map(|requests| usize::try_from(requests).unwrap_or(usize::MAX)),
            bytes_per_second: settings.bytes_per_second.map(crate::terminal::ByteSize::get),
        }
    }
}
