//! Opens an SFTP session for a command line over any of three transports: our own SSH, a program that is run as ssh
//! (`-S`), or a server program on this machine (`-D`).

mod askpass;
mod backoff;
mod dialect;
mod memory;
mod names;
mod password;
mod questions;
mod reconnect;
mod remote_stderr;

use std::borrow::Cow;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::child::{ChildTransport, Process};
use crate::cli::{Destination, Invocation, Server, SshOption};
use crate::lock::lock;
use crate::os_error;
use crate::sftp::{self, Session};
use crate::ssh;
use crate::terminal::{Excerpt, Explain, Output, Printable};
use crate::transport::Transport;

use memory::Memory;
use password::Ready;
use questions::AtTerminal;
use remote_stderr::RemoteStderr;

pub use password::InvalidPasswordFile;
pub use reconnect::{Attempt, NotReconnected, reconnect};

/// An open session, and the greeting for it.
pub struct Connected {
    /// The session.
    pub session: Session,
    /// `Connected to HOST.`, in sftp(1)'s words.
    pub greeting: String,
}

/// Why there is no session. [`Error::hint`] returns advice, if there is any.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Our own SSH connection failed.
    #[error(transparent)]
    Ssh(#[from] ssh::Error),
    /// A program could not be started.
    #[error("cannot run {}: {}", Printable(program.as_bytes()), os_error::text(cause))]
    Program {
        /// The program.
        program: OsString,
        /// Why it could not be started.
        cause: io::Error,
    },
    /// The command of `-D` is empty. The text is sftp(1)'s.
    #[error("No sftp server specified via -D")]
    NoCommand,
    /// The command of `-D` can't be split into words.
    #[error("-D {}: a quote is not closed", Printable(.0.as_bytes()))]
    Command(OsString),
    /// The name of the subsystem, or the command, is not UTF-8.
    #[error("-s {}: not valid UTF-8", Printable(.0.as_bytes()))]
    Subsystem(OsString),
    /// The file of `--password-file` can't be used.
    #[error("--password-file {}: {fault}", Printable(file.as_os_str().as_bytes()))]
    PasswordFile {
        /// The file.
        file: PathBuf,
        /// The fault.
        fault: InvalidPasswordFile,
    },
    /// The server refused an earlier login in the background, so no other is tried; see
    /// [`Connector::unsaid_refusal`].
    #[error("an earlier login in the background was refused, so no other is tried")]
    RefusedBefore,
    /// The user pressed Ctrl-C instead of answering a question.
    #[error("Interrupted")]
    Interrupted,
    /// The far side doesn't speak SFTP.
    #[error("{}", Excerpt(.0.to_string().as_bytes()))]
    Sftp(#[from] sftp::Error),
}

impl Error {
    /// Returns whether the error comes from an attempt to connect, not from reading the settings for it.
    #[must_use]
    pub fn is_of_the_connection(&self) -> bool {
        matches!(self, Error::Ssh(_) | Error::Program { .. } | Error::Sftp(_))
    }

    /// Returns whether another attempt could succeed. It can't if the server or the user refused.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Error::Ssh(error) => error.may_pass(),
            Error::Sftp(_) => true,
            _ => false,
        }
    }
}

impl Explain for Error {
    /// Returns the lines of ssh(1), if the error comes from SSH.
    fn lines(&self) -> Vec<Cow<'_, str>> {
        match self {
            Error::Ssh(error) => error.lines().into_iter().map(Cow::from).collect(),
            _ => vec![self.to_string().into()],
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Error::Ssh(error) => error.hint().map(Cow::from),
            Error::PasswordFile { file, fault } => fault.hint(file).map(Cow::from),
            Error::Program { program, cause } if cause.kind() == io::ErrorKind::NotFound => {
                Some(Cow::from(match program.as_bytes().contains(&b'/') {
                    true => "check the path of the program",
                    false => "there is no such program in PATH; give its whole path",
                }))
            }
            _ => None,
        }
    }
}

/// The purpose of a session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The first session of the program.
    First,
    /// To replace a session whose connection was lost.
    Again,
    /// To work in parallel with another session. The user must not be prompted.
    Beside,
}

/// Opens sessions to the server of one command line: the first one, and later or parallel ones that don't prompt
/// again.
pub struct Connector {
    invocation: Invocation,
    output: Output,
    memory: Memory,
    /// How many requests the server accepts at once, as far as that is known.
    width: sftp::Width,
    /// The count of open handles on the server, for all sessions together.
    openings: sftp::Openings,
    unwatched: Mutex<Unwatched>,
    /// The newest session that took the place of a lost one.
    newest: Mutex<Option<Session>>,
    /// Why the server refused a login in the background, until that is reported.
    unsaid: Mutex<Option<String>>,
}

/// Returns the session if it has not ended.
fn living(session: &Option<Session>) -> Option<Session> {
    session.clone().filter(|session| session.end().is_none())
}

/// The state of logins in the background.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unwatched {
    Untried,
    /// One of them succeeded.
    Works,
    /// One was refused. Servers lock users out after repeated failures.
    Refused,
}

impl Connector {
    /// Creates a connector for the server of a command line.
    #[must_use]
    pub fn new(invocation: &Invocation, output: &Output) -> Connector {
        let memory = Memory::new(invocation.may_connect_again());
        let requests = invocation.transfers.requests.map(|requests| usize::try_from(requests).unwrap_or(usize::MAX));
        let width = sftp::Width::cautious(requests);
        Connector {
            invocation: invocation.clone(),
            output: output.clone(),
            memory,
            width,
            openings: sftp::Openings::default(),
            unwatched: Mutex::new(Unwatched::Untried),
            newest: Mutex::default(),
            unsaid: Mutex::default(),
        }
    }

    /// Returns a connector for another server, with the same options. It knows nothing of the first server: neither
    /// answers nor keys.
    #[must_use]
    pub fn to_other(&self, destination: Destination) -> Connector {
        Connector::new(&self.invocation.clone().with_destination(destination), &self.output)
    }

    /// Returns the host as the user named it, or the name of the server program.
    #[must_use]
    pub fn host(&self) -> Vec<u8> {
        names::host(&self.invocation.server)
    }

    /// Returns the user who is logged in.
    #[must_use]
    pub fn user(&self) -> String {
        names::user(&self.invocation.server, &self.memory)
    }

    /// Returns the command line for the server.
    #[must_use]
    pub fn invocation(&self) -> &Invocation {
        &self.invocation
    }

    /// Connects. Prompts are shown on the terminal, but never in a batch. An answer from an earlier session is used
    /// again without a prompt.
    ///
    /// # Errors
    /// Any failure to open the session, or a host key that differs from the one of an earlier session.
    pub fn open(&self) -> Result<Connected, Error> {
        self.open_for_person(Purpose::First)
    }

    /// Connects again after a session was lost. If another caller has done so, returns the same session: callers wait
    /// for each other, and one login serves all. The caller knows the server's start directory already.
    ///
    /// # Errors
    /// As [`Connector::open`].
    pub fn open_again(&self) -> Result<Connected, Error> {
        let mut newest = lock(&self.newest);
        if let Some(session) = living(&newest) {
            return Ok(Connected { session, greeting: self.greeting() });
        }
        let connected = self.open_for_person(Purpose::Again)?;
        *newest = Some(connected.session.clone());
        Ok(connected)
    }

    /// Like [`Connector::open_again`], but without prompting, as [`Connector::open_unasked`].
    ///
    /// # Errors
    /// As [`Connector::open_unasked`].
    pub fn open_again_unasked(&self) -> Result<Session, Error> {
        let mut newest = lock(&self.newest);
        if let Some(session) = living(&newest) {
            return Ok(session);
        }
        let session = self.open_unasked()?;
        *newest = Some(session.clone());
        Ok(session)
    }

    /// Returns the session that took the place of a lost one, if it is alive and no other caller is connecting.
    #[must_use]
    pub fn newest(&self) -> Option<Session> {
        self.newest.try_lock().ok().and_then(|newest| living(&newest))
    }

    /// Returns sftp(1)'s line about a new session.
    fn greeting(&self) -> String {
        match &self.invocation.server {
            Server::Program(command) => format!("Attached to {}.", Printable(command.as_bytes())),
            Server::Ssh(destination) => format!("Connected to {}.", Printable(destination.host.as_bytes())),
        }
    }

    fn open_for_person(&self, purpose: Purpose) -> Result<Connected, Error> {
        let connected = self.open_for(purpose)?;
        print_server_details(&connected.session, self.invocation.verbosity, &self.output);
        Ok(connected)
    }

    /// Connects without prompting, from any thread. Uses keys, the agent, or a password that was accepted before.
    ///
    /// # Errors
    /// Any failure to open the session, including a question that would need a prompt. After the server has refused
    /// one login, no other attempt is made.
    pub fn open_unasked(&self) -> Result<Session, Error> {
        let state = self.unwatched();
        match *state {
            Unwatched::Refused => Err(Error::RefusedBefore),
            // An answer that the user typed may not work a second time, so a single attempt has to find out.
            Unwatched::Untried if self.memory.has_used_secrets() => self.open_watching(Some(state)),
            Unwatched::Untried | Unwatched::Works => {
                drop(state);
                self.open_watching(None)
            }
        }
    }

    /// Connects and stores the outcome. If `held` is given, other attempts wait until this one has ended.
    fn open_watching(&self, held: Option<MutexGuard<'_, Unwatched>>) -> Result<Session, Error> {
        let opened = self.open_for(Purpose::Beside);
        let mut state = held.unwrap_or_else(|| self.unwatched());
        match &opened {
            Ok(_) if *state == Unwatched::Untried => *state = Unwatched::Works,
            Err(Error::Ssh(error)) if error.is_refused_login() => {
                *state = Unwatched::Refused;
                *lock(&self.unsaid) = Some(error.to_string());
                return Err(Error::RefusedBefore);
            }
            _ => {}
        }
        Ok(opened?.session)
    }

    /// Takes the reason why the server refused a login in the background, so that it is reported once.
    #[must_use]
    pub fn unsaid_refusal(&self) -> Option<String> {
        lock(&self.unsaid).take()
    }

    fn unwatched(&self) -> MutexGuard<'_, Unwatched> {
        lock(&self.unwatched)
    }

    fn open_for(&self, purpose: Purpose) -> Result<Connected, Error> {
        let invocation = &self.invocation;
        let may_ask = purpose != Purpose::Beside;
        let (width, openings) = (self.width.clone(), self.openings.clone());
        let options = sftp::Options { width, openings, ..session_options(invocation) };
        match &invocation.server {
            Server::Program(command) => {
                let transport = run_server(command)?;
                let greeting = self.greeting();
                start(Box::new(transport), options, greeting)
            }
            Server::Ssh(destination) => {
                let greeting = self.greeting();
                match &invocation.ssh_program {
                    Some(program) => {
                        let mut command = Command::new(program);
                        if !may_ask {
                            command.arg("-oBatchMode=yes");
                        }
                        command.args(invocation.ssh_program_arguments(destination));
                        // The program may prompt the user first.
                        let may_ask = may_ask && invocation.batch.is_none();
                        let greeting_limit =
                            options.greeting_limit.filter(|_| !may_ask && invocation.silence_limit.is_some());
                        let options = sftp::Options { greeting_limit, ..options };
                        start(Box::new(run(&command)?), options, greeting)
                    }
                    None => {
                        let transport = self.connect(destination, may_ask)?;
                        let version = transport.server_version();
                        if dialect::copes_with_many_requests(version) {
                            self.width.trust();
                        }
                        // OpenSSH's server reads requests in sequence, from the first on.
                        let asks_ahead = purpose == Purpose::First && dialect::is_openssh(version);
                        let symlink_order = dialect::symlink_order(version);
                        let keeps_order = dialect::keeps_order(version);
                        let options = sftp::Options {
                            asks_ahead,
                            symlink_order,
                            keeps_order,
                            empties_files: dialect::empties_files(version),
                            wants_one_handle: dialect::wants_one_handle(version),
                            open_handles: dialect::open_handles(version),
                            ..options
                        };
                        start(Box::new(transport), options, greeting)
                    }
                }
            }
        }
    }

    /// Connects with our own SSH.
    fn connect(&self, destination: &Destination, may_ask: bool) -> Result<ssh::ChannelTransport, Error> {
        let invocation = &self.invocation;
        let ready = if invocation.may_send_prepared_password() {
            Ready::find(invocation.password_file.as_deref()).map_err(|fault| Error::PasswordFile {
                file: invocation.password_file.clone().unwrap_or_default(),
                fault,
            })?
        } else {
            Ready::Nothing
        };
        let mut questions = AtTerminal::new(&self.output, invocation.verbosity > 0, ready, &self.memory, may_ask);
        // A parallel session uses the same configuration. A later one resolves it again, because it may have changed.
        let config = match self.memory.config().filter(|_| !may_ask) {
            Some(config) => config,
            None => {
                let arguments = invocation.ssh_config_arguments(destination);
                ssh::Config::resolve(ssh::Request { arguments: &arguments, host: &destination.host }, &mut questions)?
            }
        };
        let start = what_to_start(invocation)?;
        let socket = match &config.proxy {
            None => ssh::dial(&config)?,
            Some(proxy) => through(&proxy_command(proxy, &config, invocation))?,
        };
        let mut host = self.memory.host();
        let opened = ssh::open(&config, socket, &start, &mut host, &mut questions);
        self.memory.remember_host(host);
        if questions.is_interrupted() {
            // A key without a passphrase may have logged in meanwhile, but the user has cancelled.
            self.memory.settle(false);
            return Err(Error::Interrupted);
        }
        self.memory.settle(opened.is_ok());
        let mut transport = opened?;
        self.memory.remember_config(config);
        let output = self.output.clone();
        transport.set_stderr_sink(move || {
            let mut errors = RemoteStderr::shown_on(&output);
            Box::new(move |bytes| errors.receive(bytes))
        });
        Ok(transport)
    }
}

/// Prints the messages of `-vv` and `-vvv` about a server, in sftp(1)'s words.
fn print_server_details(session: &Session, verbosity: u8, output: &Output) {
    if verbosity >= 2 {
        output.failure(format_args!("debug2: Remote version: {}", session.version()));
        for extension in sftp::Extension::all().filter(|&extension| session.offers(extension)) {
            output.failure(format_args!("debug2: Server supports extension \"{extension}\""));
        }
    }
    if verbosity >= 3 {
        let sftp::Limits { read_bytes, write_bytes, open_handles } = session.limits();
        output.failure(format_args!("debug3: server upload/download buffer sizes {write_bytes} / {read_bytes}"));
        if let Some(handles) = open_handles {
            output.failure(format_args!("debug3: server handle limit {handles}"));
        }
    }
}

/// Returns the limits of a session. A limit from the command line holds for all requests. Our own limit doesn't hold
/// while the server copies, flushes or hashes a large file.
fn session_options(invocation: &Invocation) -> sftp::Options {
    let usual = sftp::Options::default();
    match invocation.silence_limit {
        None => usual,
        Some(Duration::ZERO) => sftp::Options { idle_limit: None, ..usual },
        Some(limit) => {
            sftp::Options { greeting_limit: Some(limit), idle_limit: Some(limit), may_take_long: false, ..usual }
        }
    }
}

fn start(transport: Box<dyn Transport>, options: sftp::Options, greeting: String) -> Result<Connected, Error> {
    Ok(Connected { session: Session::open(transport, options)?, greeting })
}

/// Starts the server program of `-D`, whose command is split as a shell would.
fn run_server(line: &OsStr) -> Result<ChildTransport, Error> {
    let words = shlex::bytes::split(line.as_bytes()).ok_or_else(|| Error::Command(line.to_owned()))?;
    let mut words = words.into_iter().map(OsString::from_vec);
    let mut command = Command::new(words.next().filter(|program| !program.is_empty()).ok_or(Error::NoCommand)?);
    command.args(words);
    run(&command)
}

fn run(command: &Command) -> Result<ChildTransport, Error> {
    ChildTransport::spawn(command).map_err(|cause| unstarted(command, cause))
}

fn unstarted(command: &Command, cause: io::Error) -> Error {
    Error::Program { program: command.get_program().to_owned(), cause }
}

fn what_to_start(invocation: &Invocation) -> Result<ssh::Start, Error> {
    let Some(name) = &invocation.subsystem else {
        return Ok(ssh::Start::Subsystem(String::from("sftp")));
    };
    let text = name.to_str().ok_or_else(|| Error::Subsystem(name.clone()))?.to_owned();
    Ok(if invocation.subsystem_is_path() { ssh::Start::Command(text) } else { ssh::Start::Subsystem(text) })
}

/// Returns a socket to the server through a program, which lives as long as the connection.
fn through(command: &Command) -> Result<ssh::Socket, Error> {
    let process = Process::spawn(command).map_err(|cause| unstarted(command, cause))?;
    let socket = process.socket().map_err(|cause| unstarted(command, cause))?;
    Ok(ssh::Socket::new(socket, Some(Box::new(process))))
}

/// Returns the command for a proxy. A ProxyCommand runs in the user's shell. A ProxyJump becomes an ssh command that
/// forwards to the server, as in ssh itself.
fn proxy_command(proxy: &ssh::Proxy, config: &ssh::Config, invocation: &Invocation) -> Command {
    match proxy {
        ssh::Proxy::Command(line) => {
            let shell = env::var_os("SHELL").filter(|shell| !shell.is_empty());
            let mut command = Command::new(shell.unwrap_or_else(|| OsString::from("/bin/sh")));
            command.arg("-c").arg(format!("exec {line}"));
            command
        }
        ssh::Proxy::Jump(hops) => {
            let (before, last) =
                hops.rsplit_once(',').map_or((None, hops.as_str()), |(before, last)| (Some(before), last));
            let mut command = Command::new("ssh");
            for option in &invocation.ssh_options {
                if let SshOption::ConfigFile(_) | SshOption::Verbose = option {
                    command.args(option.words());
                }
            }
            if config.batch {
                command.arg("-oBatchMode=yes");
            }
            if let Some(before) = before {
                command.arg("-J").arg(before);
            }
            command.arg("-W").arg(format!("[{}]:{}", config.host, config.port));
            let last = if last.contains("://") { last.to_owned() } else { format!("ssh://{last}") };
            command.arg("--").arg(last);
            command
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{self, CommandLine};

    fn invocation(line: &str) -> Invocation {
        match cli::parse(shlex::split(&format!("sftpsh {line}")).unwrap()) {
            Ok(CommandLine::Session(invocation)) => *invocation,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn error(line: &str) -> String {
        Connector::new(&invocation(line), &Output::captured()).open().err().expect(line).to_string()
    }

    #[test]
    fn a_program_that_cannot_be_run_is_named() {
        for (line, text) in [
            ("-D /nowhere/sftp-server", "cannot run /nowhere/sftp-server: No such file or directory"),
            ("-D '\"unclosed'", "-D \"unclosed: a quote is not closed"),
            ("-D ''", "No sftp server specified via -D"),
            ("-D ' '", "No sftp server specified via -D"),
            ("-S /etc/passwd host", "cannot run /etc/passwd: Permission denied"),
        ] {
            assert_eq!(error(line), text, "{line}");
        }
    }

    #[test]
    fn a_path_is_a_command_and_a_name_a_subsystem() {
        let start = |line| what_to_start(&invocation(line)).unwrap();
        assert_eq!(start("host"), ssh::Start::Subsystem(String::from("sftp")));
        assert_eq!(start("-s other host"), ssh::Start::Subsystem(String::from("other")));
        assert_eq!(start("-s /lib/sftp-server host"), ssh::Start::Command(String::from("/lib/sftp-server")));
    }
}
