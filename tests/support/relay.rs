//! A bad line: a TCP relay on the loopback that delays, throttles, and at byte N of one direction cuts, stalls,
//! pauses, resets, half-closes or flips a bit.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How much one read takes from a socket.
const PIECE: usize = 32 * 1024;

/// Pieces under way in one direction: more than the product of bandwidth and delay in any test.
const PIECES_UNDER_WAY: usize = 2048;

/// On a slow line few pieces are under way, as in a real router. Otherwise the sender would consider everything sent.
const PIECES_ON_A_SLOW_LINE: usize = 8;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    Client,
    Server,
}

/// The fault at the given byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Both sides see an orderly end.
    Cut,
    /// Nothing moves in this direction any more, without a sign to either side.
    Stall,
    /// Nothing moves in this direction for this long, then it continues.
    Pause(Duration),
    /// Both sides see a reset.
    Reset,
    /// The receiver of this direction sees its end, and the other direction continues.
    HalfClose,
    /// The last of these bytes arrives with a flipped bit, and the line goes on.
    Flip,
}

/// The properties of the line.
#[must_use]
#[derive(Clone, Copy, Debug, Default)]
pub struct Relay {
    delay: Duration,
    bytes_per_second: Option<u64>,
    fault: Option<(Toward, u64, Fault)>,
    /// How many connections have the fault; `None` means all of them.
    faulty: Option<u64>,
}

impl Relay {
    /// Creates a line without delay, limit and fault.
    pub fn plain() -> Self {
        Self::default()
    }

    /// Delays each byte by this time. A round trip takes twice that.
    pub fn delay(mut self, one_way: Duration) -> Self {
        self.delay = one_way;
        self
    }

    /// Limits each direction to this rate.
    pub fn bytes_per_second(mut self, rate: u64) -> Self {
        self.bytes_per_second = Some(rate);
        self
    }

    /// Causes the fault in each connection, after this many bytes in this direction.
    pub fn at(mut self, toward: Toward, byte: u64, fault: Fault) -> Self {
        self.fault = Some((toward, byte, fault));
        self
    }

    /// Limits the fault to the first connections.
    pub fn only_first(mut self, connections: u64) -> Self {
        self.faulty = Some(connections);
        self
    }

    /// Starts to relay to a port on the loopback.
    pub fn start(self, target: u16) -> RunningRelay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { target: AtomicU16::new(target), ..Shared::default() });
        let ours = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ours.ended.load(Ordering::SeqCst) {
                    break;
                }
                connect(client, self, &ours);
            }
        });
        RunningRelay { port, shared, acceptor: Some(acceptor) }
    }
}

#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    healed: AtomicBool,
    target: AtomicU16,
    turn: Mutex<Option<(u64, u16)>>,
    /// Bytes taken from the server, and from the client.
    moved: [AtomicU64; 2],
    connections: AtomicU64,
    sockets: Mutex<Vec<Weak<TcpStream>>>,
    ending: Condvar,
    held: Mutex<bool>,
    let_go: Condvar,
}

impl Shared {
    /// Waits without taking pieces from the queue: the sender's buffers fill up, as on a line that died.
    fn wait_for_the_end(&self) {
        let mut sockets = self.sockets.lock().unwrap();
        while !self.ended.load(Ordering::SeqCst) {
            sockets = self.ending.wait(sockets).unwrap();
        }
    }
}

impl Shared {
    /// Waits as long as the line is held.
    fn wait_while_held(&self) {
        let held = self.held.lock().unwrap();
        drop(self.let_go.wait_while(held, |held| *held && !self.ended.load(Ordering::SeqCst)).unwrap());
    }
}

/// A running relay. Dropping it ends it and all its connections.
pub struct RunningRelay {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl RunningRelay {
    /// Returns its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns how many bytes have arrived for this direction so far.
    pub fn moved(&self, toward: Toward) -> u64 {
        self.shared.moved[toward as usize].load(Ordering::SeqCst)
    }

    /// Returns the number of connections so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Relays new connections to another port.
    pub fn turn_to(&self, target: u16) {
        self.shared.target.store(target, Ordering::SeqCst);
    }

    /// Relays new connections to another port, after this number of connections.
    pub fn turn_after(&self, connections: u64, target: u16) {
        *self.shared.turn.lock().unwrap() = Some((connections, target));
    }

    /// Relays new connections without delay, limit and fault.
    pub fn heal(&self) {
        self.shared.healed.store(true, Ordering::SeqCst);
    }

    /// Delivers nothing in any direction until [`RunningRelay::let_go`].
    pub fn hold(&self) {
        *self.shared.held.lock().unwrap() = true;
    }

    /// Delivers everything again.
    pub fn let_go(&self) {
        *self.shared.held.lock().unwrap() = false;
        self.shared.let_go.notify_all();
    }

    /// Cuts all current connections. New connections are relayed again.
    pub fn cut(&self) {
        for socket in self.shared.sockets.lock().unwrap().drain(..).filter_map(|socket| socket.upgrade()) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for RunningRelay {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.cut();
        self.shared.ending.notify_all();
        self.let_go();
        // Wakes the acceptor.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn connect(client: TcpStream, mut line: Relay, shared: &Arc<Shared>) {
    let before = shared.connections.fetch_add(1, Ordering::SeqCst);
    let turn = shared.turn.lock().unwrap().filter(|(connections, _)| before >= *connections);
    let target = turn.map_or_else(|| shared.target.load(Ordering::SeqCst), |(_, target)| target);
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else { return };
    if shared.healed.load(Ordering::SeqCst) {
        line = Relay::plain();
    }
    line.fault = line.fault.filter(|_| line.faulty.is_none_or(|faulty| before < faulty));
    let pair = [Arc::new(client), Arc::new(server)];
    for socket in &pair {
        let _ = socket.set_nodelay(true);
        shared.sockets.lock().unwrap().push(Arc::downgrade(socket));
    }
    let [client, server] = pair;
    let reset = Arc::new(AtomicBool::new(false));
    for (toward, from, to) in [(Toward::Server, &client, &server), (Toward::Client, &server, &client)] {
        Way {
            toward,
            from: Arc::clone(from),
            to: Arc::clone(to),
            reset: Arc::clone(&reset),
            shared: Arc::clone(shared),
        }
        .open(line);
    }
}

/// One direction of one connection.
#[derive(Clone)]
struct Way {
    toward: Toward,
    from: Arc<TcpStream>,
    to: Arc<TcpStream>,
    /// True if the connection must end with a reset, so neither side may close it in an orderly way.
    reset: Arc<AtomicBool>,
    shared: Arc<Shared>,
}

impl Way {
    /// Starts two threads: one that reads, and one that writes when the time has come.
    fn open(self, line: Relay) {
        let capacity = if line.bytes_per_second.is_some() { PIECES_ON_A_SLOW_LINE } else { PIECES_UNDER_WAY };
        let (pieces, queue) = sync_channel(capacity);
        let source = self.clone();
        std::thread::spawn(move || source.take(&pieces, line.delay));
        std::thread::spawn(move || self.deliver(&queue, line));
    }

    fn take(&self, pieces: &SyncSender<(Instant, Vec<u8>)>, delay: Duration) {
        let mut piece = vec![0; PIECE];
        while let Ok(count @ 1..) = (&*self.from).read(&mut piece) {
            self.shared.moved[self.toward as usize].fetch_add(count as u64, Ordering::SeqCst);
            if pieces.send((Instant::now() + delay, piece[..count].to_vec())).is_err() {
                break;
            }
        }
    }

    fn deliver(&self, queue: &Receiver<(Instant, Vec<u8>)>, line: Relay) {
        let mut fault = line.fault.filter(|(of, ..)| *of == self.toward);
        let mut delivered = 0;
        let mut free_at = Instant::now();
        for (due, mut piece) in queue {
            let mut struck = fault.filter(|(_, byte, _)| delivered + piece.len() as u64 >= *byte);
            match struck {
                Some((_, _, Fault::Pause(pause))) => {
                    free_at = free_at.max(Instant::now()) + pause;
                    (fault, struck) = (None, None);
                }
                Some((_, byte, Fault::Flip)) => {
                    piece[usize::try_from(byte - delivered).unwrap() - 1] ^= 1 << (byte % 8);
                    (fault, struck) = (None, None);
                }
                _ => (),
            }
            if let Some((_, byte, _)) = struck {
                piece.truncate(usize::try_from(byte - delivered).unwrap());
            }
            sleep_until(due.max(free_at));
            self.shared.wait_while_held();
            if (&*self.to).write_all(&piece).is_err() {
                break;
            }
            delivered += piece.len() as u64;
            if let Some(rate) = line.bytes_per_second {
                free_at = free_at.max(Instant::now()) + Duration::from_secs_f64(piece.len() as f64 / rate as f64);
            }
            if let Some((_, _, fault)) = struck {
                return self.strike(fault, queue);
            }
        }
        if !self.reset.load(Ordering::SeqCst) {
            // This direction ends because its source has ended. If the writer found the connection dead, this wakes
            // the reader.
            let _ = self.to.shutdown(Shutdown::Write);
            let _ = self.from.shutdown(Shutdown::Read);
        }
    }

    fn strike(&self, fault: Fault, queue: &Receiver<(Instant, Vec<u8>)>) {
        match fault {
            Fault::Cut => {
                let _ = self.from.shutdown(Shutdown::Both);
                let _ = self.to.shutdown(Shutdown::Both);
            }
            Fault::Reset => {
                self.reset.store(true, Ordering::SeqCst);
                for socket in [&self.from, &self.to] {
                    let _ = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
                    // Its reader wakes and closes its end. The last one to close resets the connection.
                    let _ = socket.shutdown(Shutdown::Read);
                }
            }
            Fault::HalfClose => {
                let _ = self.to.shutdown(Shutdown::Write);
                queue.iter().for_each(drop);
            }
            Fault::Stall => self.shared.wait_for_the_end(),
            Fault::Pause(_) | Fault::Flip => unreachable!("the line goes on"),
        }
    }
}

fn sleep_until(time: Instant) {
    std::thread::sleep(time.saturating_duration_since(Instant::now()));
}
