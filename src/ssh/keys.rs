//! Logs in with keys: the agent's and those in files, each offered before anything is asked about it.
#![forbid(unsafe_code)]

use libssh2_sys as raw;
use zeroize::Zeroizing;

use crate::ssh::agent::{Agent, AgentKey, AgentSigner};
use crate::ssh::auth::{Login, Outcome, REQUEST_LIMIT};
use crate::ssh::config::Config;
use crate::ssh::connection::Fault;
use crate::ssh::error::{Error, cause};
use crate::ssh::identity::{Identity, PrivateKey, Unusable};
use crate::ssh::native::{self, Signer};
use crate::ssh::public_key::{PublicKey, take_string};

/// Types of keys that libssh2 can sign with from a file.
const FILE_TYPES: [&str; 5] =
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];

/// Types that only an agent signs with.
const AGENT_TYPES: [&str; 2] = ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"];

/// What libssh2 says when it could not sign at all: the private key does not open.
const SIGNING_FAILED: &str = "Callback returned error";

/// All keys that may be tried, in order.
pub(super) struct Keys {
    agent: Option<Agent>,
    candidates: Vec<Candidate>,
    next: usize,
}

enum Candidate {
    /// The agent signs.
    Agent(AgentKey),
    /// A private key in a file, perhaps with a certificate for it.
    File { name: String, public: Option<Vec<u8>>, private: PrivateKey, certificate: Option<(String, Vec<u8>)> },
}

impl Keys {
    /// Gathers the keys: those of the agent that stand in identity files, its other ones, and then files of which the agent has no
    /// key, as ssh does.
    pub(super) fn gather(login: &mut Login<'_>) -> Keys {
        let identities = load_identities(login);
        let mut agent = login.agent();
        let mut held = match agent.as_mut().map(Agent::keys) {
            Some(Ok(keys)) => keys,
            Some(Err(error)) => {
                login.verbose(format!("The agent tells no keys: {}", cause(&error)));
                agent = None;
                Vec::new()
            }
            None => Vec::new(),
        };
        held.retain(|key| is_usable(&key.blob, login));
        let mut candidates = Vec::new();
        let mut files = Vec::new();
        for identity in identities {
            arrange(identity, login.config, &mut held, &mut candidates, &mut files);
        }
        if !login.config.identities_only {
            candidates.extend(held.into_iter().map(Candidate::Agent));
        }
        candidates.extend(files);
        Keys { agent, candidates, next: 0 }
    }

    /// Tries the keys that have not been tried, until one comes to something.
    pub(super) fn try_each(&mut self, login: &mut Login<'_>) -> Result<Outcome, Error> {
        while let Some(candidate) = self.candidates.get(self.next) {
            self.next += 1;
            let outcome = match (candidate, &mut self.agent) {
                (Candidate::Agent(key), Some(agent)) => try_agent_key(login, agent, key)?,
                (Candidate::Agent(_), None) => Outcome::Refused,
                (Candidate::File { name, public, private, certificate }, _) => {
                    try_file(login, name, public.as_deref(), private, certificate.as_ref())?
                }
            };
            if outcome != Outcome::Refused {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Refused)
    }
}

fn load_identities(login: &mut Login<'_>) -> Vec<Identity> {
    let mut identities = Vec::new();
    for file in &login.config.identity_files {
        let name = file.display();
        match Identity::load(file) {
            Ok(identity) => match &identity.public {
                Some(public) if !is_usable(public, login) => {}
                _ => identities.push(identity),
            },
            Err(Unusable::Missing) if login.config.identities_named => {
                login.warn(format!("Warning: Identity file {name} not accessible: No such file or directory."));
            }
            Err(Unusable::Missing) => {}
            Err(Unusable::Because(reason)) => login.warn(format!("Load key \"{name}\": {reason}")),
        }
    }
    identities
}

/// Puts an identity where it belongs: with the agent, if the agent has its key, or among the files.
fn arrange(
    identity: Identity,
    config: &Config,
    held: &mut Vec<AgentKey>,
    candidates: &mut Vec<Candidate>,
    files: &mut Vec<Candidate>,
) {
    let certificates = identity.certificates(&config.certificate_files);
    let name = identity.file.display().to_string();
    let mut take = |blob: &[u8]| {
        let at = held.iter().position(|key| key.blob == blob)?;
        Some(Candidate::Agent(held.remove(at)))
    };
    let from_agent: Vec<Candidate> = certificates
        .iter()
        .map(|(_, blob)| blob.as_slice())
        .chain(identity.public.as_deref())
        .filter_map(&mut take)
        .collect();
    let plain_is_held = identity.public.as_ref().is_some_and(|public| {
        from_agent.iter().any(|candidate| matches!(candidate, Candidate::Agent(key) if key.blob == *public))
    });
    candidates.extend(from_agent);
    let Some(private) = identity.private else {
        return;
    };
    let public = identity.public;
    for certificate in certificates {
        let private = PrivateKey { text: private.text.clone(), encrypted: private.encrypted };
        files.push(Candidate::File {
            name: name.clone(),
            public: public.clone(),
            private,
            certificate: Some(certificate),
        });
    }
    if !plain_is_held {
        files.push(Candidate::File { name, public, private, certificate: None });
    }
}

/// Whether a key is of a type that can be used here and that the configuration allows; says so if not.
fn is_usable(blob: &[u8], login: &mut Login<'_>) -> bool {
    let mut rest = blob;
    let kind = take_string(&mut rest).and_then(|kind| str::from_utf8(kind).ok()).unwrap_or_default();
    let plain = plain_type(kind);
    let known = FILE_TYPES.contains(&plain.as_str()) || AGENT_TYPES.contains(&plain.as_str());
    let allowed = login.config.pubkey_algorithms.as_ref().is_none_or(|allowed| allows(allowed, kind));
    if !known {
        login.verbose(format!("Skipping a key of type {}, which is not supported", kind.escape_debug()));
    } else if !allowed {
        login.verbose(format!("Skipping a key of type {kind}, which PubkeyAcceptedAlgorithms leaves out"));
    }
    known && allowed
}

/// The type of the key under a certificate.
fn plain_type(kind: &str) -> String {
    match kind.strip_suffix("-cert-v01@openssh.com") {
        Some(plain) if plain.starts_with("sk-") => format!("{plain}@openssh.com"),
        Some(plain) => plain.to_owned(),
        None => kind.to_owned(),
    }
}

/// Whether algorithms of signatures allow keys of a type: RSA keys sign by two of other names.
fn allows(algorithms: &[String], kind: &str) -> bool {
    let names = match kind {
        "ssh-rsa" => vec!["rsa-sha2-512", "rsa-sha2-256"],
        "ssh-rsa-cert-v01@openssh.com" => {
            vec!["rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com"]
        }
        kind => vec![kind],
    };
    algorithms.iter().any(|algorithm| names.contains(&algorithm.as_str()))
}

fn try_agent_key(login: &mut Login<'_>, agent: &mut Agent, key: &AgentKey) -> Result<Outcome, Error> {
    login.verbose(format!("Offering public key: {} {} agent", key.comment, describe(&key.blob)));
    login.connection.allow(REQUEST_LIMIT);
    let mut signer = AgentSigner::new(agent);
    let session = &login.connection.session;
    let done = login
        .connection
        .complete(|| native::authenticate_with_key(session, &login.config.user, &key.blob, &mut signer));
    if let Some(error) = signer.failure {
        // The server heard nothing of it, so it is no refusal of its.
        login.warn(format!(
            "sign_and_send_pubkey: signing failed for {} from agent: {}",
            describe(&key.blob),
            cause(&error)
        ));
        return Ok(Outcome::Refused);
    }
    settle(login, done)
}

fn try_file(
    login: &mut Login<'_>,
    name: &str,
    public: Option<&[u8]>,
    private: &PrivateKey,
    certificate: Option<&(String, Vec<u8>)>,
) -> Result<Outcome, Error> {
    let offered = certificate.map(|(_, blob)| blob.as_slice()).or(public);
    let described = offered.map(describe).unwrap_or_default();
    login.verbose(format!("Offering public key: {name} {described}"));
    let certificate = certificate.map(|(text, _)| text.as_str());
    if !private.encrypted {
        let done = sign_in(login, private, certificate, None);
        if is_local(&done) {
            login.warn(format!("Load key \"{name}\": it can't be used: invalid format or type"));
            return Ok(Outcome::Refused);
        }
        return settle(login, done);
    }
    if let Some(blob) = offered
        && !is_welcome(login, blob)?
    {
        return Ok(Outcome::Refused);
    }
    try_passphrases(login, name, private, certificate)
}

fn try_passphrases(
    login: &mut Login<'_>,
    name: &str,
    private: &PrivateKey,
    certificate: Option<&str>,
) -> Result<Outcome, Error> {
    if !login.may_ask() {
        login.verbose(format!("Skipping {name}: it needs a passphrase, and nobody can be asked"));
        return Ok(Outcome::Refused);
    }
    for _ in 0..login.config.password_prompts {
        let asked = login.ask_secret(&format!("Enter passphrase for key '{name}': "));
        let Some(passphrase) = asked.filter(|passphrase| !passphrase.is_empty()) else {
            return Ok(Outcome::Refused);
        };
        let done = sign_in(login, private, certificate, Some(passphrase));
        if !is_local(&done) {
            return settle(login, done);
        }
        login.verbose(format!("Bad passphrase for {name}"));
    }
    login.warn(format!("Load key \"{name}\": incorrect passphrase supplied to decrypt private key"));
    Ok(Outcome::Refused)
}

/// Offers a private key and signs with it.
fn sign_in(
    login: &Login<'_>,
    private: &PrivateKey,
    certificate: Option<&str>,
    passphrase: Option<Zeroizing<String>>,
) -> Result<(), Fault> {
    login.connection.allow(REQUEST_LIMIT);
    let passphrase = passphrase.as_ref().map(|passphrase| passphrase.as_str());
    let session = &login.connection.session;
    login
        .connection
        .complete(|| session.userauth_pubkey_memory(&login.config.user, certificate, &private.text, passphrase))
}

/// Whether an attempt failed on our side, before the server had a say: the private key could not be read.
fn is_local(done: &Result<(), Fault>) -> bool {
    match done {
        Err(Fault::Library(error)) if error.message() == SIGNING_FAILED => true,
        Err(fault) => !matches!(
            fault.code(),
            None | Some(raw::LIBSSH2_ERROR_AUTHENTICATION_FAILED | raw::LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED)
        ),
        Ok(()) => false,
    }
}

/// Asks whether the server would take a key, without signing anything.
fn is_welcome(login: &mut Login<'_>, blob: &[u8]) -> Result<bool, Error> {
    login.connection.allow(REQUEST_LIMIT);
    let mut probe = Probe { welcome: false };
    let session = &login.connection.session;
    let done =
        login.connection.complete(|| native::authenticate_with_key(session, &login.config.user, blob, &mut probe));
    if probe.welcome {
        return Ok(true);
    }
    settle(login, done).map(|_| false)
}

/// What the server made of a key. A key that was refused at once can't have been a partial success, so the methods need not be listed again,
/// which would count as one more attempt.
fn settle(login: &mut Login<'_>, done: Result<(), Fault>) -> Result<Outcome, Error> {
    match &done {
        Err(fault) if fault.code() == Some(raw::LIBSSH2_ERROR_AUTHENTICATION_FAILED) => {
            login.count_refusal();
            Ok(Outcome::Refused)
        }
        done if is_local(done) => Ok(Outcome::Refused),
        _ => login.judge(done),
    }
}

/// Signs nothing: only remembers that it was asked to.
struct Probe {
    welcome: bool,
}

impl Signer for Probe {
    fn sign(&mut self, _data: &[u8]) -> Option<Vec<u8>> {
        self.welcome = true;
        None
    }
}

fn describe(blob: &[u8]) -> String {
    PublicKey::from_blob(blob).map(|key| format!("{} {}", key.label(), key.fingerprint())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_allow_the_types_that_sign_by_them() {
        let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        assert!(allows(&list("rsa-sha2-256"), "ssh-rsa"));
        assert!(!allows(&list("ssh-rsa"), "ssh-rsa"), "SHA-1 is not what we sign with");
        assert!(allows(&list("ssh-ed25519,x"), "ssh-ed25519"));
        assert!(!allows(&list("ssh-ed25519"), "ssh-ed25519-cert-v01@openssh.com"));
        assert_eq!(plain_type("sk-ssh-ed25519-cert-v01@openssh.com"), "sk-ssh-ed25519@openssh.com");
        assert_eq!(plain_type("ssh-rsa-cert-v01@openssh.com"), "ssh-rsa");
    }
}
