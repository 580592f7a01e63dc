//! Answers SSH's questions at the terminal or through a program, and shows its messages. All texts may come from the
//! server, so they are made printable.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use zeroize::Zeroizing;

use crate::connect::askpass::{self, Respondent};
use crate::connect::memory::Memory;
use crate::connect::password::Ready;
use crate::ssh::{Notice, Questions};
use crate::terminal::printable::lines;
use crate::terminal::prompt::Unanswered;
use crate::terminal::{Excerpt, Output, Printable, prompt};

/// How many lines of a banner are shown: more than any real notice has, and few enough to scroll back over.
const BANNER_LINES: usize = 200;

/// Asks the user at the controlling terminal.
pub(super) struct AtTerminal<'a> {
    output: &'a Output,
    verbose: bool,
    ready: Ready,
    /// The answers from earlier connections.
    memory: &'a Memory,
    /// Secrets that this connection has asked for. If it asks again, the remembered answer was wrong.
    asked_for: HashSet<String>,
    /// True if the user may be prompted.
    may_ask: bool,
    /// True if the user pressed Ctrl-C instead of answering. No more questions are asked or answered then.
    is_interrupted: bool,
    /// Lines that belong to the next question. They are printed with it, even if stderr goes elsewhere.
    pending: Vec<String>,
}

impl<'a> AtTerminal<'a> {
    pub(super) fn new(
        output: &'a Output,
        verbose: bool,
        ready: Ready,
        memory: &'a Memory,
        may_ask: bool,
    ) -> AtTerminal<'a> {
        AtTerminal {
            output,
            verbose,
            ready,
            memory,
            asked_for: HashSet::new(),
            may_ask,
            is_interrupted: false,
            pending: Vec::new(),
        }
    }

    /// Returns whether the user pressed Ctrl-C instead of answering.
    pub(super) fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }

    /// Returns the answer, if the user typed one. Notes Ctrl-C.
    fn typed<T>(&mut self, answer: Result<T, Unanswered>) -> Option<T> {
        self.is_interrupted |= matches!(answer, Err(Unanswered::Interrupted));
        answer.ok()
    }

    fn respondent(&self) -> Respondent {
        if self.may_ask && !self.is_interrupted { Respondent::now(prompt::possible()) } else { Respondent::Nobody }
    }

    /// Returns the answer to this question from an earlier connection, but only once.
    fn remembered(&mut self, question: &str) -> Option<Zeroizing<String>> {
        let is_first_time = self.asked_for.insert(question.to_owned());
        self.memory.answer_to(question).filter(|_| is_first_time)
    }

    fn ask_program(&self, program: &OsString, question: &str) -> Option<Zeroizing<String>> {
        let question: Vec<_> = lines(question.as_bytes()).map(|line| line.to_string()).collect();
        askpass::ask(program, &question.join("\n")).unwrap_or_else(|error| {
            // ssh(1)'s words.
            let (program, error) = (Printable(program.as_bytes()), crate::os_error::text(&error));
            self.output.warning(format_args!("ssh_askpass: exec({program}): {error}"));
            None
        })
    }

    fn with_pending(&mut self, question: &str) -> String {
        self.output.flush();
        self.pending.push(question.to_owned());
        std::mem::take(&mut self.pending).join("\n")
    }
}

impl Questions for AtTerminal<'_> {
    fn can_ask(&self) -> bool {
        !self.is_interrupted && (self.respondent() != Respondent::Nobody || self.memory.has_answers())
    }

    fn is_somebody_there(&self) -> bool {
        self.respondent() != Respondent::Nobody
    }

    fn ask(&mut self, question: &str) -> Option<String> {
        self.memory.uses_secrets();
        let question = self.with_pending(question);
        match self.respondent() {
            Respondent::Terminal => self.typed(prompt::ask(&question)),
            Respondent::Program(program) => self.ask_program(&program, &question).map(|answer| answer.to_string()),
            Respondent::Nobody => None,
        }
    }

    fn secret(&mut self, question: &str) -> Option<Zeroizing<String>> {
        self.memory.uses_secrets();
        if self.is_interrupted {
            return None;
        }
        if let Some(answer) = self.remembered(question) {
            return Some(answer);
        }
        let whole = self.with_pending(question);
        let answer = match self.respondent() {
            Respondent::Terminal => self.typed(prompt::secret(&whole)),
            Respondent::Program(program) => self.ask_program(&program, &whole),
            Respondent::Nobody => None,
        };
        if let Some(answer) = &answer {
            self.memory.keep(question, answer);
        }
        answer
    }

    fn has_ready_password(&self) -> bool {
        !self.is_interrupted && self.ready.is_there()
    }

    fn ready_password(&mut self) -> Option<Zeroizing<String>> {
        self.memory.uses_secrets();
        self.ready.take().unwrap_or_else(|fault| {
            self.output.warning(Printable(fault.as_bytes()));
            None
        })
    }

    fn show(&mut self, notice: Notice) {
        match notice {
            Notice::Banner(text) => {
                let mut lines = lines(text.trim_ascii_end());
                lines.by_ref().take(BANNER_LINES).for_each(|line| self.output.warning(line));
                if lines.next().is_some() {
                    self.output.warning('…');
                }
            }
            Notice::Information(line) => self.pending.push(line.replace('\n', " ")),
            Notice::Warning(line) => self.output.warning(Excerpt(line.as_bytes())),
            Notice::Verbose(line) if self.verbose => {
                self.output.failure(format_args!("debug1: {}", Excerpt(line.as_bytes())));
            }
            Notice::Verbose(_) => {}
        }
    }
}

impl Drop for AtTerminal<'_> {
    /// Lines for a question that was never asked are still shown.
    fn drop(&mut self) {
        for line in self.pending.drain(..) {
            self.output.note(Excerpt(line.as_bytes()));
        }
    }
}
