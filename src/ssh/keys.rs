//! Logs in with keys from the agent and from files. A prompt about a key comes only after the server accepts it.

use std::io::ErrorKind;
use std::rc::Rc;

use ssh2::MethodType;
use zeroize::Zeroizing;

use crate::os_error;
use crate::ssh::agent::{Agent, AgentKey, AgentSigner};
use crate::ssh::connection::Fault;
use crate::ssh::error::Error;
use crate::ssh::identity::{Identity, PrivateKey, Unusable, certificate_in, certifies};
use crate::ssh::login::{Login, Outcome};
use crate::ssh::native::{self, Signer, Signing};
use crate::ssh::public_key::{PublicKey, take_string};
use crate::ssh::signatures::{Signatures, named_algorithm, plain_type};

/// Key types with which libssh2 can sign from a file.
const FILE_TYPES: [&str; 5] =
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];

/// Key types with which only an agent signs.
const AGENT_TYPES: [&str; 2] = ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"];

/// All keys to try, in order.
pub(super) struct Keys {
    agent: Option<Agent>,
    candidates: Vec<Candidate>,
    next: usize,
}

enum Candidate {
    /// The agent signs.
    Agent(AgentOffer),
    /// A private key in a file.
    File(KeyFile),
    /// A file that can't be used, and the lines that say so.
    Unusable(Vec<String>),
}

/// One of the agent's keys, and the key or certificate to offer for it.
struct AgentOffer {
    /// The key or a certificate for it, in wire format.
    offered: Vec<u8>,
    key: AgentKey,
}

/// A private key in a file.
struct KeyFile {
    /// The file, as messages name it.
    name: String,
    /// The key or certificate to offer, in wire format; `None` if it is unknown without the passphrase.
    offered: Option<Vec<u8>>,
    private: Rc<PrivateKey>,
}

/// A key or certificate that the configuration lists.
struct Listed {
    /// The wire format, if it is known.
    blob: Option<Vec<u8>>,
    /// The candidate to try if the agent doesn't hold the key.
    file: Option<Candidate>,
}

impl Keys {
    /// Gathers the keys in ssh's order: the certificates that CertificateFile names, the agent's keys that the
    /// configuration lists, its other keys, and then the files whose keys the agent doesn't hold.
    pub(super) fn gather(login: &mut Login<'_>) -> Keys {
        let listed = listed_keys(login);
        let (agent, held) = agent_keys(login);
        let mut candidates = named_certificates(login, &listed, &held);
        let mut files = listed;
        let mut others = Vec::new();
        for key in held {
            let offer = AgentOffer { offered: key.blob.clone(), key };
            match files.iter().position(|file| file.blob.as_ref() == Some(&offer.offered)) {
                Some(at) => {
                    files.remove(at);
                    candidates.push(Candidate::Agent(offer));
                }
                None => others.push(Candidate::Agent(offer)),
            }
        }
        if !login.config.identities_only {
            candidates.extend(others);
        }
        candidates.extend(files.into_iter().filter_map(|listed| listed.file));
        Keys { agent, candidates, next: 0 }
    }

    /// Tries the remaining keys until the server accepts one or wants another method in addition.
    pub(super) fn try_each(&mut self, login: &mut Login<'_>) -> Result<Outcome, Error> {
        while let Some(candidate) = self.candidates.get(self.next) {
            self.next += 1;
            let outcome = match (candidate, &mut self.agent) {
                (Candidate::Agent(offer), Some(agent)) => try_agent_key(login, agent, offer)?,
                (Candidate::Agent(_), None) => Outcome::Refused,
                (Candidate::File(file), _) => try_file(login, file)?,
                (Candidate::Unusable(lines), _) => {
                    lines.iter().for_each(|line| login.warn(line.clone()));
                    Outcome::Refused
                }
            };
            if outcome != Outcome::Refused {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Refused)
    }
}

/// Returns the agent, if it can be reached, and its usable keys.
fn agent_keys(login: &mut Login<'_>) -> (Option<Agent>, Vec<AgentKey>) {
    let Some(mut agent) = login.agent() else { return (None, Vec::new()) };
    match agent.keys() {
        Ok(mut keys) => {
            keys.retain(|key| is_usable(&key.blob, login));
            (Some(agent), keys)
        }
        Err(error) => {
            login.verbose(format!("The agent lists no keys: {}", os_error::text(&error)));
            (None, Vec::new())
        }
    }
}

/// Returns the keys of the identity files. Each is followed by its certificate, unless CertificateFile names others.
fn listed_keys(login: &mut Login<'_>) -> Vec<Listed> {
    let mut listed = Vec::new();
    for identity in load_identities(login) {
        let identity = match identity {
            Ok(identity) => identity,
            Err(unusable) => {
                listed.push(Listed { blob: None, file: Some(unusable) });
                continue;
            }
        };
        let certificate = match login.config.certificate_files.is_empty() {
            true => identity.certificate(),
            false => None,
        };
        let name = identity.file.display().to_string();
        let private = identity.private.map(Rc::new);
        for (blob, is_wanted) in [(identity.public, true), (certificate.clone(), certificate.is_some())] {
            if is_wanted && blob.as_ref().is_none_or(|blob| is_loaded(blob, "pubkey", &name, login)) {
                let file = |private| KeyFile { name: name.clone(), offered: blob.clone(), private };
                listed.push(Listed { file: private.clone().map(file).map(Candidate::File), blob });
            }
        }
    }
    listed
}

/// Returns the certificates that CertificateFile names and for which there is a signer: a file or the agent, which
/// may be restricted to the listed keys.
fn named_certificates(login: &mut Login<'_>, listed: &[Listed], held: &[AgentKey]) -> Vec<Candidate> {
    let only_listed = login.config.identities_only;
    let agent_key = |certificate: &[u8]| {
        held.iter().find(|key| {
            let is_listed = listed.iter().any(|listed| listed.blob.as_ref() == Some(&key.blob));
            (is_listed || !only_listed) && (key.blob == certificate || certifies(certificate, &key.blob))
        })
    };
    let key_file = |certificate: &[u8]| {
        listed.iter().find_map(|listed| match &listed.file {
            Some(Candidate::File(KeyFile { name, offered, private }))
                if offered.as_ref().is_none_or(|public| certifies(certificate, public)) =>
            {
                let offered = Some(certificate.to_vec());
                Some(Candidate::File(KeyFile { name: name.clone(), offered, private: Rc::clone(private) }))
            }
            _ => None,
        })
    };
    let mut candidates = Vec::new();
    for path in &login.config.certificate_files {
        let Some(certificate) = certificate_in(path) else { continue };
        if is_loaded(&certificate, "certificate", &path.display().to_string(), login) {
            candidates.extend(match agent_key(&certificate).cloned() {
                Some(key) => Some(Candidate::Agent(AgentOffer { offered: certificate, key })),
                None => key_file(&certificate),
            });
        }
    }
    candidates
}

/// Reads the identity files. An unusable file keeps its place, because ssh reports it only when its turn comes, and
/// not at all if an earlier key is accepted.
fn load_identities(login: &mut Login<'_>) -> Vec<Result<Identity, Candidate>> {
    let mut identities = Vec::new();
    for file in &login.config.identity_files {
        match Identity::load(file) {
            Ok(identity) => identities.push(Ok(identity)),
            Err(Unusable::Missing) if !login.config.identities_named => {}
            Err(unusable) => identities.push(Err(Candidate::Unusable(unusable.lines(file)))),
        }
    }
    identities
}

/// Returns whether a key or certificate from a file can be used. Reports a short key in ssh's words.
fn is_loaded(blob: &[u8], what: &str, name: &str, login: &mut Login<'_>) -> bool {
    if short_bits(blob, login).is_some() {
        login.warn(format!("load {what} \"{name}\": Invalid key length"));
    }
    is_usable(blob, login)
}

/// Returns the bits of an RSA key that has too few of them.
fn short_bits(blob: &[u8], login: &Login<'_>) -> Option<usize> {
    let required = login.config.required_rsa_bits;
    PublicKey::from_blob(blob).and_then(|key| key.rsa_bits()).filter(|bits| *bits < required)
}

/// Returns whether a key's type is supported and the configuration allows it. Reports the reason if not.
fn is_usable(blob: &[u8], login: &mut Login<'_>) -> bool {
    let mut rest = blob;
    let kind = take_string(&mut rest).and_then(|kind| str::from_utf8(kind).ok()).unwrap_or_default();
    let plain = plain_type(kind);
    let known = FILE_TYPES.contains(&plain.as_str()) || AGENT_TYPES.contains(&plain.as_str());
    let allowed = signatures(login).allow_type(kind);
    let bits = short_bits(blob, login);
    if !known {
        login.verbose(format!("Skipping a key of type {}, which is not supported", kind.escape_debug()));
    } else if !allowed {
        login.verbose(format!("Skipping a key of type {kind}, which PubkeyAcceptedAlgorithms leaves out"));
    } else if let Some(bits) = bits {
        let required = login.config.required_rsa_bits;
        login.verbose(format!("Skipping a key of {bits} bits, {}: RequiredRSASize is {required}", describe(blob)));
    }
    known && allowed && bits.is_none()
}

fn signatures<'a>(login: &Login<'a>) -> Signatures<'a> {
    Signatures::allowed(login.config.pubkey_algorithms.as_deref())
}

/// Sets the signature algorithms from which libssh2 chooses for the key `blob`. Only RSA keys have a choice.
fn prefer_signatures(login: &Login<'_>, blob: &[u8]) -> Result<(), Error> {
    let mut rest = blob;
    let kind = take_string(&mut rest).and_then(|kind| str::from_utf8(kind).ok()).unwrap_or_default();
    let names = match plain_type(kind).as_str() {
        "ssh-rsa" => signatures(login).of_rsa(kind),
        _ => return Ok(()),
    };
    let set = login.connection.session.method_pref(MethodType::SignAlgo, &names.join(","));
    set.map_err(|error| login.error(&Fault::Library(error)))
}

fn try_agent_key(login: &mut Login<'_>, agent: &mut Agent, offer: &AgentOffer) -> Result<Outcome, Error> {
    let AgentOffer { offered, key } = offer;
    login.verbose(format!("Offering public key: {} {} agent", key.comment, describe(offered)));
    prefer_signatures(login, offered)?;
    let mut signer = AgentSigner::new(agent, signatures(login), key);
    let reply = login.request(|session, user| native::authenticate_with_key(session, user, offered, &mut signer));
    let failure = signer.failure;
    match (failure, reply) {
        // The server was not asked, so this is no refusal of its.
        (Some(error), _) if error.kind() == ErrorKind::Unsupported => Ok(unmatched(login, offered)),
        (Some(error), _) => {
            let (key, cause) = (describe(offered), os_error::text(&error));
            login.warn(format!("sign_and_send_pubkey: signing failed for {key} from agent: {cause}"));
            Ok(Outcome::Refused)
        }
        (None, Err(Fault::Library(_))) => Ok(unmatched(login, offered)),
        (None, reply) => login.judge(reply),
    }
}

/// Reports in ssh's words that a key has no signature algorithm that both sides accept.
fn unmatched(login: &mut Login<'_>, blob: &[u8]) -> Outcome {
    login.verbose(format!("{}: no mutual signature algorithm", describe(blob)));
    Outcome::Refused
}

fn try_file(login: &mut Login<'_>, file: &KeyFile) -> Result<Outcome, Error> {
    let described = file.offered.as_deref().map(describe).unwrap_or_default();
    login.verbose(format!("Offering public key: {} {described}", file.name));
    if let Some(blob) = &file.offered {
        return offer(login, file, blob, None);
    }
    let passphrase = match file.private.encrypted {
        true => match passphrase_for(login, file) {
            None => return Ok(Outcome::Refused),
            passphrase => passphrase,
        },
        false => None,
    };
    match file.private.rsa_public(passphrase.as_ref()) {
        Some(blob) if !is_usable(&blob, login) => Ok(Outcome::Refused),
        Some(blob) => offer(login, file, &blob, passphrase),
        None => sign(login, file, passphrase.as_ref()),
    }
}

/// Asks whether the server would accept a key, and signs only if it would.
fn offer(
    login: &mut Login<'_>,
    file: &KeyFile,
    blob: &[u8],
    passphrase: Option<Zeroizing<String>>,
) -> Result<Outcome, Error> {
    prefer_signatures(login, blob)?;
    let mut query = Query { signatures: signatures(login), answer: None };
    let reply = login.request(|session, user| {
        let done = native::authenticate_with_key(session, user, blob, &mut query);
        if query.answer == Some(Signing::Later) { Ok(()) } else { done }
    });
    match (query.answer, reply) {
        (Some(Signing::Later), _) => {}
        (Some(_), _) | (None, Err(Fault::Library(_))) => return Ok(unmatched(login, blob)),
        (None, reply) => return login.judge(reply),
    }
    if !file.private.encrypted || passphrase.is_some() {
        return sign(login, file, passphrase.as_ref());
    }
    let Some(passphrase) = passphrase_for(login, file) else {
        let (session, user) = (&login.connection.session, &login.config.user);
        // Sends nothing: this withdraws the request that waits for a signature.
        let _ = native::authenticate_with_key(session, user, blob, &mut Withdrawal);
        return Ok(Outcome::Refused);
    };
    sign(login, file, Some(&passphrase))
}

/// Returns the passphrase that opens a key, or `None` if the user doesn't enter it.
fn passphrase_for(login: &mut Login<'_>, file: &KeyFile) -> Option<Zeroizing<String>> {
    let KeyFile { name, private, .. } = file;
    if !login.may_ask() {
        login.verbose(format!("Skipping {name}: it needs a passphrase, and sftpsh can't prompt for it"));
        return None;
    }
    for _ in 0..login.config.password_prompts {
        let asked = login.ask_secret(&format!("Enter passphrase for key '{name}': "));
        let passphrase = asked.filter(|passphrase| !passphrase.is_empty())?;
        if native::opens(&private.text, &passphrase) {
            return Some(passphrase);
        }
        login.verbose(format!("Bad passphrase for {name}"));
    }
    login.warn(format!("Load key \"{name}\": incorrect passphrase supplied to decrypt private key"));
    None
}

/// Signs the waiting request, or a new one.
fn sign(login: &mut Login<'_>, file: &KeyFile, passphrase: Option<&Zeroizing<String>>) -> Result<Outcome, Error> {
    let reply = login.request(|session, user| native::sign_with_file(session, user, &file.private.text, passphrase));
    match reply {
        Err(Fault::Library(_)) => {
            login.warn(format!("Load key \"{}\": it can't be used: invalid format or type", file.name));
            Ok(Outcome::Refused)
        }
        reply => login.judge(reply),
    }
}

/// Asks the server about a key, and postpones the signature if its algorithm is allowed.
struct Query<'a> {
    signatures: Signatures<'a>,
    /// The result of the callback, which the server triggers by accepting the key.
    answer: Option<Signing>,
}

impl Signer for Query<'_> {
    fn sign(&mut self, data: &[u8]) -> Signing {
        let allowed = named_algorithm(data).is_some_and(|algorithm| self.signatures.allow(algorithm));
        let answer = || if allowed { Signing::Later } else { Signing::Refused };
        self.answer = Some(answer());
        answer()
    }
}

/// Refuses to sign the waiting request.
struct Withdrawal;

impl Signer for Withdrawal {
    fn sign(&mut self, _data: &[u8]) -> Signing {
        Signing::Refused
    }
}

fn describe(blob: &[u8]) -> String {
    PublicKey::from_blob(blob).map(|key| format!("{} {}", key.label(), key.fingerprint())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::public_key::put_string;

    #[test]
    fn a_signature_that_may_not_be_made_is_not_put_off_but_refused() {
        let allowed = [String::from("rsa-sha2-256"), String::from("ssh-rsa")];
        for (algorithm, answer) in
            [("rsa-sha2-256", Signing::Later), ("rsa-sha2-512", Signing::Refused), ("ssh-rsa", Signing::Refused)]
        {
            let mut data = Vec::new();
            put_string(&mut data, b"session");
            data.push(50);
            ["me", "ssh-connection", "publickey"].iter().for_each(|part| put_string(&mut data, part.as_bytes()));
            data.push(1);
            [algorithm, "blob"].iter().for_each(|part| put_string(&mut data, part.as_bytes()));
            let mut query = Query { signatures: Signatures::allowed(Some(&allowed)), answer: None };
            assert_eq!(query.sign(&data), answer, "{algorithm}");
            assert_eq!(query.answer, Some(answer), "{algorithm}");
        }
    }
}
