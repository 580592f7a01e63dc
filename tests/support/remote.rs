//! What lies at the other end, and who serves it.

use super::embedded::Embedded;
use super::entry::Entry;
use super::sshd::SshdPlan;

/// The program that serves a directory when a test asks for no other.
pub const SFTP_SERVER: &[&str] = &[
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/lib/ssh/sftp-server",
];

/// A remote directory to be, and its server.
#[must_use]
#[derive(Default)]
pub struct Remote {
    pub(super) entries: Vec<Entry>,
    pub(super) program: Program,
    pub(super) ssh: Option<SshdPlan>,
    pub(super) embedded: Option<Embedded>,
    pub(super) proftpd: bool,
}

/// Who answers SFTP requests.
#[derive(Default)]
pub(super) enum Program {
    /// OpenSSH's sftp-server, with these words more.
    #[default]
    Honest,
    HonestWith(Vec<String>),
    /// Our own server, which tells one lie.
    Lying(String),
}

impl Remote {
    /// A directory with these entries.
    pub fn with<E: Into<Entry>>(entries: impl IntoIterator<Item = E>) -> Self {
        Self::default().and(entries)
    }

    /// An empty directory.
    pub fn empty() -> Self {
        Self::default()
    }

    /// These entries too.
    pub fn and<E: Into<Entry>>(mut self, entries: impl IntoIterator<Item = E>) -> Self {
        self.entries.extend(entries.into_iter().map(Into::into));
        self
    }

    /// Served by a real sshd of the test's own, as the host `server`.
    pub fn over_ssh(mut self) -> Self {
        self.ssh.get_or_insert_default();
        self
    }

    /// Served by a real sshd with this line first in its configuration.
    pub fn sshd_config(mut self, line: impl Into<String>) -> Self {
        self.ssh.get_or_insert_default().lines.push(line.into());
        self
    }

    /// Served by a real sshd that has host keys of these types only: `ed25519`, `ecdsa`, `rsa`.
    pub fn host_keys(mut self, types: &[&str]) -> Self {
        self.ssh.get_or_insert_default().host_keys = types.iter().map(ToString::to_string).collect();
        self
    }

    /// Served by a real sshd whose host key stands in no known_hosts of ours.
    pub fn unknown_to_us(mut self) -> Self {
        self.ssh.get_or_insert_default().known = false;
        self
    }

    /// Served by sftp-server started with these words, such as `-R` (read-only) or `-P remove` (refuse a request).
    pub fn server_words(mut self, words: &[&str]) -> Self {
        self.program = Program::HonestWith(words.iter().map(ToString::to_string).collect());
        self
    }

    /// Served by a server that is honest but for one lie, such as `eof-at=40000`. Its source names them all.
    pub fn lying(mut self, lie: &str) -> Self {
        self.program = Program::Lying(lie.to_owned());
        self
    }

    /// Served by the embedded SSH server: passwords, keyboard-interactive, banners. The directory is its root `/`.
    pub fn served_by(mut self, embedded: Embedded) -> Self {
        self.embedded = Some(embedded);
        self
    }

    /// Served by a real ProFTPD of the test's own, as the host `server`.
    pub fn served_by_proftpd(mut self) -> Self {
        self.proftpd = true;
        self
    }
}
