//! Sessions on several channels of one connection. The connection has the rules of libssh2: a read for one channel takes
//! the bytes of all, only one channel can have a packet sent in part, and poll shows the socket only.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

use proptest::prelude::*;
use rustix::event::{PollFd, PollFlags};

use crate::sftp::session::*;
use crate::transport::{Inbox, Outbox, Step};

/// A send buffer so small that packets are sent in part.
const SEND_BUFFER: usize = 2048;

/// The longest packet of the connection, in bytes.
const PACKET: usize = 1000;

/// The channel on which a server refuses to start anything.
const REFUSED: u8 = 9;

/// The socket, and what its channels share.
struct Trunk {
    socket: UnixStream,
    /// Bytes that came for each channel, and whether the server has closed it.
    arrived: BTreeMap<u8, (VecDeque<u8>, bool)>,
    unparsed: Vec<u8>,
    /// The rest of a packet, and its channel.
    in_part: Option<(u8, Vec<u8>)>,
    next: u8,
}

struct Channel {
    trunk: Arc<Mutex<Trunk>>,
    /// A duplicate for poll.
    socket: UnixStream,
    number: u8,
}

/// Ends the connection even if a killer still holds the socket.
impl Drop for Trunk {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }
}

/// Returns a packet: its channel, its length and its bytes. An empty one closes the channel.
fn packet(channel: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[channel], &length[..], bytes].concat()
}

/// Takes the first packet, if it is complete.
fn take_packet(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let length = 3 + usize::from(u16::from_be_bytes([*bytes.get(1)?, *bytes.get(2)?]));
    (bytes.len() >= length).then(|| {
        let packet: Vec<u8> = bytes.drain(..length).collect();
        (packet[0], packet[3..].to_vec())
    })
}

impl Trunk {
    /// Sends as much as the socket takes.
    fn send(&mut self) -> io::Result<bool> {
        let Some((_, bytes)) = &mut self.in_part else { return Ok(false) };
        match self.socket.write(bytes) {
            Ok(sent) => {
                bytes.drain(..sent);
                self.in_part.take_if(|(_, bytes)| bytes.is_empty());
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Receives all bytes for all channels.
    fn receive(&mut self) -> io::Result<bool> {
        let (mut buffer, mut moved) = ([0; 65536], false);
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::ConnectionReset.into()),
                Ok(read) => self.unparsed.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            moved = true;
        }
        while let Some((channel, bytes)) = take_packet(&mut self.unparsed) {
            let (arrived, is_closed) = self.arrived.entry(channel).or_default();
            *is_closed |= bytes.is_empty();
            arrived.extend(bytes);
        }
        Ok(moved)
    }
}

impl Transport for Channel {
    fn step(&mut self, out: &mut Outbox, inbox: &mut Inbox) -> io::Result<Step> {
        let mut trunk = lock(&self.trunk);
        if self.number == REFUSED {
            return Ok(Step::Refused);
        }
        if trunk.in_part.is_none() && !out.is_empty() {
            let length = out.front().len().min(PACKET);
            trunk.in_part = Some((self.number, packet(self.number, &out.front()[..length])));
            out.advance(length);
        }
        let is_mine = trunk.in_part.as_ref().is_some_and(|(channel, _)| *channel == self.number);
        let has_sent = is_mine && trunk.send()?;
        let has_received = trunk.receive()?;
        let (arrived, is_closed) = trunk.arrived.entry(self.number).or_default();
        let bytes: Vec<u8> = arrived.drain(..).collect();
        if bytes.is_empty() && *is_closed {
            return Ok(Step::Closed);
        }
        inbox.space(bytes.len()).copy_from_slice(&bytes);
        inbox.commit(bytes.len());
        Ok(if has_sent || has_received || !bytes.is_empty() { Step::Moved } else { Step::Blocked })
    }

    fn interest<'a>(&'a self, _out_pending: bool, fds: &mut Vec<PollFd<'a>>) {
        let is_blocked = lock(&self.trunk).in_part.is_some();
        let room = if is_blocked { PollFlags::OUT } else { PollFlags::empty() };
        fds.push(PollFd::new(&self.socket, PollFlags::IN | room));
    }

    fn killer(&self) -> Killer {
        Killer::new(OwnedFd::from(self.socket.try_clone().unwrap()))
    }

    fn another(&self) -> Option<Box<dyn Transport>> {
        let mut trunk = lock(&self.trunk);
        let number = trunk.next;
        trunk.next += 1;
        let socket = self.socket.try_clone().unwrap();
        Some(Box::new(Channel { trunk: Arc::clone(&self.trunk), socket, number }))
    }

    fn finish(self: Box<Self>, _unsent: Outbox) -> End {
        let mut trunk = lock(&self.trunk);
        if trunk.in_part.is_none() && trunk.socket.set_nonblocking(false).is_ok() {
            let _ = trunk.socket.write_all(&packet(self.number, b""));
            let _ = trunk.socket.set_nonblocking(true);
        }
        End::default()
    }
}

/// The server's side: reads the requests of all channels.
struct Far {
    socket: UnixStream,
    unparsed: Vec<u8>,
    streams: BTreeMap<u8, Vec<u8>>,
    requests: VecDeque<Event>,
}

#[derive(Debug, PartialEq, Eq)]
enum Event {
    /// A STAT, with its path.
    Asked {
        channel: u8,
        id: u32,
        path: String,
    },
    Closed(u8),
}

impl Far {
    /// Returns the next request or end of a channel, after answering each INIT. `None` if the client is gone.
    fn next(&mut self) -> Option<Event> {
        let mut buffer = [0; 65536];
        while self.requests.is_empty() {
            let read = self.socket.read(&mut buffer).ok().filter(|&read| read > 0)?;
            self.unparsed.extend_from_slice(&buffer[..read]);
            while let Some((channel, bytes)) = take_packet(&mut self.unparsed) {
                self.take(channel, &bytes);
            }
        }
        self.requests.pop_front()
    }

    fn take(&mut self, channel: u8, bytes: &[u8]) {
        if bytes.is_empty() {
            return self.requests.push_back(Event::Closed(channel));
        }
        let stream = self.streams.entry(channel).or_default();
        stream.extend_from_slice(bytes);
        while let Some(length) = stream.first_chunk::<4>().map(|length| u32::from_be_bytes(*length) as usize)
            && stream.len() >= length + 4
        {
            let request: Vec<u8> = stream.drain(..length + 4).skip(4).collect();
            match request[0] {
                1 => self.socket.write_all(&packet(channel, &[0, 0, 0, 5, 2, 0, 0, 0, 3])).unwrap(),
                _ => {
                    let id = u32::from_be_bytes([request[1], request[2], request[3], request[4]]);
                    let path = String::from_utf8_lossy(&request[9..]).into_owned();
                    self.requests.push_back(Event::Asked { channel, id, path });
                }
            }
        }
    }

    /// Answers requests in one piece, each with the number that its path begins with as the size.
    fn answer(&mut self, requests: impl IntoIterator<Item = Event>) {
        let mut answers = Vec::new();
        for request in requests {
            let Event::Asked { channel, id, path } = request else { continue };
            let size: u64 = path.split('-').next().unwrap().parse().unwrap();
            let mut answer = vec![0, 0, 0, 17, 105];
            answer.extend_from_slice(&id.to_be_bytes());
            answer.extend_from_slice(&1_u32.to_be_bytes());
            answer.extend_from_slice(&size.to_be_bytes());
            answers.extend(packet(channel, &answer));
        }
        // The client may have hung up already.
        let _ = self.socket.write_all(&answers);
    }
}

/// Returns the first session of a connection, and the thread that plays the server.
fn connected<T: Send + 'static>(serve: impl FnOnce(&mut Far) -> T + Send + 'static) -> (Session, JoinHandle<T>) {
    let (ours, socket) = UnixStream::pair().unwrap();
    rustix::net::sockopt::set_socket_send_buffer_size(&ours, SEND_BUFFER).unwrap();
    ours.set_nonblocking(true).unwrap();
    let server = thread::spawn(move || {
        let (unparsed, streams, requests) = (Vec::new(), BTreeMap::new(), VecDeque::new());
        serve(&mut Far { socket, unparsed, streams, requests })
    });
    let polled = ours.try_clone().unwrap();
    let (arrived, unparsed) = (BTreeMap::new(), Vec::new());
    let trunk = Arc::new(Mutex::new(Trunk { socket: ours, arrived, unparsed, in_part: None, next: 1 }));
    let first = Channel { trunk, socket: polled, number: 0 };
    let options = Options { idle_limit: Some(Duration::from_secs(20)), ..Options::default() };
    (Session::open(Box::new(first), options).unwrap(), server)
}

fn ask(session: &Session, number: u64, length: usize) -> Pending<Attributes> {
    let path = RemotePath::new(format!("{number}-{}", "x".repeat(length))).unwrap();
    session.submit(&calls::Stat { path: &path })
}

/// Answers each request at once, until the client is gone. Returns the channels that were closed, in order.
fn answer_all(far: &mut Far) -> Vec<u8> {
    let mut closed = Vec::new();
    while let Some(event) = far.next() {
        match event {
            Event::Closed(channel) => closed.push(channel),
            asked @ Event::Asked { .. } => far.answer([asked]),
        }
    }
    closed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The server answers in any order and in pieces that hold the answers of any channels. No answer is missed, which
    /// would end in a timeout, and the driver doesn't spin.
    #[test]
    fn answers_for_any_channel_in_any_order_wake_their_sessions(
        channels in 1..5_usize,
        lengths in proptest::collection::vec(0..3000_usize, 1..40),
        order in proptest::collection::vec((any::<proptest::sample::Index>(), 0..4_usize), 200),
    ) {
        let total = channels * lengths.len();
        let (first, server) = connected(move |far| {
            let (mut waiting, mut asked, mut order) = (Vec::new(), 0, order.into_iter().cycle());
            while asked < total || !waiting.is_empty() {
                if asked < total {
                    let Some(request) = far.next() else { return false };
                    waiting.push(request);
                    asked += 1;
                }
                let (which, count) = order.next().unwrap();
                let count = if asked < total { count.min(waiting.len()) } else { waiting.len().min(count + 1) };
                let answered: Vec<Event> =
                    (0..count).map(|_| waiting.remove(which.index(waiting.len()))).collect();
                far.answer(answered);
            }
            while far.next().is_some() {}
            true
        });
        let mut sessions = vec![first];
        for _ in 1..channels {
            let another = sessions[0].another_channel().unwrap();
            sessions.push(another);
        }
        let polls = sessions[0].statistics().polls;
        let mut pending = Vec::new();
        for (number, &length) in (0..).zip(&lengths) {
            for (session, index) in sessions.iter().zip(0..) {
                let number = number * 10 + index;
                pending.push((number, ask(session, number, length)));
            }
        }
        for (number, answer) in pending {
            prop_assert_eq!(answer.wait().map(|attributes| attributes.size), Ok(Some(number)));
        }
        let polls = sessions[0].statistics().polls - polls;
        // A packet of the connection costs a few polls at most; a busy loop makes thousands.
        let packets: usize = lengths.iter().map(|length| channels * (length / 500 + 4)).sum();
        prop_assert!(polls <= 20 + 2 * packets as u64, "{} polls for {} packets", polls, packets);
        drop(sessions);
        prop_assert!(server.join().unwrap());
    }
}

#[test]
fn a_killed_channel_fails_its_requests_and_no_others() {
    let (first, server) = connected(|far| {
        let mut kept = Vec::new();
        let mut closed = Vec::new();
        while let Some(event) = far.next() {
            match event {
                Event::Asked { channel: 1, .. } => {}
                Event::Asked { .. } if closed.is_empty() => kept.push(event),
                Event::Asked { .. } => far.answer([event]),
                Event::Closed(channel) => {
                    closed.push(channel);
                    far.answer(std::mem::take(&mut kept));
                }
            }
        }
        closed
    });
    let other = first.another_channel().unwrap();
    assert!(!first.is_further() && other.is_further());
    let (here, there) = (ask(&first, 7, 10), ask(&other, 8, 10));
    other.killer().kill();
    assert!(matches!(there.wait(), Err(Error::ConnectionLost(_))));
    assert!(matches!(ask(&other, 8, 10).wait(), Err(Error::ConnectionLost(_))));
    assert_eq!(here.wait().unwrap().size, Some(7));
    assert_eq!(ask(&first, 9, 10).wait().unwrap().size, Some(9));
    drop((first, other));
    assert_eq!(server.join().unwrap(), [1, 0]);
}

#[test]
fn a_connection_ends_with_its_last_session_whichever_that_is() {
    for first_goes_first in [true, false] {
        let (first, server) = connected(answer_all);
        let other = first.another_channel().unwrap();
        let (gone, left, order) = match first_goes_first {
            true => (first, other, [0, 1]),
            false => (other, first, [1, 0]),
        };
        drop(gone);
        assert_eq!(ask(&left, 5, 10).wait().unwrap().size, Some(5));
        // A channel that was opened by one that has ended has the same rights.
        let third = left.another_channel().unwrap();
        assert_eq!(ask(&third, 6, 10).wait().unwrap().size, Some(6));
        drop(third);
        assert_eq!(ask(&left, 5, 10).wait().unwrap().size, Some(5));
        drop(left);
        assert_eq!(server.join().unwrap(), [order[0], 2, order[1]]);
    }
}

#[test]
fn sessions_that_are_left_together_end_the_first_one_last() {
    for _ in 0..100 {
        let (first, server) = connected(answer_all);
        let others = [first.another_channel().unwrap(), first.another_channel().unwrap()];
        drop(others);
        first.leave();
        assert_eq!(server.join().unwrap().last(), Some(&0));
    }
}

#[test]
fn a_connection_that_breaks_ends_all_its_sessions_at_once() {
    let (first, server) = connected(|far| while !matches!(far.next(), Some(Event::Asked { .. }) | None) {});
    let other = first.another_channel().unwrap();
    let third = other.another_channel().unwrap();
    let answer = ask(&third, 1, 10);
    assert!(matches!(answer.wait(), Err(Error::ConnectionLost(_))));
    // Who hears of the end of one finds the others at their end.
    assert!([&first, &other, &third].iter().all(|session| session.end().is_some()));
    assert!(matches!(first.another_channel(), Err(Error::ConnectionLost(_))));
    server.join().unwrap();
}

#[test]
fn a_server_that_closes_a_channel_ends_its_session_only() {
    let (first, server) = connected(|far| {
        while let Some(event) = far.next() {
            match event {
                Event::Asked { channel: 1, .. } => far.socket.write_all(&packet(1, b"")).unwrap(),
                event => far.answer([event]),
            }
        }
    });
    let other = first.another_channel().unwrap();
    assert!(matches!(ask(&other, 1, 10).wait(), Err(Error::ConnectionLost(_))));
    assert_eq!(ask(&first, 2, 10).wait().unwrap().size, Some(2));
    drop((first, other));
    server.join().unwrap();
}

#[test]
fn a_refused_channel_leaves_the_others_alone() {
    let (first, server) = connected(answer_all);
    let others: Vec<Session> = (1..REFUSED).map(|_| first.another_channel().unwrap()).collect();
    assert!(matches!(first.another_channel(), Err(Error::ChannelRefused)));
    assert!(Error::ChannelRefused.leaves_the_session_alive());
    for (session, number) in others.iter().zip(0..) {
        assert_eq!(ask(session, number, 2000).wait().unwrap().size, Some(number));
    }
    drop((others, first));
    server.join().unwrap();
}

#[test]
fn a_transport_with_one_stream_has_no_other() {
    let (session, server) = crate::sftp::testing::session(Options::default(), |peer| {
        peer.wait_for_the_end();
    });
    assert!(matches!(session.another_channel(), Err(Error::ChannelRefused)));
    assert_eq!(session.end(), None);
    drop(session);
    server.join().unwrap();
}
