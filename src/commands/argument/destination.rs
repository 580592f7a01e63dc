//! The server that `open` connects to.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::cli::Destination;
use crate::commands::Word;
use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::Argument;

/// A server, and perhaps a directory on it, in the forms of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationArg(pub Destination);

impl Argument for DestinationArg {
    const WRITTEN: Option<&'static str> = Some("[user@]host[:path]");
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::Destination];

    fn read(word: &Word) -> Result<DestinationArg, String> {
        Destination::parse(&OsString::from_vec(word.plain())).map(DestinationArg).map_err(|fault| match fault.hint() {
            Some(hint) => format!("{fault} ({hint})"),
            None => fault.to_string(),
        })
    }
}
