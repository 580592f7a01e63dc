//! Words that are not paths: names of commands, flags, settings and their values, and parts of the history.

use crate::commands::{HistoryPart, Setting, names};
use crate::shell::complete::source::{Answer, Place, Source, command_named};
use crate::shell::complete::word::{Candidates, Fragment};

/// Names of commands and aliases.
pub(super) struct CommandNames;

/// Flags of the command, and their values after `=`.
pub(super) struct Flags;

/// The words that the command takes here.
pub(super) struct Values;

/// Names of settings.
pub(super) struct SettingNames;

/// Values of the setting named before.
pub(super) struct SettingValues;

/// The word for all of the history.
pub(super) struct HistoryParts;

/// Names of bookmarks.
pub(super) struct Bookmarks;

/// Names of aliases or of bookmarks, depending on the command.
pub(super) struct ShortNames;

impl Source for CommandNames {
    fn complete(&self, word: &Fragment, here: &Place<'_>) -> Answer {
        let mut words: Vec<&str> = names().collect();
        words.extend(here.aliases.iter().map(String::as_str));
        fitting(word, words.into_iter())
    }
}

impl Source for Flags {
    fn complete(&self, word: &Fragment, here: &Place<'_>) -> Answer {
        let Some((command, begun)) = here.before.first().and_then(command_named).zip(word.whole()) else {
            return Answer::Declined;
        };
        Answer::Known(Candidates::words(command.flags_like(begun).iter().map(String::as_str)))
    }
}

impl Source for Values {
    fn complete(&self, word: &Fragment, here: &Place<'_>) -> Answer {
        let Some((name, arguments)) = here.before.split_first() else { return Answer::Declined };
        let values = command_named(name).map(|command| command.next_word(arguments).values).unwrap_or_default();
        fitting(word, values.iter().map(String::as_str))
    }
}

impl Source for SettingNames {
    fn complete(&self, word: &Fragment, _here: &Place<'_>) -> Answer {
        fitting(word, Setting::ALL.into_iter().map(Setting::name))
    }
}

impl Source for HistoryParts {
    fn complete(&self, word: &Fragment, _here: &Place<'_>) -> Answer {
        fitting(word, std::iter::once(HistoryPart::CLEAR))
    }
}

impl Source for Bookmarks {
    fn complete(&self, word: &Fragment, here: &Place<'_>) -> Answer {
        fitting(word, here.bookmarks.iter().map(String::as_str))
    }
}

impl Source for ShortNames {
    fn complete(&self, word: &Fragment, here: &Place<'_>) -> Answer {
        let is_of_aliases = here.before.first().is_some_and(|name| name.plain().ends_with(b"alias"));
        let names = if is_of_aliases { here.aliases } else { here.bookmarks };
        fitting(word, names.iter().map(String::as_str))
    }
}

impl Source for SettingValues {
    fn complete(&self, word: &Fragment, here: &Place<'_>) -> Answer {
        let name = here.before.get(1).map(|name| name.plain()).unwrap_or_default();
        let setting = std::str::from_utf8(&name).ok().and_then(Setting::named);
        let words = setting.map(Setting::words).unwrap_or_default();
        fitting(word, words.iter().map(String::as_str))
    }
}

/// Returns the words that begin like the typed one, ignoring case.
fn fitting<'a>(word: &Fragment, words: impl Iterator<Item = &'a str>) -> Answer {
    let Some(begun) = word.whole().map(<[u8]>::to_ascii_lowercase) else { return Answer::Declined };
    let mut fitting: Vec<&str> = words.filter(|name| name.as_bytes().starts_with(&begun)).collect();
    fitting.sort_unstable();
    Answer::Known(Candidates::words(fitting))
}
