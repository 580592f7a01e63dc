//! Decides with which algorithms a user's key may sign: those of PubkeyAcceptedAlgorithms, but never one with SHA-1.

use crate::ssh::public_key::take_string;

/// The signature algorithms of RSA keys, in our order (RFC 8332). `ssh-rsa` would mean SHA-1.
const RSA: [&str; 2] = ["rsa-sha2-512", "rsa-sha2-256"];

/// The suffix of a certificate's algorithm (PROTOCOL.certkeys).
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// The allowed algorithms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signatures<'a> {
    /// The value of PubkeyAcceptedAlgorithms; `None` allows all.
    allowed: Option<&'a [String]>,
}

impl<'a> Signatures<'a> {
    /// Takes the value of PubkeyAcceptedAlgorithms, if it is set.
    pub(super) fn allowed(allowed: Option<&'a [String]>) -> Signatures<'a> {
        Signatures { allowed }
    }

    /// Returns whether `algorithm`, as an authentication request names it, may be used.
    pub(super) fn allow(self, algorithm: &str) -> bool {
        let sha1 = algorithm.strip_suffix(CERTIFICATE).unwrap_or(algorithm) == "ssh-rsa";
        !sha1 && self.allowed.is_none_or(|allowed| allowed.iter().any(|name| name == algorithm))
    }

    /// Returns whether a key or certificate of type `kind` has an allowed algorithm.
    pub(super) fn allow_type(self, kind: &str) -> bool {
        match kind.strip_suffix(CERTIFICATE).unwrap_or(kind) {
            "ssh-rsa" => !self.of_rsa(kind).is_empty(),
            _ => self.allow(kind),
        }
    }

    /// Returns the allowed algorithms of an RSA key or certificate of type `kind`, without the suffix of
    /// certificates. The order is the user's, as in ssh.
    pub(super) fn of_rsa(self, kind: &str) -> Vec<&'static str> {
        let suffix = if kind.ends_with(CERTIFICATE) { CERTIFICATE } else { "" };
        let named = |name: &str| RSA.into_iter().find(|plain| name.strip_suffix(suffix) == Some(plain));
        match self.allowed {
            Some(allowed) => allowed.iter().filter_map(|name| named(name)).collect(),
            None => RSA.to_vec(),
        }
    }
}

/// Returns the type of the key in a certificate.
pub(super) fn plain_type(kind: &str) -> String {
    match kind.strip_suffix(CERTIFICATE) {
        Some(plain) if plain.starts_with("sk-") => format!("{plain}@openssh.com"),
        Some(plain) => plain.to_owned(),
        None => kind.to_owned(),
    }
}

/// Returns the algorithm that an authentication request names (RFC 4252, section 7; the session identifier comes
/// first).
pub(super) fn named_algorithm(data: &[u8]) -> Option<&str> {
    let mut rest = data;
    let _session = take_string(&mut rest)?;
    rest = rest.get(1..)?;
    for _ in ["user", "service", "method"] {
        take_string(&mut rest)?;
    }
    rest = rest.get(1..)?;
    let algorithm = str::from_utf8(take_string(&mut rest)?).ok()?;
    take_string(&mut rest).map(|_key| algorithm)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn algorithms_allow_the_types_that_sign_by_them() {
        for (allowed, kind, rsa) in [
            (None, "ssh-rsa", Some("rsa-sha2-512,rsa-sha2-256")),
            (None, "ssh-rsa-cert-v01@openssh.com", Some("rsa-sha2-512,rsa-sha2-256")),
            (Some("rsa-sha2-256"), "ssh-rsa", Some("rsa-sha2-256")),
            (Some("rsa-sha2-256,x,rsa-sha2-512"), "ssh-rsa", Some("rsa-sha2-256,rsa-sha2-512")),
            (Some("rsa-sha2-512"), "ssh-rsa-cert-v01@openssh.com", None),
            (Some("rsa-sha2-256-cert-v01@openssh.com"), "ssh-rsa-cert-v01@openssh.com", Some("rsa-sha2-256")),
            (Some("rsa-sha2-256-cert-v01@openssh.com"), "ssh-rsa", None),
            // Only SHA-1, with which we don't sign.
            (Some("ssh-rsa,ssh-rsa-cert-v01@openssh.com"), "ssh-rsa", None),
            (Some("ssh-rsa,ssh-rsa-cert-v01@openssh.com"), "ssh-rsa-cert-v01@openssh.com", None),
        ] {
            let names = allowed.map(list);
            let signatures = Signatures::allowed(names.as_deref());
            assert_eq!(signatures.of_rsa(kind).join(","), rsa.unwrap_or_default(), "{allowed:?} {kind}");
            assert_eq!(signatures.allow_type(kind), rsa.is_some(), "{allowed:?} {kind}");
        }
        let names = list("ssh-ed25519,x");
        let signatures = Signatures::allowed(Some(&names));
        assert!(signatures.allow_type("ssh-ed25519") && !signatures.allow_type("ssh-ed25519-cert-v01@openssh.com"));
        assert_eq!(plain_type("sk-ssh-ed25519-cert-v01@openssh.com"), "sk-ssh-ed25519@openssh.com");
        assert_eq!(plain_type("ssh-rsa-cert-v01@openssh.com"), "ssh-rsa");
    }

    #[test]
    fn a_request_names_its_algorithm_or_is_none() {
        let whole = [&[0, 0, 0, 1, b's', 50][..], &[0; 12], &[1, 0, 0, 0, 1, b'a', 0, 0, 0, 1, b'k']].concat();
        assert_eq!(named_algorithm(&whole), Some("a"));
        for end in 0..whole.len() {
            assert_eq!(named_algorithm(&whole[..end]), None, "{end}");
        }
    }
}
