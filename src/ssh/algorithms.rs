//! Chooses which algorithms to offer, and in which order, before the handshake.
//!
//! libssh2's own order puts host certificates, which it doesn't check, before plain keys, and plain MACs before
//! encrypt-then-MAC. It also still offers CBC.

use std::collections::HashSet;

use ssh2::{MethodType, Session};

use crate::ssh::config::Config;
use crate::ssh::error::Error;
use crate::ssh::known_hosts::matches_pattern;
use crate::ssh::opening::Offer;

/// Host key algorithms in our order. Certificates are left out, so that a server with a certificate shows its plain
/// key.
const HOST_KEYS: [&str; 6] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

/// Sets the algorithms that `session` offers, and returns them. `known` lists the types of the host's keys in
/// known_hosts.
pub(super) fn prefer(session: &Session, config: &Config, known: &[&str]) -> Result<Offer, Error> {
    session.set_compress(config.compression);
    let set = |method, list: &[String]| session.method_pref(method, &list.join(",")).map_err(library);
    let supported = |method| session.supported_algs(method).map_err(library);

    let host_keys = host_keys(config, &supported(MethodType::HostKey)?, known)?;
    set(MethodType::HostKey, &host_keys)?;
    let ciphers = chosen("Ciphers", config.ciphers.as_deref(), &supported(MethodType::CryptCs)?, without_cbc)?;
    set(MethodType::CryptCs, &ciphers)?;
    set(MethodType::CryptSc, &ciphers)?;
    let macs = chosen("MACs", config.macs.as_deref(), &supported(MethodType::MacCs)?, encrypt_then_mac_first)?;
    set(MethodType::MacCs, &macs)?;
    set(MethodType::MacSc, &macs)?;
    let kex = chosen("KexAlgorithms", config.kex_algorithms.as_deref(), &supported(MethodType::Kex)?, all)?;
    if config.kex_algorithms.is_some() {
        set(MethodType::Kex, &kex)?;
    }
    let compression = all(&supported(MethodType::CompCs)?);
    Ok(Offer { kex, host_keys, ciphers, macs, compression })
}

fn library(error: ssh2::Error) -> Error {
    Error::Local { what: "cannot set the algorithms", error: std::io::Error::other(error) }
}

/// Returns the algorithms of `wanted` that libssh2 supports, in that order, or our own choice if the user wants none
/// in particular.
///
/// A list that begins with `+`, `-` or `^` changes our own choice: it adds to the end, removes, or adds to the front
/// (ssh_config(5), "Ciphers"). `ssh -G` has already applied the sign; without an ssh program we do.
fn chosen(
    keyword: &'static str,
    wanted: Option<&[String]>,
    supported: &[&str],
    ours: fn(&[&str]) -> Vec<String>,
) -> Result<Vec<String>, Error> {
    let Some(wanted) = wanted else {
        return Ok(ours(supported));
    };
    let change = wanted.first().and_then(|first| first.chars().next()).filter(|sign| matches!(sign, '+' | '-' | '^'));
    let named = || wanted.iter().map(|name| name.trim_start_matches(['+', '-', '^']));
    let named_and_supported = || named().filter(|name| supported.contains(name)).map(str::to_owned);
    let mut list: Vec<String> = match change {
        None => named_and_supported().collect(),
        Some('+') => ours(supported).into_iter().chain(named_and_supported()).collect(),
        Some('^') => named_and_supported().chain(ours(supported)).collect(),
        Some(_) => {
            let is_named = |name: &String| named().any(|pattern| matches_pattern(pattern.as_bytes(), name.as_bytes()));
            ours(supported).into_iter().filter(|name| !is_named(name)).collect()
        }
    };
    let mut seen = HashSet::new();
    list.retain(|name| seen.insert(name.clone()));
    if list.is_empty() {
        return Err(Error::NoAlgorithm { keyword, value: wanted.join(",") });
    }
    Ok(list)
}

fn all(supported: &[&str]) -> Vec<String> {
    supported.iter().map(|&name| name.to_owned()).collect()
}

fn without_cbc(supported: &[&str]) -> Vec<String> {
    supported.iter().filter(|name| !name.contains("cbc")).map(|&name| name.to_owned()).collect()
}

fn encrypt_then_mac_first(supported: &[&str]) -> Vec<String> {
    let (first, then): (Vec<&str>, Vec<&str>) = supported.iter().partition(|name| name.contains("-etm@"));
    first.into_iter().chain(then).map(str::to_owned).collect()
}

fn host_keys(config: &Config, supported: &[&str], known: &[&str]) -> Result<Vec<String>, Error> {
    let base = chosen("HostKeyAlgorithms", config.host_key_algorithms.as_deref(), supported, |supported| {
        HOST_KEYS.iter().filter(|name| supported.contains(name)).map(|&name| name.to_owned()).collect()
    })?;
    let plain: Vec<String> = base.into_iter().filter(|name| !name.contains("-cert-v0")).collect();
    if plain.is_empty() {
        let value = String::from("certificates only");
        return Err(Error::NotHonoured { keyword: String::from("HostKeyAlgorithms"), value });
    }
    Ok(known_first(plain, known))
}

/// Moves the types with known keys to the front. Otherwise a host known by one type would show a key of another,
/// which would look like a changed key.
///
/// If the best type is known anyway, the order stays, so that it doesn't show an eavesdropper whether the host is
/// known (CVE-2020-14145).
fn known_first(order: Vec<String>, known: &[&str]) -> Vec<String> {
    let is_known = |name: &String| known.contains(&key_type(name));
    if order.first().is_some_and(is_known) {
        return order;
    }
    let (mut first, then): (Vec<String>, Vec<String>) = order.into_iter().partition(is_known);
    first.extend(then);
    first
}

/// Returns the type of the key that an algorithm signs with.
fn key_type(algorithm: &str) -> &str {
    match algorithm {
        "rsa-sha2-512" | "rsa-sha2-256" => "ssh-rsa",
        algorithm => algorithm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // difference: known-types-first
    #[test]
    fn known_types_come_first_and_no_other_is_left_out() {
        let default: Vec<String> = HOST_KEYS.iter().map(|&name| name.to_owned()).collect();
        let order = |known: &[&str]| known_first(default.clone(), known);
        for known in [&[][..], &["ssh-ed25519", "ssh-rsa"], &["ssh-dss"]] {
            assert_eq!(order(known), default, "{known:?}");
        }
        let rsa_first = order(&["ssh-rsa"]);
        assert_eq!(rsa_first[..3], ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]);
        assert_eq!(rsa_first.len(), default.len());
    }

    #[test]
    fn what_the_library_offers_is_ordered_by_strength() {
        let session = Session::new().unwrap();
        let ciphers = without_cbc(&session.supported_algs(MethodType::CryptCs).unwrap());
        assert!(ciphers.iter().any(|name| name == "chacha20-poly1305@openssh.com"), "{ciphers:?}");
        assert!(ciphers.iter().all(|name| !name.contains("cbc")), "{ciphers:?}");
        let macs = encrypt_then_mac_first(&session.supported_algs(MethodType::MacCs).unwrap());
        assert!(macs[0].contains("-etm@"), "{macs:?}");
    }

    #[test]
    fn a_list_may_change_our_own_choice() {
        for (wanted, list) in [
            ("a,x,b-cbc", "a b-cbc"),
            ("+b-cbc,x,a", "a c b-cbc"),
            ("-a*", "c"),
            ("-x", "a c"),
            ("^c,x,b-cbc", "c b-cbc a"),
        ] {
            let wanted: Vec<String> = wanted.split(',').map(str::to_owned).collect();
            let chosen = chosen("Ciphers", Some(&wanted), &["a", "b-cbc", "c"], without_cbc).unwrap();
            assert_eq!(chosen.join(" "), list, "{wanted:?}");
        }
        assert!(chosen("Ciphers", Some(&[String::from("-*")]), &["a"], without_cbc).is_err());
    }

    #[test]
    fn a_wish_that_nothing_meets_is_refused_by_its_name() {
        let error = chosen("Ciphers", Some(&[String::from("3des-cbc")]), &["aes256-ctr"], without_cbc).unwrap_err();
        assert_eq!(error.to_string(), "Ciphers allows nothing that is supported here: 3des-cbc");
        assert!(error.hint().unwrap().contains("-S ssh"));
    }
}
