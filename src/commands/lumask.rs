//! `lumask`: the umask of new local files.

use crate::commands::{Context, Failure, Outcome, Purpose, Run, Umask};

/// Set local umask
///
/// It applies to files that get creates and to local commands.
#[derive(Clone, Debug, clap::Args)]
pub struct Lumask {
    /// The permissions to take away from new local files, in octal
    #[arg(value_name = "umask")]
    umask: Umask,
}

impl Run for Lumask {
    const NEEDS_SERVER: bool = false;

    fn purpose(&self) -> Purpose {
        Purpose::LocalEffect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let Umask(mask) = self.umask;
        // On some systems the type has only 16 bits, but nine are enough.
        rustix::process::umask(rustix::fs::Mode::from_bits_truncate(mask as rustix::fs::RawMode));
        cx.output.answer(format_args!("Local umask: {mask:03o}"));
        Ok(Outcome::Done)
    }
}
