//! Tab completion: names of commands, remote paths and local paths, depending on the command's definition.
//!
//! There is one [`Source`] for each kind of argument. If it declines, the next possible kind is tried. Only the
//! completer itself talks to the server, within a deadline, so no source can make a key wait. A completed word keeps
//! its form: an open quote is continued, and characters that are special to the reader of the line, which is we or a
//! local shell, are quoted.

mod commands;
mod directories;
mod local;
mod remote;
mod shell_word;
mod source;
mod word;

use std::cell::RefCell;
use std::path::PathBuf;

use self::directories::Directories;
pub(crate) use self::local::at_home;
use self::shell_word::Position;
use self::source::{Answer, Place, Source, command_named};
pub(crate) use self::word::Completion;
use self::word::{Candidates, Fragment};
use crate::commands::{ArgumentKind, Context, Word, shell_part};
use crate::name::RemotePath;
use crate::sftp::Session;
use crate::shell::line::Line;
use crate::shell::words::split_open;

/// Completes lines.
#[derive(Default)]
pub(crate) struct Completer {
    surroundings: Option<Surroundings>,
    /// Listings of remote directories.
    directories: RefCell<Directories>,
}

/// The session and the directories in which a line is typed.
struct Surroundings {
    session: Session,
    remote: RemotePath,
    local: PathBuf,
    /// The names of the aliases.
    aliases: Vec<String>,
    /// The names of the bookmarks.
    bookmarks: Vec<String>,
}

impl Completer {
    /// Prepares for the next line: takes its session and directories, and forgets the listings that may not be true any
    /// more.
    pub(crate) fn begin_line(&mut self, context: &Context) {
        self.directories.borrow_mut().begin_line(context.remote.session(), context.changes);
        self.surroundings = Some(Surroundings {
            session: context.remote.session().clone(),
            remote: context.remote.working_directory().clone(),
            local: context.local.path().to_owned(),
            aliases: context.configuration.aliases.keys().cloned().collect(),
            bookmarks: context.configuration.bookmarks.keys().cloned().collect(),
        });
    }

    /// Returns the candidates for the end of this text, which is the line up to the cursor.
    pub(crate) fn complete(&self, text: &str) -> Completion {
        let Some(surroundings) = &self.surroundings else { return Completion::default() };
        let line = Line::parse(text.as_bytes());
        let partial = split_open(line.command);
        let words = of_inner_command(&partial.words);
        let (word, sources) = match shell_part(line.command) {
            // The command's own name is complete only once a blank follows it.
            Some(part) if is_for_shell(line.command, part) => {
                (shell_fragment(line.command, part, text.len()), vec![LOCAL_FILES])
            }
            _ => {
                let word = partial.open.as_ref().map(|open| Fragment::of(open, text.len() - line.command.len()));
                (word, sources(words, partial.open.as_ref()))
            }
        };
        let Some(word) = word else { return Completion::default() };
        let Surroundings { remote, local, aliases, bookmarks, .. } = surroundings;
        let place = Place { remote, local, aliases, bookmarks, before: words };
        let candidates = self.first_answer(&sources, &word, &place, &surroundings.session);
        word.completed(candidates)
    }

    fn first_answer(
        &self,
        sources: &[&dyn Source],
        word: &Fragment,
        place: &Place<'_>,
        session: &Session,
    ) -> Candidates {
        for source in sources {
            let candidates = match source.complete(word, place) {
                Answer::Known(candidates) => candidates,
                Answer::OfDirectory { directory, only_directories } => {
                    self.directories.borrow_mut().matching(session, &directory, word, only_directories)
                }
                Answer::Declined => Candidates::default(),
            };
            if !candidates.is_empty() {
                return candidates;
            }
        }
        Candidates::default()
    }
}

/// Local files.
const LOCAL_FILES: &dyn Source = &local::Paths { only_directories: false };

/// Returns whether the cursor is in the part of a line that a local shell reads.
fn is_for_shell(command: &[u8], part: &[u8]) -> bool {
    command.starts_with(b"!") || part.starts_with(b" ") || part.starts_with(b"\t")
}

/// Returns the word at the end of the part of a line that a local shell reads.
fn shell_fragment(command: &[u8], part: &[u8], line_length: usize) -> Option<Fragment> {
    let position = if command.starts_with(b"!") { Position::Command } else { Position::Argument };
    shell_word::at_end_of(part, position).map(|word| Fragment::of_shell(word, line_length - part.len()))
}

/// Returns the words of the command that a command takes (`queue get …`), or else all words.
fn of_inner_command(words: &[Word]) -> &[Word] {
    match words.split_first() {
        Some((name, rest)) if !rest.is_empty() && command_named(name).is_some_and(|command| command.takes_command) => {
            rest
        }
        _ => words,
    }
}

/// Returns the sources for the end of a line, the likeliest first.
fn sources(words: &[Word], open: Option<&Word>) -> Vec<&'static dyn Source> {
    let Some((name, arguments)) = words.split_first() else { return vec![&commands::CommandNames] };
    let Some(command) = command_named(name) else { return Vec::new() };
    let next = command.next_word(arguments);
    let begins_with_dash = open.is_some_and(|word| word.glob().starts_with(b"-"));
    let mut sources: Vec<&'static dyn Source> = Vec::new();
    if next.may_be_flag && begins_with_dash {
        sources.push(&commands::Flags);
    }
    if !next.values.is_empty() {
        sources.push(&commands::Values);
    }
    sources.extend(next.kinds.iter().copied().filter_map(source_of));
    sources
}

fn source_of(kind: ArgumentKind) -> Option<&'static dyn Source> {
    match kind {
        ArgumentKind::RemotePattern | ArgumentKind::RemotePath => Some(&remote::Paths { only_directories: false }),
        ArgumentKind::RemoteDir => Some(&remote::Paths { only_directories: true }),
        ArgumentKind::LocalPattern | ArgumentKind::LocalPath => Some(LOCAL_FILES),
        ArgumentKind::LocalDir => Some(&local::Paths { only_directories: true }),
        ArgumentKind::CommandName => Some(&commands::CommandNames),
        ArgumentKind::SettingName => Some(&commands::SettingNames),
        ArgumentKind::SettingValue => Some(&commands::SettingValues),
        ArgumentKind::HistoryPart => Some(&commands::HistoryParts),
        ArgumentKind::ShortName => Some(&commands::ShortNames),
        ArgumentKind::Destination => Some(&commands::Bookmarks),
        // The words of a shell's line are completed elsewhere.
        ArgumentKind::Mode | ArgumentKind::Id | ArgumentKind::Job | ArgumentKind::Text | ArgumentKind::ShellLine => {
            None
        }
    }
}
