//! The line editor: rustyline, with our assistant and a history that all sessions of the user share.

use std::io;
use std::time::SystemTime;

use rustix::termios::SpecialCodeIndex;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::History;
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, EditMode, Editor, Event, EventContext,
    ExternalPrinter as _, RepeatCount,
};

use crate::commands::{Context, Editing};
use crate::shell::jobs::News;
use crate::shell::prompt::assistant::Assistant;
use crate::shell::prompt::codes::write;
use crate::shell::prompt::cursor::Cursor;
use crate::shell::prompt::keyboard::{Aside, KeyByKey, Keyboard};
use crate::shell::prompt::keys;
use crate::shell::prompt::past::Past;
use crate::shell::signals::Signals;
use crate::terminal::history::{HistoryFile, MOST_LINES, into_io};

/// rustyline, with our assistant.
pub(super) struct LineEditor {
    editor: Editor<Assistant, Past>,
    past: Past,
    cursor: Cursor,
    file: Option<HistoryFile>,
    /// When the file was changed that the editor has read.
    read: Option<SystemTime>,
    /// Lines that are not in the file: those that came all at once, as programs send them.
    unsaved: Vec<String>,
}

/// How a line ended.
pub(super) enum Edited {
    /// With Enter.
    Line(String),
    /// It contains a byte that is not UTF-8.
    NoText,
    /// With Ctrl-C.
    Discarded,
    /// With Ctrl-D, or because the terminal was closed.
    End,
    /// With a signal.
    Interrupted,
}

impl LineEditor {
    /// Returns an editor with an empty history. `has_colors` says whether the line may have colours.
    ///
    /// # Errors
    /// The terminal can't be used.
    pub(super) fn open(has_colors: bool) -> io::Result<LineEditor> {
        let mut config = Config::builder()
            .completion_type(CompletionType::List)
            // The list fits on the screen, so there is no need to ask before showing it.
            .completion_prompt_limit(usize::MAX)
            .auto_add_history(false)
            // The assistant decides about colours.
            .color_mode(ColorMode::Forced)
            .bracketed_paste(false)
            .history_ignore_space(true)
            .max_history_size(MOST_LINES)
            .map_err(into_io)?
            .build();
        Configurer::enable_synchronized_output(&mut config, false);
        let (past, cursor) = (Past::with_config(&config), Cursor::default());
        let mut editor = Editor::with_history(config, past.clone()).map_err(into_io)?;
        editor.set_helper(Some(Assistant::new(past.clone(), cursor.clone(), has_colors)));
        keys::bind(&mut editor, &past);
        Ok(LineEditor { editor, past, cursor, file: HistoryFile::of_user(), read: None, unsaved: Vec::new() })
    }

    /// Prepares for the next line, after this prompt.
    pub(super) fn begin_line(&mut self, prompt: &str, context: &Context) {
        self.editor.set_edit_mode(match context.settings.editing {
            Editing::Emacs => EditMode::Emacs,
            Editing::Vi => EditMode::Vi,
        });
        if let Some(assistant) = self.editor.helper_mut() {
            assistant.begin_line(prompt, context);
        }
    }

    /// Adds a line to the history, unless it is not UTF-8, begins with a blank, or contains a password. A line that
    /// was typed key by key is saved to the user's file at once, with the lines before it, because only a person types
    /// that way.
    pub(super) fn remember(&mut self, line: &[u8], typed_by_hand: bool) {
        let Ok(line) = std::str::from_utf8(line) else { return };
        if line.trim().is_empty() || holds_password(line) {
            return;
        }
        if typed_by_hand {
            self.read_history();
        }
        // In memory, where adding can't fail.
        if !self.past.with_lines(|lines| lines.add(line)).unwrap_or(false) {
            return;
        }
        match &self.file {
            // A history that can't be saved exists only for this session.
            Some(file) if typed_by_hand && self.past.with_lines(|lines| file.append(lines)).is_ok() => {
                self.read = file.modified();
                self.unsaved.clear();
            }
            _ => self.unsaved.push(line.to_owned()),
        }
    }

    /// Reads the lines again if another session has added some, or has removed all, since the last look.
    fn read_history(&mut self) {
        let Some(file) = &self.file else { return };
        let modified = file.modified();
        if modified == self.read {
            return;
        }
        self.read = modified;
        self.past.with_lines(|lines| {
            // In memory, where these can't fail.
            let _ = lines.clear();
            let _ = file.load(lines);
            for line in &self.unsaved {
                let _ = lines.add(line);
            }
        });
    }

    /// Lets the user edit a line that already holds `text`, beginning with `keys`. Returns how the line ended, and
    /// the bytes read after its end.
    ///
    /// # Errors
    /// The terminal failed.
    pub(super) fn edit(
        &mut self,
        prompt: &str,
        text: &str,
        keys: &[u8],
        terminal: KeyByKey,
        signals: &Signals,
        news: &News,
    ) -> io::Result<(Edited, Vec<u8>)> {
        if let Some(key) = terminal.key(SpecialCodeIndex::VSUSP) {
            keys::set(&mut self.editor, key, Suspender(terminal.shared()));
        }
        if let Some(key) = terminal.key(SpecialCodeIndex::VINTR) {
            keys::set(&mut self.editor, key, Interrupter);
        }
        let keyboard = Keyboard::open(&terminal)?;
        self.read_history();
        self.past.begin_line();
        let mut printer = self.editor.create_external_printer().map_err(into_io)?;
        let mut print = || {
            let lines: Vec<String> = news.take().iter().map(|line| format!("{}\n", line.text())).collect();
            // If the terminal was closed, the editor notices it too.
            let _ = printer.print(lines.concat());
        };
        let aside = Aside { woken: news.woken(), print: &mut print };
        let editor = &mut self.editor;
        let typed = keyboard
            .while_typing(keys, &self.cursor, signals, aside, || editor.readline_with_initial(prompt, (text, "")))?;
        let edited = match typed.outcome {
            _ if typed.is_interrupted => Edited::Interrupted,
            Ok(line) => Edited::Line(line),
            Err(ReadlineError::Interrupted) => Edited::Discarded,
            Err(ReadlineError::Eof) => Edited::End,
            Err(_) if typed.is_gone => Edited::End,
            Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => Edited::NoText,
            Err(error) => return Err(into_io(error)),
        };
        Ok((edited, typed.ahead))
    }
}

/// Returns whether a line holds a URI with a password.
fn holds_password(line: &str) -> bool {
    line.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split(['/', ' ']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

/// Suspends the process. rustyline can't restore the terminal for that, because it runs on another one.
struct Suspender(KeyByKey);

impl ConditionalEventHandler for Suspender {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, line: &EventContext<'_>) -> Option<Cmd> {
        erase_suggestion(line);
        self.0.suspend();
        Some(Cmd::Repaint)
    }
}

/// Removes the suggestion from a line that is given up, before rustyline goes on below it.
struct Interrupter;

impl ConditionalEventHandler for Interrupter {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, line: &EventContext<'_>) -> Option<Cmd> {
        erase_suggestion(line);
        None
    }
}

/// Erases the suggestion, which is after the cursor and ends in the same row.
fn erase_suggestion(line: &EventContext<'_>) {
    if line.has_hint() {
        write(b"\x1b[K");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_with_a_password_is_not_remembered() {
        for (line, holds) in [
            ("!sftpsh sftp://ada:secret@host/a", true),
            ("!curl ftp://ada:s@cret@host", true),
            ("!sftpsh sftp://ada@host:22/a:b@c", false),
            ("get a://b c:d@e", false),
            ("get ada:secret@host", false),
        ] {
            assert_eq!(holds_password(line), holds, "{line}");
        }
    }
}
