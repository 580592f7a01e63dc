//! The remote side and its server.

use super::embedded::Embedded;
use super::entry::Entry;
use super::sshd::SshdPlan;

/// The default server program for a directory.
pub const SFTP_SERVER: &[&str] = &[
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/lib/ssh/sftp-server",
];

/// A remote directory to create, and its server.
#[must_use]
#[derive(Default)]
pub struct Remote {
    pub(super) entries: Vec<Entry>,
    pub(super) program: Program,
    pub(super) ssh: Option<SshdPlan>,
    pub(super) embedded: Option<Embedded>,
    pub(super) proftpd: bool,
}

/// The kind of SFTP server.
#[derive(Default)]
pub(super) enum Program {
    /// OpenSSH's sftp-server, with additional words.
    #[default]
    Honest,
    HonestWith(Vec<String>),
    /// Our own server, with one lie.
    Lying(String),
}

impl Remote {
    /// Creates a directory with these entries.
    pub fn with<E: Into<Entry>>(entries: impl IntoIterator<Item = E>) -> Self {
        Self::default().and(entries)
    }

    /// Creates an empty directory.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds these entries.
    pub fn and<E: Into<Entry>>(mut self, entries: impl IntoIterator<Item = E>) -> Self {
        self.entries.extend(entries.into_iter().map(Into::into));
        self
    }

    /// Serves the directory by a real sshd for this test, as the host `server`.
    pub fn over_ssh(mut self) -> Self {
        self.ssh.get_or_insert_default();
        self
    }

    /// Serves the directory by a real sshd, with this line first in its configuration.
    pub fn sshd_config(mut self, line: impl Into<String>) -> Self {
        self.ssh.get_or_insert_default().lines.push(line.into());
        self
    }

    /// Serves the directory by a real sshd that has only these types of host keys: `ed25519`, `ecdsa`, `rsa`.
    pub fn host_keys(mut self, types: &[&str]) -> Self {
        self.ssh.get_or_insert_default().host_keys = types.iter().map(ToString::to_string).collect();
        self
    }

    /// Serves the directory by a real sshd whose host key is in none of our known_hosts files.
    pub fn unknown_to_us(mut self) -> Self {
        self.ssh.get_or_insert_default().known = false;
        self
    }

    /// Serves the directory by sftp-server with these words, such as `-R` (read-only) or `-P remove` (refuse a
    /// request).
    pub fn server_words(mut self, words: &[&str]) -> Self {
        self.program = Program::HonestWith(words.iter().map(ToString::to_string).collect());
        self
    }

    /// Serves the directory by a server that is honest except for one lie, such as `eof-at=40000`. Its source lists
    /// all lies.
    pub fn lying(mut self, lie: &str) -> Self {
        self.program = Program::Lying(lie.to_owned());
        self
    }

    /// Serves the directory by the embedded SSH server, with passwords, keyboard-interactive or banners. The
    /// directory is its root `/`.
    pub fn served_by(mut self, embedded: Embedded) -> Self {
        self.embedded = Some(embedded);
        self
    }

    /// Serves the directory by a real ProFTPD for this test, as the host `server`.
    pub fn served_by_proftpd(mut self) -> Self {
        self.proftpd = true;
        self
    }
}
