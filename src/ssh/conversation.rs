//! Answers the server's own questions (keyboard-interactive, RFC 4256).
//!
//! libssh2 calls this from within a request, with the session locked, so this code must not touch the session. A
//! question that can't be answered gets an empty answer. A person may think as long as they like, but the server's
//! own time in a conversation is limited, and so is the number of its rounds.

use std::time::{Duration, Instant};

use libssh2_sys as raw;
use ssh2::ErrorCode;
use zeroize::Zeroizing;

use crate::ssh::attempt::AuthReply;
use crate::ssh::config::Config;
use crate::ssh::connection::{Connection, Fault};
use crate::ssh::login::REQUEST_LIMIT;
use crate::ssh::native::{self, Question, Respondent};
use crate::ssh::questions::{Notice, Questions};

/// Most rounds of a conversation, and most questions of a round, before we give up. Honest servers need two or three:
/// a password, a code, a new password.
const ROUND_LIMIT: u32 = 30;
const QUESTION_LIMIT: usize = 32;

/// One conversation.
pub(super) struct Conversation<'a> {
    connection: &'a Connection,
    user: &'a str,
    questions: &'a mut dyn Questions,
    /// Names the server in each line, so that it can't pass for another one.
    label: String,
    /// True if the user may be prompted. A prepared password is used anyway.
    may_ask: bool,
    rounds: u32,
    answers: u32,
    given_up: bool,
    /// True if a person was there who could have answered.
    is_attended: bool,
    /// True if the conversation ended because there was no answer and no way to prompt.
    is_unanswered: bool,
    /// The part of the server's time that is left.
    left: Duration,
    /// When the server's clock started.
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

    /// Holds the conversation. Banners that arrive meanwhile are added to `banners`.
    ///
    /// # Errors
    /// The server gave no answer: the connection ended, the server's time ran out, or [`Conversation::is_endless`].
    pub(super) fn hold(&mut self, banners: &mut Vec<Vec<u8>>) -> Result<AuthReply, Fault> {
        let (connection, user) = (self.connection, self.user);
        self.start_clock();
        let attempt = || {
            let done = native::converse(&connection.session, user, self);
            if self.is_endless() { Err(given_up()) } else { done }
        };
        connection.authenticate(attempt, |text| banners.push(text))
    }

    /// Returns whether the server has asked in more rounds than any honest one.
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

    /// Returns whether another attempt could end differently: at least one question was answered, and the user did
    /// not give up.
    pub(super) fn is_worth_another(&self) -> bool {
        self.answers > 0 && !self.given_up
    }

    /// Returns whether the conversation ended because there was no answer and no way to prompt. That ends the
    /// connection too.
    pub(super) fn is_unanswered(&self) -> bool {
        self.is_unanswered
    }

    /// Shows a line from the server, labelled with its name.
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

    /// Returns the prepared password if the question is for a password: its answer is hidden, and it contains the
    /// word.
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
        // A user who pressed Ctrl-C no longer counts as present.
        if self.given_up && !(self.is_attended && self.questions.is_somebody_there()) {
            // libssh2 sends whatever we return, and the server counts an empty line as a guess.
            self.is_unanswered = true;
            self.connection.killer().kill();
        }
        self.start_clock();
        answers
    }
}

/// The error that ends a request that the server would keep up forever.
fn given_up() -> ssh2::Error {
    ssh2::Error::from_errno(ErrorCode::Session(raw::LIBSSH2_ERROR_INVAL))
}
