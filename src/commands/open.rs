//! `open`: connects to another server.

use crate::cli::Destination;
use crate::commands::{Context, DestinationArg, Example, Failure, Outcome, Purpose, Run};

/// Connect to another server
///
/// The options of the command line apply to it too, and so do the settings. Once the new session is open, the old one
/// is closed; until then, nothing changes. The name of a bookmark stands for its destination. A destination may also be `sftp://[user@]host[:port][/path]`.
#[derive(Clone, Debug, clap::Args)]
pub struct Open {
    /// The server, and the directory to change to
    #[arg(value_name = "destination", required = true)]
    destination: DestinationArg,
}

impl Run for Open {
    const NEEDS_SERVER: bool = false;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "open backup.example.com", does: "continue with another server" },
        Example {
            line: "open ada@backup.example.com:photos",
            does: "log in as another user, and change to a directory",
        },
    ];

    const REQUIRED_PHRASE: &'static str = "a destination";

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let DestinationArg(destination) = self.destination;
        Ok(Outcome::Open(bookmarked(cx, &destination).unwrap_or(destination)))
    }
}

/// Returns the destination of the bookmark with this name, if there is one.
fn bookmarked(cx: &Context, name: &Destination) -> Option<Destination> {
    let Destination { user: None, host, port: None, path: None } = name else { return None };
    // An invalid bookmark was reported when the file was read.
    Destination::parse(cx.configuration.bookmarks.get(host)?.as_ref()).ok()
}
