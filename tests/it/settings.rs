//! `set` and the options that it changes: their values, their effects, and their completion with Tab.

use std::time::{Duration, Instant};

use crate::support::{Entry, Key, Remote, Shell};

fn shell() -> Shell {
    Shell::on(Remote::with([Entry::sized("big", 192 << 10)]))
}

#[test]
fn what_is_set_is_shown_and_may_be_changed() {
    let outcome = shell()
        .with_args(["-j", "2", "-l", "1024", "--retry", "5", "--progress", "plain"])
        .types("@set")
        .types("@set JOBS 4")
        .types("@set jobs")
        .types("@set limit 1.5M")
        .types("@set limit")
        .types("@set limit off")
        .types("@set limit")
        .types("@set retry 0")
        .types("@set retry")
        .types("@set progress none")
        .types("@set progress")
        .types("@progress")
        .types("@set progress")
        .types("@set progress json")
        .types("@set progress")
        .types("@progress")
        .types("@set progress")
        .succeeds()
        .quietly();
    let lines: Vec<&str> = outcome.stdout().lines().collect();
    let table: Vec<Vec<&str>> = lines[..11].iter().map(|line| line.split_whitespace().take(2).collect()).collect();
    assert_eq!(
        table,
        [
            ["channels", "4"],
            ["confirm-removals", "1000"],
            ["editing", "emacs"],
            ["jobs", "2"],
            ["limit", "128K"],
            ["progress", "plain"],
            ["prompt", "default"],
            ["queue-parallel", "1"],
            ["retry", "5"],
            ["sizes", "exact"],
            ["title", "on"]
        ]
    );
    assert_eq!(
        lines[11..],
        ["4", "1536K", "off", "0", "none", "Progress meter enabled", "auto", "json", "Progress meter disabled", "none"]
    );
}

#[test]
fn what_can_not_be_set_is_refused_with_what_can() {
    for (line, message) in [
        (
            "set speed 5",
            "set: \"speed\": there is no such setting, only channels, confirm-removals, editing, jobs, limit, progress, prompt, queue-parallel, retry, sizes, title",
        ),
        ("set jobs 17", "set jobs: \"17\": it must be a number from 1 to 16"),
        ("set channels 0", "set channels: \"0\": it must be a number from 1 to 8"),
        ("set channels 9", "set channels: \"9\": it must be a number from 1 to 8"),
        ("set jobs 0", "set jobs: \"0\": it must be a number from 1 to 16"),
        ("set confirm-removals -1", "set confirm-removals: \"-1\": it must be a number, or off"),
        ("set limit 0", "set limit: \"0\": it must be a number such as 5M, or off"),
        ("set limit fast", "set limit: \"fast\": it must be a number such as 5M, or off"),
        ("set progress loud", "set progress: \"loud\": it must be one of auto, plain, json, none"),
        ("set editing ed", "set editing: \"ed\": it must be one of emacs, vi"),
        ("set retry -1", "set retry: \"-1\": it must be a whole number, 0 or more"),
    ] {
        let outcome = shell().types(line).as_batch().exits(1);
        assert!(outcome.stderr().starts_with(&format!("{message}\n")), "{}", outcome.stderr());
    }
    Shell::on(Remote::empty()).with_args(["--limit", "none"]).exits(1).reports("invalid rate \"none\"");
}

#[test]
fn settings_and_their_values_are_completed() {
    let mut terminal = shell().at_a_terminal();
    for (typed, line) in [
        ("se", "set "),
        ("set l", "set limit "),
        ("set LIMIT o", "set LIMIT off "),
        ("set progress j", "set progress json "),
        ("set prompt f", "set prompt full "),
        ("set title of", "set title off "),
    ] {
        terminal = terminal.at_the_prompt().keys_in(typed).presses(Key::Tab).line_is(&format!("sftp> {line}"));
        terminal = terminal.presses(Key::Ctrl('c'));
    }
    terminal.types("bye").ends_with(0);
}

/// 128 KiB/s. That is the upper limit; the lower one depends on the machine.
// difference: own-options
#[test]
fn a_limit_holds_for_all_connections_together_and_may_be_set_between_transfers() {
    let least = Duration::from_secs(1);
    let here = || shell().here([Entry::sized("big", 192 << 10)]);
    for shell in [
        here().with_args(["--limit", "128K"]).types("get big"),
        here().with_args(["--limit", "128K", "-l", "1000000"]).types("put big sent"),
        here().types("set limit 128K").types("get big"),
        here().types("set jobs 2").types("set limit 128K").types("put big sent"),
    ] {
        let began = Instant::now();
        shell.succeeds();
        assert!(began.elapsed() >= least, "it took {:?}", began.elapsed());
    }
}
