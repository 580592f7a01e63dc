//! `bookmark`: names for servers and directories on them.

use crate::cli::Destination;
use crate::commands::{Context, Example, Failure, Outcome, Purpose, Run, ShortName, Text};
use crate::terminal::Printable;

/// Name a server and a directory, for open
///
/// Bookmarks are saved in the configuration file.
#[derive(Clone, Debug, clap::Args)]
pub struct Bookmark {
    /// The act [default: list]
    #[arg(value_name = "act", value_enum)]
    act: Option<Act>,
    /// The name of the bookmark
    #[arg(value_name = "name")]
    name: Option<ShortName>,
    /// The server, and a directory on it [default: the present ones]
    #[arg(value_name = "destination")]
    destination: Option<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Act {
    /// Add a bookmark, or change it
    Add,
    /// List all bookmarks
    List,
    /// Remove a bookmark
    Rm,
}

impl Run for Bookmark {
    const NEEDS_SERVER: bool = false;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "bookmark add logs", does: "name the working directory on this server" },
        Example { line: "bookmark add web www.example.com:/srv/www", does: "name a directory on another server" },
        Example { line: "open logs", does: "connect to it later" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::LocalEffect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let needs_a_name = || Failure::new("You must specify a name after a bookmark command.");
        match self.act.unwrap_or(Act::List) {
            Act::Add => {
                let ShortName(name) = self.name.ok_or_else(needs_a_name)?;
                let destination = match self.destination {
                    Some(Text(destination)) => destination,
                    None => here(cx)?,
                };
                let invalid = |fault| Failure::new(format!("bookmark: \"{destination}\": {fault}"));
                Destination::parse(destination.as_ref()).map_err(invalid)?;
                cx.configuration.set_bookmark(&name, Some(&destination))?;
            }
            Act::List => {
                for (name, destination) in &cx.configuration.bookmarks {
                    cx.output.answer(format_args!("{name} = {}", Printable(destination.as_bytes())));
                }
            }
            Act::Rm => {
                let ShortName(name) = self.name.ok_or_else(needs_a_name)?;
                if !cx.configuration.bookmarks.contains_key(&name) {
                    let failure = Failure::new(format!("There is no bookmark \"{name}\""));
                    return Err(failure.with_hint("bookmark lists them"));
                }
                cx.configuration.set_bookmark(&name, None)?;
            }
        }
        Ok(Outcome::Done)
    }
}

/// Returns the address of the working directory.
fn here(cx: &Context) -> Result<String, Failure> {
    let server = String::from_utf8(cx.settings.server.clone()).ok().filter(|_| cx.settings.server_has_address);
    let server = server.ok_or_else(|| Failure::new("bookmark: a server of -D has no address"))?;
    let directory = cx.remote.working_directory().as_bytes();
    // After the host and a slash, a path begins at the start directory unless it has a slash of its own.
    Ok(format!("sftp://{server}/{}", encoded(directory)))
}

/// Returns a path in the form of an address (RFC 3986, section 2.1).
fn encoded(path: &[u8]) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let encode = |&byte: &u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    path.iter().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gives_back_its_path() {
        for path in [&b"/srv/www"[..], b"/a b/%/\xff/?#:@", b"C:/x"] {
            let address = format!("sftp://ada@[::1]:2022/{}", encoded(path));
            let destination = Destination::parse(address.as_ref()).unwrap();
            assert_eq!(destination.path.as_deref(), Some(path), "{address}");
        }
    }
}
