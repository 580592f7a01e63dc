//! Expands a leading `~` of local words to a home directory, as shells do.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::commands::Word;

/// Returns the word with a leading `~` or `~NAME` replaced by that home directory. A quoted `~` stays, and so does
/// one before the name of an unknown user.
pub(super) fn expand(word: &Word) -> Word {
    if !word.begins_with_bare_tilde() {
        return word.clone();
    }
    let user = user(word.glob());
    match of(user) {
        Some(home) => {
            let home = home.as_os_str().as_bytes();
            word.with_start(1 + user.len(), home.strip_suffix(b"/").unwrap_or(home))
        }
        None => word.clone(),
    }
}

/// Returns the name after the `~` that a path begins with, which is empty for the user's own home.
pub(super) fn user(path: &[u8]) -> &[u8] {
    let name = path.get(1..).unwrap_or_default();
    &name[..name.iter().position(|&byte| byte == b'/').unwrap_or(name.len())]
}

/// Returns the home of the user with this name, or the user's own one if it is empty.
pub(super) fn of(user: &[u8]) -> Option<PathBuf> {
    if user.is_empty() {
        return dirs::home_dir();
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if !user.iter().all(plain) {
        return None;
    }
    // The system's user database is accessible only through C, so a shell looks it up.
    let script = format!("printf %s ~{}", str::from_utf8(user).ok()?);
    let answer =
        Command::new("/bin/sh").arg("-c").arg(script).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let home = answer.stdout;
    // The shell leaves the name of an unknown user as it is.
    (home.first() == Some(&b'/')).then(|| PathBuf::from(OsString::from_vec(home)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::Pattern;

    /// Returns the word for a line's text, in which quotes and backslashes protect.
    fn word(text: &str) -> Word {
        let (mut word, mut quote) = (Word::default(), None);
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match (byte, quote) {
                (b'\'' | b'"', None) => quote = Some(byte),
                (byte, Some(open)) if byte == open => quote = None,
                (b'\\', None) => bytes.next().into_iter().for_each(|byte| word.push_protected(byte)),
                (byte, None) => word.push_bare(byte),
                (byte, Some(_)) => word.push_protected(byte),
            }
        }
        word
    }

    #[test]
    fn a_bare_tilde_in_front_is_a_home() {
        let home = dirs::home_dir().unwrap().into_os_string().into_string().unwrap();
        for (typed, meant) in [
            ("~", home.clone()),
            ("~/", format!("{home}/")),
            ("~/a//b", format!("{home}/a//b")),
            ("~/'a b'", format!("{home}/a b")),
            ("'~'", "~".to_owned()),
            ("\\~/x", "~/x".to_owned()),
            ("\"~/x\"", "~/x".to_owned()),
            ("a~", "a~".to_owned()),
            ("./~", "./~".to_owned()),
            ("~no-such-user-here/x", "~no-such-user-here/x".to_owned()),
            ("~\\$(id)", "~$(id)".to_owned()),
        ] {
            let word = expand(&word(typed));
            assert_eq!(String::from_utf8(word.plain()).unwrap(), meant, "{typed}");
            assert_eq!(Pattern::parse(word.glob_with_braces()).literal(), Some(meant.into_bytes()), "{typed}");
        }
        assert!(expand(&word("~root/x")).plain().ends_with(b"/x"));
    }
}
