//! Connections that break, stall, slow down and pause during a transfer, over a real sshd.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Entry, Fault, Relay, Remote, SOON, Shell, Toward, World, until};

const SIZE: usize = 3_000_000;

/// The direction of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Down,
    Up,
    /// Upload, under a temporary name until complete.
    UpAtomic,
}

use Way::{Down, Up, UpAtomic};

impl Way {
    fn toward(self) -> Toward {
        if self == Down { Toward::Client } else { Toward::Server }
    }

    fn line(self) -> &'static str {
        match self {
            Down => "get f",
            Up => "put f",
            // The partial file has a name that can be found again only with -a.
            UpAtomic => "put -a --atomic f",
        }
    }

    fn resuming_line(self) -> &'static str {
        match self {
            Down => "get -a f",
            Up => "put -a f",
            UpAtomic => "put -a --atomic f",
        }
    }

    /// A batch in a world with the file on one side and an old one on the other.
    fn shell(self, size: usize) -> Shell {
        let (new, old) = (Entry::sized("f", size), Entry::file("f", "old"));
        match self {
            Down => Shell::on(Remote::with([new]).over_ssh()).here([old]),
            Up | UpAtomic => Shell::on(Remote::with([old]).over_ssh()).here([new]),
        }
        .as_batch()
    }

    /// Returns the damage after a failure, if any: the target must be the old file (or, in a plain upload, a
    /// beginning of the new one), and only our own partial file may be next to it.
    fn spoilt(self, world: &World) -> Option<String> {
        let (source, target) = match self {
            Down => (world.remote(), world.local()),
            Up | UpAtomic => (world.local(), world.remote()),
        };
        let found = fs::read(target.join("f")).unwrap();
        let is_sound = match self {
            Up => found == b"old" || fs::read(source.join("f")).unwrap().starts_with(&found),
            Down | UpAtomic => found == b"old",
        };
        let told = (!is_sound).then(|| format!("{self:?}: the target is spoilt: {} bytes", found.len()));
        told.or_else(|| foreign(&target).or_else(|| foreign(&source)))
    }
}

/// Returns a name in a directory that belongs neither to the file nor to one of its partials.
fn foreign(directory: &Path) -> Option<String> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| name != "f" && !(name.starts_with(".f.") && name.ends_with(".sftpsh-part")))
}

/// Returns the number of bytes that a session of this kind transfers for an almost empty file.
fn overhead(way: Way) -> u64 {
    let outcome = way.shell(4).through(Relay::plain()).types(way.line()).succeeds();
    outcome.the_world().line().moved(way.toward())
}

/// Breaks a transfer in the given way, checks the remaining files, and resumes.
fn breaks(way: Way, byte: u64, fault: Fault) {
    way.shell(SIZE)
        .through(Relay::plain().at(way.toward(), byte, fault).only_first(1))
        .types(way.line())
        .exits(255)
        .stdout_is(&format!("sftp> {}\n", way.line()))
        .holds(|world| way.spoilt(world))
        .then()
        .as_batch()
        .types(way.resuming_line())
        .succeeds()
        .same("f", "f")
        .local_holds(&["f"])
        .remote_holds(&["f"]);
}

/// From the greeting, through key exchange and login, to the first answer.
// fault: cut anywhere before the first answer
#[test]
fn a_line_that_breaks_anywhere_before_the_first_answer_is_no_connection() {
    const STEPS: u64 = 24;
    let version = |shell: Shell, line: Relay| shell.through(line).as_batch().types("version");
    let mut outcome = version(Shell::on(Remote::empty().over_ssh()), Relay::plain()).succeeds();
    // The last bytes belong to the end of the session, after the answer.
    let all = outcome.the_world().line().moved(Toward::Client) - 300;
    for step in 1..STEPS {
        let fault = if step % 2 == 0 { Fault::Cut } else { Fault::Reset };
        let line = Relay::plain().at(Toward::Client, all * step / STEPS, fault);
        outcome = version(outcome.then(), line).exits(255).stdout_is("").reports("Connection closed");
    }
}

// fault: cut in a download
#[test]
fn a_download_that_is_cut_at_any_byte_goes_on_from_there() {
    let first = overhead(Down);
    for byte in [1, 32 * 1024, SIZE as u64 / 2, SIZE as u64 - 1] {
        breaks(Down, first + byte, Fault::Cut);
    }
}

// fault: cut in an upload
#[test]
fn an_upload_that_is_cut_at_any_byte_goes_on_from_there() {
    for way in [Up, UpAtomic] {
        let first = overhead(way);
        for byte in [1, 32 * 1024, SIZE as u64 / 2, SIZE as u64 - 1] {
            breaks(way, first + byte, Fault::Cut);
        }
    }
}

// fault: half-close
#[test]
fn a_reset_and_a_half_close_are_ends_as_a_cut_is() {
    for way in [Down, Up, UpAtomic] {
        for fault in [Fault::Reset, Fault::HalfClose] {
            breaks(way, SIZE as u64 / 2, fault);
        }
    }
}

// fault: a flipped bit
#[test]
fn a_flipped_bit_anywhere_in_a_transfer_is_the_end_of_the_connection() {
    for way in [Down, Up] {
        let first = overhead(way);
        // Neighbours are in one packet: its length, its content or its tag. The others are anywhere.
        for byte in [1, 2, 3, 4, 5, 32 * 1024, 100_003, SIZE as u64 / 2] {
            breaks(way, first + byte, Fault::Flip);
        }
    }
}

// fault: slow but alive
#[test]
fn a_line_that_crawls_or_rests_for_a_while_carries_all() {
    let pause = Fault::Pause(Duration::from_millis(1500));
    for way in [Down, Up] {
        let began = Instant::now();
        way.shell(SIZE)
            .through(Relay::plain().at(way.toward(), SIZE as u64 / 2, pause))
            .types(way.line())
            .succeeds()
            .same("f", "f");
        assert!(began.elapsed() >= Duration::from_millis(1500));
        let slow = Relay::plain().bytes_per_second(20_000);
        way.shell(50_000).through(slow).types(way.line()).succeeds().same("f", "f");
    }
}

// fault: new keys every megabyte
#[test]
fn a_server_that_wants_new_keys_every_megabyte_gets_them() {
    for way in [Down, Up] {
        let (new, old) = (Entry::sized("f", 8 << 20), Entry::file("f", "old"));
        let remote = |entry| Remote::with([entry]).sshd_config("RekeyLimit 1M").sshd_config("LogLevel DEBUG1");
        let shell = if way == Down { Shell::on(remote(new)).here([old]) } else { Shell::on(remote(old)).here([new]) };
        let exchanges = |world: &World| {
            let count = world.log().matches("rekey").count();
            (count < 4).then(|| format!("the keys were changed {count} times only"))
        };
        shell.as_batch().types(way.line()).types("ls").succeeds().same("f", "f").holds(exchanges);
    }
}

/// Starts a transfer that stalls after half of its data.
fn stalled(way: Way) -> Shell {
    let line = Relay::plain().bytes_per_second(600_000).at(way.toward(), 900_000, Fault::Stall);
    way.shell(SIZE).through(line).types(way.line()).with_args(["--progress", "plain"])
}

// fault: Ctrl-C in a stall
#[test]
fn what_stalls_is_left_by_ctrl_c_and_by_a_request_to_end() {
    for way in [Down, Up] {
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let (mut running, world) = stalled(way).start();
            running.reports("Transfer of 'f' is at ").signals(signal);
            let began = Instant::now();
            if signal == Signal::INT {
                running.reports("Interrupt").signals(signal);
            }
            let code = running.ends().code;
            let took = began.elapsed();
            assert!(took < SOON, "{way:?} {signal:?}: {took:?}");
            // A late second Ctrl-C may reach a shell that waits for the next line.
            assert!(code == 1 || code == 255 && signal == Signal::INT, "{way:?} {signal:?}: {code}");
            assert_eq!(way.spoilt(&world), None, "{signal:?}");
            world.line().heal();
            Shell::in_world(world).as_batch().types(way.resuming_line()).succeeds().same("f", "f");
        }
    }
}

// fault: a server that is gone without a word
#[test]
fn a_server_that_is_not_there_any_more_is_missed_as_soon_as_was_asked_for() {
    let alive = |shell: Shell| shell.with_args(["-oServerAliveInterval=3", "-oServerAliveCountMax=1", "-b", "-"]);
    let stall = Relay::plain().at(Toward::Client, 500_000, Fault::Stall);
    let began = Instant::now();
    alive(Shell::on(Remote::with([Entry::sized("f", SIZE)]).over_ssh()))
        .through(stall)
        .types("get f")
        .exits(255)
        .reports("Timeout, server 127.0.0.1 not responding")
        .local_lacks("f");
    // One query after three seconds, and three more for its answer.
    assert!(began.elapsed() < Duration::from_secs(6) + SOON, "{:?}", began.elapsed());
    // Its program may be busy for longer, because sshd answers.
    alive(Shell::on(Remote::with(["g"]).lying("slow-open=7000").over_ssh())).types("get g").succeeds().same("g", "g");
}

#[test]
fn a_session_that_rests_is_kept_alive_and_its_end_is_noticed() {
    let alive = ["-oServerAliveInterval=3", "-oServerAliveCountMax=1"];
    let (mut running, world) =
        Shell::on(Remote::with(["g"]).over_ssh()).through(Relay::plain()).with_args(alive).start();
    running.types("pwd").prints("Remote working directory: ");
    // Three keepalive queries and answers, without a command.
    let moved = world.line().moved(Toward::Client);
    until("three rounds", || world.line().moved(Toward::Client) >= moved + 3 * 36);
    running.types("ls").prints("g");
    assert_eq!(running.finish().code, 0);
}
