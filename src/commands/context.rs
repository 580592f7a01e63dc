//! What a command gets to work with. Nothing in it reads a line, knows a prompt or ends the process.

use std::sync::Arc;

use super::{Failure, LocalDirectory};
use crate::cli::{ProgressMode, TransferDefaults};
use crate::connect::Connector;
use crate::mode::Change;
use crate::name::RemotePath;
use crate::os_error;
use crate::remote::{Interrupt, Remote};
use crate::sftp::{Error, Extension, FileType, Session};
use crate::terminal::Output;
use crate::transfer::{self, Connections, Job, Learnt, Limit, Options, Pairs, Request, Selection, WorkingDirectories};

/// All that a command may see and change.
pub struct Context {
    /// The session with the server, and where on it we are.
    pub remote: Remote,
    /// Where the working directory was before the last change, for `cd -`.
    pub previous_directory: Option<RemotePath>,
    /// Where relative local paths start.
    pub local: LocalDirectory,
    /// What was set for the whole session.
    pub settings: SessionSettings,
    /// How fast all transfers together may go.
    pub limit: Limit,
    /// What transfers have learnt of the server.
    pub learnt: Learnt,
    /// Where everything goes that is to be seen.
    pub output: Output,
    /// Opens more sessions with the same server; without it there is only this one.
    pub connector: Option<Arc<Connector>>,
    /// Other sessions with the server that are open and that nobody uses.
    pub spares: Vec<Session>,
    /// Whether the first failure ends the run, so that a command over many files stops there too: in a batch, for a line
    /// without `-` in front. Set anew for each line.
    pub stops_at_failure: bool,
}

impl Context {
    /// A context on a session that was just opened, in the server's start directory and the process's own.
    ///
    /// # Errors
    /// The server does not tell its start directory, or the local one is gone.
    pub fn open(session: Session, settings: SessionSettings, output: Output) -> Result<Context, Failure> {
        let remote = Remote::open(session).map_err(|error| Failure::from(error).with_line("Need cwd"))?;
        let local = LocalDirectory::current().map_err(|error| Failure::new(cwd_is_gone(&error)))?;
        Ok(Context {
            remote,
            previous_directory: None,
            local,
            settings,
            limit: Limit::default(),
            learnt: Learnt::default(),
            output,
            connector: None,
            spares: Vec::new(),
            stops_at_failure: false,
        })
    }

    /// Goes on with another session in place of one that ended, in the same place.
    pub fn go_on_with(&mut self, session: Session) {
        self.remote.go_on_with(session);
    }

    /// Takes the sessions that a transfer leaves: the first in place of the one that it started on, if that has ended.
    pub fn take_back(&mut self, sessions: Vec<Session>) {
        self.spares = sessions;
        if self.session().end().is_some() && !self.spares.is_empty() {
            self.remote.go_on_with(self.spares.remove(0));
        } else {
            self.spares.retain(|spare| !spare.is(self.remote.session()));
        }
    }

    /// Whether Ctrl-C was pressed since the command began; who catches the signal presses, and clears it before each command.
    #[must_use]
    pub fn interrupt(&self) -> &Interrupt {
        self.remote.interrupt()
    }
}

/// What commands have in common.
impl Context {
    /// Starts a transfer with all the connections that there are or may be.
    pub(super) fn start(&mut self, pairs: Pairs, options: Options, selection: Selection, mode: Option<Change>) -> Job {
        let connections = Connections {
            connector: self.connector.clone(),
            most: self.settings.connections.max(1).into(),
            retries: self.settings.retries,
            spares: std::mem::take(&mut self.spares),
        };
        let (server, limit, learnt) = (self.settings.server.clone(), self.limit.clone(), self.learnt.clone());
        let working_directories = WorkingDirectories {
            remote: Some(self.remote.working_directory().clone()),
            local: Some(self.local.path().to_owned()),
        };
        let request =
            Request { pairs, options, selection, mode, server, limit, learnt, working_directories, connections };
        transfer::start(self.session(), request)
    }

    /// For a command over whole trees, which sftp(1) does not have: a failure ends the run behind it, not in the middle of
    /// it, so that its requests need not wait for each other.
    pub(super) fn goes_on_in_trees(&mut self) {
        self.stops_at_failure = false;
    }

    pub(super) fn session(&self) -> &Session {
        self.remote.session()
    }

    /// Fails unless the server offers an extension, in sftp(1)'s words.
    pub(super) fn require(&self, extension: Extension) -> Result<(), Failure> {
        match self.session().offers(extension) {
            true => Ok(()),
            false => Err(Failure::new(format!("Server does not support {extension} extension"))),
        }
    }

    /// What a path is, asked after a request about it failed, to explain a status that explains little.
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

/// What the command line set for the whole session, and `progress` changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSettings {
    /// Which server it is, such as `user@host:port`, or the program of `-D`: a part of the names of partial files, so that
    /// none is ever taken for one of another server.
    pub server: Vec<u8>,
    /// How every get and put is done.
    pub transfers: TransferDefaults,
    /// Whether progress is shown; `progress` toggles it.
    pub progress: bool,
    /// `--progress`: how it is shown when it is.
    pub progress_mode: ProgressMode,
    /// `--retry`: how often it is tried to connect again when the connection breaks.
    pub retries: u32,
    /// `-j`: connections that a transfer uses; 0 is as good as 1.
    pub connections: u8,
    /// `set sizes`: what the sizes that the server tells are worth.
    pub sizes: Sizes,
}

/// What the sizes that a server tells are worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Sizes {
    /// A file that ends earlier is damaged.
    #[default]
    Exact,
    /// A file ends where reading finds its end.
    Estimate,
}

impl SessionSettings {
    /// How progress is shown now. What began as none is switched on as what suits the terminal.
    #[must_use]
    pub fn shown_progress(&self) -> ProgressMode {
        match (self.progress, self.progress_mode) {
            (false, _) => ProgressMode::None,
            (true, ProgressMode::None) => ProgressMode::Auto,
            (true, mode) => mode,
        }
    }
}
