//! The line editor of a person at a terminal: rustyline, with a history that lives as long as the session.

use std::collections::VecDeque;
use std::io;

use rustyline::completion::Pair;
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
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .completion_prompt_limit(LISTED_CANDIDATES)
            .auto_add_history(false)
            .max_history_size(REMEMBERED_LINES)
            .map_err(into_io)?
            .build();
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

impl Helper for Assistant {}
impl Highlighter for Assistant {}
impl Validator for Assistant {}

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
