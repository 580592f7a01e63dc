//! Logs in: decides which methods to try, in which order, how many times, and when to prompt.
//!
//! The order is ssh's, or the user's (PreferredAuthentications). Servers count requests and hang up after a few, so
//! we make none that ssh would not make. We don't prompt in batch mode, or for a host whose key has changed.

use zeroize::Zeroizing;

use crate::ssh::attempt::AuthReply;
use crate::ssh::config::Config;
use crate::ssh::connection::Connection;
use crate::ssh::conversation::Conversation;
use crate::ssh::error::Error;
use crate::ssh::host_key::Trust;
use crate::ssh::keys::Keys;
use crate::ssh::login::{Login, Outcome, REQUEST_LIMIT};
use crate::ssh::native;
use crate::ssh::questions::Questions;

/// The methods that we support, in ssh's order.
const METHODS: [&str; 3] = ["publickey", "keyboard-interactive", "password"];

/// How many partial successes we accept. Each means that the server wants one more method.
const PARTIAL_LIMIT: u32 = 8;

/// Logs in with the methods that the configuration allows.
pub(super) fn log_in(
    connection: &Connection,
    config: &Config,
    trust: Trust,
    questions: &mut dyn Questions,
) -> Result<(), Error> {
    let mut login = Login::new(connection, config, trust, questions);
    match login.request(native::request_none) {
        Ok(AuthReply::Accepted) => return Ok(()),
        Ok(AuthReply::Refused(refusal)) => login.offer(&refusal.methods),
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

    /// Returns the next method that the configuration wants, the server offers, and that was not refused yet.
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
            let reply = self.request(|session, user| session.userauth_password(user, &password));
            match self.judge(reply)? {
                Outcome::Refused => {}
                outcome => return Ok(outcome),
            }
        }
        Ok(Outcome::Refused)
    }

    /// Returns the prepared password, or else the one that the user types.
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
            let reply = conversation.hold(&mut banners);
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
            match self.judge(reply)? {
                Outcome::Refused if worth_another => {}
                outcome => return Ok(outcome),
            }
        }
        Ok(Outcome::Refused)
    }
}
