//! `df`.

use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePathArg, Run};
use crate::sftp::{Extension, Statvfs};
use crate::terminal::Printable;
use crate::terminal::size::scaled;
use crate::terminal::table::right_aligned;

/// Display statistics for current directory or filesystem containing 'path'
#[derive(Clone, Debug, clap::Args)]
pub struct Df {
    /// Show sizes with a fitting unit
    #[arg(short = 'h', long)]
    human_readable: bool,
    /// Show inodes instead of bytes
    #[arg(short, long)]
    inodes: bool,
    /// Any path on the file system
    #[arg(value_name = "path")]
    path: Option<RemotePathArg>,
}

impl Run for Df {
    const NEEDS_SERVER: bool = true;

    const EXAMPLES: &'static [Example] = &[Example { line: "df -h", does: "show the free space" }];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let path = match &self.path {
            Some(RemotePathArg(path)) => cx.remote.resolve(path),
            None => cx.remote.working_directory().clone(),
        };
        cx.require(Extension::Statvfs)?;
        let system = cx
            .session()
            .statvfs(&path)
            .map_err(|error| Failure::refused(format!("remote statvfs \"{}\"", Printable(path.as_bytes())), &error))?;
        let unit = match (self.inodes, self.human_readable) {
            (true, _) => Unit::Inodes,
            (false, true) => Unit::Scaled,
            (false, false) => Unit::Kib,
        };
        cx.output.answer(table(&system, unit));
        Ok(Outcome::Done)
    }
}

/// The unit of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Blocks of 1 KiB.
    Kib,
    /// Bytes, with a fitting unit.
    Scaled,
    /// Inodes.
    Inodes,
}

/// Returns the two lines of `df` exactly as sftp(1) prints them, without the last newline. The server's numbers are
/// not trusted.
///
/// A number wider than its column widens the header as well, while sftp(1) lets them fall out of line.
fn table(system: &Statvfs, unit: Unit) -> String {
    let (total, free, available) = match unit {
        Unit::Inodes => (system.files, system.free_files, system.available_files),
        Unit::Kib | Unit::Scaled => (system.blocks, system.free_blocks, system.available_blocks),
    };
    let used = total.saturating_sub(free);
    let amount = |count: u64| match unit {
        Unit::Kib => (u128::from(system.fragment_size) * u128::from(count) / 1024).to_string(),
        Unit::Scaled => with_unit(scaled(system.fragment_size.saturating_mul(count))),
        Unit::Inodes => count.to_string(),
    };
    let (first, width) = match unit {
        Unit::Kib => ("Size", 12),
        Unit::Scaled => ("Size", 8),
        Unit::Inodes => ("Inodes", 11),
    };
    right_aligned(
        [first, "Used", "Avail", "(root)", "%Capacity"],
        [amount(total), amount(used), amount(available), amount(free), capacity(used, total)],
        [width, width, width, width, 12],
    )
}

/// Appends `B` to a size: `20.1GB`. A size below 1,024 bytes has it already; sftp(1) adds another one.
fn with_unit(size: String) -> String {
    if size.ends_with('B') { size } else { size + "B" }
}

/// Returns the used share in percent. Without a total there is none, and sftp(1) prints the word one column further
/// left.
fn capacity(used: u64, total: u64) -> String {
    match (u128::from(used) * 100).checked_div(u128::from(total)) {
        Some(percent) => format!("{percent}%"),
        None => "ERR ".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Statvfs = Statvfs {
        fragment_size: 4096,
        blocks: 66_053_021,
        free_blocks: 60_787_089,
        available_blocks: 18_555_540,
        files: 16_777_216,
        free_files: 16_341_890,
        available_files: 16_341_890,
        ..PROC
    };
    const PROC: Statvfs = Statvfs {
        block_size: 4096,
        fragment_size: 4096,
        blocks: 0,
        free_blocks: 0,
        available_blocks: 0,
        files: 0,
        free_files: 0,
        available_files: 0,
        file_system_id: 0,
        flags: 0,
        longest_name: 255,
    };

    // difference: df-bytes
    #[test]
    fn df_is_byte_equal_to_sftp() {
        for (system, unit, expected) in [
            (
                ROOT,
                Unit::Kib,
                "        Size         Used        Avail       (root)    %Capacity\n   \
                 264212084     21063728     74222160    243148356           7%",
            ),
            (
                ROOT,
                Unit::Scaled,
                "    Size     Used    Avail   (root)    %Capacity\n   252GB   20.1GB   70.8GB    232GB           7%",
            ),
            (
                ROOT,
                Unit::Inodes,
                "     Inodes        Used       Avail      (root)    %Capacity\n   \
                 16777216      435326    16341890    16341890           2%",
            ),
            (
                PROC,
                Unit::Kib,
                "        Size         Used        Avail       (root)    %Capacity\n           \
                 0            0            0            0         ERR",
            ),
            (
                PROC,
                Unit::Scaled,
                "    Size     Used    Avail   (root)    %Capacity\n      0B       0B       0B       0B         ERR",
            ),
            (
                PROC,
                Unit::Inodes,
                "     Inodes        Used       Avail      (root)    %Capacity\n          \
                 0           0           0           0         ERR",
            ),
        ] {
            assert_eq!(table(&system, unit), expected, "{unit:?}");
        }
    }

    #[test]
    fn df_survives_what_a_server_may_claim() {
        let huge = Statvfs {
            fragment_size: u64::MAX,
            blocks: u64::MAX,
            free_blocks: 0,
            available_blocks: u64::MAX,
            files: 1,
            free_files: u64::MAX,
            available_files: 0,
            ..PROC
        };
        assert!(table(&huge, Unit::Kib).ends_with(" 100%"));
        assert!(table(&huge, Unit::Scaled).contains("16.0EB"));
        assert!(table(&huge, Unit::Inodes).ends_with(" 0%"));
    }
}
