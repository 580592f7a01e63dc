//! Logs in: which methods, in which order, how often, and what is asked on the way.
//!
//! The order is ssh's, or the user's (PreferredAuthentications). Servers count requests and hang up after a few, so
//! none is made that ssh would not make. Nothing is asked in batch mode, where nobody can be asked, or of a host whose
//! key has changed.
#![forbid(unsafe_code)]

use std::time::Duration;

use libssh2_sys as raw;
use ssh2::Session;
use zeroize::Zeroizing;

use crate::ssh::agent::Agent;
use crate::ssh::attempt::Verdict;
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

/// The methods that we know, in ssh's order.
const METHODS: [&str; 3] = ["publickey", "keyboard-interactive", "password"];

/// Most partial successes in a row; each is one method more that the server wants.
const PARTIAL_LIMIT: u32 = 8;

/// Most method names of a server's that are looked at.
const METHOD_LIMIT: usize = 32;

/// What an attempt came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// We are in.
    Accepted,
    /// It was good, and the server wants another method too.
    Partly,
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
    /// Passwords and conversations that have been tried. As with ssh, a partial success does not give new ones.
    passwords: u32,
    conversations: u32,
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
    let mut login = Login {
        connection,
        config,
        questions,
        trust,
        offered: Vec::new(),
        passwords: 0,
        conversations: 0,
        refusals: 0,
        unasked: false,
    };
    match login.request(native::request_none) {
        Ok(Verdict::Accepted) => return Ok(()),
        Ok(Verdict::Refused(refusal)) => login.offer(&refusal.methods),
        Err(fault) => return Err(login.error(&fault)),
    }
    login.run()
}

impl Login<'_> {
    fn run(&mut self) -> Result<(), Error> {
        let mut keys = None;
        let mut refused: Vec<&str> = Vec::new();
        let mut partial = 0;
        while let Some(method) = self.next_method(&refused) {
            let outcome = match method {
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
                Outcome::Partly if partial == PARTIAL_LIMIT => break,
                Outcome::Partly => {
                    self.verbose(format!("Authenticated using \"{method}\" with partial success."));
                    refused.clear();
                    partial += 1;
                }
            }
        }
        Err(self.denied())
    }

    fn denied(&self) -> Error {
        Error::PermissionDenied {
            user: self.config.user.clone(),
            host: self.config.host.clone(),
            methods: self.offered.join(","),
            unasked: self.unasked,
        }
    }

    /// The next method that is wanted, possible and not refused yet.
    fn next_method(&self, refused: &[&str]) -> Option<&'static str> {
        let preferred = self.config.preferred_authentications.as_ref();
        let order: Vec<&'static str> = match preferred {
            Some(order) => order.iter().filter_map(|name| METHODS.into_iter().find(|known| known == name)).collect(),
            None => METHODS.to_vec(),
        };
        order.into_iter().find(|&method| {
            let possible = match method {
                "publickey" => self.config.pubkey_authentication,
                "password" => self.config.password_authentication && self.trust == Trust::Full,
                _ => self.config.kbd_interactive_authentication && self.trust == Trust::Full,
            };
            possible && self.offered.iter().any(|offered| offered == method) && !refused.contains(&method)
        })
    }

    fn try_passwords(&mut self) -> Result<Outcome, Error> {
        let Config { user, host, password_prompts, .. } = self.config;
        while self.passwords < *password_prompts {
            let Some(password) = self.password(&format!("{user}@{host}'s password: ")) else {
                return Ok(Outcome::Refused);
            };
            self.passwords += 1;
            let verdict = self.request(|session, user| session.userauth_password(user, &password));
            match self.judge(verdict)? {
                Outcome::Refused => {}
                outcome => return Ok(outcome),
            }
        }
        Ok(Outcome::Refused)
    }

    /// The password that was left ready, else the one that somebody types.
    fn password(&mut self, question: &str) -> Option<Zeroizing<String>> {
        if self.questions.has_ready_password() {
            self.connection.pause();
            let ready = self.questions.ready_password();
            self.connection.allow(REQUEST_LIMIT);
            if ready.is_some() {
                return ready;
            }
        }
        if self.passwords > 0 && (self.config.batch || !self.questions.is_somebody_there()) {
            return None;
        }
        if !self.may_ask() {
            return None;
        }
        if self.passwords > 0 {
            self.warn(String::from("Permission denied, please try again."));
        }
        self.ask_secret(question)
    }

    fn try_conversation(&mut self) -> Result<Outcome, Error> {
        while self.conversations < self.config.password_prompts {
            let again = self.conversations > 0;
            let possible = self.questions.has_ready_password()
                || if again { !self.config.batch && self.questions.can_ask() } else { self.may_ask() };
            if !possible {
                break;
            }
            self.conversations += 1;
            let Login { connection, config, .. } = *self;
            let mut conversation = Conversation::new(connection, config, self.questions);
            let mut banners = Vec::new();
            let verdict = conversation.hold(&mut banners);
            let (worth_another, endless) = (conversation.is_worth_another(), conversation.is_endless());
            let unanswered = conversation.is_unanswered();
            self.show_banners(banners);
            if endless {
                return Err(Error::TooManyQuestions { user: config.user.clone(), host: config.host.clone() });
            }
            if unanswered {
                self.unasked = true;
                return Err(self.denied());
            }
            match self.judge(verdict)? {
                Outcome::Refused if worth_another => {}
                outcome => return Ok(outcome),
            }
        }
        Ok(Outcome::Refused)
    }

    /// Makes one request of the server, and shows what it wants shown meanwhile.
    pub(super) fn request(
        &mut self,
        mut attempt: impl FnMut(&Session, &str) -> Result<(), ssh2::Error>,
    ) -> Result<Verdict, Fault> {
        let Login { connection, config, .. } = *self;
        let mut banners = Vec::new();
        connection.allow(REQUEST_LIMIT);
        let verdict = connection.authenticate(|| attempt(&connection.session, &config.user), |text| banners.push(text));
        self.show_banners(banners);
        verdict
    }

    fn show_banners(&mut self, banners: Vec<Vec<u8>>) {
        banners.into_iter().for_each(|text| self.questions.show(Notice::Banner(text)));
    }

    /// What an attempt came to.
    pub(super) fn judge(&mut self, verdict: Result<Verdict, Fault>) -> Result<Outcome, Error> {
        match verdict {
            Ok(Verdict::Accepted) => Ok(Outcome::Accepted),
            Ok(Verdict::Refused(refusal)) => {
                self.offer(&refusal.methods);
                if refusal.partial {
                    return Ok(Outcome::Partly);
                }
                self.refusals += 1;
                Ok(Outcome::Refused)
            }
            Err(fault) if fault.code() == Some(raw::LIBSSH2_ERROR_PASSWORD_EXPIRED) => {
                Err(Error::PasswordExpired { user: self.config.user.clone(), host: self.config.host.clone() })
            }
            Err(fault) => Err(self.error(&fault)),
        }
    }

    /// Takes note of the methods that can continue, as the server listed them.
    fn offer(&mut self, methods: &[u8]) {
        self.offered = methods
            .split(|&byte| byte == b',')
            .take(METHOD_LIMIT)
            .filter_map(|name| str::from_utf8(name).ok())
            .filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()))
            .map(str::to_owned)
            .collect();
        self.verbose(format!("Authentications that can continue: {}", self.offered.join(",")));
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
