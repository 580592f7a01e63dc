//! Several channels on one SSH connection: an upload to a far server opens them, and loses none of its bytes with them.

use std::fs;
use std::time::Duration;

use crate::support::{Entry, Fault, Outcome, Relay, Remote, Shell, Toward, World, sftp_server};

/// A long line, over which one channel carries about 40 MB/s.
fn far() -> Relay {
    Relay::plain().delay(Duration::from_millis(25))
}

/// A file large enough for several channels.
const LARGE: usize = 40 << 20;

/// A file so large that much of it is left when the channels are open.
const HUGE: usize = 160 << 20;

fn shell(remote: Remote, line: Relay) -> Shell {
    with_file(remote, line, LARGE)
}

fn with_file(remote: Remote, line: Relay, size: usize) -> Shell {
    Shell::on(remote.over_ssh()).here([Entry::sized("large", size)]).through(line).patience(Duration::from_secs(120))
}

/// Returns how many times the server was asked to start its program.
fn programs(world: &World) -> usize {
    world.log().matches("Starting session: subsystem 'sftp'").count()
}

/// Returns a fault if there was more than one connection, or another number of programs.
fn one_connection_and(expected: usize) -> impl Fn(&World) -> Option<String> {
    move |world| {
        let (connections, programs) = (world.line().connections(), programs(world));
        let is_right = connections == 1 && programs == expected;
        (!is_right).then(|| format!("{connections} connections and {programs} programs, not 1 and {expected}"))
    }
}

/// Returns how many times a text was reported.
fn count(outcome: &Outcome, text: &str) -> usize {
    outcome.stderr().matches(text).count()
}

#[test]
fn a_far_upload_opens_channels_which_the_next_one_uses() {
    let outcome = shell(Remote::empty(), far())
        .with_args(["-v", "-b", "-"])
        .types("put large one")
        .types("put large two")
        .types("get one back")
        .succeeds()
        .reports("debug1: opening 3 more channels")
        .same("large", "one")
        .same("large", "two")
        .same("back", "one")
        .holds(one_connection_and(4));
    assert_eq!(count(&outcome, "debug1: opening"), 1, "{}", outcome.stderr());
}

#[test]
fn channels_are_opened_as_far_as_the_user_allows_and_silently() {
    for (words, channels) in [(&["--channels", "2"][..], 2), (&["--channels", "1"], 1), (&["-R", "64"], 1)] {
        shell(Remote::empty(), far())
            .with_args(words)
            .with_args(["-b", "-"])
            .types("put large")
            .succeeds()
            .same("large", "large")
            .holds(one_connection_and(channels))
            .reports_no("debug1");
    }
}

#[test]
fn a_near_upload_needs_one_channel() {
    shell(Remote::empty(), Relay::plain())
        .with_args(["-b", "-"])
        .types("put large")
        .succeeds()
        .same("large", "large")
        .holds(one_connection_and(1));
}

#[test]
fn a_server_that_refuses_channels_is_not_asked_again() {
    let outcome = shell(Remote::empty().sshd_config("MaxSessions 1"), far())
        .with_args(["-v", "-b", "-"])
        .types("put large one")
        .types("put large two")
        .succeeds()
        .reports("debug1: going on with the channels so far: the server opens no further channel on this connection")
        .same("large", "one")
        .same("large", "two")
        .holds(one_connection_and(1));
    assert_eq!(count(&outcome, "debug1: opening"), 1, "{}", outcome.stderr());
    assert_eq!(count(&outcome, "debug1: going on"), 1, "{}", outcome.stderr());
}

/// Lets only the first program of the server live. Each other one ends after a hundred reads, at most 3 MiB.
fn dying() -> String {
    let (run, directory) = (sftp_server(), "${SSH_ORIGINAL_COMMAND##* }");
    format!(
        "ForceCommand if mkdir \"{directory}.first\" 2>/dev/null; then exec {run} -d \"{directory}\"; \
         else dd bs=32k count=100 2>/dev/null | {run} -d \"{directory}\"; fi"
    )
}

#[test]
fn a_channel_that_dies_loses_only_itself() {
    let outcome = with_file(Remote::empty().sshd_config(dying()), far(), HUGE)
        .with_args(["-v", "-b", "-"])
        .types("put large")
        .types("ls large")
        .succeeds()
        .reports("Going on with one channel fewer: Connection closed: the server ended the connection")
        .same("large", "large")
        .prints("large");
    assert_eq!(count(&outcome, "one channel fewer"), 3, "{}", outcome.stderr());
    assert_eq!(outcome.the_world().line().connections(), 1);
}

#[test]
fn a_connection_that_breaks_takes_all_its_channels_and_gets_them_again() {
    let line = far().at(Toward::Server, 24_000_000, Fault::Cut).only_first(1);
    let outcome = shell(Remote::empty(), line)
        .with_args(["-v", "-b", "-", "--retry", "3"])
        .types("put large one")
        .types("put large two")
        .succeeds()
        .reports("The connection was lost; connecting again (1 of 3)")
        .reports("Reconnected, going on")
        .same("large", "one")
        .same("large", "two");
    assert_eq!(count(&outcome, "debug1: opening 3 more channels"), 2, "{}", outcome.stderr());
    assert_eq!(count(&outcome, "one channel fewer"), 0, "{}", outcome.stderr());
    assert_eq!(outcome.the_world().line().connections(), 2);
}

#[test]
fn many_files_go_over_several_channels_too() {
    let files: Vec<Entry> = (0..60).map(|number| Entry::sized(format!("many/{number:02}"), 1 << 20)).collect();
    let outcome = Shell::on(Remote::empty().over_ssh())
        .here(files)
        .through(far())
        .with_args(["-v", "-b", "-"])
        .patience(Duration::from_secs(120))
        .types("put -r many")
        .succeeds()
        .reports("debug1: opening 3 more channels")
        .holds(one_connection_and(4));
    for number in [0, 31, 59] {
        let name = format!("many/{number:02}");
        let world = outcome.the_world();
        let (here, there) = (fs::read(world.local().join(&name)), fs::read(world.remote().join(&name)));
        assert!(here.unwrap() == there.unwrap(), "{name}");
    }
}
