//! An SFTP session: the type through which callers submit requests, with a plain method for each kind of request.

use std::fmt;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use crate::lock::lock;
use crate::name::RemotePath;
use crate::sftp::attributes::Attributes;
use crate::sftp::calls::{self, Call, OpenFlags};
use crate::sftp::completions::Completions;
use crate::sftp::desk::Desk;
use crate::sftp::driver::Driver;
use crate::sftp::early_requests::{LazyLimits, request_start};
use crate::sftp::error::Error;
use crate::sftp::extensions::{Extension, Limits, Statvfs};
use crate::sftp::handle::Handle;
use crate::sftp::manners::{Manners, SymlinkOrder};
use crate::sftp::openings::Openings;
use crate::sftp::pending::Pending;
use crate::sftp::seat::Applicant;
use crate::sftp::shared::Shared;
use crate::sftp::width::Width;
use crate::transport::{End, Killer, Transport};

/// How to open a session.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long the server may take to answer INIT. `None` if a person may have to answer a program's questions
    /// first.
    pub greeting_limit: Option<Duration>,
    /// How long the server may stay silent while an answer is due.
    pub idle_limit: Option<Duration>,
    /// Suspends the idle limit while the server works on a request that may take an honest server long: a copy, a
    /// flush to the disk, a hash.
    pub may_take_long: bool,
    /// The order in which the server reads the paths of SYMLINK.
    pub symlink_order: SymlinkOrder,
    /// Asks for [`Session::start_directory`] and [`Session::limits`] together with INIT, which saves a round trip.
    /// Only for a server that is known to read on after INIT: by the draft, VERSION must come before any other
    /// request.
    pub asks_ahead: bool,
    /// The server is known to carry out the requests on one file in the order in which they were sent.
    pub keeps_order: bool,
    /// The server empties a file that is opened for writing only, even without [`OpenFlags::TRUNCATE`].
    pub empties_files: bool,
    /// A file that is being transferred must not be opened a second time.
    pub wants_one_handle: bool,
    /// The number of files and directories that the server can have open, if it is known from elsewhere and the
    /// server may not report it.
    pub open_handles: Option<u64>,
    /// How many requests may wait for an answer at once.
    pub width: Width,
    /// The count of open handles on the server, which all sessions with that server share.
    pub openings: Openings,
}

impl Default for Options {
    /// The idle limit of five minutes is more than any disk takes, and less than any person waits.
    fn default() -> Options {
        Options {
            greeting_limit: Some(Duration::from_secs(60)),
            idle_limit: Some(Duration::from_secs(300)),
            may_take_long: true,
            symlink_order: SymlinkOrder::default(),
            asks_ahead: false,
            keeps_order: false,
            empties_files: false,
            wants_one_handle: false,
            open_handles: None,
            width: Width::unbounded(),
            openings: Openings::default(),
        }
    }
}

impl Options {
    fn manners(&self) -> Manners {
        Manners {
            symlink_order: self.symlink_order,
            may_take_long: self.may_take_long,
            keeps_order: self.keeps_order,
            empties_files: self.empties_files,
            wants_one_handle: self.wants_one_handle,
            width: self.width.clone(),
            openings: self.openings.clone(),
        }
    }
}

/// How long [`Session::finish`] waits for the far end to close in an orderly way.
const FINISH_LIMIT: Duration = Duration::from_secs(5);

/// An open SFTP session. Clones share the connection, which ends when the last of them is dropped.
///
/// Any number of threads may have any number of requests in flight. If the server breaks the protocol, falls silent
/// or goes away, the session is dead: all outstanding requests fail at once with the reason, and so does every later
/// one.
#[derive(Clone)]
pub struct Session {
    client: Arc<Client>,
}

/// Ends the driver when the last clone of the session is dropped.
struct Client {
    shared: Arc<Shared>,
    desk: Arc<Desk<Applicant>>,
    options: Options,
    /// True if the session runs on a further channel of its connection.
    is_further: bool,
    killer: Killer,
    version: u32,
    limits: LazyLimits,
    /// The answer to the early request for the start directory, until a caller takes it.
    start_directory: Mutex<Option<Pending<Bytes>>>,
}

/// Ends waits for a session's answers, from any thread. The session and its requests go on.
#[derive(Clone)]
pub struct Waits(Weak<Shared>);

impl Waits {
    /// Ends every [`Pending::wait`] and every plain call with [`Error::Interrupted`], including those that begin
    /// later. To end a wait for [`Completions`], use its wakeup.
    pub fn end(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.give_up();
        }
    }

    /// Lets later waits last until their answer comes again.
    pub fn allow(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.wait_again();
        }
    }
}

/// Counters of a session, for diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// The number of submitted requests.
    pub requests: u64,
    /// How many times the driver of the connection slept.
    pub polls: u64,
}

impl Session {
    /// Starts SFTP on a transport: sends INIT and waits for VERSION. Also asks for the server's limits; the first
    /// caller that needs them waits for the answer.
    ///
    /// # Errors
    /// The server speaks no SFTP or another version of it, the connection ended, or VERSION did not arrive within the
    /// limit.
    pub fn open(transport: Box<dyn Transport>, options: Options) -> Result<Session, Error> {
        let desk = Desk::new().map_err(|error| Error::ConnectionLost(error.to_string()))?;
        let killer = transport.killer();
        Session::begin(Arc::new(desk), options, Some(killer), |applicant, desk| {
            let driver = Driver::new(transport, applicant, desk);
            let started = thread::Builder::new().name("sftp-driver".into()).spawn(move || driver.run());
            started.map(drop).map_err(|error| Error::ConnectionLost(error.to_string()))
        })
    }

    /// Starts another session with the same server on a further channel of this connection, as [`Session::open`] does. The
    /// connection ends with its last session. The killer of the new session ends that session only.
    ///
    /// # Errors
    /// The connection has only one channel, the server refuses another, or SFTP doesn't start on it.
    pub fn another_channel(&self) -> Result<Session, Error> {
        let Client { desk, options, .. } = &*self.client;
        let options = Options { asks_ahead: false, ..options.clone() };
        Session::begin(Arc::clone(desk), options, None, |applicant, desk| {
            desk.apply(applicant);
            Ok(())
        })
    }

    /// Returns whether this session was started by [`Session::another_channel`].
    #[must_use]
    pub fn is_further(&self) -> bool {
        self.client.is_further
    }

    /// Hands a session over to its driver with `join`, and waits until the server has greeted it. `killer` ends the
    /// connection; a session without it gets a killer of its own.
    fn begin(
        desk: Arc<Desk<Applicant>>,
        options: Options,
        killer: Option<Killer>,
        join: impl FnOnce(Applicant, Arc<Desk<Applicant>>) -> Result<(), Error>,
    ) -> Result<Session, Error> {
        let shared = Arc::new(Shared::new(Arc::clone(&desk.waker), options.manners()));
        let ahead = options.asks_ahead.then(|| (request_start(&shared), LazyLimits::request(&shared)));
        let (tell, told) = channel();
        let Options { greeting_limit, idle_limit, .. } = options;
        join(Applicant { shared: Arc::clone(&shared), greeting_limit, idle_limit, tell }, Arc::clone(&desk))?;
        let ended = || Error::ConnectionLost("the connection has ended".into());
        let version = told.recv().unwrap_or_else(|_| Err(ended()))?;
        let is_further = killer.is_none();
        let killer = killer.unwrap_or_else(|| killer_of(&shared));
        let (start_directory, limits) = ahead.unzip();
        let limits = limits.unwrap_or_else(|| LazyLimits::request(&shared));
        let start_directory = Mutex::new(start_directory);
        let client = Client { shared, desk, options, is_further, killer, version, limits, start_directory };
        Ok(Session { client: Arc::new(client) })
    }

    /// Queues a request and returns at once.
    pub fn submit<C: Call>(&self, call: &C) -> Pending<C::Reply> {
        let (pending, completion) = Pending::new::<C>();
        self.client.shared.submit(call, completion);
        pending
    }

    /// Queues a request and returns at once. `queue` yields the outcome, together with `token`. The caller must limit
    /// the number of requests it queues.
    ///
    /// The request may stay staged until [`Completions::wait`] is called, so that consecutive requests are sent
    /// together.
    pub fn submit_to<T: Send + 'static, C: Call>(&self, queue: &Completions<T>, token: T, call: &C) {
        self.client.shared.stage(call, queue.expect(token, &self.client.shared));
    }

    /// Returns the protocol version that the server speaks.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.client.version
    }

    /// Returns the server's limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let limits = self.client.limits.get();
        Limits { open_handles: limits.open_handles.or(self.client.options.open_handles), ..limits }
    }

    /// Returns the directory in which the server starts: the canonical path of `.`.
    ///
    /// # Errors
    /// The server's refusal, or the end of the connection.
    pub fn start_directory(&self) -> Result<Bytes, Error> {
        let asked = lock(&self.client.start_directory).take();
        asked.unwrap_or_else(|| request_start(&self.client.shared)).wait()
    }

    /// Returns the extension with which to ask the server for a hash of a file: see
    /// [`Extensions::hashing`](super::Extensions::hashing).
    #[must_use]
    pub fn hashing(&self) -> Option<Extension> {
        self.client.shared.hashing()
    }

    /// Returns whether the server offers an extension.
    #[must_use]
    pub fn offers(&self, extension: Extension) -> bool {
        self.client.shared.offers(extension)
    }

    /// Returns whether `other` is a clone of this session.
    #[must_use]
    pub fn is(&self, other: &Session) -> bool {
        Arc::ptr_eq(&self.client, &other.client)
    }

    /// Lets as many requests wait at once as a transfer needs, as long as the returned value lives.
    pub fn widen(&self) -> Wide {
        self.client.shared.count_transfers(|transfers| transfers + 1);
        Wide(Arc::clone(&self.client.shared))
    }

    /// Returns how many requests may wait for an answer at once. Further requests are held back until earlier ones
    /// are answered.
    #[must_use]
    pub fn width(&self) -> Width {
        self.client.shared.width()
    }

    /// Returns whether the server is known to carry out the requests on one file in the order in which they were
    /// sent. The draft demands that (draft-ietf-secsh-filexfer-02, section 3), but some servers process READ and
    /// WRITE in parallel with the rest.
    #[must_use]
    pub fn keeps_order(&self) -> bool {
        self.client.shared.keeps_order()
    }

    /// Returns whether a handle that was opened for reading and writing can be read from.
    ///
    /// Only servers that keep the order are known to get this right. Go's `pkg/sftp` opens such a file for writing
    /// only, and a READ of it *writes* as many zeros as the request asks for.
    #[must_use]
    pub fn reads_what_it_writes(&self) -> bool {
        self.keeps_order()
    }

    /// Returns whether a file that is being transferred must not be opened a second time: the server empties a file
    /// opened for writing, or it is slow if a file is read in several places.
    #[must_use]
    pub fn wants_one_handle(&self) -> bool {
        self.client.shared.wants_one_handle()
    }

    /// Returns whether the server empties a file that is opened for writing only, even without
    /// [`OpenFlags::TRUNCATE`].
    #[must_use]
    pub fn empties_files(&self) -> bool {
        self.client.shared.empties_files()
    }

    /// Returns the count of open handles on the server.
    #[must_use]
    pub fn openings(&self) -> Openings {
        self.client.shared.openings()
    }

    /// Returns why all outstanding requests were given up, skipping the first `times` such events: an
    /// [`Error::Unanswered`].
    #[must_use]
    pub fn given_up(&self, times: usize) -> Option<Error> {
        self.client.shared.given_up(times)
    }

    /// Returns why the session is dead, or `None` while it lives.
    #[must_use]
    pub fn end(&self) -> Option<Error> {
        self.client.shared.end()
    }

    /// Returns a handle that cuts the connection from any thread, so that all outstanding requests fail at once.
    #[must_use]
    pub fn killer(&self) -> Killer {
        self.client.killer.clone()
    }

    /// Returns a handle that ends waits for answers from any thread, and leaves the session alive.
    #[must_use]
    pub fn waits(&self) -> Waits {
        Waits(Arc::downgrade(&self.client.shared))
    }

    /// Returns the shortest time that an answer has taken, which is the best estimate of the round trip.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.client.shared.round_trip()
    }

    /// Returns the counters since the session was opened.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics { requests: self.client.shared.requests(), polls: self.client.desk.polls() }
    }

    /// Ends the session in an orderly way, for all its clones, and returns how the far end closed if that was
    /// reported in time.
    #[must_use = "the end may hold the server's last words"]
    pub fn finish(&self) -> Option<End> {
        self.client.shared.close_with_care();
        self.client.shared.wait_until_finished(FINISH_LIMIT)
    }

    /// Ends the session, for all its clones, once all submitted requests are sent. Does not wait until the far end
    /// has closed.
    pub fn leave(&self) {
        self.client.shared.close();
        let _ = self.client.shared.wait_until_finished(FINISH_LIMIT);
    }

    /// Ends the session, for all its clones, within `limit`. Requests that can't be sent in that time are dropped,
    /// and it waits for no answers.
    pub fn abandon(&self, limit: Duration) {
        self.client.shared.abandon();
        if self.client.shared.wait_until_finished(limit).is_none() {
            self.client.killer.kill();
        }
    }
}

/// Returns the killer of a session on a further channel.
fn killer_of(shared: &Arc<Shared>) -> Killer {
    let shared = Arc::downgrade(shared);
    Killer::by(move || shared.upgrade().iter().for_each(|shared| shared.kill()))
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("end", &self.end()).finish_non_exhaustive()
    }
}

/// A transfer that runs on a session; see [`Session::widen`].
#[must_use = "dropping it narrows the session"]
pub struct Wide(Arc<Shared>);

impl Drop for Wide {
    fn drop(&mut self) {
        self.0.count_transfers(|transfers| transfers - 1);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Defines the plain calls, which submit a request and wait for the reply.
macro_rules! plain_calls {
    ($($(#[$doc:meta])* $method:ident($($field:ident: $type:ty),*) -> $reply:ty = $call:ident;)*) => {
        /// The plain calls: each submits one request and waits for its reply. The type of the request documents its
        /// meaning. Every call fails with the server's refusal or the end of the connection.
        #[expect(clippy::missing_errors_doc, reason = "said above, once for all")]
        impl Session {$(
            $(#[$doc])*
            pub fn $method(&self, $($field: $type),*) -> Result<$reply, Error> {
                self.submit(&calls::$call { $($field),* }).wait()
            }
        )*}
    };
}

plain_calls! {
    /// Attributes of a file, following links: [`calls::Stat`].
    stat(path: &RemotePath) -> Attributes = Stat;
    /// Attributes of a path, without following a link at its end: [`calls::Lstat`].
    lstat(path: &RemotePath) -> Attributes = Lstat;
    /// Attributes of an open file: [`calls::Fstat`].
    fstat(handle: &Handle) -> Attributes = Fstat;
    /// The canonical absolute path: [`calls::Realpath`].
    realpath(path: &RemotePath) -> Bytes = Realpath;
    /// The target of a link: [`calls::Readlink`].
    readlink(path: &RemotePath) -> Bytes = Readlink;
    /// Opens a file: [`calls::Open`].
    open_file(path: &RemotePath, flags: OpenFlags, attributes: Attributes) -> Handle = Open;
    /// Opens a directory: [`calls::Opendir`].
    opendir(path: &RemotePath) -> Handle = Opendir;
    /// Reads from a file: [`calls::Read`].
    read(handle: &Handle, offset: u64, length: u32) -> Bytes = Read;
    /// Writes to a file: [`calls::Write`].
    write(handle: &Handle, offset: u64, data: &[u8]) -> () = Write;
    /// Closes a handle and reports whether that succeeded: [`calls::Close`].
    close(handle: Handle) -> () = Close;
    /// Removes a file: [`calls::Remove`].
    remove(path: &RemotePath) -> () = Remove;
    /// Creates a directory: [`calls::Mkdir`].
    mkdir(path: &RemotePath, attributes: Attributes) -> () = Mkdir;
    /// Removes an empty directory: [`calls::Rmdir`].
    rmdir(path: &RemotePath) -> () = Rmdir;
    /// Renames a file; OpenSSH's server never replaces a target: [`calls::Rename`].
    rename(from: &RemotePath, to: &RemotePath) -> () = Rename;
    /// Renames a file and replaces the target: [`calls::PosixRename`].
    posix_rename(from: &RemotePath, to: &RemotePath) -> () = PosixRename;
    /// Creates a symbolic link: [`calls::Symlink`].
    symlink(target: &RemotePath, link: &RemotePath) -> () = Symlink;
    /// Creates a hard link: [`calls::Hardlink`].
    hardlink(existing: &RemotePath, link: &RemotePath) -> () = Hardlink;
    /// The file system that holds a path: [`calls::StatFileSystem`].
    statvfs(path: &RemotePath) -> Statvfs = StatFileSystem;
}

#[cfg(test)]
mod channel_tests;
#[cfg(test)]
mod tests;
