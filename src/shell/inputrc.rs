//! The readline configuration of the user, from which the editing mode comes.

use std::fs;
use std::path::PathBuf;

use crate::commands::Editing;

/// Returns the editing mode of `$INPUTRC`, or else of `~/.inputrc`. A file that doesn't exist or has no such line means
/// emacs.
pub(crate) fn editing() -> Editing {
    let named = std::env::var_os("INPUTRC").filter(|name| !name.is_empty()).map(PathBuf::from);
    let file = named.or_else(|| Some(dirs::home_dir()?.join(".inputrc")));
    // Opening a FIFO would wait for its writer.
    let file = file.filter(|file| fs::metadata(file).is_ok_and(|metadata| metadata.is_file()));
    let text = file.and_then(|file| fs::read(file).ok()).unwrap_or_default();
    editing_of(&String::from_utf8_lossy(&text))
}

/// Returns the editing mode of a configuration: that of its last `set editing-mode`. Lines between `$if` and `$endif`
/// may be for other programs and don't count.
fn editing_of(text: &str) -> Editing {
    let (mut editing, mut conditions) = (Editing::Emacs, 0u32);
    for line in text.lines() {
        let words: Vec<String> = line.split_whitespace().map(str::to_ascii_lowercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["$if", ..] => conditions += 1,
            ["$endif", ..] => conditions = conditions.saturating_sub(1),
            ["set", "editing-mode", mode, ..] if conditions == 0 => {
                editing = if *mode == "vi" { Editing::Vi } else { Editing::Emacs };
            }
            _ => {}
        }
    }
    editing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_unconditional_line_counts() {
        for (text, editing) in [
            ("", Editing::Emacs),
            ("set editing-mode vi", Editing::Vi),
            ("  SET Editing-Mode VI # mine\n", Editing::Vi),
            ("# set editing-mode vi", Editing::Emacs),
            ("set editing-mode vi\nset editing-mode emacs", Editing::Emacs),
            ("$if Bash\n$if mode=vi\n$endif\nset editing-mode vi\n$endif\n", Editing::Emacs),
            ("$endif\nset editing-mode vi\nset show-mode-in-prompt on", Editing::Vi),
        ] {
            assert_eq!(editing_of(text), editing, "{text:?}");
        }
    }
}
