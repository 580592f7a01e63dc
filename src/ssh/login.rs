//! A login under way: its requests, their outcomes, and its prompts and messages.

use std::time::Duration;

use libssh2_sys as raw;
use ssh2::Session;
use zeroize::Zeroizing;

use crate::os_error;
use crate::ssh::agent::Agent;
use crate::ssh::attempt::AuthReply;
use crate::ssh::config::Config;
use crate::ssh::connection::{Connection, Fault};
use crate::ssh::error::Error;
use crate::ssh::host_key::Trust;
use crate::ssh::questions::{Notice, Questions};

/// Limit for one request. A server may ask the user's phone before it answers, and gives up itself after two minutes.
pub(super) const REQUEST_LIMIT: Duration = Duration::from_secs(150);

/// How many of a server's method names are considered.
const METHOD_LIMIT: usize = 32;

/// The outcome of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The user is logged in.
    Accepted,
    /// The server accepted the attempt and wants another method in addition.
    Partly,
    /// The server refused the attempt.
    Refused,
}

/// A login under way.
pub(super) struct Login<'a> {
    pub(super) connection: &'a Connection,
    pub(super) config: &'a Config,
    pub(super) questions: &'a mut dyn Questions,
    pub(super) trust: Trust,
    /// The methods that the server would accept now.
    pub(super) offered: Vec<String>,
    /// The number of passwords and conversations tried so far. As in ssh, a partial success doesn't grant new ones.
    pub(super) passwords: u32,
    pub(super) conversations: u32,
    /// The number of attempts that the server refused.
    refusals: u32,
    /// True if a method was skipped because the user could not be prompted.
    pub(super) unasked: bool,
}

impl<'a> Login<'a> {
    /// Creates a login that has made no request yet.
    pub(super) fn new(
        connection: &'a Connection,
        config: &'a Config,
        trust: Trust,
        questions: &'a mut dyn Questions,
    ) -> Login<'a> {
        Login {
            connection,
            config,
            questions,
            trust,
            offered: Vec::new(),
            passwords: 0,
            conversations: 0,
            refusals: 0,
            unasked: false,
        }
    }

    /// Returns the error for a login with no methods left.
    pub(super) fn denied(&self) -> Error {
        Error::PermissionDenied {
            user: self.config.user.clone(),
            host: self.config.host.clone(),
            methods: self.offered.join(","),
            unasked: self.unasked,
            given: self.config.given(),
        }
    }

    /// Makes one request to the server, and shows its banners.
    pub(super) fn request(
        &mut self,
        mut attempt: impl FnMut(&Session, &str) -> Result<(), ssh2::Error>,
    ) -> Result<AuthReply, Fault> {
        let Login { connection, config, .. } = *self;
        let mut banners = Vec::new();
        connection.allow(REQUEST_LIMIT);
        let reply = connection.authenticate(|| attempt(&connection.session, &config.user), |text| banners.push(text));
        self.show_banners(banners);
        reply
    }

    pub(super) fn show_banners(&mut self, banners: Vec<Vec<u8>>) {
        banners.into_iter().for_each(|text| self.questions.show(Notice::Banner(text)));
    }

    /// Turns a reply into the outcome of an attempt.
    pub(super) fn judge(&mut self, reply: Result<AuthReply, Fault>) -> Result<Outcome, Error> {
        match reply {
            Ok(AuthReply::Accepted) => Ok(Outcome::Accepted),
            Ok(AuthReply::Refused(refusal)) => {
                self.offer(&refusal.methods);
                if refusal.partial {
                    return Ok(Outcome::Partly);
                }
                self.refusals += 1;
                Ok(Outcome::Refused)
            }
            Err(fault) if fault.code() == Some(raw::LIBSSH2_ERROR_PASSWORD_EXPIRED) => {
                let (user, host) = (self.config.user.clone(), self.config.host.clone());
                Err(Error::PasswordExpired { user, host, given: self.config.given() })
            }
            Err(fault) => Err(self.error(&fault)),
        }
    }

    /// Stores the methods that the server lists as able to continue.
    pub(super) fn offer(&mut self, methods: &[u8]) {
        self.offered = methods
            .split(|&byte| byte == b',')
            .take(METHOD_LIMIT)
            .filter_map(|name| str::from_utf8(name).ok())
            .filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()))
            .map(str::to_owned)
            .collect();
        self.verbose(format!("Authentications that can continue: {}", self.offered.join(",")));
    }

    /// Puts a fault into the user's words. If a server hangs up after a refusal, it has had too many failures.
    pub(super) fn error(&self, fault: &Fault) -> Error {
        match fault {
            Fault::Closed | Fault::Disconnected(_) if self.refusals > 0 => {
                let (user, host) = (self.config.user.clone(), self.config.host.clone());
                let disconnected = match fault {
                    Fault::Disconnected(reason) => Some(Box::new(self.connection.disconnected(reason.clone()))),
                    _ => None,
                };
                Error::TooManyFailures { user, host, given: self.config.given(), disconnected }
            }
            fault => self.connection.error(fault, " during authentication"),
        }
    }

    /// Returns whether the user may be prompted, and remembers if not.
    pub(super) fn may_ask(&mut self) -> bool {
        let may = !self.config.batch && self.questions.can_ask();
        self.unasked |= !may;
        may
    }

    /// Prompts for a secret while the clock is stopped.
    pub(super) fn ask_secret(&mut self, question: &str) -> Option<Zeroizing<String>> {
        self.connection.pause();
        let secret = self.questions.secret(question);
        self.connection.allow(REQUEST_LIMIT);
        secret
    }

    pub(super) fn verbose(&mut self, text: String) {
        self.questions.show(Notice::Verbose(text));
    }

    pub(super) fn warn(&mut self, text: String) {
        self.questions.show(Notice::Warning(text));
    }

    /// Returns the agent, if there is one that can be reached.
    pub(super) fn agent(&mut self) -> Option<Agent> {
        match Agent::connect(&self.config.identity_agent)? {
            Ok(agent) => Some(agent),
            Err(error) => {
                self.verbose(format!("The agent can't be reached: {}", os_error::text(&error)));
                None
            }
        }
    }
}
