//! Answers a server's own questions (keyboard-interactive, RFC 4256).
//!
//! libssh2 calls this from within a request, with the session locked: nothing here may touch the session, and nothing can stop the
//! request. What can't be answered is answered with nothing.
#![forbid(unsafe_code)]

use ssh2::{KeyboardInteractivePrompt, Prompt};

use crate::ssh::auth::REQUEST_LIMIT;
use crate::ssh::config::Config;
use crate::ssh::connection::Connection;
use crate::ssh::{Notice, Questions};

/// Most rounds of one conversation, and most questions of one round, before it is taken for nonsense.
const ROUND_LIMIT: u32 = 30;
const QUESTION_LIMIT: usize = 32;

/// One conversation.
pub(super) struct Conversation<'a> {
    connection: &'a Connection,
    questions: &'a mut dyn Questions,
    /// Who asks: a server must not be able to pass for another one.
    label: String,
    /// Whether somebody may be asked; what was left ready is given anyway.
    may_ask: bool,
    rounds: u32,
    answers: u32,
    given_up: bool,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        config: &Config,
        questions: &'a mut dyn Questions,
    ) -> Conversation<'a> {
        let label = format!("({}@{}) ", config.user, config.host);
        let may_ask = !config.batch && questions.can_ask();
        Conversation { connection, questions, label, may_ask, rounds: 0, answers: 0, given_up: false }
    }

    /// Whether another attempt could come to something else: something was answered, and nobody gave up.
    pub(super) fn is_worth_another(&self) -> bool {
        self.answers > 0 && !self.given_up
    }

    /// Shows a line of the server's. Each line says whose it is.
    fn inform(&mut self, line: &str) {
        self.questions.show(Notice::Information(format!("{}{line}", self.label)));
    }

    fn answer(&mut self, prompt: &Prompt<'_>) -> String {
        let mut lines: Vec<&str> = prompt.text.lines().take(QUESTION_LIMIT).collect();
        let question = format!("{}{}", self.label, lines.pop().unwrap_or_default());
        lines.into_iter().for_each(|line| self.inform(line));
        let answer = if self.given_up {
            None
        } else if let Some(password) = self.ready_password(prompt) {
            Some(password)
        } else if !self.may_ask {
            None
        } else if prompt.echo {
            self.questions.ask(&question)
        } else {
            self.questions.secret(&question).map(|secret| secret.as_str().to_owned())
        };
        match answer {
            Some(answer) => {
                self.answers += 1;
                answer
            }
            None => {
                self.given_up = true;
                String::new()
            }
        }
    }
}

impl Conversation<'_> {
    /// The password that was left ready, where the question is for a password: an answer that must not be seen, and the word.
    fn ready_password(&mut self, prompt: &Prompt<'_>) -> Option<String> {
        let wanted = !prompt.echo && prompt.text.to_lowercase().contains("password");
        let password = if wanted { self.questions.ready_password() } else { None };
        password.map(|password| password.as_str().to_owned())
    }
}

impl KeyboardInteractivePrompt for Conversation<'_> {
    fn prompt<'p>(&mut self, _name: &str, instructions: &str, prompts: &[Prompt<'p>]) -> Vec<String> {
        self.rounds += 1;
        self.given_up |= self.rounds > ROUND_LIMIT || prompts.len() > QUESTION_LIMIT;
        self.connection.pause();
        if !self.given_up {
            for line in instructions.lines().take(QUESTION_LIMIT) {
                self.inform(line);
            }
        }
        let answers = prompts.iter().map(|prompt| self.answer(prompt)).collect();
        self.connection.allow(REQUEST_LIMIT);
        answers
    }
}
