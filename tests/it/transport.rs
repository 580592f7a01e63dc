//! SSH channels as transport for sessions: rules learnt from past faults, tried with a real sshd.

use crate::support::{Entry, Fault, Person, Relay, Remote, SOON, Toward, World, noise, sftp_server, until};
use sftpsh::name::RemotePath;
use sftpsh::sftp::{Attributes, Completions, Error, OpenFlags, Options, Pending, Session, calls};
use sftpsh::ssh::{self, Config, Request, Socket, Start};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const CHUNK: usize = 32 << 10;
const IN_FLIGHT: usize = 64;

/// A send buffer so small that most writes are incomplete.
const SMALL_SEND_BUFFER: usize = 8 << 10;

fn config(world: &World) -> Config {
    let file = world.ssh_config();
    let arguments = ["-F".into(), file.into_os_string(), "-G".into(), "--".into(), "server".into()];
    Config::resolve(Request { arguments: &arguments, host: "server" }, &mut Person::absent()).unwrap()
}

/// Opens a session on a socket that `prepare` may change first.
fn session(world: &World, start: &Start, prepare: impl FnOnce(&TcpStream)) -> Session {
    let config = config(world);
    let stream = TcpStream::connect((config.host.as_str(), config.port)).unwrap();
    stream.set_nodelay(true).unwrap();
    prepare(&stream);
    let transport = ssh::open(&config, Socket::new(stream, None), start, &mut None, &mut Person::absent()).unwrap();
    Session::open(Box::new(transport), Options::default()).unwrap()
}

fn sftp() -> Start {
    Start::Subsystem(String::from("sftp"))
}

fn path(name: &str) -> RemotePath {
    RemotePath::new(name).unwrap()
}

fn get(session: &Session, name: &str, size: usize) -> Vec<u8> {
    let handle = session.open_file(&path(name), OpenFlags::READ, Attributes::default()).unwrap();
    let mut pending: VecDeque<Pending<bytes::Bytes>> = VecDeque::new();
    let mut got = Vec::with_capacity(size);
    for offset in (0..size).step_by(CHUNK) {
        if pending.len() == IN_FLIGHT {
            got.extend_from_slice(&pending.pop_front().unwrap().wait().unwrap());
        }
        let length = u32::try_from(CHUNK.min(size - offset)).unwrap();
        pending.push_back(session.submit(&calls::Read { handle: &handle, offset: offset as u64, length }));
    }
    for pending in pending {
        got.extend_from_slice(&pending.wait().unwrap());
    }
    got
}

fn put(session: &Session, name: &str, data: &[u8]) {
    let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
    let handle = session.open_file(&path(name), flags, Attributes::default()).unwrap();
    let mut pending: VecDeque<Pending<()>> = VecDeque::new();
    for (index, data) in data.chunks(CHUNK).enumerate() {
        if pending.len() == IN_FLIGHT {
            pending.pop_front().unwrap().wait().unwrap();
        }
        let offset = (index * CHUNK) as u64;
        pending.push_back(session.submit(&calls::Write { handle: &handle, offset, data }));
    }
    pending.into_iter().for_each(|pending| pending.wait().unwrap());
    session.close(handle).unwrap();
}

/// Downloads and uploads in parallel, and compares the results.
fn both_ways(world: &World, session: &Session, size: usize) {
    let (down, up) = (noise(b"down", size), noise(b"up", size));
    thread::scope(|scope| {
        scope.spawn(|| put(session, "up", &up));
        assert!(get(session, "down", size) == down, "what came is not what was sent");
    });
    assert!(fs::read(world.remote().join("up")).unwrap() == up, "what arrived is not what was put");
}

/// Downloads and uploads on all channels in parallel, and compares the results.
fn both_ways_on_all(world: &World, sessions: &[Session], size: usize) {
    thread::scope(|scope| {
        for (number, session) in sessions.iter().enumerate() {
            scope.spawn(move || {
                let (name, up) = (format!("up{number}"), noise(b"up", size - number));
                put(session, &name, &up);
                assert!(fs::read(world.remote().join(name)).unwrap() == up, "what arrived is not what was put");
            });
            scope.spawn(move || {
                let down = noise(b"down", size);
                assert!(get(session, "down", size) == down, "what came is not what was sent");
            });
        }
    });
}

/// Returns sessions on several channels of one connection.
fn channels(first: Session, count: usize) -> Vec<Session> {
    let mut sessions = vec![first];
    while sessions.len() < count {
        let another = sessions[0].another_channel().unwrap();
        sessions.push(another);
    }
    sessions
}

fn with_small_send_buffer(stream: &TcpStream) {
    rustix::net::sockopt::set_socket_send_buffer_size(stream, SMALL_SEND_BUFFER).unwrap();
}

#[test]
fn gets_and_puts_at_once_through_a_small_buffer_do_not_spin() {
    let size = 24 << 20;
    let world = World::build(Remote::with([Entry::sized("down", size)]).over_ssh(), &[]);
    let session = session(&world, &sftp(), with_small_send_buffer);
    both_ways(&world, &session, size);
    let polls = session.statistics().polls;
    assert!(polls < 20_000, "{polls} polls for 48 MiB: the driver spins");
}

// fault: new keys every megabyte, both ways at once
#[test]
fn gets_and_puts_survive_key_exchanges_on_the_way() {
    let size = 12 << 20;
    let remote = Remote::with([Entry::sized("down", size)]).sshd_config("RekeyLimit 1M");
    let world = World::build(remote, &[]);
    for prepare in [with_small_send_buffer as fn(&TcpStream), |_: &TcpStream| {}] {
        let session = session(&world, &sftp(), prepare);
        both_ways(&world, &session, size);
        let polls = session.statistics().polls;
        assert!(polls < 20_000, "{polls} polls for 24 MiB: the driver spins");
    }
}

#[test]
fn several_channels_move_bytes_both_ways_without_a_spin() {
    let size = 6 << 20;
    for prepare in [with_small_send_buffer as fn(&TcpStream), |_: &TcpStream| {}] {
        for count in [2, 4] {
            let remote = Remote::with([Entry::sized("down", size)]).sshd_config("RekeyLimit 1M");
            let world = World::build(remote, &[]);
            let sessions = channels(session(&world, &sftp(), prepare), count);
            both_ways_on_all(&world, &sessions, size);
            let polls = sessions[0].statistics().polls;
            assert!(polls < 10_000 * count as u64, "{polls} polls for {count} channels: the driver spins");
        }
    }
}

// fault: one channel of several ends while its packet is sent in part
#[test]
fn channels_that_are_killed_in_the_middle_of_a_packet_leave_the_others_whole() {
    let size = 6 << 20;
    let world = World::build(Remote::with([Entry::sized("down", size)]).over_ssh(), &[]);
    let first = session(&world, &sftp(), with_small_send_buffer);
    thread::scope(|scope| {
        let mover = scope.spawn(|| both_ways(&world, &first, size));
        let mut killed = 0;
        while !mover.is_finished() || killed < 3 {
            let other = first.another_channel().unwrap();
            let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
            let handle = other.open_file(&path("other"), flags, Attributes::default()).unwrap();
            let data = vec![7; 200_000];
            let writes: Vec<_> =
                (0..5).map(|_| other.submit(&calls::Write { handle: &handle, offset: 0, data: &data })).collect();
            if killed % 2 == 0 {
                other.killer().kill();
            }
            drop((handle, other, writes));
            killed += 1;
        }
    });
    assert_eq!(first.end(), None);
    assert!(first.finish().is_some());
}

#[test]
fn a_channel_that_the_server_refuses_changes_nothing() {
    let size = 2 << 20;
    let remote = Remote::with([Entry::sized("down", size)]).sshd_config("MaxSessions 2");
    let world = World::build(remote, &[]);
    let sessions = channels(session(&world, &sftp(), |_| {}), 2);
    for _ in 0..3 {
        assert_eq!(sessions[0].another_channel().err(), Some(Error::ChannelRefused));
    }
    both_ways_on_all(&world, &sessions, size);
}

#[test]
fn a_wide_window_follows_what_is_in_flight() {
    let size = 40 << 20;
    let world = World::build(Remote::with([Entry::sized("down", size)]).over_ssh(), &[]);
    let session = session(&world, &sftp(), |_| {});
    let handle = session.open_file(&path("down"), OpenFlags::READ, Attributes::default()).unwrap();
    // All in parallel: 40 MiB of replies are requested, more than any window.
    let pending: Vec<_> = (0..size)
        .step_by(CHUNK)
        .map(|offset| {
            session.submit(&calls::Read { handle: &handle, offset: offset as u64, length: CHUNK.try_into().unwrap() })
        })
        .collect();
    let got: Vec<u8> = pending.into_iter().flat_map(|pending| pending.wait().unwrap()).collect();
    assert!(got == noise(b"down", size), "what came is not what was sent");
}

#[test]
fn a_kill_from_another_thread_ends_a_sleeping_driver_at_once() {
    let world = World::build(Remote::empty().over_ssh(), &[]);
    assert!(Command::new("mkfifo").arg(world.remote().join("fifo")).status().unwrap().success());
    let session = session(&world, &sftp(), |_| {});
    // There is no writer for the FIFO, so this is never answered.
    let fifo = path("fifo");
    let pending =
        session.submit(&calls::Open { path: &fifo, flags: OpenFlags::READ, attributes: Attributes::default() });
    let killer = session.killer();
    let started = thread::spawn(move || {
        let started = Instant::now();
        killer.kill();
        started
    });
    let error = pending.wait().unwrap_err();
    let took = started.join().unwrap().elapsed();
    assert!(matches!(error, Error::ConnectionLost(_)), "{error}");
    assert!(took < SOON, "{took:?}");
}

#[test]
fn a_line_that_stalls_ends_by_a_kill_and_the_end_is_bounded() {
    let mut world = World::build(Remote::with([Entry::sized("down", 4 << 20)]).over_ssh(), &[]);
    world.relay(Relay::plain().at(Toward::Client, 1 << 20, Fault::Stall));
    let session = session(&world, &sftp(), |_| {});
    let handle = session.open_file(&path("down"), OpenFlags::READ, Attributes::default()).unwrap();
    let pending: Vec<_> = (0..128_u64)
        .map(|index| session.submit(&calls::Read { handle: &handle, offset: index << 15, length: 1 << 15 }))
        .collect();
    let killer = session.killer();
    let mut results = pending.into_iter().map(Pending::wait);
    assert!(results.next().unwrap().is_ok());
    killer.kill();
    assert!(results.any(|result| result.is_err()));
    drop(handle);
    let started = Instant::now();
    let _ = session.finish();
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

#[test]
fn what_a_server_says_on_its_standard_error_stops_nothing() {
    let size = 4 << 20;
    let world = World::build(Remote::with([Entry::sized("down", size)]).over_ssh(), &[]);
    let server = format!(
        "head -c 6000000 /dev/zero >&2; echo last words >&2; exec {} -d {}",
        sftp_server(),
        world.remote().display()
    );
    let session = session(&world, &Start::Command(server), |_| {});
    both_ways(&world, &session, size);
    let end = session.finish().unwrap();
    assert_eq!(end.exit_status, Some(0));
    assert!(end.last_words.ends_with(b"last words\n"));
    assert!(end.last_words.len() <= 4096);
}

/// Returns this program, even if it has been rebuilt meanwhile and its file is gone.
fn this_program() -> PathBuf {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { running } else { std::env::current_exe().unwrap() }
}

/// Runs in a separate process, so that no other test opens files or allocates memory.
#[test]
fn a_hundred_sessions_leave_nothing_behind() {
    let world = World::build(Remote::empty().over_ssh(), &[]);
    let mut inside = Command::new(this_program());
    inside.args(["--exact", "transport::a_hundred_sessions", "--ignored", "--nocapture"]);
    // One arena: with several, the memory kept would depend on which thread frees it.
    inside.env("SFTPSH_TEST_SSH_CONFIG", world.ssh_config()).env("MALLOC_ARENA_MAX", "1");
    let output = inside.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// The allocator keeps half a MiB, and on a busy machine up to 3 MiB. Leaked sessions would keep 80 KiB each, 8 MiB in
/// total.
const MOST_LEFT_BYTES: usize = 5 << 20;

#[test]
#[ignore = "runs inside the test before, which gives it a server"]
fn a_hundred_sessions() {
    let file = std::env::var_os("SFTPSH_TEST_SSH_CONFIG").expect("the test before tells where the server is");
    let arguments: [OsString; 5] = ["-F".into(), file, "-G".into(), "--".into(), "server".into()];
    let config = Config::resolve(Request { arguments: &arguments, host: "server" }, &mut Person::absent()).unwrap();
    let open = |number: usize| {
        let socket = ssh::dial(&config).unwrap();
        let transport = ssh::open(&config, socket, &sftp(), &mut None, &mut Person::absent()).unwrap();
        if number.is_multiple_of(2) {
            // Dropped before any SFTP: libssh2 leaks some 80 KiB with a session that is alive.
            return;
        }
        let session = Session::open(Box::new(transport), Options::default()).unwrap();
        match number % 6 {
            1 => drop(session.finish()),
            3 => session.killer().kill(),
            _ => drop(channels(session, 2)),
        }
    };
    let threads = thread_count();
    (0..20).for_each(open);
    until("the threads to end", || thread_count() == threads);
    let before = (open_files(), resident_bytes());
    (0..100).for_each(open);
    until("the threads to end", || thread_count() == threads);
    let after = (open_files(), resident_bytes());
    assert_eq!(after.0, before.0, "descriptors are left open");
    let grown = after.1.saturating_sub(before.1);
    assert!(grown < MOST_LEFT_BYTES, "{grown} bytes are left by 100 sessions");
}

fn open_files() -> usize {
    let directory = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    fs::read_dir(directory).unwrap().count()
}

/// Returns the number of threads of this process, if the system reports it; otherwise the descriptors must suffice.
fn thread_count() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Returns the memory in use, if the system reports it.
fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<usize>().ok()).map_or(0, |kib| kib << 10)
}

/// Many times the number of handles that a server has.
const ABANDONED: usize = 10_000;

/// Fewer than any server's limit.
const ABANDONED_AT_ONCE: usize = 100;

#[test]
fn ten_thousand_abandoned_opens_leave_no_handle_in_the_server() {
    let world = World::build(Remote::with(["file"]).over_ssh(), &[]);
    let session = session(&world, &sftp(), |_| ());
    let name = path(world.remote().join("file").to_str().unwrap());
    let open = calls::Open { path: &name, flags: OpenFlags::READ, attributes: Attributes::default() };
    let queue = Completions::new();
    for batch in 0..ABANDONED / ABANDONED_AT_ONCE {
        for token in 0..ABANDONED_AT_ONCE {
            match token % 2 {
                0 => drop(session.submit(&open)),
                _ => session.submit_to(&queue, token, &open),
            }
        }
        // The CLOSE after a late reply must not depend on the queue, so the queue is read only in every other batch.
        if batch % 2 == 0 {
            while queue.outstanding() > 0 {
                drop(queue.wait(Some(Duration::from_secs(1))));
            }
        }
    }
    drop(queue);
    // The server answers in order, so this reply means that all earlier handles are closed.
    session.stat(&name).unwrap();
    session.stat(&name).unwrap();
    let handles = session.limits().open_handles.expect("OpenSSH's server tells how many it has");
    let all: Vec<_> = (0..handles).map(|_| session.submit(&open)).collect();
    let open: Vec<_> = all.into_iter().map(|pending| pending.wait().expect("a handle for each")).collect();
    assert_eq!(open.len() as u64, handles);
}
