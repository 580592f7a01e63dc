//! Public keys in SSH's wire format, and their forms in messages.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::nid::Nid;
use sha2::{Digest, Sha256};

/// Fewest bits of an RSA key that OpenSSH accepts at all, whatever the value of RequiredRSASize.
const LEAST_RSA_BITS: usize = 1024;

/// Most bits of an RSA key that OpenSSH accepts.
const MOST_RSA_BITS: usize = 16384;

/// The public key of a host or a user, in wire format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kind: String,
    blob: Vec<u8>,
}

impl PublicKey {
    /// Takes a key in SSH's wire format, which begins with the name of its type. Returns `None` if that name is
    /// invalid.
    #[must_use]
    pub fn from_blob(blob: &[u8]) -> Option<PublicKey> {
        let kind = first_string(blob)?;
        let kind = str::from_utf8(kind).ok().filter(|kind| is_type_name(kind))?;
        Some(PublicKey { kind: kind.to_owned(), blob: blob.to_vec() })
    }

    /// Reads a host key, and returns it in the canonical form of its type.
    ///
    /// Keys are compared by their bytes. A key that can be written in several ways (with leading zeros in an RSA
    /// modulus, or a compressed point) would be a different key each time, and a revoked key could pass. Like
    /// OpenSSH, it returns `None` for an unknown type, a wrong length, or bytes after the end.
    #[must_use]
    pub fn of_host(blob: &[u8]) -> Option<PublicKey> {
        let key = PublicKey::from_blob(blob)?;
        // A certificate never equals a plain key, whatever it contains.
        if key.kind.ends_with("-cert-v01@openssh.com") {
            return Some(key);
        }
        let mut rest = blob;
        let kind = take_string(&mut rest)?;
        let fields = canonical_fields(&key.kind, &mut rest)?;
        let mut blob = Vec::with_capacity(blob.len());
        for field in std::iter::once(kind).chain(fields) {
            // Fields are slices of the blob, so their length fits.
            blob.extend_from_slice(&u32::try_from(field.len()).ok()?.to_be_bytes());
            blob.extend_from_slice(field);
        }
        rest.is_empty().then_some(PublicKey { kind: key.kind, blob })
    }

    /// Returns the type as files name it, such as `ssh-ed25519`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the key in SSH's wire format.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Returns the type as messages name it, such as `ED25519`.
    #[must_use]
    pub fn label(&self) -> &str {
        label(&self.kind)
    }

    /// Returns the fingerprint in OpenSSH's form, `SHA256:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = STANDARD.encode(Sha256::digest(&self.blob));
        format!("SHA256:{}", digest.trim_end_matches('='))
    }

    /// Returns the bits of the modulus of an RSA key or RSA certificate, or `None` for other types.
    #[must_use]
    pub fn rsa_bits(&self) -> Option<usize> {
        let mut rest = &self.blob[..];
        let _kind = take_string(&mut rest)?;
        match self.kind.as_str() {
            "ssh-rsa" => {}
            // A nonce comes before the key's own fields (PROTOCOL.certkeys).
            "ssh-rsa-cert-v01@openssh.com" => drop(take_string(&mut rest)?),
            _ => return None,
        }
        let _exponent = take_string(&mut rest)?;
        bits(take_string(&mut rest)?)
    }
}

/// Returns the number of bits in a number of SSH's wire format, or `None` for zero.
fn bits(number: &[u8]) -> Option<usize> {
    let number = &number[number.iter().take_while(|&&byte| byte == 0).count()..];
    let first = number.first()?;
    Some(number.len() * 8 - first.leading_zeros() as usize)
}

/// Takes the fields of a key of type `kind`, except the type, off the front of `rest`, each in the form that OpenSSH
/// writes.
fn canonical_fields<'a>(kind: &str, rest: &mut &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let ed25519 = |rest: &mut &'a [u8]| take_string(rest).filter(|key| key.len() == 32);
    Some(match kind {
        "ssh-ed25519" => vec![ed25519(rest)?],
        "sk-ssh-ed25519@openssh.com" => vec![ed25519(rest)?, take_string(rest)?],
        "ssh-rsa" => {
            let (exponent, modulus) = (take_number(rest)?, take_number(rest)?);
            bits(modulus).filter(|bits| (LEAST_RSA_BITS..=MOST_RSA_BITS).contains(bits))?;
            vec![exponent, modulus]
        }
        "ssh-dss" => vec![take_number(rest)?, take_number(rest)?, take_number(rest)?, take_number(rest)?],
        "sk-ecdsa-sha2-nistp256@openssh.com" => {
            let [curve, point] = take_point("nistp256", rest)?;
            vec![curve, point, take_string(rest)?]
        }
        kind => take_point(kind.strip_prefix("ecdsa-sha2-")?, rest)?.into(),
    })
}

/// Takes a positive number (RFC 4251, section 5, "mpint") off the front, without its superfluous zeros.
fn take_number<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let number = take_string(rest)?;
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    match number.get(zeros)? {
        // Without a leading zero, the number would be negative.
        0x80.. => number.get(zeros.checked_sub(1)?..),
        _ => number.get(zeros..),
    }
}

/// Takes the name of a curve and an uncompressed point on it (RFC 5656, section 3.1) off the front.
fn take_point<'a>(curve: &str, rest: &mut &'a [u8]) -> Option<[&'a [u8]; 2]> {
    let (nid, bytes) = match curve {
        "nistp256" => (Nid::X9_62_PRIME256V1, 32),
        "nistp384" => (Nid::SECP384R1, 48),
        "nistp521" => (Nid::SECP521R1, 66),
        _ => return None,
    };
    let name = take_string(rest).filter(|name| *name == curve.as_bytes())?;
    let point = take_string(rest).filter(|point| point.len() == 1 + 2 * bytes && point.first() == Some(&4))?;
    let group = EcGroup::from_curve_name(nid).ok()?;
    let mut context = BigNumContext::new().ok()?;
    let place = EcPoint::from_bytes(&group, point, &mut context).ok()?;
    EcKey::from_public_key(&group, &place).ok()?.check_key().ok()?;
    Some([name, point])
}

/// Returns the type of a key as messages name it: `ED25519` for `ssh-ed25519`.
fn label(kind: &str) -> &str {
    match kind {
        "ssh-ed25519" => "ED25519",
        "ssh-rsa" => "RSA",
        "ssh-dss" => "DSA",
        kind if kind.starts_with("ecdsa-sha2-") => "ECDSA",
        "sk-ssh-ed25519@openssh.com" => "ED25519-SK",
        kind if kind.starts_with("sk-ecdsa-sha2-") => "ECDSA-SK",
        kind => kind,
    }
}

fn is_type_name(kind: &str) -> bool {
    !kind.is_empty() && kind.len() <= 64 && kind.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

fn first_string(blob: &[u8]) -> Option<&[u8]> {
    let mut rest = blob;
    take_string(&mut rest)
}

/// Appends a string in SSH's wire format (RFC 4251, section 5).
pub(super) fn put_string(packet: &mut Vec<u8>, string: &[u8]) {
    // No string comes near 4 GiB, because keys and packets have size limits.
    let length = u32::try_from(string.len()).unwrap_or(u32::MAX);
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(string);
}

/// Takes a string in SSH's wire format (RFC 4251, section 5) off the front.
pub(super) fn take_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (string, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_and_size_are_what_ssh_keygen_says() {
        let blob = STANDARD.decode("AAAAC3NzaC1lZDI1NTE5AAAAIO/8aTCECqHYzWCrN/OnRbGt1XGfqsEgkcnWM7qHjFSO").unwrap();
        let key = PublicKey::from_blob(&blob).unwrap();
        assert_eq!(key.fingerprint(), "SHA256:uoBGuFMZiJcSYkqPF+B21SySDE5tI6dB0wtrBsKuru8");
        assert_eq!(key.rsa_bits(), None);
        assert!(PublicKey::from_blob(b"").is_none());
        assert!(PublicKey::from_blob(b"\xff\xff\xff\xffssh-rsa").is_none());
    }

    fn blob(parts: &[&[u8]]) -> Vec<u8> {
        let field = |part: &&[u8]| [&u32::try_from(part.len()).unwrap().to_be_bytes()[..], part].concat();
        parts.iter().flat_map(field).collect()
    }

    #[test]
    fn an_rsa_key_has_the_bits_of_its_modulus() {
        for (modulus, bits) in
            [(&[0, 0x80, 1, 2][..], Some(24)), (&[0x7f, 1], Some(15)), (&[1], Some(1)), (&[0], None), (&[], None)]
        {
            let key = PublicKey::from_blob(&blob(&[b"ssh-rsa", b"\x01\0\x01", modulus])).unwrap();
            assert_eq!(key.rsa_bits(), bits, "{modulus:?}");
        }
        assert_eq!(PublicKey::from_blob(&blob(&[b"ssh-rsa"])).unwrap().rsa_bits(), None);
        assert_eq!(PublicKey::from_blob(&blob(&[b"ssh-dss", b"\x01", b"\x01"])).unwrap().rsa_bits(), None);
    }

    #[test]
    fn a_host_key_has_one_form() {
        let plain = |blob: &[u8]| PublicKey::of_host(blob).map(|key| key.blob().to_vec());
        let ed25519 = blob(&[b"ssh-ed25519", &[7; 32]]);
        assert_eq!(plain(&ed25519), Some(ed25519.clone()));
        let modulus = [&[0, 0xc0][..], &[1; 127]].concat();
        let rsa = blob(&[b"ssh-rsa", b"\x01\0\x01", &modulus]);
        assert_eq!(plain(&rsa), Some(rsa.clone()));
        let padded = blob(&[b"ssh-rsa", b"\0\0\x01\0\x01", &[&[0, 0][..], &modulus].concat()]);
        assert_eq!(plain(&padded), Some(rsa.clone()), "zeros that a number does not need make no other key");
        let dss = blob(&[b"ssh-dss", b"\x05", b"\x03", b"\x02", b"\x04"]);
        assert_eq!(plain(&dss), Some(dss));
        let certificate = blob(&[b"ssh-ed25519-cert-v01@openssh.com", b"whatever"]);
        assert_eq!(plain(&certificate), Some(certificate));
    }

    #[test]
    fn an_elliptic_key_is_a_point_that_is_written_in_full() {
        for (curve, nid) in
            [("nistp256", Nid::X9_62_PRIME256V1), ("nistp384", Nid::SECP384R1), ("nistp521", Nid::SECP521R1)]
        {
            let group = EcGroup::from_curve_name(nid).unwrap();
            let mut context = BigNumContext::new().unwrap();
            let mut point = |form| group.generator_opt().unwrap().to_bytes(&group, form, &mut context).unwrap();
            let kind = format!("ecdsa-sha2-{curve}");
            let key = |named: &str, point: &[u8]| blob(&[kind.as_bytes(), named.as_bytes(), point]);
            let full = point(openssl::ec::PointConversionForm::UNCOMPRESSED);
            assert!(PublicKey::of_host(&key(curve, &full)).is_some(), "{curve}");
            let mut elsewhere = full.clone();
            *elsewhere.last_mut().unwrap() ^= 1;
            let compressed = point(openssl::ec::PointConversionForm::COMPRESSED);
            for (named, point) in [(curve, elsewhere), (curve, compressed), ("nistp999", full)] {
                assert!(PublicKey::of_host(&key(named, &point)).is_none(), "{curve} {named}");
            }
        }
    }

    #[test]
    fn what_openssh_takes_for_no_key_is_none() {
        let modulus = [&[0, 0xc0][..], &[1; 127]].concat();
        let good = blob(&[b"ssh-ed25519", &[7; 32]]);
        for bad in [
            blob(&[b"ssh-ed25519", &[7; 31]]),
            [good, vec![0]].concat(),
            blob(&[b"ssh-ed448", &[7; 57]]),
            blob(&[b"ssh-rsa", b"\x01\0\x01", &modulus[2..]]),
            blob(&[b"ssh-rsa", b"\x01\0\x01", &modulus[1..]]),
            blob(&[b"ssh-rsa", b"\x01\0\x01", &modulus, b"more"]),
            blob(&[b"ssh-rsa", b"\x01\0\x01", &[1; MOST_RSA_BITS / 8 + 1]]),
            blob(&[b"ssh-rsa", b"\x01\0\x01"]),
            blob(&[b"ssh-dss", b"\x05", b"\x03", b"\x02", b"\xff"]),
        ] {
            assert!(PublicKey::of_host(&bad).is_none(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn messages_name_the_types_as_openssh_does() {
        for (kind, label) in [
            ("ssh-ed25519", "ED25519"),
            ("ssh-rsa", "RSA"),
            ("ssh-dss", "DSA"),
            ("ecdsa-sha2-nistp521", "ECDSA"),
            ("sk-ssh-ed25519@openssh.com", "ED25519-SK"),
            ("sk-ecdsa-sha2-nistp256@openssh.com", "ECDSA-SK"),
            ("something-else", "something-else"),
        ] {
            assert_eq!(PublicKey::from_blob(&blob(&[kind.as_bytes()])).unwrap().label(), label);
        }
    }

    #[test]
    fn a_type_is_a_word_of_64_printable_characters_at_most() {
        for (kind, fits) in [
            ("x".repeat(64), true),
            ("x".repeat(65), false),
            (String::new(), false),
            ("a b".to_owned(), false),
            ("a,b".to_owned(), false),
            ("\u{e9}".to_owned(), false),
        ] {
            assert_eq!(PublicKey::from_blob(&blob(&[kind.as_bytes()])).is_some(), fits, "{kind:?}");
        }
    }
}
