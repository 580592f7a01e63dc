//! Entry points for [`crate::fuzzing`] that read lines and names.

use crate::commands;
use crate::name::EntryName;
use crate::remote::glob::Pattern;
use crate::shell::line::Line;
use crate::shell::words::{split, split_open};
use crate::terminal::quote::paste;
use crate::terminal::{Excerpt, Printable};

/// Reads a line of a script.
pub fn words(bytes: &[u8]) {
    let line = Line::parse(bytes);
    let _ = split_open(line.command);
    if commands::parse_raw(line.command).is_none()
        && let Ok(words) = split(line.command)
    {
        let _ = commands::parse(&words);
    }
}

/// Reads a name from a server, and checks that it is shown without control characters and quoted so that a line reads
/// it back.
pub fn name(bytes: &[u8]) {
    for shown in [Printable(bytes).to_string(), Excerpt(bytes).to_string()] {
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
    if let Ok(name) = EntryName::vet(bytes) {
        assert!(!name.as_bytes().contains(&b'/') && !matches!(name.as_bytes(), b"" | b"." | b".."));
        let read = split(paste(bytes).as_bytes()).ok().and_then(|words| Some(words.first()?.glob().to_vec()));
        let meant = read.and_then(|glob| Pattern::parse(&glob).literal());
        assert_eq!(meant.as_deref(), Some(bytes), "a name that was pasted means another one");
    }
}
