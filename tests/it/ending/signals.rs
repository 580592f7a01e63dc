//! The program reacts to Ctrl-C, SIGTERM and SIGHUP within a second, in any state. The tests allow for a busy
//! machine.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::killed::{COMMANDS, none_of, shell};
use crate::support::{
    Embedded, Entry, Fault, Key, PATIENCE, Relay, Remote, Running, Shell, Terminal, Toward, World, until,
};

const SIGNALS: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

/// The maximum time for a reaction while other tests keep the machine busy.
const SOON: Duration = Duration::from_secs(5);

/// Sends a signal and waits for the end. Returns a description of what is wrong, if anything is.
fn end(mut running: Running, signal: Signal) -> Option<String> {
    let began = Instant::now();
    running.signals(signal);
    let finished = running.ends();
    let took = began.elapsed();
    let stderr = String::from_utf8_lossy(&finished.stderr);
    (finished.code != 1 || took > SOON).then(|| format!("{signal:?}: code {} after {took:?}: {stderr}", finished.code))
}

/// Returns every command with every signal.
fn each_case(lines: &[&'static str]) -> Vec<(&'static str, Signal)> {
    lines.iter().flat_map(|&line| SIGNALS.map(|signal| (line, signal))).collect()
}

#[test]
fn a_command_whose_first_request_is_never_answered_is_left() {
    none_of(&each_case(COMMANDS), |&(line, signal)| {
        // The start directory and the server's limits are queried before that.
        let (mut running, _world) = shell("stall-after=2").types(line).types("get big never").start();
        running.reports("stalled");
        end(running, signal).map(|fault| format!("{line}: {fault}"))
    });
}

// fault: Ctrl-C in a stall of any command
#[test]
fn a_command_that_stalls_in_the_middle_is_left() {
    let moving: Vec<_> = COMMANDS
        .iter()
        .copied()
        .filter(|line| ["get -r ", "put ", "rm", "find", "cp", "chmod", "du"].iter().any(|word| line.starts_with(word)))
        .collect();
    none_of(&each_case(&moving), |&(line, signal)| {
        let (mut running, _world) = shell("stall-after=6").with_args(["-j", "2", "--retry", "2"]).types(line).start();
        running.reports("stalled");
        end(running, signal).map(|fault| format!("{line}: {fault}"))
    });
}

#[test]
fn a_close_that_is_never_answered_is_left() {
    for signal in SIGNALS {
        let shell = Shell::on(Remote::empty().lying("close-stalls")).here([Entry::sized("f", 100_000)]).as_batch();
        let (mut running, world) = shell.types("put f").start();
        running.reports("stalled");
        assert_eq!(end(running, signal), None);
        assert_eq!(std::fs::read(world.remote().join("f")).unwrap().len(), 100_000);
    }
}

/// Starts a transfer that stalls, over our own SSH or that of another program.
fn stalled(line: &str, by: &[&str], toward: Toward) -> (Running, World) {
    let stall = Relay::plain().at(toward, 600_000, Fault::Stall);
    let shell = Shell::on(Remote::with([Entry::sized("f", 3_000_000)]).over_ssh()).here([Entry::sized("g", 3_000_000)]);
    let (running, world) = shell.through(stall).with_args(by).as_batch().types(line).start();
    // Bytes beyond the stall are received but not delivered, so 650,000 means that the stall was reached.
    until("the line to stall", || world.line().moved(toward) >= 650_000);
    (running, world)
}

#[test]
fn a_transfer_on_a_line_that_is_dead_is_left_and_leaves_its_partial() {
    let ways = [("get f", Toward::Client), ("put g", Toward::Server), ("put --atomic g", Toward::Server)];
    let programs: [&[&str]; 3] = [&[], &["-S", "ssh"], &["-j", "3"]];
    let cases: Vec<_> =
        ways.iter().flat_map(|way| programs.map(|by| SIGNALS.map(|signal| (*way, by, signal)))).flatten().collect();
    none_of(&cases, |&((line, toward), by, signal)| {
        let (running, world) = stalled(line, by, toward);
        let fault = end(running, signal).map(|fault| format!("{line} {by:?}: {fault}"));
        let is_there = |name: &str| {
            std::fs::read_dir(world.local())
                .unwrap()
                .flatten()
                .any(|entry| entry.file_name().to_string_lossy().starts_with(name))
        };
        let is_kept = line != "get f" || is_there(".f.");
        fault.or_else(|| (!is_kept || is_there("f")).then(|| format!("{line} {by:?}: no partial, or a target")))
    });
}

/// A way to a server that does not answer, and the text to wait for until it is taken.
type Dead = (&'static str, Vec<String>);

fn waiting(words: &[String], environment: &[(&str, &str)]) -> (Running, World) {
    let mut shell = Shell::on(Remote::with(["f"]).over_ssh()).as_batch().types("ls").with_args(words);
    for (name, value) in environment {
        shell = shell.env(name, value);
    }
    shell.start()
}

/// Programs that never become servers, as the options that name them. Each first reports that it was started.
fn dead_ends() -> Vec<Dead> {
    let dead = "sh -c 'echo waiting >&2; exec sleep 1000'";
    vec![
        ("ProxyCommand", vec![format!("-oProxyCommand={dead}")]),
        ("-D", vec!["-D".into(), dead.into()]),
        // It notices neither the end of its input nor a signal.
        (
            "-D, deaf",
            vec!["-D".into(), "sh -c 'trap \"\" TERM HUP; echo waiting >&2; while :; do sleep 1; done'".into()],
        ),
    ]
}

#[test]
fn a_program_that_never_answers_is_left_and_ended() {
    for (name, words) in dead_ends() {
        for signal in SIGNALS {
            let (mut running, _world) = waiting(&words, &[]);
            running.reports("waiting");
            assert_eq!(end(running, signal), None, "{name}");
        }
    }
}

#[test]
fn a_server_that_falls_silent_before_the_login_is_left() {
    // Nothing at all; a version; a version and part of the key exchange.
    for said in [&b""[..], b"SSH-2.0-silent\r\n", b"SSH-2.0-silent\r\n\0\0\x04\0"] {
        for (signal, over_jump) in SIGNALS.into_iter().flat_map(|signal| [(signal, false), (signal, true)]) {
            let silent = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = silent.local_addr().unwrap().port();
            let way = if over_jump { format!("-Jnobody@127.0.0.1:{port}") } else { format!("-oPort={port}") };
            let (running, _world) = waiting(&[way], &[]);
            let (mut connection, _) = silent.accept().unwrap();
            std::io::Write::write_all(&mut connection, said).unwrap();
            // The program's own version shows that it waits for the server's.
            std::io::Read::read_exact(&mut connection, &mut [0; 8]).unwrap();
            assert_eq!(end(running, signal), None, "{said:?}, jump: {over_jump}");
        }
    }
}

#[test]
fn a_program_that_asks_for_a_password_is_left_and_ended() {
    for signal in SIGNALS {
        let shell = Shell::on(Remote::with(["f"]).served_by(Embedded::new().password("secret")));
        let asking = shell.world().root().join("asker");
        std::fs::write(&asking, "#!/bin/sh\necho asking >&2\nexec sleep 1000\n").unwrap();
        std::fs::set_permissions(&asking, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let (mut running, _world) =
            shell.env("SSH_ASKPASS", &asking).env("SSH_ASKPASS_REQUIRE", "force").types("ls").start();
        running.reports("asking");
        assert_eq!(end(running, signal), None);
    }
}

#[test]
fn at_a_prompt_every_stalled_command_is_left_for_the_next_one() {
    for line in ["rename big other", "ls tree", "get big", "rm -r tree", "cp big copy", "cd tree", "find tree"] {
        let remote = Remote::with([Entry::sized("big", 300_000), Entry::sized("tree/f", 10)]);
        let outcome = Shell::on(remote.lying("stall-after=2"))
            .at_a_terminal()
            .types(line)
            .sees("stalled")
            .presses(Key::Ctrl('c'))
            .sees("Interrupt")
            .types("lpwd")
            .sees("Local working directory: ")
            .types("bye")
            .ends_with(0);
        let said = outcome.stdout().to_lowercase().matches("interrupt").count();
        assert_eq!(said, 1, "{line}: {}", outcome.stdout());
    }
}

#[test]
fn nothing_arrives_after_the_first_ctrl_c_of_a_get_over_several_connections() {
    let files = (0..400).map(|number| Entry::sized(format!("tree/{number:03}"), 100_000));
    let shell = Shell::on(Remote::with(files).over_ssh()).with_args(["-j", "4", "--limit", "2M"]);
    let at = shell.at_a_terminal().types("get tree/*").sees("100%").presses(Key::Ctrl('c'));
    let pressed = Instant::now();
    let at = at.sees("Interrupt").at_the_prompt();
    assert!(pressed.elapsed() < SOON, "the prompt came after {:?}", pressed.elapsed());
    let arrived = |world: &World| std::fs::read_dir(world.local()).unwrap().count();
    let before = arrived(at.world());
    // Any earlier reply arrives before this one over the same connection.
    let at = at.types("ls -l tree/000").sees("100000").at_the_prompt();
    assert_eq!(arrived(at.world()), before);
    assert!(before < 400, "all of it had arrived");
    let outcome = at.types("bye").ends_with(0);
    assert_eq!(outcome.stdout().matches("Interrupt").count(), 1, "{}", outcome.stdout());
}

#[test]
fn an_interrupted_command_is_followed_by_one_prompt() {
    for (options, line) in [(&[][..], "ls tree"), (&["--plain"], "ls tree"), (&[], "get big"), (&["--plain"], "rm big")]
    {
        let remote = Remote::with([Entry::sized("big", 300_000), Entry::sized("tree/f", 10)]);
        let at = Shell::on(remote.lying("stall-after=2")).with_args(options.iter().copied()).at_a_terminal();
        let at = at.types(line).sees("stalled").presses(Key::Ctrl('c')).sees("Interrupt").types("lpwd");
        let at = at.sees("Local working directory: ").at_the_prompt();
        let prompts = String::from_utf8_lossy(&at.raw()).matches("sftp> ").count();
        assert_eq!(prompts, 3, "{options:?}: {line}: {}", at.roll());
        at.types("bye").ends_with(0);
    }
}

// fault: Ctrl-C in a stall, at a prompt
// difference: second-ctrl-c
#[test]
fn a_second_ctrl_c_drops_the_connection_and_leaves_the_person_at_the_prompt() {
    let stall = Relay::plain().at(Toward::Client, 300_000, Fault::Stall).only_first(1);
    let mut at = Shell::on(Remote::with([Entry::sized("f", 2_000_000)]).over_ssh()).through(stall).at_a_terminal();
    let deadline = Instant::now() + PATIENCE;
    // On a busy machine the second one may come too late, after the first one has been handled.
    while !at.roll().contains("Connection closed") {
        assert!(Instant::now() < deadline, "{}", at.roll());
        at = at
            .types("get f")
            .hears("\x1b[")
            .presses(Key::Ctrl('c'))
            .sees("Interrupt")
            .presses(Key::Ctrl('c'))
            .at_the_prompt();
    }
    at.types("get f").sees("100%").types("bye").ends_with(0).same("f", "f");
}

/// Presses Ctrl-C while the program reconnects to a server that sends nothing.
fn attempt_is_left(at: Terminal, line: &str, silent: &TcpListener) {
    let at = at.types(line).sees("Connecting again (1 of 3)");
    let _connection = silent.accept().unwrap();
    let at = at.presses(Key::Ctrl('c')).at_the_prompt().types("lpwd").sees("Local working directory: ");
    at.types("bye").ends_with(0);
}

#[test]
fn an_attempt_to_connect_again_is_left_for_the_prompt() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let at =
        Shell::on(Remote::with(["f"]).over_ssh()).through(Relay::plain()).at_a_terminal().types("pwd").at_the_prompt();
    at.world().line().turn_to(silent.local_addr().unwrap().port());
    at.world().line().cut();
    attempt_is_left(at, "ls", &silent);
}

#[test]
fn an_attempt_after_a_command_that_lost_its_connection_is_left_for_the_prompt() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let files: Vec<Entry> = (0..2000).map(|number| Entry::from(format!("tree/{number}"))).collect();
    let cut = Relay::plain().at(Toward::Client, 60_000, Fault::Cut).only_first(1);
    let at = Shell::on(Remote::with(files).over_ssh()).through(cut).at_a_terminal().at_the_prompt();
    at.world().line().turn_to(silent.local_addr().unwrap().port());
    attempt_is_left(at, "ls tree", &silent);
}
