//! Decides whether to trust a host's key, before any secret is sent to the host.
//!
//! Scripts and people look for ssh's own words here, so sftpsh prints the lines of ssh(1) in their order. If ssh
//! gives no reason, ours is a line before `Host key verification failed.`

use std::env;
use std::path::{Path, PathBuf};

use crate::os_error;
use crate::ssh::config::{Config, Proxy, StrictHostKeyChecking};
use crate::ssh::error::{Error, HostKeyError, framed};
use crate::ssh::known_hosts::{self, HostName, KeyStatus, KnownHosts};
use crate::ssh::place::Place;
use crate::ssh::public_key::PublicKey;
use crate::ssh::questions::{Notice, Questions};

/// How many other names of a key are listed in the question about a host, as in ssh.
const OTHER_NAMES_LIMIT: usize = 8;

/// ssh's reason for refusing a key that another StrictHostKeyChecking would ask about or accept.
const STRICT: &str = "you have requested strict checking.";

/// How far a host is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Its key is known, or the user has just accepted it.
    Full,
    /// Its key has changed, but the configuration tolerates that. No secret may be sent to it.
    Suspect,
}

/// The key of a trusted host. The next connection to the host must show this key, and needs no question then.
#[derive(Clone, Debug)]
pub struct Vouched {
    pub(super) key: PublicKey,
    trust: Trust,
}

/// The host whose key is judged, and its known keys.
pub(super) struct Judge<'a> {
    config: &'a Config,
    name: HostName,
    /// The server's numeric address, if it is known.
    address: Option<String>,
    known: KnownHosts,
}

impl Judge<'_> {
    /// Reads the known hosts for a connection to the numeric `address`, which is shown only in the question about the
    /// host.
    ///
    /// # Errors
    /// As [`KnownHosts::load`].
    pub(super) fn new(config: &Config, address: Option<String>) -> Result<Judge<'_>, Error> {
        let files: Vec<PathBuf> = config.user_known_hosts.iter().chain(&config.global_known_hosts).cloned().collect();
        let name = match &config.host_key_alias {
            Some(alias) => HostName::alias(alias),
            None => HostName::new(&config.host, config.port),
        };
        Ok(Judge { config, name, address, known: KnownHosts::load(&files)? })
    }

    /// Returns the types of the host's known keys.
    pub(super) fn known_types(&self) -> Vec<&str> {
        self.known.types_of(&self.name)
    }

    /// Decides about `key`. A trusted key is stored in `vouched`.
    pub(super) fn decide(
        &self,
        key: Option<PublicKey>,
        vouched: &mut Option<Vouched>,
        questions: &mut dyn Questions,
    ) -> Result<Trust, Error> {
        match (vouched.as_ref(), key) {
            (Some(before), Some(key)) if before.key == key => Ok(before.trust),
            (Some(before), key) => {
                let (host, label) = (self.name.written(), before.key.label().to_owned());
                let fingerprint = key.map_or_else(|| String::from("an unusable one"), |key| key.fingerprint());
                Err(HostKeyError::ChangedMeanwhile { host, label, fingerprint }.into())
            }
            (None, key) => {
                let trust = self.decide_anew(key.as_ref(), questions)?;
                *vouched = key.map(|key| Vouched { key, trust });
                Ok(trust)
            }
        }
    }

    /// Decides about a key on the first connection. Asks the user if the configuration says so.
    fn decide_anew(&self, key: Option<&PublicKey>, questions: &mut dyn Questions) -> Result<Trust, Error> {
        for fault in self.known.faults() {
            questions.show(Notice::Verbose(format!("{}: {}", fault.place, fault.reason)));
        }
        let host = self.name.written();
        let Some(key) = key else {
            return Err(HostKeyError::Unusable { host }.into());
        };
        let required = self.config.required_rsa_bits;
        if let Some(bits) = key.rsa_bits().filter(|bits| *bits < required) {
            return Err(HostKeyError::TooShort { host, bits, required }.into());
        }
        let label = key.label().to_owned();
        match self.known.judge(&self.name, key) {
            KeyStatus::Known => Ok(Trust::Full),
            KeyStatus::Revoked(place) => {
                warn_of_revocation(&label, &host, &place, questions);
                let reason = match self.config.strict_host_key_checking {
                    StrictHostKeyChecking::No => "StrictHostKeyChecking=no does not let it pass",
                    _ => STRICT,
                };
                Err(HostKeyError::Revoked { host, label, reason }.into())
            }
            KeyStatus::Changed { place, label: known } => self.decide_changed(key, place, &known, questions),
            KeyStatus::Unknown => self.decide_unknown(key, questions),
        }
    }

    fn decide_changed(
        &self,
        key: &PublicKey,
        place: Place,
        known: &str,
        questions: &mut dyn Questions,
    ) -> Result<Trust, Error> {
        let config = self.config;
        let correct_in = config.user_known_hosts.iter().chain(&config.global_known_hosts).next();
        warn_of_change(key, correct_in, &format!("Offending {known} key in {place}"), questions);
        if config.strict_host_key_checking != StrictHostKeyChecking::No {
            let (label, fingerprint) = (key.label().to_owned(), key.fingerprint());
            return Err(HostKeyError::Changed { host: self.name.written(), label, fingerprint, place }.into());
        }
        let disabled = [
            ("Password", config.password_authentication),
            ("Keyboard-interactive", config.kbd_interactive_authentication),
        ];
        for (method, _) in disabled.iter().filter(|(_, enabled)| *enabled) {
            let text = format!("{method} authentication is disabled to avoid man-in-the-middle attacks.");
            questions.show(Notice::Warning(text));
        }
        if config.exit_on_forward_failure && disabled.iter().any(|(_, enabled)| *enabled) {
            return Err(HostKeyError::ForwardingDisabled.into());
        }
        Ok(Trust::Suspect)
    }

    fn decide_unknown(&self, key: &PublicKey, questions: &mut dyn Questions) -> Result<Trust, Error> {
        // ssh refuses a host whose key it could not store.
        if self.config.user_known_hosts.is_empty() {
            return Err(self.unknown(key, "there is no file to add it to"));
        }
        match self.config.strict_host_key_checking {
            StrictHostKeyChecking::Yes => return Err(self.unknown(key, STRICT)),
            _ if !self.name.is_plain() => {
                return Err(self.unknown(key, "the name would be a pattern in known_hosts"));
            }
            StrictHostKeyChecking::Ask if self.config.batch || !questions.can_ask() => {
                return Err(self.unknown(key, "sftpsh can't prompt for it"));
            }
            StrictHostKeyChecking::Ask => self.ask(key, questions)?,
            StrictHostKeyChecking::AcceptNew | StrictHostKeyChecking::No => {}
        }
        self.remember(key, questions);
        Ok(Trust::Full)
    }

    fn unknown(&self, key: &PublicKey, reason: &'static str) -> Error {
        let unknown = HostKeyError::Unknown {
            host: self.name.written(),
            address: self.config.host.clone(),
            port: self.config.port,
            label: key.label().to_owned(),
            fingerprint: key.fingerprint(),
            reason,
            file: self.config.user_known_hosts.first().cloned(),
        };
        unknown.into()
    }

    fn ask(&self, key: &PublicKey, questions: &mut dyn Questions) -> Result<(), Error> {
        let host = self.name.written();
        let fingerprint = key.fingerprint();
        questions.show(Notice::Information(format!(
            "The authenticity of host '{host} ({})' can't be established.",
            self.shown_address()
        )));
        questions.show(Notice::Information(format!("{} key fingerprint is {fingerprint}.", key.label())));
        for line in self.other_names(key) {
            questions.show(Notice::Information(line));
        }
        let mut answer = questions.ask("Are you sure you want to continue connecting (yes/no/[fingerprint])? ");
        loop {
            let declined = HostKeyError::Declined { host: host.clone(), label: key.label().to_owned() };
            let text = answer.ok_or(declined)?;
            match Answer::to(&text, &fingerprint) {
                Answer::Yes => return Ok(()),
                Answer::No => return Err(HostKeyError::Declined { host, label: key.label().to_owned() }.into()),
                Answer::Unclear => answer = questions.ask("Please type 'yes', 'no' or the fingerprint: "),
            }
        }
    }

    fn shown_address(&self) -> String {
        let Config { proxy, host, port, .. } = self.config;
        match proxy {
            Some(Proxy::Command(_) | Proxy::Jump(_)) => String::from("<no hostip for proxy command>"),
            None => HostName::new(self.address.as_ref().unwrap_or(host), *port).written(),
        }
    }

    /// Returns the lines that list the other names of the key.
    fn other_names(&self, key: &PublicKey) -> Vec<String> {
        let names: Vec<String> = self
            .known
            .other_names(&self.name, key)
            .map(|(place, names)| format!("    {}:{}: {names}", without_home(&place.file), place.line))
            .collect();
        if names.is_empty() {
            return vec![String::from("This key is not known by any other names.")];
        }
        let omitted = names.len().saturating_sub(OTHER_NAMES_LIMIT);
        let mut lines = vec![String::from("This host key is known by the following other names/addresses:")];
        lines.extend(names.into_iter().take(OTHER_NAMES_LIMIT));
        if omitted > 0 {
            lines.push(format!("    ({omitted} additional names omitted)"));
        }
        lines
    }

    /// Adds the key to the user's first known_hosts file. A failure only leads to a warning.
    fn remember(&self, key: &PublicKey, questions: &mut dyn Questions) {
        let host = self.name.written();
        let Some(file) = self.config.user_known_hosts.first() else {
            return;
        };
        let notice = match known_hosts::add(file, &self.name, key, self.config.hash_known_hosts) {
            Ok(()) => format!("Warning: Permanently added '{host}' ({}) to the list of known hosts.", key.label()),
            Err(error) => {
                format!(
                    "Failed to add the host to the list of known hosts ({}). {}",
                    file.display(),
                    os_error::text(&error)
                )
            }
        };
        questions.show(Notice::Warning(notice));
    }
}

/// The meaning of the user's answer to the question about a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Unclear,
}

impl Answer {
    /// Reads the first word of an answer, as ssh does. A fingerprint must be the shown one.
    fn to(text: &str, fingerprint: &str) -> Answer {
        let text = text.split_ascii_whitespace().next().unwrap_or_default();
        if text.eq_ignore_ascii_case("yes") || text == fingerprint {
            Answer::Yes
        } else if text.is_empty() || text.eq_ignore_ascii_case("no") {
            Answer::No
        } else {
            Answer::Unclear
        }
    }
}

/// Returns a path with `~` for the home directory, as ssh shows it.
fn without_home(file: &Path) -> String {
    let below = env::var_os("HOME").filter(|home| !home.is_empty()).and_then(|home| file.strip_prefix(home).ok());
    match below {
        Some(below) if file.is_absolute() => format!("~/{}", below.display()),
        _ => file.display().to_string(),
    }
}

fn warn_in_frame(title: &str, questions: &mut dyn Questions) {
    framed(title).into_iter().for_each(|line| questions.show(Notice::Warning(line)));
}

fn warn_of_change(key: &PublicKey, correct_in: Option<&PathBuf>, offending: &str, questions: &mut dyn Questions) {
    warn_in_frame("    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     ", questions);
    let mut lines = vec![
        String::from("IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!"),
        String::from("Someone could be eavesdropping on you right now (man-in-the-middle attack)!"),
        String::from("It is also possible that a host key has just been changed."),
        format!("The fingerprint for the {} key sent by the remote host is", key.label()),
        format!("{}.", key.fingerprint()),
        String::from("Please contact your system administrator."),
    ];
    if let Some(file) = correct_in {
        lines.push(format!("Add correct host key in {} to get rid of this message.", file.display()));
    }
    lines.push(offending.to_owned());
    for line in lines {
        questions.show(Notice::Warning(line));
    }
}

fn warn_of_revocation(label: &str, host: &str, place: &Place, questions: &mut dyn Questions) {
    warn_in_frame("       WARNING: REVOKED HOST KEY DETECTED!               ", questions);
    for line in [
        format!("The {label} host key for {host} is marked as revoked."),
        String::from("This could mean that a stolen key is being used to"),
        String::from("impersonate this host."),
        format!("Offending {label} key in {place}"),
    ] {
        questions.show(Notice::Warning(line));
    }
}
