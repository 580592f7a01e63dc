//! Answers a server's own questions (keyboard-interactive, RFC 4256).
//!
//! libssh2 calls this from within a request, with the session locked: nothing here may touch the session. What can't be
//! answered is answered with nothing. A person may think as long as they like, but the server may not: all its own time in
//! a conversation is limited together, and so is the number of its rounds.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use libssh2_sys as raw;
use ssh2::ErrorCode;
use zeroize::Zeroizing;

use crate::ssh::attempt::Verdict;
use crate::ssh::config::Config;
use crate::ssh::connection::{Connection, Fault};
use crate::ssh::login::REQUEST_LIMIT;
use crate::ssh::native::{self, Question, Respondent};
use crate::ssh::questions::{Notice, Questions};

/// Most rounds of one conversation, and most questions of one round, before it is taken for nonsense. Honest servers
/// need two or three: a password, a code, a new password.
const ROUND_LIMIT: u32 = 30;
const QUESTION_LIMIT: usize = 32;

/// One conversation.
pub(super) struct Conversation<'a> {
    connection: &'a Connection,
    user: &'a str,
    questions: &'a mut dyn Questions,
    /// Who asks: a server must not be able to pass for another one.
    label: String,
    /// Whether somebody may be asked; what was left ready is given anyway.
    may_ask: bool,
    rounds: u32,
    answers: u32,
    given_up: bool,
    /// Whether somebody is there who could have answered.
    is_attended: bool,
    /// Whether it was ended because nobody had an answer and nobody could be asked.
    is_unanswered: bool,
    /// What is left of the server's time, and since when it has been running.
    left: Duration,
    waiting_since: Instant,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        config: &'a Config,
        questions: &'a mut dyn Questions,
    ) -> Conversation<'a> {
        let label = format!("({}@{}) ", config.user, config.host);
        let may_ask = !config.batch && questions.can_ask();
        let is_attended = !config.batch && questions.is_somebody_there();
        Conversation {
            connection,
            user: &config.user,
            questions,
            label,
            may_ask,
            rounds: 0,
            answers: 0,
            given_up: false,
            is_attended,
            is_unanswered: false,
            left: REQUEST_LIMIT,
            waiting_since: Instant::now(),
        }
    }

    /// Has the conversation. Banners that come meanwhile are added to `banners`.
    ///
    /// # Errors
    /// There is no verdict: the connection is over, the server's time is, or [`Conversation::is_endless`].
    pub(super) fn hold(&mut self, banners: &mut Vec<Vec<u8>>) -> Result<Verdict, Fault> {
        let (connection, user) = (self.connection, self.user);
        self.start_clock();
        let attempt = || {
            let done = native::converse(&connection.session, user, self);
            if self.is_endless() { Err(given_up()) } else { done }
        };
        connection.authenticate(attempt, |text| banners.push(text))
    }

    /// Whether the server has asked more often than any honest one.
    pub(super) fn is_endless(&self) -> bool {
        self.rounds > ROUND_LIMIT
    }

    fn start_clock(&mut self) {
        self.waiting_since = Instant::now();
        self.connection.allow(self.left);
    }

    fn stop_clock(&mut self) {
        self.left = self.left.saturating_sub(self.waiting_since.elapsed());
        self.connection.pause();
    }

    /// Whether another attempt could come to something else: something was answered, and nobody gave up.
    pub(super) fn is_worth_another(&self) -> bool {
        self.answers > 0 && !self.given_up
    }

    /// Whether it was ended because nobody had an answer and nobody could be asked. The connection is over then.
    pub(super) fn is_unanswered(&self) -> bool {
        self.is_unanswered
    }

    /// Shows a line of the server's. Each line says whose it is.
    fn inform(&mut self, line: &str) {
        self.questions.show(Notice::Information(format!("{}{line}", self.label)));
    }

    fn answer(&mut self, question: &Question) -> Zeroizing<String> {
        let mut lines: Vec<&str> = question.text.lines().take(QUESTION_LIMIT).collect();
        let last = format!("{}{}", self.label, lines.pop().unwrap_or_default());
        lines.into_iter().for_each(|line| self.inform(line));
        let answer = if self.given_up {
            None
        } else if let Some(password) = self.ready_password(question) {
            Some(password)
        } else if !self.may_ask {
            None
        } else if question.echo {
            self.questions.ask(&last).map(Zeroizing::new)
        } else {
            self.questions.secret(&last)
        };
        match &answer {
            Some(_) => self.answers += 1,
            None => self.given_up = true,
        }
        answer.unwrap_or_default()
    }

    /// The password that was left ready, where the question is for a password: an answer that must not be seen, and the word.
    fn ready_password(&mut self, question: &Question) -> Option<Zeroizing<String>> {
        let wanted = !question.echo && question.text.to_lowercase().contains("password");
        if wanted { self.questions.ready_password() } else { None }
    }
}

impl Respondent for Conversation<'_> {
    fn respond(&mut self, instructions: &str, questions: &[Question]) -> Vec<Zeroizing<String>> {
        self.stop_clock();
        self.rounds += 1;
        self.given_up |= self.is_endless() || questions.len() > QUESTION_LIMIT;
        if !self.given_up {
            for line in instructions.lines().take(QUESTION_LIMIT) {
                self.inform(line);
            }
        }
        let answers = questions.iter().map(|question| self.answer(question)).collect();
        // Who pressed Ctrl-C is there no longer.
        if self.given_up && !(self.is_attended && self.questions.is_somebody_there()) {
            // libssh2 sends what is returned here, and an empty line is a guess like any other.
            self.is_unanswered = true;
            self.connection.killer().kill();
        }
        self.start_clock();
        answers
    }
}

/// Ends a request that the server would keep up for ever.
fn given_up() -> ssh2::Error {
    ssh2::Error::from_errno(ErrorCode::Session(raw::LIBSSH2_ERROR_INVAL))
}
