//! A broken connection is re-established, and the session continues.

use std::time::Duration;

use crate::support::Entry;
use crate::support::{Embedded, Fault, Shell, Toward};
use crate::support::{Relay, Remote, Sshd, SshdPlan, Terminal, World};

fn remote() -> Remote {
    Remote::with(["site/index.html", "top.txt"]).over_ssh()
}

fn at_a_prompt() -> Terminal {
    Shell::on(remote()).through(Relay::plain()).at_a_terminal()
}

// difference: retries
#[test]
fn at_a_prompt_the_next_command_finds_the_session_as_it_was() {
    let at = at_a_prompt().types("cd site").types("lmkdir here").types("lcd here").at_the_prompt();
    at.world().line().cut();
    at.types("ls")
        .sees("Connection closed")
        .sees("Connecting again (1 of 3)")
        // The line `ls` that failed when the loss was noticed is not repeated automatically.
        .types("ls")
        .sees("index.html")
        .types("get index.html")
        .types("pwd")
        .sees("/remote/site")
        .types("bye")
        .ends_with(0)
        .local_has("here/index.html");
}

#[test]
fn the_end_needs_no_connection() {
    let at = at_a_prompt().types("pwd").at_the_prompt();
    at.world().line().cut();
    at.types("bye").ends_with(0);
}

#[test]
fn a_password_is_asked_once() {
    let embedded = Embedded::new().password("secret");
    let remote = Remote::with(["a"]).served_by(embedded);
    let at = Shell::on(remote)
        .through(Relay::plain())
        .at_a_terminal()
        .answers("password: ", "secret")
        .types("pwd")
        .at_the_prompt();
    at.world().line().cut();
    at.types("ls").sees("Connected to").types("bye").ends_with(0);
}

#[test]
fn a_host_key_that_changed_meanwhile_ends_it() {
    let at = at_a_prompt().types("pwd").at_the_prompt();
    let other = another_server(at.world());
    at.world().line().turn_to(other.port());
    at.world().line().cut();
    at.types("ls").sees("has changed since the session began").ends_with(255);
}

/// Starts another server in the same world, whose key we know as well.
fn another_server(world: &World) -> Sshd {
    let directory = world.root().join("other-sshd");
    let key = world.root().join("sshd/authorized_keys");
    let other = Sshd::start(&SshdPlan::default(), &directory, &key, "internal-sftp");
    let known = world.home().join(".ssh/known_hosts");
    let lines = std::fs::read_to_string(&known).unwrap();
    let ours = other.known_hosts().replace(&format!(":{} ", other.port()), &format!(":{} ", world.line().port()));
    std::fs::write(known, lines + &ours).unwrap();
    other
}

#[test]
fn a_server_that_stays_away_is_given_up_with_the_reason() {
    let at = Shell::on(remote())
        .with_args(["--retry", "2"])
        .through(Relay::plain())
        .at_a_terminal()
        .types("pwd")
        .at_the_prompt();
    at.world().line().turn_to(1);
    at.world().line().cut();
    at.types("ls").sees("Connecting again (2 of 2)").ends_with(255);
}

/// Returns the number of bytes from the server until a session is open.
fn login_bytes() -> u64 {
    let outcome = Shell::on(remote()).through(Relay::plain()).as_batch().types("lpwd").succeeds();
    outcome.the_world().line().moved(Toward::Client)
}

// difference: retries
#[test]
fn a_script_ends_with_its_connection_unless_told_otherwise() {
    let login = login_bytes();
    let cut = || Relay::plain().at(Toward::Client, login + 2000, Fault::Cut).only_first(1);
    let script = |options: &[&str]| {
        let shell = Shell::on(remote()).with_args(options).through(cut());
        // More bytes than the first connection transfers before it breaks.
        (0..200).fold(shell, |shell, _| shell.types("ls -l"))
    };
    script(&[]).exits(255);
    script(&["--retry", "3"]).types("get top.txt").succeeds().local_has("top.txt");
    // In the middle of the first answer, because between two commands nothing could fail.
    let cut = Relay::plain().at(Toward::Client, login + 5000, Fault::Cut).only_first(1);
    let long = Remote::with((0..200).map(|number| format!("file{number:03}")));
    let shell = Shell::on(long.over_ssh()).through(cut).with_args(["-b", "-", "--retry", "3"]);
    shell.types("ls -l").types("ls -l").exits(255);
}

/// Files of all sorts in a tree, about 3 MiB.
fn tree() -> Vec<Entry> {
    let mut entries = vec![Entry::sized("tree/big", 2_500_000), Entry::sized("tree/empty", 0)];
    for number in 0..150 {
        entries.push(Entry::sized(format!("tree/dir{}/file{number:03}", number % 7), 5000 + number));
    }
    entries
}

/// The first connections break after `bytes` bytes; there are more of them than attempts for one outage.
fn breaking(toward: Toward, bytes: u64) -> Relay {
    Relay::plain().at(toward, bytes, Fault::Cut).only_first(4)
}

#[test]
fn a_tree_that_is_fetched_goes_on_where_it_broke() {
    let shell = Shell::on(Remote::with(tree()).over_ssh()).with_args(["-b", "-", "--retry", "2"]);
    let shell = shell.through(breaking(Toward::Client, 500_000)).types("get -r tree");
    let mut outcome = shell.succeeds().reports("The connection was lost; connecting again (1 of 2)");
    for entry in ["big", "empty", "dir0/file000", "dir6/file006", "dir2/file149"] {
        outcome = outcome.same(&format!("tree/{entry}"), &format!("tree/{entry}"));
    }
    outcome.holds(|world| {
        let connections = world.line().connections();
        (connections != 5).then(|| format!("{connections} connections were made, not 5"))
    });
}

#[test]
fn a_tree_that_is_sent_goes_on_where_it_broke() {
    let shell = Shell::on(Remote::empty().over_ssh()).here(tree()).with_args(["-b", "-", "--retry", "2", "-p"]);
    let shell = shell.through(breaking(Toward::Server, 500_000)).types("put -r tree");
    let mut outcome = shell.succeeds();
    for entry in ["big", "empty", "dir0/file000", "dir6/file006", "dir2/file149"] {
        outcome = outcome.same(&format!("tree/{entry}"), &format!("tree/{entry}"));
    }
}

#[test]
fn sources_are_removed_across_a_break_and_none_too_early() {
    let all_there = |side: &'static str| {
        move |world: &World| {
            let is_whole = |entry: &Entry| {
                let Some((path, contents)) = entry.contents() else { return true };
                std::fs::read(world.root().join(side).join(path)).is_ok_and(|found| found == contents)
            };
            (!tree().iter().all(is_whole)).then(|| format!("not every file is whole on the {side} side"))
        }
    };
    let flags = ["-b", "-", "--retry", "2"];
    Shell::on(Remote::with(tree()).and([Entry::link("tree/link", "nowhere")]).over_ssh())
        .with_args(flags)
        .through(breaking(Toward::Client, 700_000))
        .types("get -r --links --remove-source tree")
        .succeeds()
        .reports("connecting again (1 of 2)")
        .holds(all_there("local"))
        .remote_holds(&[]);
    Shell::on(Remote::empty().over_ssh())
        .here(tree())
        .here([Entry::link("tree/link", "nowhere")])
        .with_args(flags)
        .through(breaking(Toward::Server, 700_000))
        .types("put -r --links --remove-source tree")
        .succeeds()
        .reports("connecting again (1 of 2)")
        .holds(all_there("remote"))
        .local_holds(&[]);
}

#[test]
fn without_retries_a_transfer_ends_with_its_connection() {
    let shell = Shell::on(Remote::with(tree()).over_ssh()).as_batch();
    shell.through(breaking(Toward::Client, 500_000)).types("get -r tree").exits(255);
}

#[test]
fn a_connection_that_is_of_no_use_is_not_tried_for_ever() {
    let line = Relay::plain().at(Toward::Client, 500_000, Fault::Cut).only_first(1);
    let shell = Shell::on(Remote::with(tree()).over_ssh()).with_args(["-b", "-", "--retry", "2"]).through(line);
    shell.prepare(|world| world.line().turn_after(1, 1)).types("get -r tree").exits(255).reports("(2 of 2)");
}

/// A file large enough for several connections.
const LARGE: usize = 70 << 20;

#[test]
fn a_large_file_is_spread_over_connections() {
    let down = Shell::on(Remote::with([Entry::sized("large", LARGE)]).over_ssh()).through(Relay::plain());
    let down = down.with_args(["-j", "3"]).types("get large").succeeds().same("large", "large");
    let three = |world: &World| {
        let connections = world.line().connections();
        (connections != 3).then(|| format!("{connections} connections were made, not 3"))
    };
    down.holds(three);
    let up = Shell::on(Remote::empty().over_ssh()).here([Entry::sized("large", LARGE)]).through(Relay::plain());
    up.with_args(["-j", "3"]).types("put -p large").succeeds().same("large", "large").holds(three);
}

/// A connection so slow that the second one is open before the first has transferred much.
fn slow() -> Relay {
    Relay::plain().bytes_per_second(20 << 20)
}

#[test]
fn a_connection_of_several_that_breaks_leaves_its_work_to_the_others() {
    let line = || slow().at(Toward::Client, 30_000_000, Fault::Cut).only_first(1);
    let down = Shell::on(Remote::with([Entry::sized("large", LARGE)]).over_ssh()).through(line());
    down.with_args(["-j", "2", "-b", "-"])
        .types("get large")
        .succeeds()
        .same("large", "large")
        .reports("Going on with one connection fewer");
    let line = slow().at(Toward::Server, 30_000_000, Fault::Cut).only_first(1);
    let up = Shell::on(Remote::empty().over_ssh()).here([Entry::sized("large", LARGE)]).through(line);
    up.with_args(["-j", "2", "-b", "-"])
        .types("put large")
        .types("ls")
        .succeeds()
        .same("large", "large")
        .prints("large");
}

// difference: own-options
#[test]
fn many_files_are_spread_over_connections() {
    let down = Shell::on(Remote::with(tree()).over_ssh()).with_args(["-j", "3", "-b", "-"]);
    down.types("get -r tree").types("put -r tree copy").succeeds().same("tree/dir2/file149", "copy/dir2/file149");
}

/// Ten thousand files of all sorts, about 100 MB.
fn multitude() -> Vec<Entry> {
    let size = |number: usize| match number % 100 {
        0 => 0,
        1 => 700_000 + number,
        2..10 => 32 * 1024 - 4 + number % 9,
        _ => 1000 + number % 3000,
    };
    let name = |number: usize| format!("many/d{:02}/e{}/file {number:05}", number % 40, number % 3);
    (0..10_000).map(|number| Entry::sized(name(number), size(number))).collect()
}

/// Returns a difference between two trees, if there is one.
fn difference(world: &World) -> Option<String> {
    let mut diff = std::process::Command::new("diff");
    let outcome = diff.arg("-r").arg(world.local().join("many")).arg(world.remote().join("many")).output().unwrap();
    let told = String::from_utf8_lossy(&outcome.stdout).into_owned() + &String::from_utf8_lossy(&outcome.stderr);
    (!outcome.status.success()).then(|| told.lines().take(10).collect::<Vec<_>>().join("\n"))
}

#[test]
fn ten_thousand_files_arrive_over_a_line_that_breaks_again_and_again() {
    let line = |toward| Relay::plain().at(toward, 8_000_000, Fault::Cut);
    let options = ["-b", "-", "--retry", "5"];
    let down = Shell::on(Remote::with(multitude()).over_ssh()).with_args(options).through(line(Toward::Client));
    let down = down.patience(Duration::from_secs(120)).types("get -r many").succeeds().holds(difference);
    assert!(down.the_world().line().connections() > 8);
    let up = Shell::on(Remote::empty().over_ssh()).here(multitude()).with_args(options).through(line(Toward::Server));
    let up = up.patience(Duration::from_secs(120)).types("put -r many").succeeds().holds(difference);
    assert!(up.the_world().line().connections() > 8);
}
