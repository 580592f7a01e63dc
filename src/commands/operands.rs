//! The operands of `get` and `put`: splits them into sources and target.
//!
//! A single operand is a source; two are a source and a target, as in sftp(1); of three or more, the last must be a
//! directory, because there are several sources.

use crate::commands::Word;

/// Operands, split into sources and target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operands {
    pub(super) sources: Vec<Word>,
    pub(super) target: Option<Word>,
    /// True if the target must be an existing directory because several sources were named.
    pub(super) target_must_be_directory: bool,
}

impl Operands {
    /// Splits the operands. If the target was given by a flag, all of them are sources.
    pub(super) fn split(mut words: Vec<Word>, all_are_sources: bool) -> Operands {
        let target_must_be_directory = all_are_sources || words.len() > 2;
        let target = if all_are_sources || words.len() < 2 { None } else { words.pop() };
        Operands { sources: words, target, target_must_be_directory }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_several_operands_is_the_target() {
        for (words, all_are_sources, sources, target, must_be_directory) in [
            ("a", false, 1, None, false),
            ("a b", false, 1, Some("b"), false),
            ("a b c", false, 2, Some("c"), true),
            ("a b c d", false, 3, Some("d"), true),
            ("a", true, 1, None, true),
            ("a b", true, 2, None, true),
        ] {
            let operands = Operands::split(super::super::testing::words(words), all_are_sources);
            assert_eq!(operands.sources.len(), sources, "{words}");
            assert_eq!(operands.target.map(|target| target.plain()), target.map(|text| text.as_bytes().to_vec()));
            assert_eq!(operands.target_must_be_directory, must_be_directory, "{words}");
        }
    }
}
