//! The flags that `get` and `put` share.

use clap::ValueEnum;

use crate::commands::filters::Filters;
use crate::commands::{Context, Failure, Mode, Purpose, SessionSettings, Sizes};
use crate::mode::Change;
use crate::terminal::prompt;
use crate::transfer::{Links, OnConflict, Options, Selection, Verify};

/// Flags of a transfer.
#[derive(Clone, Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own, as sftp(1) has them")]
pub(super) struct TransferFlags {
    /// Continue a partial target after comparing its end with the source; =size trusts its size, as sftp does
    #[arg(short = 'a', long, value_name = "how", num_args = 0..=1, require_equals = true, default_missing_value = "compare", value_enum)]
    pub(super) resume: Option<Resume>,
    /// Write to a temporary file that replaces the target in one step when complete
    #[arg(long)]
    atomic: bool,
    /// If the target exists: overwrite it, skip the file, overwrite only an older target, rename the new file, or ask
    #[arg(long, value_name = "what", value_enum)]
    on_conflict: Option<Conflicts>,
    /// Compare each copy with its source, by the server's hash if it offers one, otherwise by reading it back; =read always reads it back
    #[arg(long, value_name = "how", num_args = 0..=1, require_equals = true, default_missing_value = "auto", value_enum)]
    verify: Option<Verification>,
    /// Flush each file to disk after its transfer
    #[arg(short = 'f', long)]
    fsync: bool,
    /// Preserve permissions and times
    #[arg(short = 'p', short_alias = 'P', long)]
    preserve: bool,
    /// Transfer directories recursively
    #[arg(short = 'r', short_alias = 'R', long)]
    recursive: bool,
    /// Follow symbolic links in a tree
    #[arg(short = 'L', long, overrides_with = "links")]
    dereference: bool,
    /// Copy symbolic links in a tree as links
    #[arg(long, overrides_with = "dereference")]
    links: bool,
    /// Set the permissions of new files: octal (640), or a change to the mode they would get (go-w,u+X)
    #[arg(long, value_name = "mode")]
    chmod: Option<Mode>,
    /// Remove each source file after its copy is complete, then the directories that are empty
    #[arg(long)]
    remove_source: bool,
    /// Print what would be transferred, skipped or continued, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    filters: Filters,
}

/// How an existing target is recognized as the beginning of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Resume {
    /// Compare its end.
    Compare,
    /// Trust its size.
    Size,
}

/// How a copy is compared with its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Verification {
    /// By the server's hash, if it offers one.
    Auto,
    /// By reading it back.
    Read,
}

/// The treatment of an existing target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Conflicts {
    Overwrite,
    Skip,
    Newer,
    Rename,
    Ask,
}

impl From<Conflicts> for OnConflict {
    fn from(conflicts: Conflicts) -> OnConflict {
        match conflicts {
            Conflicts::Overwrite => OnConflict::Overwrite,
            Conflicts::Skip => OnConflict::Skip,
            Conflicts::Newer => OnConflict::Newer,
            Conflicts::Rename => OnConflict::Rename,
            Conflicts::Ask => OnConflict::Ask,
        }
    }
}

impl TransferFlags {
    /// Returns the purpose of a transfer with these flags, if `copying` is that of a copy. A dry run only prints.
    pub(super) fn purpose(&self, copying: Purpose) -> Purpose {
        match (self.dry_run, self.remove_source) {
            (true, _) => Purpose::Output,
            (false, true) => Purpose::Effect,
            (false, false) => copying,
        }
    }

    /// Fails if flags contradict each other, or if the user must be asked but can't be.
    ///
    /// # Errors
    /// `-a` and a way to keep existing files are both given; or `ask` is given without a terminal or in a batch.
    pub(super) fn fit_together(&self, cx: &Context) -> Result<(), Failure> {
        if let (Some(_), Some(conflicts)) = (self.resume, self.on_conflict.filter(|&what| what != Conflicts::Overwrite))
        {
            let name = conflicts.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            let message = format!("--on-conflict={name} keeps the existing file, and -a continues it");
            return Err(Failure::new(message).with_hint("give one of them"));
        }
        let asks = self.on_conflict == Some(Conflicts::Ask) && !self.dry_run;
        match asks && (cx.stops_at_failure || !prompt::possible()) {
            true => Err(Failure::new("--on-conflict=ask needs a terminal")
                .with_hint("skip, newer and rename decide without asking")),
            false => Ok(()),
        }
    }

    /// Returns which entries of trees and which matches of wildcards are transferred.
    ///
    /// # Errors
    /// A pattern, time or size is invalid, or a file can't be read.
    pub(super) fn selection(&self, cx: &Context) -> Result<Selection, Failure> {
        self.filters.selection(cx)
    }

    /// Returns the change to the permissions of files that arrive.
    pub(super) fn mode(&self) -> Option<Change> {
        self.chmod.clone().map(|Mode(change)| change)
    }

    /// Returns the options of a transfer: the flags together with the settings of the session.
    pub(super) fn options(&self, settings: &SessionSettings) -> Options {
        let defaults = settings.transfers;
        Options {
            recursive: self.recursive || defaults.recursive,
            preserve: self.preserve || defaults.preserve,
            // If they contradict each other, the command's own flag has priority.
            resume: self.resume.is_some()
                || defaults.resume && self.on_conflict.is_none_or(|what| what == Conflicts::Overwrite),
            trusts_sizes: self.resume == Some(Resume::Size),
            on_conflict: self.on_conflict.map_or(OnConflict::Overwrite, OnConflict::from),
            atomic: self.atomic,
            verify: match self.verify {
                None => Verify::No,
                Some(Verification::Auto) => Verify::Yes,
                Some(Verification::Read) => Verify::ByReading,
            },
            fsync: self.fsync || defaults.fsync,
            links: match (self.dereference, self.links) {
                (true, _) => Links::Followed,
                (false, true) => Links::Copied,
                (false, false) => Links::Skipped,
            },
            estimated_sizes: settings.sizes == Sizes::Estimate,
            remove_source: self.remove_source,
            dry_run: self.dry_run,
            request_bytes: defaults.request_bytes,
            requests: defaults.requests.map(|requests| usize::try_from(requests).unwrap_or(usize::MAX)),
        }
    }
}
