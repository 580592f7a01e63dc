//! The line editor of a person at a terminal: rustyline, with a history that lives as long as the session.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, Write};

use rustix::termios::{InputModes, LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::completion::Pair;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::{History, MemHistory};
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Editor, Helper};

use super::complete::Completer;
use super::source::Asked;
use crate::commands::Context;

/// Lines that the history keeps.
const REMEMBERED_LINES: usize = 1000;

/// So many candidates are listed without a question.
const LISTED_CANDIDATES: usize = 100;

/// The line editor.
pub(crate) struct Prompt {
    editor: Editor<Assistant, MemHistory>,
    /// Lines of a paste that wait for their turn.
    pasted: VecDeque<Vec<u8>>,
}

impl Prompt {
    /// A line editor on stdin and stdout.
    ///
    /// # Errors
    /// The terminal can't be set up.
    pub(crate) fn open() -> io::Result<Prompt> {
        let mut config = Config::builder()
            .completion_type(CompletionType::List)
            .completion_prompt_limit(LISTED_CANDIDATES)
            .auto_add_history(false)
            .max_history_size(REMEMBERED_LINES)
            .map_err(into_io)?
            .build();
        // A line is drawn in one write as it is; marks around it only get into the way of programs that read it.
        Configurer::enable_synchronized_output(&mut config, false);
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history).map_err(into_io)?;
        editor.set_helper(Some(Assistant::default()));
        Ok(Prompt { editor, pasted: VecDeque::new() })
    }

    /// Asks for a line. One in which several lines were pasted is given piece by piece.
    ///
    /// # Errors
    /// The terminal failed.
    pub(crate) fn ask(&mut self, prompt: &str, context: &Context) -> io::Result<Asked> {
        if let Some(line) = self.pasted.pop_front() {
            return Ok(Asked::Line(line));
        }
        if let Some(assistant) = self.editor.helper_mut() {
            assistant.completer.look_around(context);
        }
        let _key_by_key = KeyByKey::begin();
        // A terminal that can't be written is gone, which the line editor notices too.
        let _ = context.output.writer().write_all(prompt.as_bytes());
        context.output.flush();
        match self.editor.readline(prompt) {
            Ok(line) => {
                self.remember(&line)?;
                self.pasted = line.split('\n').map(|line| line.as_bytes().to_vec()).collect();
                Ok(Asked::Line(self.pasted.pop_front().unwrap_or_default()))
            }
            Err(ReadlineError::Interrupted) => Ok(Asked::Discarded),
            Err(ReadlineError::Eof) => Ok(Asked::End),
            Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => Ok(Asked::NoText),
            Err(error) => Err(into_io(error)),
        }
    }

    fn remember(&mut self, line: &str) -> io::Result<()> {
        if line.trim().is_empty() {
            return Ok(());
        }
        self.editor.history_mut().add(line).map(|_| ()).map_err(into_io)
    }
}

fn into_io(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

/// What the line editor asks while a line is typed.
#[derive(Default)]
struct Assistant {
    completer: Completer,
}

/// The terminal as the line editor will set it, from before the prompt is written: whoever sees the prompt may type at
/// once. It is put back on drop.
struct KeyByKey(Option<Termios>);

impl KeyByKey {
    /// From now on. Where that can't be, the line editor will say so.
    fn begin() -> KeyByKey {
        let Ok(before) = tcgetattr(io::stdin()) else { return KeyByKey(None) };
        let mut during = before.clone();
        during.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN | LocalModes::ISIG;
        during.input_modes -= InputModes::ICRNL | InputModes::IXON;
        // After what was written and without what was typed being lost.
        let set = tcsetattr(io::stdin(), OptionalActions::Drain, &during);
        KeyByKey(set.ok().map(|()| before))
    }
}

impl Drop for KeyByKey {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // A terminal that went away needs nothing back.
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, before);
        }
    }
}

impl Helper for Assistant {}
impl Validator for Assistant {}

/// Programs that drive us wait for a prompt at the start of a line and count prompts. So one is written for each line,
/// and what the line editor draws over it (at once, for a long line, after a completion) looks the same and is not the
/// same bytes.
impl Highlighter for Assistant {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _default: bool) -> Cow<'b, str> {
        match prompt.split_at_checked(1) {
            Some((first, rest)) => Cow::Owned(format!("{first}{NO_CHANGE}{rest}")),
            None => Cow::Borrowed(prompt),
        }
    }
}

/// Turns all attributes of text off, of which none is on.
const NO_CHANGE: &str = "\x1b[0m";

impl Hinter for Assistant {
    type Hint = String;
}

impl rustyline::completion::Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _context: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let completion = self.completer.complete(line.get(..at).unwrap_or(line));
        let pairs = completion.candidates.into_iter();
        Ok((completion.start, pairs.map(|(display, replacement)| Pair { display, replacement }).collect()))
    }
}
