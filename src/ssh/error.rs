//! Why no SSH channel could be had, in the user's words.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;

use crate::os_error;
use crate::ssh::place::Place;
use crate::terminal::Excerpt;

/// Why a name that has addresses has none that may be used.
pub(super) const NO_ADDRESS_OF_THE_FAMILY: &str = "no address of the family asked for";

/// What ssh(1) prints last about a host whose key it doesn't accept. Programs wait for this line.
const VERIFICATION_FAILED: &str = "Host key verification failed.";

/// Why no SSH channel could be had. Display gives one line, [`Error::lines`] the lines of ssh(1), and [`Error::hint`] the way
/// out, where there is one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration can't be read, or holds a value that makes no sense.
    #[error("{0}")]
    Configuration(String),
    /// The configuration asks for something that would be silently unsafe or wrong to leave out.
    #[error("{keyword} is not supported here: {value}")]
    NotHonoured {
        /// The keyword of ssh_config(5).
        keyword: String,
        /// What was asked for.
        value: String,
    },
    /// None of the algorithms that the configuration allows is there.
    #[error("{keyword} allows nothing that is supported here: {value}")]
    NoAlgorithm {
        /// The keyword of ssh_config(5).
        keyword: &'static str,
        /// What it allows.
        value: String,
    },
    /// The name has no address.
    #[error("Could not resolve hostname {host}: {cause}")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's word.
        cause: String,
    },
    /// No address answered.
    #[error("connect to host {host} port {port}: {cause}")]
    Connect {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What the last address came to.
        cause: String,
    },
    /// Something else than an SSH server answered.
    #[error("{host} port {port} is not an SSH server: it says \"{}\"", Excerpt(greeting))]
    NotSsh {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The first line that came.
        greeting: Vec<u8>,
    },
    /// The server takes no connection now, and says so where its first line should be, as OpenSSH's does.
    #[error("{host} port {port} takes no more connections now: it says \"{}\"", said.escape_ascii())]
    Busy {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What it says.
        said: Vec<u8>,
    },
    /// The server closed the connection.
    #[error("Connection closed by {host} port {port}{phase}")]
    Closed {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// When: ` during …`, or nothing.
        phase: &'static str,
    },
    /// A phase took longer than allowed.
    #[error("Connection to {host} port {port} timed out{phase}")]
    TimedOut {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// When: ` during …`, or nothing.
        phase: &'static str,
    },
    /// The server sent more than it may before anything is trusted, and the connection was ended.
    #[error("Connection to {host} port {port} closed: {excess}")]
    Flooded {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// How much is too much, and when.
        excess: String,
    },
    /// Client and server have no algorithm in common.
    #[error("Unable to negotiate with {host} port {port}: no common algorithms")]
    NoCommonAlgorithms {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// The host's key may not be trusted.
    #[error(transparent)]
    HostKey(Box<HostKeyError>),
    /// No way of logging in was accepted.
    #[error("{user}@{host}: Permission denied ({}).", Excerpt(methods.as_bytes()))]
    PermissionDenied {
        /// Who.
        user: String,
        /// Where.
        host: String,
        /// The methods that the server would still take, comma-separated.
        methods: String,
        /// What was left untried because nobody could be asked.
        unasked: bool,
    },
    /// The server gave up on us.
    #[error("{user}@{host}: Too many authentication failures")]
    TooManyFailures {
        /// Who.
        user: String,
        /// Where.
        host: String,
    },
    /// The server asks question after question and decides nothing.
    #[error("{user}@{host}: the server's questions do not end")]
    TooManyQuestions {
        /// Who.
        user: String,
        /// Where.
        host: String,
    },
    /// The password must be changed first, which sftp can't do.
    #[error("{user}@{host}: the password has expired")]
    PasswordExpired {
        /// Who.
        user: String,
        /// Where.
        host: String,
    },
    /// The server would not open a session or start the subsystem.
    #[error("{what} request failed on {host}: {}", Excerpt(cause.as_bytes()))]
    Refused {
        /// Where.
        host: String,
        /// `session`, `subsystem` or `exec`.
        what: &'static str,
        /// libssh2's word.
        cause: String,
    },
    /// The SSH protocol was violated, or libssh2 gave up.
    #[error("{host} port {port}: {}{phase}", Excerpt(cause.as_bytes()))]
    Protocol {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// libssh2's word.
        cause: String,
        /// When: ` during …`, or nothing.
        phase: &'static str,
    },
    /// Something on this machine failed.
    #[error("{what}: {}", os_error::text(error))]
    Local {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        error: io::Error,
    },
}

/// Why a host's key may not be trusted.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// Nothing is known about the host, and nobody may or can be asked.
    #[error("No {label} host key is known for {host} and {reason}")]
    Unknown {
        /// The host as known_hosts writes it.
        host: String,
        /// Its name for ssh-keyscan.
        address: String,
        /// Its port for ssh-keyscan.
        port: u16,
        /// The type of the key.
        label: String,
        /// The key's fingerprint.
        fingerprint: String,
        /// Why it was not asked about.
        reason: &'static str,
        /// Where the key would be added.
        file: Option<PathBuf>,
    },
    /// The person said no.
    #[error("The {label} key of {host} was not accepted")]
    Declined {
        /// The host.
        host: String,
        /// The type of the key.
        label: String,
    },
    /// Another key is known.
    #[error("Host key for {host} has changed and you have requested strict checking.")]
    Changed {
        /// The host as known_hosts writes it.
        host: String,
        /// The type of the key.
        label: String,
        /// The key's fingerprint.
        fingerprint: String,
        /// Where the other key stands.
        place: Place,
    },
    /// It is not the key that the host showed when the session began.
    #[error("The {label} key of {host} has changed since the session began: it shows {fingerprint} now")]
    ChangedMeanwhile {
        /// The host as known_hosts writes it.
        host: String,
        /// The type of the key that it had.
        label: String,
        /// The fingerprint of the key that it shows now.
        fingerprint: String,
    },
    /// The key is marked as revoked.
    #[error("{label} host key for {host} was revoked and {reason}")]
    Revoked {
        /// The host.
        host: String,
        /// The type of the key.
        label: String,
        /// Why that counts.
        reason: &'static str,
    },
    /// The key has changed, which the configuration lets pass; but it also says to end without forwarding, which a host that
    /// isn't trusted never gets (ExitOnForwardFailure).
    #[error("Error: forwarding disabled due to host key check failure")]
    ForwardingDisabled,
    /// A known_hosts file is longer than any that sftpsh reads.
    #[error("{}: the file is longer than {limit} bytes, so the host key can't be checked", file.display())]
    KnownHostsTooLong {
        /// The file.
        file: PathBuf,
        /// The most bytes that are read.
        limit: u64,
    },
    /// An RSA key of too few bits.
    #[error(
        "Bad server host key: Invalid key length: the RSA key of {host} has {bits} bits; RequiredRSASize is {required}"
    )]
    TooShort {
        /// The host.
        host: String,
        /// Its bits.
        bits: usize,
        /// How many are asked for.
        required: usize,
    },
    /// The server showed something that is no plain host key.
    #[error("There is no host key of {host} that can be checked")]
    Unusable {
        /// The host.
        host: String,
    },
}

impl Error {
    /// Whether another attempt could end otherwise: where a network or a server was to blame, not where a door is closed.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Error::Resolve { .. }
            | Error::Connect { .. }
            | Error::Busy { .. }
            | Error::Closed { .. }
            | Error::TimedOut { .. }
            | Error::Refused { .. }
            | Error::Protocol { .. }
            | Error::Local { .. } => true,
            Error::Configuration(_)
            | Error::NotHonoured { .. }
            | Error::NoAlgorithm { .. }
            | Error::NotSsh { .. }
            | Error::Flooded { .. }
            | Error::NoCommonAlgorithms { .. }
            | Error::HostKey(_)
            | Error::PermissionDenied { .. }
            | Error::TooManyFailures { .. }
            | Error::TooManyQuestions { .. }
            | Error::PasswordExpired { .. } => false,
        }
    }

    /// Returns whether the server did not let the user in.
    #[must_use]
    pub fn is_refused_login(&self) -> bool {
        matches!(self, Error::PermissionDenied { .. } | Error::TooManyFailures { .. } | Error::PasswordExpired { .. })
    }

    /// Returns the error as the lines that ssh(1) prints for it, in their order.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Error::HostKey(error) => error.lines(),
            _ => vec![self.to_string()],
        }
    }

    /// The way out, for a line of its own.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::NotHonoured { .. } | Error::NoAlgorithm { .. } => {
                String::from("use -S ssh to connect through the ssh program")
            }
            Error::NoCommonAlgorithms { .. } => {
                String::from("the server may know old algorithms only; use -S ssh to connect through the ssh program")
            }
            Error::HostKey(error) => return error.hint(),
            Error::TooManyFailures { .. } => {
                String::from("name the right key with -i FILE and add -o IdentitiesOnly=yes")
            }
            Error::PermissionDenied { unasked: true, .. } => {
                String::from("nobody could be asked for a password or passphrase: use ssh-agent or a key without one")
            }
            Error::PermissionDenied { user, host, methods, .. } if methods == "publickey" => {
                format!("name the right key with -i FILE, or make yours known there: ssh-copy-id {user}@{host}")
            }
            Error::PermissionDenied { .. } => String::from("check the user's name, or name a key with -i FILE"),
            Error::Resolve { cause, .. } if cause == NO_ADDRESS_OF_THE_FAMILY => {
                String::from("-4, -6 and AddressFamily choose between the families")
            }
            Error::Resolve { .. } => {
                String::from("check the name; an alias is made by a Host line in the configuration")
            }
            Error::Busy { .. } => {
                String::from("it has too many log-ins under way, or refuses this address for a while; try again later")
            }
            Error::Connect { .. } => String::from("check that an SSH server listens there; -P names another port"),
            Error::PasswordExpired { user, host } => format!("change it with: ssh {user}@{host}"),
            Error::Refused { what: "subsystem", .. } => {
                String::from("the server has no SFTP subsystem by that name; -s /path/to/sftp-server may start it")
            }
            _ => return None,
        })
    }
}

impl From<HostKeyError> for Error {
    fn from(error: HostKeyError) -> Error {
        Error::HostKey(Box::new(error))
    }
}

impl HostKeyError {
    /// ssh(1) says why, and then that the key was not accepted; for a few reasons it says only one of the two.
    fn lines(&self) -> Vec<String> {
        match self {
            HostKeyError::Declined { .. } => vec![VERIFICATION_FAILED.to_owned()],
            HostKeyError::ForwardingDisabled | HostKeyError::TooShort { .. } => vec![self.to_string()],
            _ => vec![self.to_string(), VERIFICATION_FAILED.to_owned()],
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            HostKeyError::Unknown { address, port, fingerprint, file, .. } => {
                let file =
                    file.as_ref().map_or(String::new(), |file| format!(" >> {}", shell_word(&file.to_string_lossy())));
                format!(
                    "the key shown is {fingerprint}; if that is right, add it with: ssh-keyscan -p {port} {}{file}",
                    shell_word(address)
                )
            }
            HostKeyError::Changed { host, place, .. } => format!(
                "if the host really has a new key, remove the old one with: ssh-keygen -f {} -R {}",
                shell_word(&place.file.to_string_lossy()),
                shell_word(host)
            ),
            _ => return None,
        })
    }
}

fn shell_word(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), |word| word.into_owned())
}
