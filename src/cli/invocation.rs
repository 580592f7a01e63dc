//! A session as the command line describes it, and the arguments for ssh.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::{ColorMode, Destination, ProgressMode, SshOption};

/// The server to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// A server over SSH.
    Ssh(Destination),
    /// A server program on this machine (`-D`), as a command that is not split into words yet.
    Program(OsString),
}

/// The source of a batch's commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Batch {
    /// `-b -`.
    StandardInput,
    /// `-b FILE`.
    File(PathBuf),
}

/// Commands from the command line. The session ends after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commands {
    /// `-e`: scripts that run one after another.
    Scripts(Vec<OsString>),
    /// `DESTINATION -- COMMAND ARGUMENT…`: one command, in the words from the user's shell.
    Words(Vec<OsString>),
}

/// The options of a session for all its transfers. A transfer can add more by flags of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line, independent of the others")]
pub struct TransferDefaults {
    /// `-r`: recursive.
    pub recursive: bool,
    /// `-p`: keep times and permissions.
    pub preserve: bool,
    /// `-a`: resume.
    pub resume: bool,
    /// `-f`: flush each file to disk.
    pub fsync: bool,
    /// `-B`, `-X buffer`: bytes per READ or WRITE, never 0. Used as given, even beyond the server's limit; by
    /// default, the server's limit.
    pub request_bytes: Option<u32>,
    /// `-R`, `-X nrequests`: the maximum number of requests in flight, never 0; by default, as many as are useful.
    pub requests: Option<u32>,
}

/// A session as the command line describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The server.
    pub server: Server,
    /// The second operand: the local target for the destination's file.
    pub local: Option<OsString>,
    /// The port: from an address, or else from `-P`.
    pub port: Option<u16>,
    /// The batch, which stops at the first failure and never prompts.
    pub batch: Option<Batch>,
    /// Commands from the command line. The session ends after them.
    pub commands: Option<Commands>,
    /// `--strict`: piped input is a batch. See [`Invocation::with_piped_batch`].
    pub strict: bool,
    /// `--keep-going`: a script continues after a failure, but its exit code is 1.
    pub keep_going: bool,
    /// True if commands such as `!` and `edit` may run local programs, which `--no-shell-escape` forbids.
    pub shell_escape: bool,
    /// `--password-file`.
    pub password_file: Option<PathBuf>,
    /// True if status lines and notes are left out: `-q` or `-b`, without `-N`.
    pub quiet: bool,
    /// True if warnings are left out too: `-q`, without `-N`.
    pub silent: bool,
    /// How many times `-v` was given, at most three.
    pub verbosity: u8,
    /// How to show progress. With `-q` and `-b`, automatic means none, even with `-N`.
    pub progress: ProgressMode,
    /// `--color`: when output has colours.
    pub color: ColorMode,
    /// `--config`: the configuration file.
    pub configuration: Option<PathBuf>,
    /// `--plain`: a terminal gets plain lines, like one that can't move its cursor.
    pub plain: bool,
    /// The options for all transfers.
    pub transfers: TransferDefaults,
    /// `-l`, `--limit`: bytes per second, never 0. The lower one counts if both are given.
    pub bytes_per_second: Option<u64>,
    /// `-j`: the number of connections that transfer files, never 0.
    pub jobs: u8,
    /// `--channels`: the number of channels that an upload to a far server may use, never 0.
    pub channels: u8,
    /// `--retry`: how many times to try to reconnect after the connection breaks. The default depends on the source
    /// of the commands.
    pub retries: Option<u32>,
    /// `--timeout`: how long the server may be silent while an answer is due. Zero means forever.
    pub silence_limit: Option<Duration>,
    /// `-S`: the program to run as ssh.
    pub ssh_program: Option<OsString>,
    /// `-s`.
    pub subsystem: Option<OsString>,
    /// The options for ssh, in the order given.
    pub ssh_options: Vec<SshOption>,
    /// `-N`, in case [`Invocation::with_piped_batch`] makes the session a batch later.
    pub(super) not_quiet: bool,
    /// `-P`, in case [`Invocation::with_destination`] needs it later.
    pub(super) port_option: Option<u16>,
    /// The only server that may get the prepared password.
    pub(super) password_server: (Server, Option<u16>),
}

/// Words that sftp(1) passes to ssh before the user's options, so that these can't override them.
const FIXED_SSH_WORDS: [&str; 4] =
    ["-oForwardX11 no", "-oPermitLocalCommand no", "-oClearAllForwardings yes", "-oControlMaster no"];

/// Words that sftp(1) passes to ssh after the user's options, so that these can override them.
const DEFAULT_SSH_WORDS: [&str; 1] = ["-oForwardAgent no"];

impl Invocation {
    /// Returns whether there may be more connections than the first one.
    #[must_use]
    pub fn may_connect_again(&self) -> bool {
        self.jobs > 1 || self.retries != Some(0)
    }

    /// Returns the session with piped input as its batch, as with `-b -`. That is the meaning of `--strict` if no one
    /// types the commands.
    #[must_use]
    pub fn with_piped_batch(mut self) -> Invocation {
        self.batch = Some(Batch::StandardInput);
        self.quiet = !self.not_quiet;
        if self.progress == ProgressMode::Auto {
            self.progress = ProgressMode::None;
        }
        self.ssh_options.push(SshOption::BatchMode);
        self
    }

    /// Returns a session with another server and the same options.
    #[must_use]
    pub fn with_destination(mut self, destination: Destination) -> Invocation {
        self.port = destination.port.or(self.port_option);
        self.server = Server::Ssh(destination);
        self
    }

    /// Returns whether the password of `--password-file` or `SFTPSH_PASSWORD_COMMAND` is meant for the server: no
    /// other than the one of the command line may see it.
    #[must_use]
    pub fn may_send_prepared_password(&self) -> bool {
        let host = |server: &Server| match server {
            Server::Ssh(destination) => Some(destination.host.clone()),
            Server::Program(_) => None,
        };
        let (server, port) = &self.password_server;
        host(&self.server) == host(server) && self.port == *port
    }

    /// Returns the user's words for ssh, in the order given.
    #[must_use]
    pub fn ssh_words(&self) -> Vec<OsString> {
        self.ssh_options.iter().flat_map(SshOption::words).collect()
    }

    /// Returns the arguments of `ssh -G`, which prints the configuration for the destination.
    #[must_use]
    pub fn ssh_config_arguments(&self, destination: &Destination) -> Vec<OsString> {
        let mut words = self.login_words(destination);
        words.extend(["-G", "--", &destination.host].map(OsString::from));
        words
    }

    /// Returns the arguments with which sftp(1) starts ssh or the program of `-S`.
    #[must_use]
    pub fn ssh_program_arguments(&self, destination: &Destination) -> Vec<OsString> {
        let mut words = self.login_words(destination);
        let server = self.subsystem.clone().unwrap_or_else(|| OsString::from("sftp"));
        if !self.subsystem_is_path() {
            words.push("-s".into());
        }
        words.extend(["--".into(), OsString::from(&destination.host), server]);
        words
    }

    /// Returns whether `-s` names a server program on the far side, not a subsystem, because the name has a slash.
    #[must_use]
    pub fn subsystem_is_path(&self) -> bool {
        self.subsystem.as_ref().is_some_and(|name| name.as_encoded_bytes().contains(&b'/'))
    }

    fn login_words(&self, destination: &Destination) -> Vec<OsString> {
        let mut words: Vec<OsString> = FIXED_SSH_WORDS.map(OsString::from).into();
        words.extend(self.ssh_words());
        words.extend(DEFAULT_SSH_WORDS.map(OsString::from));
        words.extend(self.port.map(|port| OsString::from(format!("-oPort {port}"))));
        if let Some(user) = &destination.user {
            words.extend(["-l".into(), OsString::from(user)]);
        }
        words
    }
}
