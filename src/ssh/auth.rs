//! Logs in: which methods, in which order, how often, and what is asked on the way.
//!
//! The order is the server's, or the user's (PreferredAuthentications). libssh2 does not tell that a method has only been a part of
//! what the server wants; it shows in the methods that the server takes afterwards. Nothing is asked in batch mode,
//! where nobody can be asked, or of a host whose key has changed.
#![forbid(unsafe_code)]

use std::time::Duration;

use libssh2_sys as raw;

use crate::ssh::agent::Agent;
use crate::ssh::config::Config;
use crate::ssh::connection::{Connection, Fault};
use crate::ssh::conversation::Conversation;
use crate::ssh::error::Error;
use crate::ssh::host_key::Trust;
use crate::ssh::keys::Keys;
use crate::ssh::native;
use crate::ssh::{Notice, Questions};

/// Limit for one request. A server may ask somebody's phone before it answers, and gives up itself after two minutes.
pub(super) const REQUEST_LIMIT: Duration = Duration::from_secs(150);

/// Most partial successes in a row; each is one method more that the server wants.
const PARTIAL_LIMIT: u32 = 8;

/// Most method names of a server's that are looked at.
const METHOD_LIMIT: usize = 32;

/// What an attempt came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// We are in.
    Accepted,
    /// It was good, and the server wants one of these too.
    Partly(Vec<String>),
    /// It was not good.
    Refused,
}

/// A log-in under way.
pub(super) struct Login<'a> {
    pub(super) connection: &'a Connection,
    pub(super) config: &'a Config,
    pub(super) questions: &'a mut dyn Questions,
    trust: Trust,
    /// The methods that the server would take now.
    offered: Vec<String>,
    /// Attempts that the server has refused.
    refusals: u32,
    /// Whether something was left untried because nobody could be asked.
    pub(super) unasked: bool,
}

/// Logs in as the configuration says.
pub(super) fn log_in(
    connection: &Connection,
    config: &Config,
    trust: Trust,
    questions: &mut dyn Questions,
) -> Result<(), Error> {
    let mut login = Login { connection, config, questions, trust, offered: Vec::new(), refusals: 0, unasked: false };
    let listed = login.list_methods();
    if let Some(banner) = native::authentication_banner(&connection.session) {
        login.questions.show(Notice::Banner(banner));
    }
    match listed? {
        Some(offered) => login.offered = offered,
        None => return Ok(()),
    }
    login.run()
}

impl Login<'_> {
    fn run(&mut self) -> Result<(), Error> {
        let mut keys = None;
        let mut refused: Vec<String> = Vec::new();
        let mut partial = 0;
        while let Some(method) = self.next_method(&refused) {
            let outcome = match method.as_str() {
                "publickey" => {
                    let keys = match &mut keys {
                        Some(keys) => keys,
                        none => none.insert(Keys::gather(self)),
                    };
                    keys.try_each(self)?
                }
                "password" => self.try_passwords()?,
                _ => self.try_conversation()?,
            };
            match outcome {
                Outcome::Accepted => {
                    self.verbose(format!("Authenticated to {} using \"{method}\".", self.config.host));
                    return Ok(());
                }
                Outcome::Refused => refused.push(method),
                Outcome::Partly(_) if partial == PARTIAL_LIMIT => break,
                Outcome::Partly(offered) => {
                    self.verbose(format!("Authenticated using \"{method}\" with partial success."));
                    self.offered = offered;
                    refused.clear();
                    partial += 1;
                }
            }
        }
        Err(Error::PermissionDenied {
            user: self.config.user.clone(),
            host: self.config.host.clone(),
            methods: self.offered.join(","),
            unasked: self.unasked,
        })
    }

    /// The next method that is wanted, possible and not refused yet.
    fn next_method(&self, refused: &[String]) -> Option<String> {
        let order = self.config.preferred_authentications.as_ref().unwrap_or(&self.offered);
        order
            .iter()
            .find(|&method| {
                let possible = match method.as_str() {
                    "publickey" => self.config.pubkey_authentication,
                    "password" => self.config.password_authentication && self.trust == Trust::Full,
                    "keyboard-interactive" => self.config.kbd_interactive_authentication && self.trust == Trust::Full,
                    _ => false,
                };
                possible && self.offered.contains(method) && !refused.contains(method)
            })
            .cloned()
    }

    fn try_passwords(&mut self) -> Result<Outcome, Error> {
        let Config { user, host, password_prompts, .. } = self.config;
        for attempt in 0..*password_prompts {
            let Some(password) = self.password(attempt, &format!("{user}@{host}'s password: ")) else {
                return Ok(Outcome::Refused);
            };
            let session = &self.connection.session;
            let done = self.connection.complete(|| session.userauth_password(user, &password));
            match self.judge(done)? {
                Outcome::Refused => {}
                outcome => return Ok(outcome),
            }
        }
        Ok(Outcome::Refused)
    }

    /// The password that was left ready, else the one that somebody types.
    fn password(&mut self, attempt: u32, question: &str) -> Option<zeroize::Zeroizing<String>> {
        if self.questions.has_ready_password() {
            self.connection.pause();
            let ready = self.questions.ready_password();
            self.connection.allow(REQUEST_LIMIT);
            if ready.is_some() {
                return ready;
            }
        }
        if attempt > 0 && (self.config.batch || !self.questions.can_ask()) {
            return None;
        }
        if !self.may_ask() {
            return None;
        }
        if attempt > 0 {
            self.warn(String::from("Permission denied, please try again."));
        }
        self.ask_secret(question)
    }

    fn try_conversation(&mut self) -> Result<Outcome, Error> {
        let Config { user, password_prompts, .. } = self.config;
        for attempt in 0..*password_prompts {
            let possible = self.questions.has_ready_password()
                || if attempt > 0 { !self.config.batch && self.questions.can_ask() } else { self.may_ask() };
            if !possible {
                break;
            }
            self.connection.allow(REQUEST_LIMIT);
            let mut conversation = Conversation::new(self.connection, self.config, self.questions);
            let session = &self.connection.session;
            let done = self.connection.complete(|| session.userauth_keyboard_interactive(user, &mut conversation));
            let worth_another = conversation.is_worth_another();
            match self.judge(done)? {
                Outcome::Refused if worth_another => {}
                outcome => return Ok(outcome),
            }
        }
        Ok(Outcome::Refused)
    }

    /// What the server made of an attempt. A refusal may hide a partial success, which the list of methods tells.
    pub(super) fn judge(&mut self, done: Result<(), Fault>) -> Result<Outcome, Error> {
        let fault = match done {
            Ok(()) => return Ok(Outcome::Accepted),
            Err(fault) => fault,
        };
        match fault.code() {
            Some(raw::LIBSSH2_ERROR_PASSWORD_EXPIRED) => {
                Err(Error::PasswordExpired { user: self.config.user.clone(), host: self.config.host.clone() })
            }
            Some(raw::LIBSSH2_ERROR_AUTHENTICATION_FAILED | raw::LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED) => {
                self.refusals += 1;
                match self.list_methods()? {
                    None => Ok(Outcome::Accepted),
                    Some(offered) if offered == self.offered => Ok(Outcome::Refused),
                    Some(offered) => Ok(Outcome::Partly(offered)),
                }
            }
            _ => Err(self.error(&fault)),
        }
    }

    /// Counts a refusal that can't have been a partial success.
    pub(super) fn count_refusal(&mut self) {
        self.refusals += 1;
    }

    /// The methods that the server would take; `None` when we are in.
    fn list_methods(&mut self) -> Result<Option<Vec<String>>, Error> {
        self.connection.allow(REQUEST_LIMIT);
        let session = &self.connection.session;
        let listed = self.connection.complete(|| native::authentication_methods(session, &self.config.user));
        let Some(listed) = listed.map_err(|fault| self.error(&fault))? else {
            return Ok(None);
        };
        let offered: Vec<String> = listed
            .split(|&byte| byte == b',')
            .take(METHOD_LIMIT)
            .filter_map(|name| str::from_utf8(name).ok())
            .filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()))
            .map(str::to_owned)
            .collect();
        self.verbose(format!("Authentications that can continue: {}", offered.join(",")));
        Ok(Some(offered))
    }

    /// A fault in the user's words. A server that has refused something and hangs up has had enough of it.
    pub(super) fn error(&self, fault: &Fault) -> Error {
        match fault {
            Fault::Closed if self.refusals > 0 => {
                Error::TooManyFailures { user: self.config.user.clone(), host: self.config.host.clone() }
            }
            fault => self.connection.error(fault, " during authentication"),
        }
    }

    /// Whether somebody may be asked; remembers that it was wanted.
    pub(super) fn may_ask(&mut self) -> bool {
        let may = !self.config.batch && self.questions.can_ask();
        self.unasked |= !may;
        may
    }

    /// Asks for a secret while no time runs.
    pub(super) fn ask_secret(&mut self, question: &str) -> Option<zeroize::Zeroizing<String>> {
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

    /// The agent, where there is one that answers.
    pub(super) fn agent(&mut self) -> Option<Agent> {
        match Agent::connect(&self.config.identity_agent)? {
            Ok(agent) => Some(agent),
            Err(error) => {
                self.verbose(format!("The agent can't be reached: {}", crate::ssh::error::cause(&error)));
                None
            }
        }
    }
}
