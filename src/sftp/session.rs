//! A session: the handle through which everybody submits requests, and the plain calls.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use super::ahead::{LazyLimits, ask_for_start};
use super::attributes::Attributes;
use super::calls::{self, Call, OpenFlags};
use super::completions::Completions;
use super::driver::{Driver, Link};
use super::error::Error;
use super::extensions::{Extension, Limits, Names, Statvfs};
use super::handle::Handle;
use super::pending::Pending;
use super::reply::NameEntry;
use super::shared::{Shared, Waker, lock};
use crate::name::RemotePath;
use crate::transport::{End, Killer, Transport};

/// How a session is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long the server may take to answer INIT. `None` where a person may have to answer a program's questions first.
    pub greeting_limit: Option<Duration>,
    /// How long the server may stay silent while an answer is due.
    pub idle_limit: Option<Duration>,
    /// Asks for [`Session::start_directory`] and [`Session::limits`] along with INIT, which saves a round trip. Only for a server that is
    /// known to read on after INIT: the draft wants VERSION to come before anything else is said.
    pub asks_ahead: bool,
}

impl Default for Options {
    /// Five minutes of silence are more than any disk takes, and less than any person waits.
    fn default() -> Options {
        Options {
            greeting_limit: Some(Duration::from_secs(60)),
            idle_limit: Some(Duration::from_secs(300)),
            asks_ahead: false,
        }
    }
}

/// How long [`Session::finish`] waits for an orderly end.
const FINISH_LIMIT: Duration = Duration::from_secs(5);

/// An open SFTP session. Clones share the connection; it ends with the last of them.
///
/// Any number of requests may be in flight from any number of threads. A session whose server breaks the protocol, falls
/// silent or goes away is dead: all that is outstanding fails at once with the reason, and so does all that is submitted later.
#[derive(Clone)]
pub struct Session {
    client: Arc<Client>,
}

/// Ends the driver when the last clone of the session is dropped.
struct Client {
    shared: Arc<Shared>,
    killer: Killer,
    version: u32,
    limits: LazyLimits,
    /// The answer that was asked for ahead, until somebody takes it.
    start_directory: Mutex<Option<Pending<Bytes>>>,
}

/// Counters of a session, for diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Requests that were submitted.
    pub requests: u64,
    /// How often the driver slept.
    pub polls: u64,
}

impl Session {
    /// Starts SFTP on a transport: INIT and VERSION. The server's limits are asked for, and waited for by whoever needs them.
    ///
    /// # Errors
    /// The server speaks no SFTP, or another version; the connection ended; nothing came within the limit.
    pub fn open(transport: Box<dyn Transport>, options: Options) -> Result<Session, Error> {
        let waker = Waker::new().map_err(|error| Error::ConnectionLost(error.to_string()))?;
        let mut link = Link::new(transport);
        let shared = Arc::new(Shared::new(waker));
        let ahead = options.asks_ahead.then(|| (ask_for_start(&shared), LazyLimits::ask(&shared)));
        let greeting = match link.negotiate(&shared, options.greeting_limit) {
            Ok(greeting) => greeting,
            Err(error) => {
                // One that has ended by itself may still tell how.
                if !matches!(error, Error::ConnectionLost(_)) {
                    link.transport.killer().kill();
                }
                let end = link.transport.finish();
                return Err(with_exit_status(error, &end));
            }
        };
        let killer = link.transport.killer();
        shared.learn(greeting.extensions);
        let driver = Driver::new(link, Arc::clone(&shared), options.idle_limit);
        thread::Builder::new()
            .name("sftp-driver".into())
            .spawn(move || driver.run())
            .map_err(|error| Error::ConnectionLost(error.to_string()))?;
        let (start_directory, limits) = ahead.unzip();
        let limits = limits.unwrap_or_else(|| LazyLimits::ask(&shared));
        let start_directory = Mutex::new(start_directory);
        let client = Client { shared, killer, version: greeting.version, limits, start_directory };
        Ok(Session { client: Arc::new(client) })
    }

    /// Queues a request and returns at once.
    pub fn submit<C: Call>(&self, call: &C) -> Pending<C::Reply> {
        let (pending, completion) = Pending::new::<C>();
        self.client.shared.submit(call, completion);
        pending
    }

    /// Queues a request whose outcome will come out of `queue` with `token`. Returns at once; whoever submits bounds what it queues.
    ///
    /// It may lie until [`Completions::wait`] is called, so that requests that are made one after the other go out together.
    pub fn submit_to<T: Send + 'static, C: Call>(&self, queue: &Completions<T>, token: T, call: &C) {
        self.client.shared.stage(call, queue.expect(token, &self.client.shared));
    }

    /// The protocol's version that the server speaks.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.client.version
    }

    /// What the server can take.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.client.limits.get()
    }

    /// The directory in which the server starts: the canonical path of `.`.
    ///
    /// # Errors
    /// The server's refusal, or the end of the connection.
    pub fn start_directory(&self) -> Result<Bytes, Error> {
        let asked = lock(&self.client.start_directory).take();
        asked.unwrap_or_else(|| ask_for_start(&self.client.shared)).wait()
    }

    /// How the server may be asked for a hash of a file: [`Extensions::hashing`].
    #[must_use]
    pub fn hashing(&self) -> Option<Extension> {
        self.client.shared.hashing()
    }

    /// Whether the server offers an extension.
    #[must_use]
    pub fn offers(&self, extension: Extension) -> bool {
        self.client.shared.offers(extension)
    }

    /// Whether this is a clone of the other.
    #[must_use]
    pub fn is(&self, other: &Session) -> bool {
        Arc::ptr_eq(&self.client, &other.client)
    }

    /// Why the session is dead, when it is.
    #[must_use]
    pub fn end(&self) -> Option<Error> {
        self.client.shared.end()
    }

    /// A handle that cuts the connection from any thread: all that is outstanding fails at once.
    #[must_use]
    pub fn killer(&self) -> Killer {
        self.client.killer.clone()
    }

    /// Counters since the session was opened.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let shared = &self.client.shared;
        Statistics { requests: shared.requests(), polls: shared.polls.load(Ordering::Relaxed) }
    }

    /// Ends the session in an orderly way, for all its clones, and tells how the far end ended where it could be learned in time.
    #[must_use = "the end may hold the server's last words"]
    pub fn finish(&self) -> Option<End> {
        self.client.shared.close_with_care();
        self.client.shared.wait_until_finished(FINISH_LIMIT)
    }

    /// Ends the session, for all its clones, once all that was submitted is sent, and does not wait for the far end's end.
    pub fn leave(&self) {
        self.client.shared.close();
        let _ = self.client.shared.wait_until_finished(FINISH_LIMIT);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("end", &self.end()).finish_non_exhaustive()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.close();
    }
}

fn with_exit_status(error: Error, end: &End) -> Error {
    match (error, end.exit_status) {
        (Error::ConnectionLost(_), Some(status)) if status != 0 => {
            Error::ConnectionLost(format!("the server program ended with status {status}"))
        }
        (error, _) => error,
    }
}

/// The plain calls: submit and wait.
macro_rules! plain_calls {
    ($($(#[$doc:meta])* $method:ident($($field:ident: $type:ty),*) -> $reply:ty = $call:ident;)*) => {
        /// The plain calls: one request, and the wait for its reply. See the request's own type for its meaning; every one
        /// fails with the server's refusal or the end of the connection.
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
    /// Attributes of what a path leads to: [`calls::Stat`].
    stat(path: &RemotePath) -> Attributes = Stat;
    /// Attributes of a path itself: [`calls::Lstat`].
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
    /// The next entries of a directory: [`calls::Readdir`].
    readdir(handle: &Handle) -> Vec<NameEntry> = Readdir;
    /// Reads from a file: [`calls::Read`].
    read(handle: &Handle, offset: u64, length: u32) -> Bytes = Read;
    /// Writes to a file: [`calls::Write`].
    write(handle: &Handle, offset: u64, data: &[u8]) -> () = Write;
    /// Closes a handle and tells how that went: [`calls::Close`].
    close(handle: Handle) -> () = Close;
    /// Removes a file: [`calls::Remove`].
    remove(path: &RemotePath) -> () = Remove;
    /// Makes a directory: [`calls::Mkdir`].
    mkdir(path: &RemotePath, attributes: Attributes) -> () = Mkdir;
    /// Removes an empty directory: [`calls::Rmdir`].
    rmdir(path: &RemotePath) -> () = Rmdir;
    /// Renames; never replaces on OpenSSH's server: [`calls::Rename`].
    rename(from: &RemotePath, to: &RemotePath) -> () = Rename;
    /// Renames and replaces: [`calls::PosixRename`].
    posix_rename(from: &RemotePath, to: &RemotePath) -> () = PosixRename;
    /// Makes a symbolic link: [`calls::Symlink`].
    symlink(target: &RemotePath, link: &RemotePath) -> () = Symlink;
    /// Makes a hard link: [`calls::Hardlink`].
    hardlink(existing: &RemotePath, link: &RemotePath) -> () = Hardlink;
    /// Changes attributes of a path: [`calls::Setstat`].
    setstat(path: &RemotePath, attributes: Attributes) -> () = Setstat;
    /// Changes attributes of a link itself: [`calls::Lsetstat`].
    lsetstat(path: &RemotePath, attributes: Attributes) -> () = Lsetstat;
    /// Changes attributes of an open file: [`calls::Fsetstat`].
    fsetstat(handle: &Handle, attributes: Attributes) -> () = Fsetstat;
    /// Flushes a file to its disk: [`calls::Fsync`].
    fsync(handle: &Handle) -> () = Fsync;
    /// The file system of a path: [`calls::StatFileSystem`].
    statvfs(path: &RemotePath) -> Statvfs = StatFileSystem;
    /// The canonical path of one with `~`: [`calls::ExpandPath`].
    expand_path(path: &RemotePath) -> Bytes = ExpandPath;
    /// A user's home: [`calls::HomeDirectory`].
    home_directory(user: &[u8]) -> Bytes = HomeDirectory;
    /// Names of users and groups: [`calls::UsersGroupsById`].
    users_groups_by_id(users: &[u32], groups: &[u32]) -> Names = UsersGroupsById;
    /// Copies between open files on the server: [`calls::CopyData`].
    copy_data(source: &Handle, source_offset: u64, length: u64, target: &Handle, target_offset: u64) -> () = CopyData;
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Peer, scripted, session};
    use super::*;
    use crate::sftp::{Reply, StatusCode};

    const OPEN: u8 = 3;
    const CLOSE: u8 = 4;
    const HANDLE: u8 = 102;
    const DATA: u8 = 103;
    const ATTRS: u8 = 105;

    fn path(text: &str) -> RemotePath {
        RemotePath::new(text).unwrap()
    }

    fn impatient() -> Options {
        let limit = Some(Duration::from_millis(100));
        Options { greeting_limit: limit, idle_limit: limit, ..Options::default() }
    }

    /// Answers a STAT with a size.
    fn size(peer: &mut Peer, id: u32, size: u64) {
        peer.reply(ATTRS, id, |packet| {
            packet.uint32(1);
            packet.uint64(size);
        });
    }

    #[test]
    fn answers_in_any_order_reach_the_requests_they_belong_to() {
        let (session, server) = session(Options::default(), |peer| {
            let mut requests: Vec<_> = (0..100).map(|_| peer.request().unwrap()).collect();
            requests.reverse();
            requests.rotate_left(37);
            for (_, id, fields) in requests {
                // The path is the number that is wanted back.
                let wanted = String::from_utf8(fields[4..].to_vec()).unwrap().parse().unwrap();
                size(peer, id, wanted);
            }
            peer.wait_for_the_end();
        });
        let queue = Completions::new();
        for number in 0..50_u64 {
            session.submit_to(&queue, number, &calls::Stat { path: &path(&number.to_string()) });
        }
        let waiting: Vec<_> = (50..100_u64)
            .map(|number| (number, session.submit(&calls::Stat { path: &path(&number.to_string()) })))
            .collect();
        for (number, pending) in waiting {
            assert_eq!(pending.wait().unwrap().size, Some(number));
        }
        let mut seen = 0;
        while seen < 50 {
            for (number, outcome) in queue.wait(None) {
                assert!(matches!(outcome, Ok(Reply::Attributes(attributes)) if attributes.size == Some(number)));
                seen += 1;
            }
        }
        assert_eq!(queue.outstanding(), 0);
        drop(session);
        server.join().unwrap();
    }

    #[test]
    fn a_refusal_keeps_its_code_and_its_text_and_the_session_lives() {
        let (session, server) = session(Options::default(), |peer| {
            let (_, id, _) = peer.request().unwrap();
            peer.status(id, 4, "quota exceeded");
            let (_, id, _) = peer.request().unwrap();
            size(peer, id, 1);
            peer.wait_for_the_end();
        });
        match session.stat(&path("a")) {
            Err(Error::Status(status)) => {
                assert_eq!((status.code, &status.text[..]), (StatusCode::FAILURE, &b"quota exceeded"[..]));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(session.stat(&path("a")).unwrap().size, Some(1));
        assert_eq!(session.end(), None);
        drop(session);
        server.join().unwrap();
    }

    #[test]
    fn a_broken_protocol_ends_the_session_and_all_that_is_under_way() {
        type Lie = fn(&mut Peer, u32);
        let lies: [(&str, Lie); 7] = [
            ("an answer to request", |peer, id| peer.status(id + 9, 4, "")),
            ("a reply of type 105", |peer, id| size(peer, id, 1)),
            ("4 bytes where 3 were asked for", |peer, id| peer.reply(DATA, id, |packet| packet.string(b"four"))),
            ("holds no data", |peer, id| peer.reply(DATA, id, |packet| packet.string(b""))),
            ("success without", |peer, id| peer.status(id, 0, "")),
            ("a packet of 0 bytes", |peer, _| peer.raw(&[0; 4])),
            ("a packet of 4294967295 bytes", |peer, _| peer.raw(&[0xff; 4])),
        ];
        for (expected, lie) in lies {
            let (session, server) = session(Options::default(), move |peer| {
                let (_, id, _) = peer.request().unwrap();
                peer.reply(HANDLE, id, |packet| packet.string(b"h"));
                peer.request().unwrap();
                let (_, id, _) = peer.request().unwrap();
                lie(peer, id);
                peer.wait_for_the_end();
            });
            let handle = session.open_file(&path("f"), OpenFlags::READ, Attributes::default()).unwrap();
            let other = session.submit(&calls::Stat { path: &path("other") });
            let lied_to = session.submit(&calls::Read { handle: &handle, offset: 0, length: 3 });
            for outcome in [lied_to.wait().map(drop), other.wait().map(drop), session.stat(&path("later")).map(drop)] {
                match outcome {
                    Err(Error::Protocol(text)) => assert!(text.contains(expected), "{text} for {expected}"),
                    other => panic!("{other:?} for {expected}"),
                }
            }
            drop((handle, session));
            server.join().unwrap();
        }
    }

    #[test]
    fn a_connection_that_ends_fails_all_that_was_pending() {
        let (session, server) = session(Options::default(), |peer| {
            for _ in 0..3 {
                peer.request().unwrap();
            }
        });
        let pending: Vec<_> = (0..3).map(|_| session.submit(&calls::Stat { path: &path("a") })).collect();
        for request in pending {
            assert!(matches!(request.wait(), Err(Error::ConnectionLost(_))));
        }
        server.join().unwrap();
    }

    #[test]
    fn who_hears_of_a_violation_finds_the_session_at_its_end() {
        // Whether the driver or the one who waits is first is chance, so it is tried often.
        for _ in 0..200 {
            let (session, server) = session(Options::default(), |peer| {
                let (_, id, _) = peer.request().unwrap();
                peer.reply(HANDLE, id, |packet| packet.string(b"h"));
                peer.wait_for_the_end();
            });
            let error = session.stat(&path("a")).unwrap_err();
            assert_eq!(session.end(), Some(error));
            server.join().unwrap();
        }
    }

    #[test]
    fn a_kill_from_another_thread_ends_a_sleeping_driver() {
        let (session, server) = session(Options { idle_limit: None, ..Options::default() }, Peer::wait_for_the_end);
        let pending = session.submit(&calls::Stat { path: &path("a") });
        let killer = session.killer();
        thread::spawn(move || killer.kill());
        assert!(matches!(pending.wait(), Err(Error::ConnectionLost(_))));
        server.join().unwrap();
    }

    #[test]
    fn a_silent_server_is_given_up_but_not_one_that_flushes_a_disk() {
        let silent = |peer: &mut Peer| drop(peer.wait_for_the_end());
        let (session, server) = session(impatient(), silent);
        assert_eq!(session.stat(&path("a")), Err(Error::TimedOut(Duration::from_millis(100))));
        server.join().unwrap();

        let (transport, server) = scripted(|peer| {
            peer.greet(&[("fsync@openssh.com", "1")]);
            let (_, id, _) = peer.request().unwrap();
            peer.reply(HANDLE, id, |packet| packet.string(b"h"));
            let (_, id, _) = peer.request().unwrap();
            thread::sleep(Duration::from_millis(300));
            peer.status(id, 0, "");
            peer.wait_for_the_end();
        });
        let session = Session::open(transport, impatient()).unwrap();
        let handle = session.open_file(&path("f"), OpenFlags::WRITE, Attributes::default()).unwrap();
        assert_eq!(session.fsync(&handle), Ok(()));
        drop((handle, session));
        server.join().unwrap();
    }

    #[test]
    fn a_session_may_rest_longer_than_a_server_may_be_silent() {
        let (session, server) = session(impatient(), |peer| {
            let (_, id, _) = peer.request().unwrap();
            size(peer, id, 1);
            peer.wait_for_the_end();
        });
        thread::sleep(Duration::from_millis(250));
        assert_eq!(session.stat(&path("a")).unwrap().size, Some(1));
        drop(session);
        server.join().unwrap();
    }

    #[test]
    fn handles_that_nobody_takes_are_closed_in_the_server() {
        let (session, server) = session(Options::default(), |peer| {
            let (mut opened, mut closed) = (0, 0);
            while let Some((packet_type, id, _)) = peer.request() {
                match packet_type {
                    OPEN => {
                        opened += 1;
                        peer.reply(HANDLE, id, |packet| packet.string(b"h"));
                    }
                    CLOSE => {
                        closed += 1;
                        peer.status(id, 0, "");
                    }
                    _ => size(peer, id, 1),
                }
            }
            (opened, closed)
        });
        let file = path("f");
        let open = calls::Open { path: &file, flags: OpenFlags::READ, attributes: Attributes::default() };
        let queue = Completions::new();
        for number in 0..4000 {
            match number % 4 {
                0 => drop(session.submit(&open)),
                1 => session.submit_to(&queue, number, &open),
                2 => session.close(session.submit(&open).wait().unwrap()).unwrap(),
                _ => drop(session.submit(&open).wait().unwrap()),
            }
        }
        drop(queue);
        session.stat(&file).unwrap();
        let _ = session.finish();
        assert_eq!(server.join().unwrap(), (4000, 4000));
    }

    #[test]
    fn a_handle_means_nothing_to_another_session() {
        let answering = |peer: &mut Peer| {
            let mut reads = 0;
            while let Some((packet_type, id, _)) = peer.request() {
                match packet_type {
                    OPEN => peer.reply(HANDLE, id, |packet| packet.string(b"h")),
                    CLOSE => peer.status(id, 0, ""),
                    _ => {
                        reads += 1;
                        peer.reply(DATA, id, |packet| packet.string(b"x"));
                    }
                }
            }
            reads
        };
        let (one, server) = session(Options::default(), answering);
        let (other, other_server) = session(Options::default(), answering);
        let file = path("f");
        let open = calls::Open { path: &file, flags: OpenFlags::READ, attributes: Attributes::default() };
        let handle = one.submit(&open).wait().unwrap();
        assert!(matches!(other.read(&handle, 0, 1), Err(Error::ConnectionLost(_))));
        assert!(one.read(&handle, 0, 1).is_ok() && other.end().is_none());
        drop(handle);
        let _ = (one.finish(), other.finish());
        assert_eq!((server.join().unwrap(), other_server.join().unwrap()), (1, 0));
    }

    #[test]
    fn what_is_no_sftp_server_is_told_apart() {
        type Greeting = fn(&mut Peer);
        let greetings: [(&str, Greeting); 5] = [
            ("it sent text where SFTP should begin (a login script that prints?): \"Welcome to host\\n\"", |peer| {
                peer.raw(b"Welcome to host\n");
            }),
            ("it speaks version 6, we asked for 3", |peer| {
                peer.send(|packet| {
                    packet.byte(2);
                    packet.uint32(6);
                });
            }),
            ("a packet of type 101 where VERSION should be", |peer| peer.status(0, 4, "")),
            ("ended before it spoke SFTP", |_| ()),
            ("the server was silent", |peer| drop(peer.wait_for_the_end())),
        ];
        for (expected, greeting) in greetings {
            let (transport, server) = scripted(move |peer| {
                peer.request().unwrap();
                greeting(peer);
            });
            match Session::open(transport, impatient()) {
                Err(error) => assert!(error.to_string().contains(expected), "{error} for {expected}"),
                Ok(_) => panic!("opened, for {expected}"),
            }
            server.join().unwrap();
        }
    }

    #[test]
    fn an_extension_that_is_not_offered_is_not_asked_for() {
        let (session, server) = session(Options::default(), Peer::wait_for_the_end);
        assert_eq!(session.hardlink(&path("a"), &path("b")), Err(Error::Unsupported(Extension::Hardlink)));
        drop(session);
        assert_eq!(server.join().unwrap(), []);
    }

    #[test]
    fn a_server_that_offers_limits_and_refuses_them_is_served_with_the_defaults() {
        let (transport, server) = scripted(|peer| {
            peer.greet(&[("limits@openssh.com", "1")]);
            let (_, id, _) = peer.request().unwrap();
            peer.status(id, 8, "");
            peer.wait_for_the_end();
        });
        let session = Session::open(transport, Options::default()).unwrap();
        assert_eq!(session.limits(), Limits::default());
        drop(session);
        server.join().unwrap();
    }

    #[test]
    fn a_driver_sleeps_while_nothing_moves() {
        let (session, server) = session(Options::default(), |peer| {
            // Far more than the socket holds waits on our side meanwhile.
            thread::sleep(Duration::from_millis(200));
            while let Some((_, id, _)) = peer.request() {
                peer.status(id, 4, "");
            }
        });
        let long = path(&"x".repeat(30_000));
        let pending: Vec<_> = (0..200).map(|_| session.submit(&calls::Stat { path: &long })).collect();
        for request in pending {
            assert!(request.wait().is_err());
        }
        let polls = session.statistics().polls;
        // 6 MB through a socket of some 200 KiB is a few dozen fillings; a spin would be thousands.
        assert!(polls < 1000, "{polls} polls");
        drop(session);
        server.join().unwrap();
    }
}
