//! A connection that breaks is made again, and the session goes on.

use crate::support::{Embedded, Fault, Shell, Toward};
use crate::support::{Relay, Remote, Sshd, SshdPlan, Terminal, World};

fn remote() -> Remote {
    Remote::with(["site/index.html", "top.txt"]).over_ssh()
}

fn at_a_prompt() -> Terminal {
    Shell::on(remote()).through(Relay::plain()).at_a_terminal()
}

#[test]
fn at_a_prompt_the_next_command_finds_the_session_as_it_was() {
    let at = at_a_prompt().types("cd site").types("lmkdir here").types("lcd here").at_the_prompt();
    at.world().line().cut();
    at.types("ls")
        .sees("Connection closed")
        .sees("Connecting again (1 of 3)")
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

/// Another server in the same world, with a key of its own that we know as well.
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

#[test]
fn a_script_ends_with_its_connection_unless_told_otherwise() {
    let cut = || Relay::plain().at(Toward::Client, 6000, Fault::Cut).only_first(1);
    let script = |options: &[&str]| {
        let shell = Shell::on(remote()).with_args(options).through(cut());
        // More bytes than the first connection lives for.
        (0..200).fold(shell, |shell, _| shell.types("ls -l"))
    };
    script(&[]).exits(255);
    script(&["--retry", "3"]).types("get top.txt").succeeds().local_has("top.txt");
    script(&["-b", "-", "--retry", "3"]).exits(255);
}
