//! A server at the other end of a socket, which a test scripts, or plays one answer at a time.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use crate::sftp::attributes::Attributes;
use crate::sftp::error::StatusCode;
use crate::sftp::session::{Options, Session};
use crate::sftp::wire::Writer;
use crate::transport::{End, Inbox, Killer, Outbox, Step, Transport};

/// A plain socket as a transport.
pub(super) struct SocketTransport(UnixStream);

const READ_BYTES: usize = 64 * 1024;

/// How long a test waits for a request that it expects.
const PATIENCE: Duration = Duration::from_secs(10);

impl Transport for SocketTransport {
    fn step(&mut self, out: &mut Outbox, inbox: &mut Inbox) -> io::Result<Step> {
        let mut step = Step::Blocked;
        if !out.is_empty() {
            match self.0.write(out.front()) {
                Ok(sent) => {
                    out.advance(sent);
                    step = Step::Moved;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        match self.0.read(inbox.space(READ_BYTES)) {
            Ok(0) => Ok(Step::Closed),
            Ok(read) => {
                inbox.commit(read);
                Ok(Step::Moved)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(step),
            Err(error) => Err(error),
        }
    }

    fn interest<'a>(&'a self, out_pending: bool, fds: &mut Vec<PollFd<'a>>) {
        let out = if out_pending { PollFlags::OUT } else { PollFlags::empty() };
        fds.push(PollFd::new(&self.0, PollFlags::IN | out));
    }

    fn killer(&self) -> Killer {
        Killer::new(OwnedFd::from(self.0.try_clone().unwrap()))
    }

    fn finish(self: Box<Self>, _unsent: Outbox) -> End {
        let _ = self.0.shutdown(std::net::Shutdown::Both);
        End::default()
    }
}

/// The server's side of the conversation.
pub(crate) struct Peer(UnixStream);

impl Peer {
    /// Returns the type of the next request, its id and the fields that follow. Returns `None` if the client is gone.
    pub(crate) fn request(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).ok()?;
        let mut packet = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut packet).ok()?;
        let fields = packet.split_off(5.min(packet.len()));
        let id = u32::from_be_bytes([packet[1], packet[2], packet[3], packet[4]]);
        Some((packet[0], id, fields))
    }

    /// Returns whether a request arrives within a moment.
    pub(crate) fn hears_more(&self) -> bool {
        (0..20).any(|_| {
            thread::sleep(Duration::from_micros(200));
            self.unread() > 0
        })
    }

    /// Returns the number of bytes that the client has sent and this peer has not read.
    pub(super) fn unread(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.0).unwrap()
    }

    pub(super) fn send(&mut self, fields: impl FnOnce(&mut Writer<'_>)) {
        let mut out = Vec::new();
        Writer::packet(&mut out, fields);
        self.raw(&out);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        // The client may have hung up already; some tests are about that.
        let _ = self.0.write_all(bytes);
    }

    pub(super) fn reply(&mut self, packet_type: u8, id: u32, fields: impl FnOnce(&mut Writer<'_>)) {
        self.send(|packet| {
            packet.byte(packet_type);
            packet.uint32(id);
            fields(packet);
        });
    }

    pub(super) fn status(&mut self, id: u32, code: u32, text: &str) {
        self.reply(101, id, |packet| {
            packet.uint32(code);
            packet.string(text.as_bytes());
            packet.string(b"");
        });
    }

    pub(crate) fn refuse(&mut self, id: u32, code: StatusCode) {
        self.status(id, code.0, "");
    }

    pub(crate) fn handle(&mut self, id: u32, handle: &[u8]) {
        self.reply(102, id, |packet| packet.string(handle));
    }

    pub(crate) fn data(&mut self, id: u32, data: &[u8]) {
        self.reply(103, id, |packet| packet.string(data));
    }

    pub(crate) fn path(&mut self, id: u32, path: &[u8]) {
        self.reply(104, id, |packet| {
            packet.uint32(1);
            packet.string(path);
            packet.string(b"");
            packet.uint32(0);
        });
    }

    pub(crate) fn attributes(&mut self, id: u32, attributes: &Attributes) {
        self.reply(105, id, |packet| attributes.encode(packet));
    }

    /// Reads INIT and answers with a VERSION that lists these extensions.
    pub(super) fn greet(&mut self, extensions: &[(&str, &str)]) {
        self.request().unwrap();
        self.version(extensions);
    }

    /// Sends a VERSION that lists these extensions.
    pub(super) fn version(&mut self, extensions: &[(&str, &str)]) {
        self.send(|packet| {
            packet.byte(2);
            packet.uint32(3);
            for (name, version) in extensions {
                packet.string(name.as_bytes());
                packet.string(version.as_bytes());
            }
        });
    }

    /// Reads requests until the client hangs up, and returns them.
    pub(super) fn wait_for_the_end(&mut self) -> Vec<(u8, u32, Vec<u8>)> {
        std::iter::from_fn(|| self.request()).collect()
    }
}

/// Returns a transport, and the thread that plays the server on its other end.
pub(super) fn scripted<T: Send + 'static>(
    script: impl FnOnce(&mut Peer) -> T + Send + 'static,
) -> (Box<dyn Transport>, JoinHandle<T>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let server = thread::spawn(move || script(&mut Peer(theirs)));
    (Box::new(SocketTransport(ours)), server)
}

/// Returns a session with a server that offers no extensions and then follows the script.
pub(super) fn session<T: Send + 'static>(
    options: Options,
    script: impl FnOnce(&mut Peer) -> T + Send + 'static,
) -> (Session, JoinHandle<T>) {
    let (transport, server) = scripted(move |peer| {
        peer.greet(&[]);
        script(peer)
    });
    (Session::open(transport, options).unwrap(), server)
}

/// Returns a session, and the server for a test to play.
pub(crate) fn played(options: Options, extensions: &[(&str, &str)]) -> (Session, Peer) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut peer = Peer(theirs);
    // It waits in the socket until the client has sent INIT.
    peer.version(extensions);
    let session = Session::open(Box::new(SocketTransport(ours)), options).unwrap();
    peer.request().unwrap();
    (session, peer)
}
