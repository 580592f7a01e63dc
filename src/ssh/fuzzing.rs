//! Entry points for [`crate::fuzzing`] that read SSH's files and the output of `ssh -G`.

use std::path::PathBuf;

use crate::ssh::config::Config;
use crate::ssh::known_hosts::{HostName, KeyStatus, KnownHosts};
use crate::ssh::public_key::PublicKey;
use crate::ssh::settings::Settings;
use crate::ssh::tokens::Account;

/// An Ed25519 key that no generated line holds by chance.
const KEY: &[u8] = b"\0\0\0\x0bssh-ed25519\0\0\0\x20\xaa\x01\xaa\x01\xaa\x01\xaa\x01\xaa\x01\xaa\x01\xaa\x01\xaa\x01\xaa\x01\xaa\x01\xaa\x01\xaa\x01\xaa\x01\xaa\x01\xaa\x01\xaa\x01";

/// Reads a known_hosts file, and checks that it never confirms a key that it doesn't hold.
pub fn known_hosts(bytes: &[u8]) {
    let known = KnownHosts::of_text(bytes);
    let Some(key) = PublicKey::from_blob(KEY) else { return };
    for host in [HostName::new("host", 22), HostName::new("h", 2222), HostName::alias("*.example")] {
        let _ = known.types_of(&host);
        assert!(!matches!(known.judge(&host, &key), KeyStatus::Known), "a key is known that stands nowhere");
    }
}

/// Reads the output of `ssh -G`.
pub fn ssh_g(bytes: &[u8]) {
    let Ok(settings) = Settings::from_answer(bytes) else { return };
    let account = Account { name: Some("me".to_owned()), home: PathBuf::from("/home/me") };
    let _ = Config::from_settings("typed", &settings, &Settings::default(), &account);
}
