//! Progress of a transfer: meters on a terminal, lines if requested, and Ctrl-C.

use crate::support::{Entry, Key, Relay, Remote, Shell};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// Slow enough that a key can be pressed while a megabyte is transferred.
const SLOW: u64 = 400_000;

fn slow(size: usize) -> Shell {
    Shell::on(Remote::with([Entry::sized("big", size), Entry::sized("small", 1000)]).over_ssh())
        .through(Relay::plain().bytes_per_second(SLOW))
}

#[test]
fn a_finished_file_leaves_a_line_in_the_columns_of_sftp() {
    let outcome = Shell::on(Remote::with([Entry::sized("messages.1", 128_609), Entry::sized("empty", 0)]))
        .at_a_terminal()
        .types("get messages.1")
        .sees("100%")
        .types("get empty")
        .types("put empty sent")
        .types("bye")
        .ends_with(0);
    let meters: Vec<&str> = outcome.stdout().lines().filter(|line| line.contains("100%")).collect();
    assert_eq!(meters.len(), 2, "{meters:?}");
    let columns = |line: &str| line.get(45..58).map(str::to_owned);
    assert_eq!(columns(meters[0]).as_deref(), Some(" 100%  126KB "), "{meters:?}");
    assert_eq!(columns(meters[1]).as_deref(), Some(" 100%    0   "), "{meters:?}");
    assert!(meters[0].trim_end().ends_with("B/s   00:00"), "{meters:?}");
    // A fast transfer shows no running meter.
    assert!(!String::from_utf8_lossy(outcome.raw_stdout()).contains("ETA"));
}

// fault: Ctrl-C in a slow transfer
#[test]
fn a_slow_file_moves_and_ctrl_c_stops_it_and_keeps_the_session() {
    slow(4_000_000)
        .at_a_terminal()
        .types("get big")
        .sees("ETA")
        .presses(Key::Ctrl('c'))
        .sees("Interrupt")
        .sees("hint: reget big continues")
        .types("get small")
        .sees("100%")
        .types("bye")
        .ends_with(0)
        .same("small", "small")
        .local_lacks("big");
}

#[test]
fn nothing_is_drawn_after_the_word_that_says_interrupt() {
    let terminal = slow(4_000_000)
        .at_a_terminal()
        .types("get *")
        .sees("of 2 files")
        .presses(Key::Ctrl('c'))
        .sees("Interrupt")
        .at_the_prompt();
    let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
    let after = raw.rsplit_once("Interrupt").unwrap().1;
    assert!(!after.contains('%') && !after.contains("B/s"), "{after:?}");
    terminal.types("bye").ends_with(0);
}

#[test]
fn a_person_sees_that_a_file_is_verified_and_how_far() {
    for line in ["get --verify=read big", "put --verify=read big sent"] {
        let here = if line.starts_with("put") { vec![Entry::sized("big", 600_000)] } else { vec![] };
        let terminal = slow(600_000).here(here).at_a_terminal().types(line).sees("verifying big").at_the_prompt();
        let shown = terminal.raw();
        let shown = String::from_utf8_lossy(&shown).into_owned();
        let verifying: Vec<&str> = shown.split("verifying big").skip(1).collect();
        let percent = |text: &&str| text.split('%').next().unwrap().trim().parse::<u64>().unwrap();
        let percents: Vec<u64> = verifying.iter().map(percent).collect();
        assert!(percents.is_sorted() && percents.iter().any(|percent| (20..=90).contains(percent)), "{percents:?}");
        terminal.types("bye").ends_with(0);
    }
}

#[test]
fn lines_for_a_log_tell_of_verifying() {
    let outcome = slow(600_000).with_args(["--progress", "plain"]).types("get --verify=read big").succeeds();
    assert!(outcome.stderr().lines().any(|line| line.starts_with("Verifying 'big' is at ")), "{}", outcome.stderr());
}

// difference: many-at-once
#[test]
fn several_files_have_a_line_for_all_of_them() {
    let files = ["a", "b", "c"].map(|name| Entry::sized(name, 200_000));
    Shell::on(Remote::with(files).over_ssh())
        .through(Relay::plain().bytes_per_second(SLOW))
        .at_a_terminal()
        .types("get ?")
        .sees("of 3 files")
        .types("bye")
        .ends_with(0)
        .local_holds(&["a", "b", "c"]);
}

#[test]
fn what_is_typed_while_something_moves_waits_for_the_prompt() {
    let terminal = slow(300_000).at_a_terminal().types("get big").sees("ETA").sends(b"lumask 27\r").sees("umask: 027");
    terminal.types("bye").ends_with(0).same("big", "big");
}

#[test]
fn a_dumb_terminal_gets_last_lines_only() {
    let terminal = slow(300_000).env("TERM", "dumb").at_a_terminal().at_the_prompt().sends(b"get big\n").sees("100%");
    let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
    assert!(!raw.contains('\u{1b}') && !raw.contains("ETA"), "{raw}");
    terminal.at_the_prompt().presses(Key::Ctrl('d')).ends_with(0);
}

#[test]
fn without_a_terminal_nothing_is_said_unless_it_was_asked_for() {
    let shell = || Shell::on(Remote::with([Entry::sized("a", 1000)])).types("get a");
    shell().succeeds().stdout_is("sftp> get a\nFetching REMOTE/a to a\n").quietly();
    shell().with_args(["--progress", "none"]).succeeds().prints_no("100").quietly();
    let line = "Transfer of 'a' is at 1000/1000 bytes (100.0%)";
    shell().with_args(["--progress", "plain"]).succeeds().complains(&[line]);
    shell().as_batch().with_args(["--progress", "plain"]).succeeds().complains(&[line]);
    let toggled = Shell::on(Remote::with(["a"])).with_args(["--progress", "plain"]).types("progress").types("get a");
    toggled.succeeds().prints("Progress meter disabled\n").quietly();
}

// difference: own-options
#[test]
fn plain_lines_come_now_and_then_and_grow() {
    let outcome = slow(600_000).with_args(["--progress", "plain"]).types("get big").succeeds();
    let lines: Vec<&str> =
        outcome.stderr().lines().filter(|line| line.starts_with("Transfer of 'big' is at ")).collect();
    // One and a half seconds at two lines a second, with a margin for the buffers on the way.
    assert!((2..12).contains(&lines.len()), "{lines:?}");
    assert_eq!(lines.last(), Some(&"Transfer of 'big' is at 600000/600000 bytes (100.0%)"));
}

#[test]
fn an_interrupt_in_a_batch_ends_it_with_1() {
    let shell = slow(4_000_000).types("get big").types("get small").as_batch().with_args(["--progress", "plain"]);
    let (mut running, world) = shell.start();
    running.reports("Transfer of 'big' is at ").signals(Signal::INT).reports("Interrupt");
    let finished = running.ends();
    assert_eq!(finished.code, 1);
    assert!(!world.local().join("small").exists());
}

#[test]
fn an_interrupt_stops_one_line_of_what_is_piped_in_and_the_whole_of_a_single_fetch() {
    // Few requests in flight, so that the wait for them is short.
    const BRIEF: [&str; 4] = ["--progress", "plain", "-R", "2"];
    let (mut running, world) = slow(4_000_000).types("get big").types("get small").with_args(BRIEF).start();
    running.reports("Transfer of 'big' is at ").signals(Signal::INT).reports("Interrupt");
    assert_eq!(running.finish().code, 0);
    assert!(world.local().join("small").exists() && !world.local().join("big").exists());
    let (mut running, world) = slow(4_000_000).to(["server:big"]).with_args(BRIEF).start();
    running.reports("Transfer of 'big' is at ").signals(Signal::INT).reports("Interrupt");
    assert_eq!(running.ends().code, 1);
    assert!(!world.local().join("big").exists());
}

#[test]
fn a_request_to_end_stops_a_transfer_and_ends_with_1() {
    for signal in [Signal::TERM, Signal::HUP] {
        let shell = slow(4_000_000).types("get big").types("get small").with_args(["--progress", "plain"]);
        let (mut running, world) = shell.start();
        running.reports("Transfer of 'big' is at ").signals(signal);
        assert_eq!(running.ends().code, 1);
        assert!(!world.local().join("small").exists());
    }
}

#[test]
fn a_limit_on_the_rate_is_kept_both_ways() {
    // 1024 Kbit/s are 128 KiB/s. That is the upper limit; the lower one depends on the machine.
    let least = Duration::from_secs(1);
    let limited = || Shell::on(Remote::with([Entry::sized("big", 192 << 10)])).with_args(["-l", "1024"]);
    for line in ["get big", "put big sent"] {
        let began = Instant::now();
        limited().here([Entry::sized("big", 192 << 10)]).types(line).succeeds();
        assert!(began.elapsed() >= least, "{line} took {:?}", began.elapsed());
    }
}

#[test]
fn one_ctrl_c_is_enough_where_nothing_comes_any_more() {
    Shell::on(Remote::with([Entry::sized("big", 3_000_000)]).lying("stall-at=1000000"))
        .at_a_terminal()
        .types("get big")
        .sees("Fetching")
        .presses(Key::Ctrl('c'))
        .sees("the data fetched so far is kept")
        .types("lpwd")
        .sees("Local working directory")
        .types("bye")
        .ends_with(0);
}

#[test]
fn where_no_line_can_be_typed_the_command_that_continues_is_named() {
    for (words, end) in [
        (vec!["server:big", "my copy"], "server:big 'my copy' continues"),
        (vec!["server", "--", "get", "big"], "server -- get big continues"),
    ] {
        let shell = slow(4_000_000).with_args(["-R", "8"]).to(words);
        let outcome = shell.at_a_terminal_of(24, 300).sees("ETA").presses(Key::Ctrl('c')).ends_with(1);
        let hint = outcome.stdout().lines().find(|line| line.starts_with("hint: ")).unwrap_or_default().to_owned();
        assert!(hint.contains("sftpsh -a ") && hint.trim_end().ends_with(end), "{end}: {}", outcome.stdout());
    }
}
