//! Whether to trust the key that a host has shown, before anything secret is said to it.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use crate::ssh::config::{Config, Proxy, StrictHostKeyChecking};
use crate::ssh::error::{Error, HostKeyError, cause};
use crate::ssh::known_hosts::{self, HostName, KnownHosts, Verdict};
use crate::ssh::public_key::PublicKey;
use crate::ssh::{Notice, Questions, Vouched};

/// How far a host is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Its key is known, or was just accepted.
    Full,
    /// Its key has changed and the user's configuration lets it pass: nothing secret may be said.
    Suspect,
}

/// The host whose key is judged, and what is known.
pub(super) struct Judge<'a> {
    config: &'a Config,
    name: HostName,
    known: KnownHosts,
}

impl Judge<'_> {
    /// Reads the known hosts for a connection.
    pub(super) fn new(config: &Config) -> Judge<'_> {
        let files: Vec<PathBuf> = config.user_known_hosts.iter().chain(&config.global_known_hosts).cloned().collect();
        let name = match &config.host_key_alias {
            Some(alias) => HostName::alias(alias),
            None => HostName::new(&config.host, config.port),
        };
        Judge { config, name, known: KnownHosts::load(&files) }
    }

    /// The types of the keys that are known.
    pub(super) fn known_types(&self) -> Vec<&str> {
        self.known.types_of(&self.name)
    }

    /// Decides about `key`, and vouches for it when it is trusted.
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

    /// Decides about a key that was not seen before, asking where that is what the configuration wants.
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
            Verdict::Known => Ok(Trust::Full),
            Verdict::Revoked(place) => Err(HostKeyError::Revoked { host, label, place }.into()),
            Verdict::Changed(place) => {
                let fingerprint = key.fingerprint();
                warn_of_change(&label, &fingerprint, &place.to_string(), questions);
                if self.config.strict_host_key_checking == StrictHostKeyChecking::No {
                    questions.show(Notice::Warning(String::from(
                        "Password and keyboard-interactive authentication are disabled to avoid man-in-the-middle attacks.",
                    )));
                    return Ok(Trust::Suspect);
                }
                Err(HostKeyError::Changed { host, label, fingerprint, place }.into())
            }
            Verdict::OtherType(places) => {
                let places: Vec<String> = places.iter().map(ToString::to_string).collect();
                self.decide_unknown(key, Some(places.join(", ")), questions)
            }
            Verdict::Unknown => self.decide_unknown(key, None, questions),
        }
    }

    fn decide_unknown(
        &self,
        key: &PublicKey,
        others: Option<String>,
        questions: &mut dyn Questions,
    ) -> Result<Trust, Error> {
        match self.config.strict_host_key_checking {
            StrictHostKeyChecking::Yes => return Err(self.unknown(key, "you have requested strict checking")),
            StrictHostKeyChecking::Ask if self.config.batch || !questions.can_ask() => {
                return Err(self.unknown(key, "nobody can be asked"));
            }
            StrictHostKeyChecking::Ask => self.ask(key, others, questions)?,
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

    fn ask(&self, key: &PublicKey, others: Option<String>, questions: &mut dyn Questions) -> Result<(), Error> {
        let host = self.name.written();
        let address = match self.config.proxy {
            Some(Proxy::Command(_) | Proxy::Jump(_)) => String::from("<no hostip for proxy command>"),
            None => HostName::new(&self.config.host, self.config.port).written(),
        };
        let fingerprint = key.fingerprint();
        let known = match others {
            Some(places) => format!("Keys of other types are known for it: {places}"),
            None => String::from("This key is not known by any other names."),
        };
        for line in [
            format!("The authenticity of host '{host} ({address})' can't be established."),
            format!("{} key fingerprint is {fingerprint}.", key.label()),
            known,
        ] {
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

    /// Adds the key to the user's first file. Failing is worth a warning, not an end.
    fn remember(&self, key: &PublicKey, questions: &mut dyn Questions) {
        let host = self.name.written();
        let Some(file) = self.config.user_known_hosts.first().filter(|file| file.as_os_str() != "/dev/null") else {
            return;
        };
        let notice = match known_hosts::add(file, &self.name, key, self.config.hash_known_hosts) {
            Ok(()) => format!("Warning: Permanently added '{host}' ({}) to the list of known hosts.", key.label()),
            Err(error) => {
                format!("Failed to add the host to the list of known hosts ({}): {}", file.display(), cause(&error))
            }
        };
        questions.show(Notice::Warning(notice));
    }
}

/// What was meant by an answer to the question about a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Unclear,
}

impl Answer {
    /// A fingerprint that was typed must be the one that is shown.
    fn to(text: &str, fingerprint: &str) -> Answer {
        let text = text.trim();
        if text.eq_ignore_ascii_case("yes") || text == fingerprint {
            Answer::Yes
        } else if text.is_empty() || text.eq_ignore_ascii_case("no") {
            Answer::No
        } else {
            Answer::Unclear
        }
    }
}

fn warn_of_change(label: &str, fingerprint: &str, place: &str, questions: &mut dyn Questions) {
    let frame = "@".repeat(59);
    for line in [
        frame.clone(),
        String::from("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @"),
        frame,
        String::from("Someone may be listening between you and the host, or the host has a new key."),
        format!("The {label} key that it shows is {fingerprint}."),
        format!("Offending {label} key in {place}"),
    ] {
        questions.show(Notice::Warning(line));
    }
}
