//! A session outlives its connection: a person stays at the prompt, and `close`, `reconnect` and `open` change the
//! connection.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::connect::listener;
use crate::support::{
    Embedded, Key, Relay, Remote, Shell, Sshd, SshdPlan, Terminal, UNCONNECTED, World, free_port, kill_tree,
};
use crate::support::{children, sftp_server, until};

fn remote() -> Remote {
    Remote::with(["site/index.html", "top.txt"]).over_ssh()
}

/// A person at a prompt, with one attempt to reconnect.
fn at_a_prompt() -> Terminal {
    Shell::on(remote()).with_args(["--retry", "1"]).through(Relay::plain()).at_a_terminal().by_hand()
}

/// Lets the server go away.
fn goes_away(at: &Terminal) {
    at.world().line().turn_to(1);
    at.world().line().cut();
}

fn comes_back(at: &Terminal) {
    at.world().line().turn_to(at.world().sshd().port());
}

fn kill_session(world: &World) {
    let sessions = children(world.sshd().pid());
    assert!(!sessions.is_empty(), "sshd has no session");
    sessions.into_iter().for_each(kill_tree);
}

// difference: not-connected
#[test]
fn a_person_stays_at_the_prompt_and_the_next_command_connects_again() {
    let at = at_a_prompt().types("cd site").types("lmkdir here").types("lcd here").types("set retry 1").at_the_prompt();
    goes_away(&at);
    let at = at.types("ls").sees("Connection closed").sees("Connecting again (1 of 1)");
    let at = at.sees("hint: the next command that needs the server connects again").line_is(UNCONNECTED);
    let at =
        at.types("lpwd").sees("/local/here").types("pwd").sees("/remote/site").types("set").sees("progress display");
    let at = at.types("!echo from the shell").sees("\nfrom the shell").types("history 1").line_is(UNCONNECTED);
    let at = at.types("ls").line_is(UNCONNECTED);
    comes_back(&at);
    let at = at.types("get index.html").sees("100%").line_is("sftp> ");
    at.types("pwd").sees("/remote/site").types("bye").ends_with(0).local_has("here/index.html");
}

#[test]
fn a_line_that_was_typed_ahead_or_is_empty_throws_nobody_out() {
    let at = at_a_prompt().types("pwd").at_the_prompt();
    goes_away(&at);
    let at = at.sends(b"ls\r").sees("Connecting again (1 of 1)").line_is(UNCONNECTED);
    let at = at.sends(b"\rlpwd\r").sees("Local working directory: ").line_is(UNCONNECTED);
    at.presses(Key::Ctrl('d')).ends_with(0);
}

#[test]
fn a_program_at_a_terminal_ends_with_its_connection() {
    for options in [&[][..], &["--plain"]] {
        let shell = Shell::on(remote()).with_args(["--retry", "0"]).with_args(options).through(Relay::plain());
        let at = shell.at_a_terminal().hears_just("sftp> ").sends(b"lpwd\n").hears("Local working directory: ");
        let at = at.at_the_prompt();
        at.world().line().cut();
        at.sends(b"ls\n").hears("Connection closed").ends_with(255).prints_no("not connected");
    }
}

#[test]
fn a_session_of_sshd_that_was_killed_is_replaced() {
    let at = Shell::on(remote()).at_a_terminal().by_hand().types("cd site").at_the_prompt();
    kill_session(at.world());
    at.types("ls").sees("Connecting again (1 of 3)").types("ls").sees("index.html").types("bye").ends_with(0);
}

#[test]
fn the_prompt_outlives_the_server_program() {
    let shell = Shell::on(Remote::with(["a"]));
    let (program, away) = (shell.world().root().join("server"), shell.world().root().join("away"));
    fs::copy(sftp_server(), &program).unwrap();
    let command = format!("{} -d {}", program.display(), shell.world().remote().display());
    let at = shell.with_args(["-D", &command]).at_a_terminal().by_hand().types("ls -1").sees("\na").at_the_prompt();
    fs::rename(&program, &away).unwrap();
    kill_children(&at, "server");
    let at = at.types("ls").sees("/server: No such file or directory").line_is(UNCONNECTED);
    fs::rename(&away, &program).unwrap();
    at.types("get a").line_is("sftp> ").types("bye").ends_with(0).local_has("a");
}

#[test]
fn the_prompt_outlives_the_ssh_program() {
    let at = Shell::on(remote()).with_args(["-S", "ssh"]).at_a_terminal().by_hand().types("cd site").at_the_prompt();
    kill_children(&at, "ssh");
    at.types("ls").sees("Connecting again (1 of 3)").types("ls").sees("index.html").types("bye").ends_with(0);
}

/// Kills the children of the program with this name, and waits for their end.
fn kill_children(at: &Terminal, name: &str) {
    let of_this_name = || {
        let is_so = |pid: &u32| {
            let found = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            found.contains(&format!("({name}) ")) && !found.contains(") Z ")
        };
        children(at.pid()).into_iter().filter(is_so).collect::<Vec<_>>()
    };
    let found = of_this_name();
    assert!(!found.is_empty(), "no child is called {name}");
    found.into_iter().for_each(kill_tree);
    until("its end", || of_this_name().is_empty());
}

#[test]
fn close_disconnects_until_a_command_needs_the_server() {
    let at = at_a_prompt().types("cd site").types("close").line_is(UNCONNECTED);
    until("the end of the session", || children(at.world().sshd().pid()).is_empty());
    let at = at.types("close").sees("Not connected").types("lpwd").line_is(UNCONNECTED);
    at.types("ls").sees("Connected to server.").sees("index.html").line_is("sftp> ").types("bye").ends_with(0);
}

#[test]
fn without_retries_only_reconnect_connects_again() {
    let shell = Shell::on(remote()).with_args(["--retry", "0"]).through(Relay::plain());
    let at = shell.at_a_terminal().by_hand().types("cd site").types("close");
    let at = at.types("ls").sees("Not connected").sees("hint: reconnect connects to the server again");
    let at = at.line_is(UNCONNECTED).types("reconnect").line_is("sftp> ");
    at.types("ls").sees("index.html").types("bye").ends_with(0);
}

#[test]
fn reconnect_is_another_connection_to_the_same_place() {
    let at = at_a_prompt().types("cd site").types("reconnect").types("ls").sees("index.html").at_the_prompt();
    assert!(!at.roll().contains("again"), "{}", at.roll());
    assert_eq!(at.world().line().connections(), 2);
    goes_away(&at);
    let at = at.types("reconnect").sees("during the key exchange").sees("again (1 of 1)").line_is(UNCONNECTED);
    at.types("bye").ends_with(0);
}

#[test]
fn a_script_may_close_and_reconnect() {
    let batch = || Shell::on(remote()).through(Relay::plain()).as_batch();
    let outcome =
        batch().types("close").types("lpwd").types("reconnect").types("get top.txt").types("close").succeeds();
    outcome.quietly().local_has("top.txt").holds(|world| {
        let connections = world.line().connections();
        (connections != 2).then(|| format!("{connections} connections were made, not 2"))
    });
    batch().types("close").types("lcd nowhere").types("reconnect").exits(1);
    // A command that needs the server finds none.
    batch().types("close").types("-ls").types("lpwd").exits(255).reports("Not connected").prints_no("Local");
    Shell::on(remote()).types("close").types("ls").types("lpwd").exits(255).prints_no("Local");
}

/// Starts a second server that is called `other`, with files of its own.
fn with_other(shell: Shell) -> (Shell, Sshd) {
    let other = other_sshd(shell.world(), &SshdPlan::default());
    (shell, other)
}

fn other_sshd(world: &World, plan: &SshdPlan) -> Sshd {
    let files = world.root().join("elsewhere");
    fs::create_dir_all(files.join("photos")).unwrap();
    fs::write(files.join("photos/sea.jpg"), "sea").unwrap();
    let key = world.root().join("sshd/authorized_keys");
    let subsystem = format!("internal-sftp -d {}", files.display());
    let other = Sshd::start(plan, &world.root().join("other-sshd"), &key, &subsystem);
    append(&world.home().join(".ssh/known_hosts"), &other.known_hosts());
    name_other(world, other.port());
    other
}

/// Calls a port of this machine `other`.
fn name_other(world: &World, port: u16) {
    append(&world.ssh_config(), &format!("Host other\n    HostName 127.0.0.1\n    Port {port}\n"));
}

fn append(file: &Path, text: &str) {
    fs::OpenOptions::new().append(true).open(file).unwrap().write_all(text.as_bytes()).unwrap();
}

// difference: own-commands
#[test]
fn open_continues_with_another_server() {
    let (shell, other) = with_other(Shell::on(remote()));
    let at =
        shell.at_a_terminal().by_hand().types("cd site").types("lmkdir here").types("lcd here").types("set jobs 2");
    let at = at.types("open other:photos").sees("Connected to other.").sees("/elsewhere/photos");
    until("the end of the first session", || children(at.world().sshd().pid()).is_empty());
    let at = at.types("get sea.jpg").sees("100%").types("cd -").sees("there is no previous directory");
    let at = at.types("cd").types("pwd").sees("/elsewhere\n").types("set jobs").sees("\n2");
    kill_tree(children(other.pid())[0]);
    let at = at.types("ls").sees("Connecting again (1 of 3)").sees("Connected to other.");
    let at = at.types("open server").sees("Connected to server.").types("ls").sees("top.txt");
    at.types("bye").ends_with(0).local_has("here/sea.jpg");
}

#[test]
fn an_open_that_fails_leaves_everything_as_it_was() {
    let (shell, _other) = with_other(Shell::on(remote()));
    let busy = listener(|mut stream| drop(stream.write_all(b"Exceeded MaxStartups\r\n")));
    let mut at = shell.at_a_terminal().by_hand().types("cd site");
    for (line, message) in [
        (&*format!("open sftp://127.0.0.1:{}/", free_port()), "Connection refused"),
        (&*format!("open sftp://127.0.0.1:{busy}/"), "takes no more connections now"),
        ("open other:nowhere", "stat remote: No such file or directory"),
        ("open other:photos/sea.jpg", "not a directory"),
        ("open no-such-host.invalid", "Could not resolve hostname"),
    ] {
        at = at.types(line).sees(message).sees("Still connected to server.").types("get index.html").sees("100%");
        at = at.types("!rm index.html && echo removed").sees("\nremoved").types("!clear").at_the_prompt();
    }
    let at = at.types("open 'a b'").sees("open: \"a b\": hostname contains invalid characters");
    at.types("open").sees("You must specify a destination after an open command.").types("bye").ends_with(0);
}

#[test]
fn a_script_whose_open_fails_reaches_no_server_any_more() {
    for shell in [Shell::on(remote()), Shell::on(remote()).as_batch(), Shell::on(remote()).with_args(["--keep-going"])]
    {
        let line = format!("-open sftp://127.0.0.1:{}/", free_port());
        shell.types(&line).types("rm top.txt").exits(255).reports("Connection refused").remote_has("top.txt");
    }
    let (shell, _other) = with_other(Shell::on(remote()).as_batch());
    shell.types("open other:photos").types("get sea.jpg").types("open server").types("get top.txt").succeeds();
}

#[test]
fn no_other_server_sees_the_prepared_password() {
    let embedded = || Embedded::new().password("secret");
    let shell = Shell::on(Remote::with(["a"]).served_by(embedded())).env("SFTPSH_PASSWORD_COMMAND", "echo secret");
    let other = embedded().start(&shell.world().remote());
    append(&shell.world().home().join(".ssh/known_hosts"), &other.known_hosts());
    name_other(shell.world(), other.port());
    let shell = shell.as_batch().types("open server").types("get a").types("open other").exits(255);
    shell.reports("Permission denied").local_has("a");
    assert!(!other.log().contains("password"), "{}", other.log());
}
