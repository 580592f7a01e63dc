//! Why no SSH channel could be had, in the user's words.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;

use crate::os_error;
use crate::ssh::disconnect::Disconnected;
use crate::ssh::place::Place;
use crate::terminal::Excerpt;

/// Why a name that has addresses has none that may be used.
pub(super) const NO_ADDRESS_OF_THE_FAMILY: &str = "no address of the family asked for";

/// What ssh(1) prints last about a host whose key it doesn't accept. Programs wait for this line.
const VERIFICATION_FAILED: &str = "Host key verification failed.";

/// What OpenSSH's server says when it gives up on somebody.
const TOO_MANY_FAILURES: &str = "Too many authentication failures";

/// Why no SSH channel could be had. Display gives one line, [`Error::lines`] the lines of ssh(1), and [`Error::hint`] the way
/// out, where there is one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration can't be read, or holds a value that makes no sense: the lines that say so.
    #[error("{}", .0.join("; "))]
    Configuration(Vec<String>),
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
    /// Client and server have no algorithm of one kind in common.
    #[error("Unable to negotiate with {host} port {port}: no matching {what} found. Their offer: {}", Excerpt(offer))]
    NoCommonAlgorithms {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The kind, in ssh's words.
        what: &'static str,
        /// The server's list.
        offer: Vec<u8>,
    },
    /// The server broke the protocol before there were keys.
    #[error("Connection to {host} port {port} closed: {flaw}")]
    Malformed {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What was wrong, in ssh's words where it has some.
        flaw: String,
    },
    /// The server ended the connection with a reason.
    #[error("{0}")]
    Disconnected(Disconnected),
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
        /// What the user had given to log in with.
        given: Given,
    },
    /// The server gave up on us.
    #[error("{user}@{host}: {TOO_MANY_FAILURES}")]
    TooManyFailures {
        /// Who.
        user: String,
        /// Where.
        host: String,
        /// What the user had given to log in with.
        given: Given,
        /// How the server ended the connection, if it gave a reason.
        disconnected: Option<Box<Disconnected>>,
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
        /// What the user had given to log in with.
        given: Given,
    },
    /// The server would not open a session or start the subsystem.
    #[error("{what} request failed on {host}: {}", Excerpt(cause.as_bytes()))]
    Refused {
        /// Where.
        host: String,
        /// `session`, `subsystem` or `exec`.
        what: &'static str,
        /// The name of the subsystem, if it was one.
        subsystem: Option<String>,
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

/// What the user has given for a log-in, on the command line or in the configuration. Hints don't advise it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The port of the server.
    pub port: u16,
    /// The first identity file, if one is named.
    pub identity: Option<PathBuf>,
    /// Whether keys of the agent that aren't named stay unused.
    pub identities_only: bool,
}

impl Given {
    /// Returns the command that makes the user's key known to the server.
    fn ssh_copy_id(&self, user: &str, host: &str) -> String {
        let identity = self.identity.as_ref().map(|file| format!(" -i {}", shell_word(&file.to_string_lossy())));
        format!("ssh-copy-id{}{} {user}@{host}", identity.unwrap_or_default(), self.port_words())
    }

    /// Returns the words that name the port to ssh and its like, which need none for 22.
    fn port_words(&self) -> String {
        if self.port == SSH_PORT { String::new() } else { format!(" -p {}", self.port) }
    }
}

/// The port of SSH (RFC 4253, section 4.1).
const SSH_PORT: u16 = 22;

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
    /// A fault of the configuration that one line tells.
    pub(super) fn configuration(line: impl Into<String>) -> Error {
        Error::Configuration(vec![line.into()])
    }

    /// Whether another attempt could end otherwise: where a network or a server was to blame, not where a door is closed.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Error::Disconnected(disconnected) => disconnected.may_pass(),
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
            | Error::Malformed { .. }
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
            Error::Configuration(lines) => lines.clone(),
            Error::Disconnected(disconnected) => disconnected.lines(),
            Error::TooManyFailures { disconnected: Some(disconnected), .. } => {
                let mut lines = disconnected.lines();
                // OpenSSH's server says so itself.
                if !lines.iter().any(|line| line.contains(TOO_MANY_FAILURES)) {
                    lines.push(self.to_string());
                }
                lines
            }
            Error::Malformed { host, port, flaw } => {
                vec![flaw.clone(), format!("Connection to {host} port {port} closed: protocol error")]
            }
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
            Error::TooManyFailures { given, .. } => too_many_failures(given).to_owned(),
            Error::PermissionDenied { unasked: true, .. } => {
                String::from("sftpsh could not prompt for a password or passphrase: use ssh-agent or a key without one")
            }
            Error::PermissionDenied { user, host, methods, given, .. } => permission_denied(user, host, methods, given),
            Error::Resolve { cause, .. } if cause == NO_ADDRESS_OF_THE_FAMILY => String::from(
                "it has addresses of the other family: leave out what chose this one (-4, -6 or AddressFamily)",
            ),
            Error::Resolve { .. } => {
                String::from("check the name; an alias is made by a Host line in the configuration")
            }
            Error::Busy { .. } => {
                String::from("it has too many log-ins under way, or refuses this address for a while; try again later")
            }
            Error::Connect { port: SSH_PORT, .. } => {
                String::from("check that an SSH server listens there; -P names another port")
            }
            Error::Connect { port, .. } => format!("check that an SSH server listens there, on port {port}"),
            Error::PasswordExpired { user, host, given } => {
                format!("change it with: ssh{} {user}@{host}", given.port_words())
            }
            Error::Refused { subsystem: Some(name), .. } if name == "sftp" => {
                String::from("the server offers no SFTP; -s /path/to/sftp-server may start it")
            }
            Error::Refused { subsystem: Some(name), .. } => {
                format!("the server has no subsystem {name}; without -s it is asked for sftp")
            }
            _ => return None,
        })
    }
}

/// The way out where the server had enough of refusing.
fn too_many_failures(given: &Given) -> &'static str {
    match given {
        Given { identity: None, identities_only: true, .. } => "name the right key with -i FILE",
        Given { identity: None, .. } => "name the right key with -i FILE and add -o IdentitiesOnly=yes",
        Given { identities_only: false, .. } => "keys of the agent count too: add -o IdentitiesOnly=yes",
        _ => "check the user's name, and which of the named keys the server knows",
    }
}

/// The way out where no way of logging in was accepted.
fn permission_denied(user: &str, host: &str, methods: &str, given: &Given) -> String {
    let known = given.ssh_copy_id(user, host);
    let takes_keys = methods.split(',').any(|method| method == "publickey");
    match &given.identity {
        _ if !takes_keys => String::from("check the user's name and the password"),
        Some(_) => format!("check the user's name, or make the key known there: {known}"),
        None if methods == "publickey" => {
            format!("name the right key with -i FILE, or make yours known there: {known}")
        }
        None => String::from("check the user's name, or name a key with -i FILE"),
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

/// Returns a title in a frame, as ssh(1) prints what nobody may overlook; it is padded to the width of the frame.
pub(super) fn framed(title: &str) -> [String; 3] {
    let frame = "@".repeat(title.len() + 2);
    [frame.clone(), format!("@{title}@"), frame]
}

fn shell_word(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), |word| word.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::disconnect::Reason;

    fn given(port: u16, identity: Option<&str>, identities_only: bool) -> Given {
        Given { port, identity: identity.map(PathBuf::from), identities_only }
    }

    #[test]
    fn a_server_that_gave_up_is_not_told_twice() {
        let many = |disconnected: Option<&str>| {
            let reason = |text: &str| Reason { code: 2, description: text.into() };
            let disconnected = disconnected
                .map(|text| Box::new(Disconnected { address: "::1".into(), port: 22, reason: reason(text) }));
            Error::TooManyFailures { user: "joe".into(), host: "h".into(), given: given(22, None, false), disconnected }
        };
        let ours = "joe@h: Too many authentication failures";
        let end = "Disconnected from ::1 port 22";
        for (disconnected, lines) in [
            (None, &[ours][..]),
            (
                Some("Too many authentication failures"),
                &["Received disconnect from ::1 port 22:2: Too many authentication failures", end],
            ),
            (Some("Go away"), &["Received disconnect from ::1 port 22:2: Go away", end, ours]),
        ] {
            assert_eq!(many(disconnected).lines(), lines, "{disconnected:?}");
            assert_eq!(many(disconnected).to_string(), ours);
        }
    }

    #[test]
    fn another_attempt_is_worth_while_unless_the_reason_lasts() {
        for (code, may_pass) in
            [(1, false), (2, true), (3, false), (8, false), (11, true), (12, true), (14, false), (99, true)]
        {
            let reason = Reason { code, description: Vec::new() };
            let error = Error::Disconnected(Disconnected { address: "::1".into(), port: 22, reason });
            assert_eq!(error.may_pass(), may_pass, "{code}");
        }
    }

    #[test]
    fn no_hint_advises_what_was_given() {
        let denied = |methods: &str, given: Given| Error::PermissionDenied {
            user: "joe".into(),
            host: "h".into(),
            methods: methods.into(),
            unasked: false,
            given,
        };
        let many =
            |given: Given| Error::TooManyFailures { user: "joe".into(), host: "h".into(), given, disconnected: None };
        let connect = |port| Error::Connect { host: "h".into(), port, cause: "Connection refused".into() };
        let refused = |name: &str| Error::Refused {
            host: "h".into(),
            what: "subsystem",
            subsystem: Some(name.into()),
            cause: "refused by the server".into(),
        };
        let expired = Error::PasswordExpired { user: "joe".into(), host: "h".into(), given: given(2222, None, false) };
        for (error, hint) in [
            (
                denied("publickey", given(22, None, false)),
                "name the right key with -i FILE, or make yours known there: ssh-copy-id joe@h",
            ),
            (
                denied("publickey", given(2222, Some("a b"), false)),
                "check the user's name, or make the key known there: ssh-copy-id -i 'a b' -p 2222 joe@h",
            ),
            (denied("publickey,password", given(22, None, false)), "check the user's name, or name a key with -i FILE"),
            (
                denied("publickey,password", given(22, Some("k"), true)),
                "check the user's name, or make the key known there: ssh-copy-id -i k joe@h",
            ),
            (denied("password", given(22, None, false)), "check the user's name and the password"),
            (denied("password", given(22, Some("k"), false)), "check the user's name and the password"),
            (many(given(22, None, false)), "name the right key with -i FILE and add -o IdentitiesOnly=yes"),
            (many(given(22, None, true)), "name the right key with -i FILE"),
            (many(given(22, Some("k"), false)), "keys of the agent count too: add -o IdentitiesOnly=yes"),
            (many(given(22, Some("k"), true)), "check the user's name, and which of the named keys the server knows"),
            (connect(22), "check that an SSH server listens there; -P names another port"),
            (connect(2222), "check that an SSH server listens there, on port 2222"),
            (refused("sftp"), "the server offers no SFTP; -s /path/to/sftp-server may start it"),
            (refused("x"), "the server has no subsystem x; without -s it is asked for sftp"),
            (expired, "change it with: ssh -p 2222 joe@h"),
        ] {
            assert_eq!(error.hint().as_deref(), Some(hint), "{error:?}");
        }
    }
}
