//! Speaks to the ssh-agent (draft-ietf-sshm-ssh-agent), with a limit on every wait.
//!
//! libssh2's own agent client waits forever, drops the flags of a security key's signature, and requests the wrong
//! hash for an RSA certificate.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::ssh::config::IdentityAgent;
use crate::ssh::native::{Signer, Signing};
use crate::ssh::public_key::{put_string, take_string};
use crate::ssh::signatures::{Signatures, named_algorithm};

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// Flags of a signing request that ask for SHA-2 with an RSA key.
const RSA_SHA2_256: u32 = 2;
const RSA_SHA2_512: u32 = 4;

/// Largest answer that we accept. This is OpenSSH's own limit.
const ANSWER_LIMIT_BYTES: usize = 256 << 10;

/// Number of keys after which the rest of the agent's list is ignored.
const KEY_LIMIT: usize = 2048;

/// Limit for listing keys, for which the agent needs no confirmation.
const LISTING_LIMIT: Duration = Duration::from_secs(10);

/// Limit for a signature, for which a person may have to confirm or touch a device. Servers don't wait longer than
/// this.
const SIGNING_LIMIT: Duration = Duration::from_secs(120);

/// A key that the agent holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AgentKey {
    /// The public key or certificate in wire format.
    pub(super) blob: Vec<u8>,
    /// The name that the agent gives the key.
    pub(super) comment: String,
}

/// A connection to the agent.
#[derive(Debug)]
pub(super) struct Agent {
    stream: UnixStream,
}

impl Agent {
    /// Connects to the configured agent. Returns `None` if no agent is configured.
    pub(super) fn connect(agent: &IdentityAgent) -> Option<io::Result<Agent>> {
        let path = match agent {
            IdentityAgent::None => return None,
            IdentityAgent::Socket(path) => path.clone(),
            IdentityAgent::Environment => {
                PathBuf::from(std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty())?)
            }
        };
        Some(Agent::open(&path))
    }

    fn open(path: &Path) -> io::Result<Agent> {
        let stream = UnixStream::connect(path)?;
        stream.set_write_timeout(Some(LISTING_LIMIT))?;
        Ok(Agent { stream })
    }

    /// Returns the keys that the agent holds.
    pub(super) fn keys(&mut self) -> io::Result<Vec<AgentKey>> {
        let answer = self.ask(&[REQUEST_IDENTITIES], LISTING_LIMIT)?;
        parse_keys(&answer).ok_or_else(malformed)
    }

    /// Signs `data` with the key `blob`. Returns the signature in wire format: the name of its algorithm and the
    /// algorithm's own fields.
    fn sign(&mut self, blob: &[u8], data: &[u8], flags: u32) -> io::Result<Vec<u8>> {
        let mut request = vec![SIGN_REQUEST];
        put_string(&mut request, blob);
        put_string(&mut request, data);
        request.extend_from_slice(&flags.to_be_bytes());
        let answer = self.ask(&request, SIGNING_LIMIT)?;
        let [SIGN_RESPONSE, rest @ ..] = &answer[..] else {
            return Err(io::Error::other("agent refused operation"));
        };
        let mut rest = rest;
        take_string(&mut rest).map(<[u8]>::to_vec).ok_or_else(malformed)
    }

    fn ask(&mut self, request: &[u8], limit: Duration) -> io::Result<Vec<u8>> {
        let mut packet = Vec::with_capacity(request.len() + 4);
        put_string(&mut packet, request);
        self.stream.write_all(&packet)?;
        let deadline = Instant::now() + limit;
        let mut length = [0; 4];
        self.read(&mut length, deadline)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length == 0 || length > ANSWER_LIMIT_BYTES {
            return Err(malformed());
        }
        let mut answer = vec![0; length];
        self.read(&mut answer, deadline)?;
        Ok(answer)
    }

    /// Fills `buffer`. The deadline holds for the whole answer, so an agent can't extend it by sending a byte now and
    /// then.
    fn read(&mut self, mut buffer: &mut [u8], deadline: Instant) -> io::Result<()> {
        while !buffer.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(silence(ErrorKind::TimedOut.into()));
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(buffer) {
                Ok(0) => return Err(silence(ErrorKind::UnexpectedEof.into())),
                Ok(read) => buffer = &mut buffer[read..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(silence(error)),
            }
        }
        Ok(())
    }
}

fn malformed() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "the agent's answer makes no sense")
}

fn silence(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => io::Error::new(ErrorKind::TimedOut, "the agent does not answer"),
        ErrorKind::UnexpectedEof => io::Error::new(ErrorKind::UnexpectedEof, "the agent hung up"),
        _ => error,
    }
}

fn parse_keys(answer: &[u8]) -> Option<Vec<AgentKey>> {
    let rest = answer.strip_prefix(&[IDENTITIES_ANSWER])?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let count = usize::try_from(u32::from_be_bytes(*count)).ok()?;
    let mut keys = Vec::new();
    for _ in 0..count.min(KEY_LIMIT) {
        let blob = take_string(&mut rest)?.to_vec();
        let comment = String::from_utf8_lossy(take_string(&mut rest)?).into_owned();
        keys.push(AgentKey { blob, comment });
    }
    Some(keys)
}

/// Signs with one of the agent's keys, on behalf of the key itself or of a certificate that the agent doesn't hold.
pub(super) struct AgentSigner<'a> {
    agent: &'a mut Agent,
    key: &'a AgentKey,
    signatures: Signatures<'a>,
    /// Why there is no signature.
    pub(super) failure: Option<io::Error>,
}

impl<'a> AgentSigner<'a> {
    /// Lets `agent` sign with `key`, using the allowed algorithms.
    pub(super) fn new(agent: &'a mut Agent, signatures: Signatures<'a>, key: &'a AgentKey) -> AgentSigner<'a> {
        AgentSigner { agent, key, signatures, failure: None }
    }

    fn signature(&mut self, data: &[u8]) -> io::Result<Vec<u8>> {
        let algorithm = named_algorithm(data).ok_or_else(malformed)?;
        if !self.signatures.allow(algorithm) {
            return Err(io::Error::new(ErrorKind::Unsupported, "no mutual signature algorithm"));
        }
        let flags = match algorithm.strip_suffix("-cert-v01@openssh.com").unwrap_or(algorithm) {
            "rsa-sha2-512" => RSA_SHA2_512,
            "rsa-sha2-256" => RSA_SHA2_256,
            _ => 0,
        };
        let signature = self.agent.sign(&self.key.blob, data, flags)?;
        bare_signature(algorithm, &signature).ok_or_else(|| {
            io::Error::new(ErrorKind::InvalidData, "the agent signed by another algorithm than asked for")
        })
    }
}

impl Signer for AgentSigner<'_> {
    fn sign(&mut self, data: &[u8]) -> Signing {
        match self.signature(data) {
            Ok(signature) => Signing::Signed(signature),
            Err(error) => {
                self.failure = Some(error);
                Signing::Refused
            }
        }
    }
}

/// Removes the name of the algorithm, which must be the requested one, from a signature. The flags and the counter of
/// a security key stay.
fn bare_signature(algorithm: &str, signature: &[u8]) -> Option<Vec<u8>> {
    let mut rest = signature;
    let made = str::from_utf8(take_string(&mut rest)?).ok()?;
    let asked = match algorithm {
        "sk-ssh-ed25519-cert-v01@openssh.com" => "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com" => "sk-ecdsa-sha2-nistp256@openssh.com",
        algorithm => algorithm.strip_suffix("-cert-v01@openssh.com").unwrap_or(algorithm),
    };
    if made != asked {
        return None;
    }
    if made.starts_with("sk-") {
        return Some(rest.to_vec());
    }
    take_string(&mut rest).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn string(parts: &[&[u8]]) -> Vec<u8> {
        let mut packet = Vec::new();
        for part in parts {
            put_string(&mut packet, part);
        }
        packet
    }

    /// Returns an agent that answers one request with `answer`.
    fn agent(answer: Vec<u8>) -> (Agent, thread::JoinHandle<Vec<u8>>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let serving = thread::spawn(move || {
            let mut length = [0; 4];
            theirs.read_exact(&mut length).unwrap();
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            theirs.read_exact(&mut request).unwrap();
            theirs.write_all(&answer).unwrap();
            request
        });
        (Agent { stream: ours }, serving)
    }

    #[test]
    fn keys_are_listed() {
        let mut body = vec![IDENTITIES_ANSWER, 0, 0, 0, 1];
        body.extend(string(&[b"blob", b"me@here"]));
        let (mut agent, serving) = agent(string(&[&body]));
        assert_eq!(agent.keys().unwrap(), [AgentKey { blob: b"blob".to_vec(), comment: String::from("me@here") }]);
        assert_eq!(serving.join().unwrap(), [REQUEST_IDENTITIES]);
    }

    #[test]
    fn nonsense_is_an_error_and_no_panic() {
        for answer in [
            vec![0, 0, 0, 0],
            vec![0xff; 8],
            string(&[&[5]]),
            string(&[&[IDENTITIES_ANSWER, 0xff, 0xff, 0xff, 0xff]]),
            string(&[&[IDENTITIES_ANSWER, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]]),
            vec![0, 0],
        ] {
            let (mut agent, serving) = agent(answer.clone());
            assert!(agent.keys().is_err(), "{answer:?}");
            serving.join().unwrap();
        }
    }

    #[test]
    fn an_agent_that_says_nothing_is_not_waited_for_for_ever() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let error = Agent { stream: ours }.ask(&[REQUEST_IDENTITIES], Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.to_string(), "the agent does not answer");
    }

    #[test]
    fn an_agent_that_answers_byte_by_byte_has_no_more_time_for_it() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        // 200,000 bytes, each read in a call of its own: this can't complete within a millisecond.
        let answer: Vec<u8> = string(&[&[IDENTITIES_ANSWER; 200_000]]);
        let dripping = thread::spawn(move || _ = answer.iter().try_for_each(|byte| theirs.write_all(&[*byte])));
        let mut agent = Agent { stream: ours };
        let error = agent.ask(&[REQUEST_IDENTITIES], Duration::from_millis(1)).unwrap_err();
        assert_eq!(error.to_string(), "the agent does not answer");
        drop(agent);
        dripping.join().unwrap();
    }

    fn key() -> AgentKey {
        AgentKey { blob: b"key".to_vec(), comment: String::new() }
    }

    fn request(algorithm: &str) -> Vec<u8> {
        let mut data = string(&[b"session"]);
        data.push(50);
        data.extend(string(&[b"me", b"ssh-connection", b"publickey"]));
        data.push(1);
        data.extend(string(&[algorithm.as_bytes(), b"blob"]));
        data
    }

    #[test]
    fn the_hash_follows_the_algorithm_and_a_security_key_keeps_its_flags() {
        for (algorithm, made, flags, expected) in [
            ("ssh-ed25519", "ssh-ed25519", 0, Some(&b"sig"[..])),
            ("rsa-sha2-512", "rsa-sha2-512", 4, Some(b"sig")),
            ("rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-256", 2, Some(b"sig")),
            ("rsa-sha2-512", "ssh-rsa", 4, None),
            ("sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", 0, Some(b"\0\0\0\x03sig")),
        ] {
            let mut body = vec![SIGN_RESPONSE];
            body.extend(string(&[&string(&[made.as_bytes(), b"sig"])]));
            let (mut agent, serving) = agent(string(&[&body]));
            let signed = AgentSigner::new(&mut agent, Signatures::allowed(None), &key()).sign(&request(algorithm));
            let expected = expected.map_or(Signing::Refused, |signature| Signing::Signed(signature.to_vec()));
            assert_eq!(signed, expected, "{algorithm}");
            // The request names a certificate, for example; the agent's own key signs.
            let body =
                [&[SIGN_REQUEST][..], &string(&[b"key", &request(algorithm)]), &u32::to_be_bytes(flags)].concat();
            assert_eq!(serving.join().unwrap(), body, "{algorithm}");
        }
    }

    #[test]
    fn the_agent_is_not_asked_to_sign_by_an_algorithm_that_is_not_allowed() {
        let allowed = [String::from("rsa-sha2-256"), String::from("ssh-rsa")];
        for (algorithm, list) in [
            ("ssh-rsa", None),
            ("ssh-rsa", Some(&allowed[..])),
            ("ssh-rsa-cert-v01@openssh.com", None),
            ("rsa-sha2-512", Some(&allowed[..])),
            ("ssh-ed25519", Some(&allowed[..])),
        ] {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let mut agent = Agent { stream: ours };
            let key = key();
            let mut signer = AgentSigner::new(&mut agent, Signatures::allowed(list), &key);
            assert_eq!(signer.sign(&request(algorithm)), Signing::Refused, "{algorithm}");
            assert_eq!(signer.failure.unwrap().kind(), ErrorKind::Unsupported, "{algorithm}");
            theirs.set_nonblocking(true).unwrap();
            assert_eq!((&theirs).read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock, "{algorithm}");
        }
    }
}
