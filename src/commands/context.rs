//! What a command gets to work with. Nothing in it reads a line, knows a prompt or ends the process.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Failure, LocalDirectory};
use crate::name::RemotePath;
use crate::sftp::{Error, Extension, FileType, Session};
use crate::terminal::{ByteSize, Output};

/// All that a command may see and change.
pub struct Context {
    /// The session with the server.
    pub session: Session,
    /// Where relative remote paths start.
    pub working_directory: RemotePath,
    /// Where the session started, which is where `cd` without a path leads.
    pub home: RemotePath,
    /// Where the working directory was before the last change, for `cd -`.
    pub previous_directory: Option<RemotePath>,
    /// Where relative local paths start.
    pub local: LocalDirectory,
    /// What was set for the whole session.
    pub settings: Settings,
    /// Where everything goes that is to be seen.
    pub output: Output,
    /// Whether Ctrl-C was pressed since the command began.
    pub interrupt: Interrupt,
    /// Whether the first failure ends the run, so that a command over many files stops there too: in a batch, for a line
    /// without `-` in front. Set anew for each line.
    pub stops_at_failure: bool,
}

impl Context {
    /// A context on a session that was just opened, in the server's start directory and the process's own.
    ///
    /// # Errors
    /// The server does not tell its start directory, or the local one is gone.
    pub fn open(session: Session, settings: Settings, output: Output) -> Result<Context, Failure> {
        let start =
            session.realpath(&RemotePath::dot()).map_err(|error| Failure::refused("Need cwd: realpath .", &error))?;
        let start = RemotePath::new(start.to_vec()).map_err(|error| Failure::new(format!("Need cwd: {error}")))?;
        let local = LocalDirectory::current().map_err(|error| Failure::new(cwd_is_gone(&error)))?;
        Ok(Context {
            session,
            working_directory: start.clone(),
            home: start,
            previous_directory: None,
            local,
            settings,
            output,
            interrupt: Interrupt::default(),
            stops_at_failure: false,
        })
    }
}

/// What commands have in common.
impl Context {
    /// A remote path as seen from the working directory.
    #[must_use]
    pub fn resolve(&self, path: &RemotePath) -> RemotePath {
        self.working_directory.resolve(path)
    }

    /// Makes a canonical directory the working directory.
    pub(super) fn change_directory(&mut self, directory: RemotePath) {
        self.previous_directory = Some(std::mem::replace(&mut self.working_directory, directory));
    }

    /// Whether nothing may be done any more once something failed.
    pub(super) fn stops(&self) -> bool {
        self.stops_at_failure || self.interrupt.was_pressed() || self.session.end().is_some()
    }

    /// Fails unless the server offers an extension, in sftp(1)'s words.
    pub(super) fn require(&self, extension: Extension) -> Result<(), Failure> {
        match self.session.offers(extension) {
            true => Ok(()),
            false => Err(Failure::new(format!("Server does not support {extension} extension"))),
        }
    }

    /// What a path is, asked after a request about it failed, to explain a status that explains little.
    pub(super) fn kind_after(&self, error: &Error, path: &RemotePath) -> Option<FileType> {
        if !error.leaves_the_session_alive() {
            return None;
        }
        self.session.lstat(path).ok()?.file_type()
    }
}

pub(super) fn cwd_is_gone(error: &std::io::Error) -> String {
    format!("Couldn't get local cwd: {}", super::local_cause(error))
}

/// What the command line set for the whole session, and `progress` changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line, independent of the others")]
pub struct Settings {
    /// `-a`: every get and put resumes.
    pub resume: bool,
    /// `-r`: every get and put is recursive.
    pub recursive: bool,
    /// `-p`: every get and put keeps times and modes.
    pub preserve: bool,
    /// `-f`: every get and put is flushed to the disk.
    pub fsync: bool,
    /// Whether the progress meter is shown; `progress` toggles it.
    pub progress: bool,
    /// `-B`: bytes of one READ or WRITE, exactly; by default as many as the server takes.
    pub buffer: Option<ByteSize>,
    /// `-R`: the most requests in flight, exactly; by default as many as pay off.
    pub requests: Option<u32>,
}

/// Whether Ctrl-C was pressed. Clones share it: who catches the signal has one, and a command that goes over many things
/// looks at the other and stops.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Ctrl-C was pressed.
    pub fn press(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was pressed since the last [`Interrupt::clear`].
    #[must_use]
    pub fn was_pressed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Forgets it; done before each command.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
