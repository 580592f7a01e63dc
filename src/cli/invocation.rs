//! A session as the command line asks for it, and what ssh is told of it.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::{Destination, Progress, SshOption};

/// The server to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A server over SSH.
    Server(Destination),
    /// A server program on this machine, `-D`: a command that is yet to be split.
    Command(OsString),
}

/// Where a batch's commands come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Batch {
    /// `-b -`.
    StandardInput,
    /// `-b FILE`.
    File(PathBuf),
}

/// Commands that stand on the command line; the session ends with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commands {
    /// `-e`: scripts, obeyed one after the other.
    Scripts(Vec<OsString>),
    /// `DESTINATION -- COMMAND ARGUMENT…`: one command, in the words that the user's shell made.
    Words(Vec<OsString>),
}

/// A session as the command line asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The server.
    pub target: Target,
    /// The second operand: where what the destination's path names is put.
    pub local: Option<OsString>,
    /// The port: an address's own, else `-P`.
    pub port: Option<u16>,
    /// The batch, which ends at the first failure and never asks.
    pub batch: Option<Batch>,
    /// Commands from the command line; the session ends after them.
    pub commands: Option<Commands>,
    /// `--strict`: what is piped in is a batch. See [`Invocation::with_piped_batch`].
    pub strict: bool,
    /// `--keep-going`: a failure does not end a script, only spoils its end.
    pub keep_going: bool,
    /// Whether `!` and `lls` may run local programs: not under `--no-shell-escape`.
    pub shell_escape: bool,
    /// `--password-file`.
    pub password_file: Option<PathBuf>,
    /// Status lines and notes are left out: `-q` or `-b`, without `-N`.
    pub quiet: bool,
    /// Warnings are left out too: `-q`, without `-N`.
    pub silent: bool,
    /// How often `-v` was given, three at most.
    pub verbosity: u8,
    /// How progress is shown. Under `-q` and `-b` automatic means none, even with `-N`.
    pub progress: Progress,
    /// `--plain`: a terminal gets plain lines, as one that can't move its cursor.
    pub plain: bool,
    /// `-r`.
    pub recursive: bool,
    /// `-p`.
    pub preserve: bool,
    /// `-a`.
    pub resume: bool,
    /// `-f`.
    pub fsync: bool,
    /// `-B`, `-X buffer`: bytes of a request, never 0. To be used as it is, even beyond the server's limit.
    pub buffer_bytes: Option<u32>,
    /// `-R`, `-X nrequests`: requests in flight, never 0.
    pub requests: Option<u32>,
    /// `-l`, `--limit`: bytes each second, never 0; of both the lower.
    pub bytes_per_second: Option<u64>,
    /// `-j`: connections that move files, never 0.
    pub jobs: u8,
    /// `--retry`: how often it is tried to connect again when a connection breaks. By default it depends on who gives the
    /// commands.
    pub retries: Option<u32>,
    /// `--timeout`: how long the server may say nothing while an answer is due; zero is for ever.
    pub silence_limit: Option<Duration>,
    /// `-S`: the program that is run as ssh.
    pub ssh_program: Option<OsString>,
    /// `-s`.
    pub subsystem: Option<OsString>,
    /// What is ssh's business, in the order given.
    pub ssh_options: Vec<SshOption>,
    /// `-N`, for a batch that is found out later.
    pub(super) not_quiet: bool,
}

/// What sftp(1) tells ssh before it comes to the user's options, so that these can't change it.
const FIXED_SSH_WORDS: [&str; 4] =
    ["-oForwardX11 no", "-oPermitLocalCommand no", "-oClearAllForwardings yes", "-oControlMaster no"];

/// What sftp(1) tells ssh after the user's options, so that these can.
const DEFAULT_SSH_WORDS: [&str; 1] = ["-oForwardAgent no"];

impl Invocation {
    /// Whether there may be more connections than the first one.
    #[must_use]
    pub fn may_connect_again(&self) -> bool {
        self.jobs > 1 || self.retries != Some(0)
    }

    /// The same session with what is piped in as its batch, just as `-b -` has it: what `--strict` asks for where nobody
    /// types.
    #[must_use]
    pub fn with_piped_batch(mut self) -> Invocation {
        self.batch = Some(Batch::StandardInput);
        self.quiet = !self.not_quiet;
        if self.progress == Progress::Auto {
            self.progress = Progress::None;
        }
        self.ssh_options.push(SshOption::BatchMode);
        self
    }

    /// The user's words for ssh, in the order given.
    #[must_use]
    pub fn ssh_words(&self) -> Vec<OsString> {
        self.ssh_options.iter().flat_map(SshOption::words).collect()
    }

    /// The arguments of `ssh -G`, which prints the configuration that holds for the destination.
    #[must_use]
    pub fn ssh_config_arguments(&self, destination: &Destination) -> Vec<OsString> {
        let mut words = self.login_words(destination);
        words.extend(["-G", "--", &destination.host].map(OsString::from));
        words
    }

    /// The arguments with which sftp(1) starts ssh, or what `-S` names in its place.
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

    /// Whether `-s` names a server program on the other side and not a subsystem: it holds a slash.
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
