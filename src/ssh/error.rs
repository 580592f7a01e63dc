//! Why there is no SSH channel, in the user's words.

use std::io;
use std::path::PathBuf;

use crate::os_error;
use crate::ssh::disconnect::Disconnected;
use crate::ssh::place::Place;
use crate::terminal::Excerpt;

/// The cause if a name has addresses, but none of the requested family.
pub(super) const NO_ADDRESS_OF_THE_FAMILY: &str = "no address of the family asked for";

/// The last line that ssh(1) prints if it doesn't accept a host's key. Programs wait for this line.
const VERIFICATION_FAILED: &str = "Host key verification failed.";

/// The reason that OpenSSH's server gives after too many failed attempts.
const TOO_MANY_FAILURES: &str = "Too many authentication failures";

/// Why there is no SSH channel. Display writes one line, [`Error::lines`] returns the lines of ssh(1), and
/// [`Error::hint`] returns advice, if there is any.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration can't be read or holds an invalid value. The lines describe the fault.
    #[error("{}", .0.join("; "))]
    Configuration(Vec<String>),
    /// The configuration sets an option that can't be left out without making the connection unsafe or wrong.
    #[error("{keyword} is not supported here: {value}")]
    NotHonoured {
        /// The keyword of ssh_config(5).
        keyword: String,
        /// Its value.
        value: String,
    },
    /// The configuration allows none of the supported algorithms.
    #[error("{keyword} allows nothing that is supported here: {value}")]
    NoAlgorithm {
        /// The keyword of ssh_config(5).
        keyword: &'static str,
        /// The algorithms that it allows.
        value: String,
    },
    /// The name has no address.
    #[error("Could not resolve hostname {host}: {cause}")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's message.
        cause: String,
    },
    /// No address answered.
    #[error("connect to host {host} port {port}: {cause}")]
    Connect {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The error of the last address.
        cause: String,
    },
    /// The server at this port doesn't speak SSH.
    #[error("{host} port {port} is not an SSH server: it says \"{}\"", Excerpt(greeting))]
    NotSsh {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// Its first line.
        greeting: Vec<u8>,
    },
    /// The server accepts no connection now, and says so instead of its first line, as OpenSSH's server does.
    #[error("{host} port {port} takes no more connections now: it says \"{}\"", said.escape_ascii())]
    Busy {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// Its message.
        said: Vec<u8>,
    },
    /// The server closed the connection.
    #[error("Connection closed by {host} port {port}{phase}")]
    Closed {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The phase, as ` during …`, or an empty string.
        phase: &'static str,
    },
    /// A phase took longer than allowed.
    #[error("Connection to {host} port {port} timed out{phase}")]
    TimedOut {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The phase, as ` during …`, or an empty string.
        phase: &'static str,
    },
    /// The server sent more than it may before it was trusted, so the connection was ended.
    #[error("Connection to {host} port {port} closed: {excess}")]
    Flooded {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The limit, and the phase for which it holds.
        excess: String,
    },
    /// Client and server have no algorithm of one kind in common.
    #[error("Unable to negotiate with {host} port {port}: no matching {what} found. Their offer: {}", Excerpt(offer))]
    NoCommonAlgorithms {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The kind of algorithm, in ssh's words.
        what: &'static str,
        /// The server's list.
        offer: Vec<u8>,
    },
    /// The server broke the protocol before the keys were exchanged.
    #[error("Connection to {host} port {port} closed: {flaw}")]
    Malformed {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The fault, in ssh's words if ssh reports it.
        flaw: String,
    },
    /// The server ended the connection with a reason.
    #[error("{0}")]
    Disconnected(Disconnected),
    /// The host's key is not trusted.
    #[error(transparent)]
    HostKey(Box<HostKeyError>),
    /// The server accepted no method of logging in.
    #[error("{user}@{host}: Permission denied ({}).", Excerpt(methods.as_bytes()))]
    PermissionDenied {
        /// The user's name.
        user: String,
        /// The host.
        host: String,
        /// The methods that the server would still accept, separated by commas.
        methods: String,
        /// True if a method was skipped because the user could not be prompted.
        unasked: bool,
        /// The settings that hints refer to.
        given: LoginOptions,
    },
    /// The server hung up after too many failed attempts.
    #[error("{user}@{host}: {TOO_MANY_FAILURES}")]
    TooManyFailures {
        /// The user's name.
        user: String,
        /// The host.
        host: String,
        /// The settings that hints refer to.
        given: LoginOptions,
        /// How the server ended the connection, if it gave a reason.
        disconnected: Option<Box<Disconnected>>,
    },
    /// The server asks one question after another without deciding.
    #[error("{user}@{host}: the server's questions do not end")]
    TooManyQuestions {
        /// The user's name.
        user: String,
        /// The host.
        host: String,
    },
    /// The user must change the password first, which sftp can't do.
    #[error("{user}@{host}: the password has expired")]
    PasswordExpired {
        /// The user's name.
        user: String,
        /// The host.
        host: String,
        /// The settings that hints refer to.
        given: LoginOptions,
    },
    /// The server did not open a session or start the subsystem.
    #[error("{what} request failed on {host}: {}", Excerpt(cause.as_bytes()))]
    Refused {
        /// The host.
        host: String,
        /// The request: `session`, `subsystem` or `exec`.
        what: &'static str,
        /// The name of the subsystem, if the request was for one.
        subsystem: Option<String>,
        /// libssh2's message.
        cause: String,
    },
    /// The server broke the SSH protocol, or libssh2 gave up.
    #[error("{host} port {port}: {}{phase}", Excerpt(cause.as_bytes()))]
    Protocol {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// libssh2's message.
        cause: String,
        /// The phase, as ` during …`, or an empty string.
        phase: &'static str,
    },
    /// An operation on this machine failed.
    #[error("{what}: {}", os_error::text(error))]
    Local {
        /// The operation.
        what: &'static str,
        /// Why it failed.
        error: io::Error,
    },
}

/// The user's settings for logging in, from the command line or the configuration. Hints don't repeat advice that the
/// user has followed already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginOptions {
    /// The port of the server.
    pub port: u16,
    /// The first identity file, if one is named.
    pub identity: Option<PathBuf>,
    /// True if the agent's keys are used only if they are named.
    pub identities_only: bool,
}

impl LoginOptions {
    /// Returns the command that installs the user's key on the server.
    fn ssh_copy_id(&self, user: &str, host: &str) -> String {
        let identity = self.identity.as_ref().map(|file| format!(" -i {}", shell_word(&file.to_string_lossy())));
        format!("ssh-copy-id{}{} {user}@{host}", identity.unwrap_or_default(), self.port_words())
    }

    /// Returns the words that name the port to ssh and similar programs. They need none for port 22.
    fn port_words(&self) -> String {
        if self.port == SSH_PORT { String::new() } else { format!(" -p {}", self.port) }
    }
}

/// The port of SSH (RFC 4253, section 4.1).
const SSH_PORT: u16 = 22;

/// Why a host's key is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// The key is unknown, and sftpsh can't or must not ask about it.
    #[error("No {label} host key is known for {host} and {reason}")]
    Unknown {
        /// The host in the form used in known_hosts.
        host: String,
        /// Its name for ssh-keyscan.
        address: String,
        /// Its port for ssh-keyscan.
        port: u16,
        /// The type of the key.
        label: String,
        /// The key's fingerprint.
        fingerprint: String,
        /// Why sftpsh did not ask.
        reason: &'static str,
        /// The file to which the key would be added.
        file: Option<PathBuf>,
    },
    /// The user declined the key.
    #[error("The {label} key of {host} was not accepted")]
    Declined {
        /// The host.
        host: String,
        /// The type of the key.
        label: String,
    },
    /// known_hosts holds another key.
    #[error("Host key for {host} has changed and you have requested strict checking.")]
    Changed {
        /// The host in the form used in known_hosts.
        host: String,
        /// The type of the key.
        label: String,
        /// The key's fingerprint.
        fingerprint: String,
        /// The place of the known key.
        place: Place,
    },
    /// The host now shows another key than at the beginning of the session.
    #[error("The {label} key of {host} has changed since the session began: it shows {fingerprint} now")]
    ChangedMeanwhile {
        /// The host in the form used in known_hosts.
        host: String,
        /// The type of its earlier key.
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
        /// Why that ends the connection.
        reason: &'static str,
    },
    /// The key has changed. The configuration tolerates that, but it also demands forwarding, which an untrusted host
    /// never gets (ExitOnForwardFailure).
    #[error("Error: forwarding disabled due to host key check failure")]
    ForwardingDisabled,
    /// A known_hosts file is longer than the limit.
    #[error("{}: the file is longer than {limit} bytes, so the host key can't be checked", file.display())]
    KnownHostsTooLong {
        /// The file.
        file: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// An RSA key has too few bits.
    #[error(
        "Bad server host key: Invalid key length: the RSA key of {host} has {bits} bits; RequiredRSASize is {required}"
    )]
    TooShort {
        /// The host.
        host: String,
        /// The number of its bits.
        bits: usize,
        /// The number of required bits.
        required: usize,
    },
    /// The server showed no plain host key.
    #[error("There is no host key of {host} that can be checked")]
    Unusable {
        /// The host.
        host: String,
    },
}

impl Error {
    /// Returns an error in the configuration that one line describes.
    pub(super) fn configuration(line: impl Into<String>) -> Error {
        Error::Configuration(vec![line.into()])
    }

    /// Returns whether another attempt could succeed. That is so if the network or the server was at fault, but not
    /// if the server refused the user.
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

    /// Returns whether the server refused the login.
    #[must_use]
    pub fn is_refused_login(&self) -> bool {
        matches!(self, Error::PermissionDenied { .. } | Error::TooManyFailures { .. } | Error::PasswordExpired { .. })
    }

    /// Returns the lines that ssh(1) prints for the error, in order.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Error::HostKey(error) => error.lines(),
            Error::Configuration(lines) => lines.clone(),
            Error::Disconnected(disconnected) => disconnected.lines(),
            Error::TooManyFailures { disconnected: Some(disconnected), .. } => {
                let mut lines = disconnected.lines();
                // OpenSSH's server gives this text as its reason.
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

    /// Returns advice about the error, to be printed as a line of its own.
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
            Error::Resolve { cause, .. } if cause == NO_ADDRESS_OF_THE_FAMILY => {
                String::from("the host has addresses of the other family: leave out -4, -6 or AddressFamily")
            }
            Error::Resolve { .. } => String::from("check the name; a Host line in the configuration can define it"),
            Error::Busy { .. } => String::from(
                "the server has too many logins in progress, or refuses this address for a while; try again later",
            ),
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

/// Returns the hint for a login that the server ended after too many failures.
fn too_many_failures(given: &LoginOptions) -> &'static str {
    match given {
        LoginOptions { identity: None, identities_only: true, .. } => "name the right key with -i FILE",
        LoginOptions { identity: None, .. } => "name the right key with -i FILE and add -o IdentitiesOnly=yes",
        LoginOptions { identities_only: false, .. } => "keys of the agent count too: add -o IdentitiesOnly=yes",
        _ => "check the user's name, and which of the named keys the server knows",
    }
}

/// Returns the hint for a login without an accepted method.
fn permission_denied(user: &str, host: &str, methods: &str, given: &LoginOptions) -> String {
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
    /// Returns the lines of ssh(1): usually the reason, then that the verification failed. For a few reasons, ssh(1)
    /// prints only one of the two.
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

/// Returns a title in a frame, as ssh(1) prints important warnings. The frame is as wide as the title with its
/// padding.
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

    fn given(port: u16, identity: Option<&str>, identities_only: bool) -> LoginOptions {
        LoginOptions { port, identity: identity.map(PathBuf::from), identities_only }
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
        let denied = |methods: &str, given: LoginOptions| Error::PermissionDenied {
            user: "joe".into(),
            host: "h".into(),
            methods: methods.into(),
            unasked: false,
            given,
        };
        let many = |given: LoginOptions| Error::TooManyFailures {
            user: "joe".into(),
            host: "h".into(),
            given,
            disconnected: None,
        };
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
