//! The environment in which a command runs. Nothing in it reads a line, knows of the prompt or ends the process.

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::cli::{ProgressMode, TransferDefaults};
use crate::commands::{Configuration, Failure, LocalDirectory, LocalPrograms, PromptTemplate};
use crate::connect::Connector;
use crate::mode::Change;
use crate::name::RemotePath;
use crate::os_error;
use crate::remote::{Interrupt, Remote};
use crate::sftp::{Error, Extension, FileType, Session};
use crate::terminal::Output;
use crate::transfer::{
    self, Connections, Event, Hold, Job, Learnt, Limit, Options, Pairs, Request, Selection, WorkingDirectories,
};

/// Pause between two checks of Ctrl-C while a transfer reports nothing.
const TICK: Duration = Duration::from_millis(33);

/// Everything that a command may read and change.
pub struct Context {
    /// The session with the server and the working directory on it.
    pub remote: Remote,
    /// The working directory before the last change, for `cd -`.
    pub previous_directory: Option<RemotePath>,
    /// The local working directory, the base of relative local paths.
    pub local: LocalDirectory,
    /// The settings of the session.
    pub settings: SessionSettings,
    /// The user's configuration.
    pub configuration: Configuration,
    /// The limit on the rate of all transfers together.
    pub limit: Limit,
    /// Facts about the server that transfers have learnt.
    pub learnt: Learnt,
    /// The number of commands so far that may have changed files on the server.
    pub changes: u64,
    /// The output for everything that the user sees.
    pub output: Output,
    /// Opens more sessions with the same server. Without it, this session is the only one.
    pub connector: Option<Arc<Connector>>,
    /// Other sessions with the server that are open but unused.
    pub spares: Vec<Session>,
    /// True if the first failure ends the run, so that a command over many files stops at it too: in a batch, for a
    /// line without a leading `-`. Set anew for each line.
    pub stops_at_failure: bool,
    /// The origin of the running command. Set anew for each line.
    pub origin: Origin,
    /// True if stdout is a terminal that can move its cursor.
    pub has_screen: bool,
    /// Local programs that have the terminal for a while.
    pub local_programs: LocalPrograms,
}

/// The origin of a command, which decides whether it may ask and what its words mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// A file, a pipe or `-e`.
    #[default]
    Script,
    /// The words after the destination: `host -- COMMAND`.
    CommandLine,
    /// A prompt, at which a program may type.
    Terminal,
    /// A person who types at a prompt, key by key.
    Person,
}

impl Context {
    /// Creates a context on a newly opened session, in the server's start directory and the process's working
    /// directory.
    ///
    /// # Errors
    /// The server does not report its start directory, or the local one does not exist any more.
    pub fn open(session: Session, settings: SessionSettings, output: Output) -> Result<Context, Failure> {
        let remote = Remote::open(session).map_err(|error| Failure::from(error).with_line("Need cwd"))?;
        let local = LocalDirectory::current().map_err(|error| Failure::new(cwd_is_gone(&error)))?;
        Ok(Context {
            remote,
            previous_directory: None,
            local,
            settings,
            configuration: Configuration::default(),
            limit: Limit::default(),
            learnt: Learnt::default(),
            changes: 0,
            output,
            connector: None,
            spares: Vec::new(),
            stops_at_failure: false,
            origin: Origin::default(),
            has_screen: false,
            local_programs: LocalPrograms::default(),
        })
    }

    /// Replaces a session that has ended, keeping the working directory.
    pub fn go_on_with(&mut self, session: Session) {
        self.remote.go_on_with(session);
    }

    /// Continues with another server, in its directory. Everything that concerns the old server is forgotten; the
    /// settings, the limit on the rate and the local directory stay.
    pub fn move_to(&mut self, remote: Remote, connector: Arc<Connector>, server: Vec<u8>) {
        self.remote = remote;
        self.previous_directory = None;
        self.learnt = Learnt::default();
        self.spares.clear();
        self.connector = Some(connector);
        self.settings.server = server;
    }

    /// Starts a transfer with all connections that are open or may be opened. It sends nothing as long as it is held.
    pub fn start(&mut self, mut request: Request, hold: Hold) -> Job {
        request.connections.spares = std::mem::take(&mut self.spares);
        transfer::start(self.session(), request, hold)
    }

    /// Takes back the sessions that a transfer leaves. The first replaces the one on which it started, if that has
    /// ended.
    pub fn take_back(&mut self, sessions: Vec<Session>) {
        for session in sessions {
            if !self.spares.iter().any(|spare| spare.is(&session)) {
                self.spares.push(session);
            }
        }
        self.spares.retain(|spare| spare.end().is_none());
        if self.session().end().is_some() && !self.spares.is_empty() {
            self.remote.go_on_with(self.spares.remove(0));
        } else {
            self.spares.retain(|spare| !spare.is(self.remote.session()));
        }
    }

    /// Returns whether Ctrl-C was pressed since the command began. The signal handler sets this flag, and its owner
    /// clears it before each command.
    #[must_use]
    pub fn interrupt(&self) -> &Interrupt {
        self.remote.interrupt()
    }
}

/// Helpers that several commands use.
impl Context {
    /// Describes a transfer with the settings of the session.
    pub(super) fn transfer(
        &self,
        pairs: Pairs,
        options: Options,
        selection: Selection,
        mode: Option<Change>,
    ) -> Box<Request> {
        let connections = Connections {
            connector: self.connector.clone(),
            most: self.settings.connections.max(1).into(),
            channels: self.settings.channels.into(),
            tells_of_channels: self.settings.is_verbose,
            retries: self.settings.retries,
            spares: Vec::new(),
        };
        let (server, limit, learnt) = (self.settings.server.clone(), self.limit.clone(), self.learnt.clone());
        let working_directories = WorkingDirectories {
            remote: Some(self.remote.working_directory().clone()),
            local: Some(self.local.path().to_owned()),
        };
        Box::new(Request { pairs, options, selection, mode, server, limit, learnt, working_directories, connections })
    }

    /// Waits for the end of a transfer of which nothing is shown but its messages. Ctrl-C cancels it.
    ///
    /// # Errors
    /// Not everything was transferred. The reasons were printed.
    pub(super) fn finish(&mut self, job: Job) -> Result<(), Failure> {
        let canceller = job.canceller();
        loop {
            if self.interrupt().was_pressed() {
                canceller.cancel();
            }
            match job.events().recv_timeout(TICK) {
                Ok(events) => events.iter().for_each(|event| self.show(event)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let report = job.wait();
        let is_success = report.is_success();
        self.take_back(report.sessions);
        if is_success { Ok(()) } else { Err(Failure::already_shown()) }
    }

    fn show(&self, event: &Event) {
        match event {
            Event::Announced(file) => self.output.status(file),
            Event::Failed(failure) => self.output.failure(failure),
            Event::Noted(note) => self.output.warning(note),
            _ => {}
        }
    }

    /// For a command over whole trees, which sftp(1) does not have: a failure ends the run only after the command has
    /// finished, so that its requests need not wait for each other.
    pub(super) fn goes_on_in_trees(&mut self) {
        self.stops_at_failure = false;
    }

    pub(super) fn session(&self) -> &Session {
        self.remote.session()
    }

    /// Fails, in sftp(1)'s words, unless the server offers an extension.
    pub(super) fn require(&self, extension: Extension) -> Result<(), Failure> {
        match self.session().offers(extension) {
            true => Ok(()),
            false => Err(Failure::new(format!("Server does not support {extension} extension"))),
        }
    }

    /// Returns the type of a path. It is queried after a request has failed, to explain a status that explains
    /// little.
    pub(super) fn kind_after(&self, error: &Error, path: &RemotePath) -> Option<FileType> {
        if !error.leaves_the_session_alive() {
            return None;
        }
        self.session().lstat(path).ok()?.file_type()
    }
}

pub(super) fn cwd_is_gone(error: &std::io::Error) -> String {
    format!("Couldn't get local cwd: {}", os_error::text(error))
}

/// The settings from the command line, of which `progress` and `set` change some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSettings {
    /// The server, such as `user@host:port`, or the program of `-D`. It is part of the names of partial files, so
    /// that a file of one server is never mistaken for that of another.
    pub server: Vec<u8>,
    /// True if the server has an address, and is no program of `-D`.
    pub server_has_address: bool,
    /// The options of every get and put.
    pub transfers: TransferDefaults,
    /// True if progress is shown; `progress` toggles it.
    pub progress: bool,
    /// `--progress`: the form in which progress is shown.
    pub progress_mode: ProgressMode,
    /// `--retry`: the number of attempts to reconnect after the connection broke.
    pub retries: u32,
    /// `-j`: the number of connections that a transfer uses; 0 means 1.
    pub connections: u8,
    /// `--channels`: the number of channels that an upload may use; 0 means 1.
    pub channels: u8,
    /// `-v`: tell why channels are opened.
    pub is_verbose: bool,
    /// `set confirm-removals`: the number of names above which `rm` asks a person; 0 means that it never does.
    pub confirm_removals: u64,
    /// `set prompt`: the text of the prompt.
    pub prompt: PromptTemplate,
    /// `set title`: true if the title of a person's terminal shows the host and the directory.
    pub title: bool,
    /// `set queue-parallel`: the number of queued transfers that run at once; 0 means 1.
    pub queue_parallel: usize,
    /// `set sizes`: how far the server's file sizes are trusted.
    pub sizes: Sizes,
    /// `set editing`: the keys that edit a line.
    pub editing: Editing,
}

/// The keys that edit a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Editing {
    /// Those of emacs.
    #[default]
    Emacs,
    /// Those of vi.
    Vi,
}

/// How far the file sizes that a server reports are trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Sizes {
    /// A file that ends earlier is damaged.
    #[default]
    Exact,
    /// A file ends where reading finds its end.
    Estimate,
}

impl SessionSettings {
    /// Returns the form in which progress is shown now. If it started as `none` and was switched on later, the
    /// terminal decides.
    #[must_use]
    pub fn shown_progress(&self) -> ProgressMode {
        match (self.progress, self.progress_mode) {
            (false, _) => ProgressMode::None,
            (true, ProgressMode::None) => ProgressMode::Auto,
            (true, mode) => mode,
        }
    }
}
