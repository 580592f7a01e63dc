//! `get FILE -` and `put - FILE`: the standard streams, on the command line and for a person.

use crate::support::{Entry, Key, PATIENCE, Remote, Running, Shell, noise};

fn remote() -> Remote {
    Remote::with([Entry::file("one", "1\n"), Entry::file("two", "2\n"), "dir/f".into()])
}

/// Runs a command after the destination.
fn run(words: &[&str]) -> Shell {
    Shell::on(remote().over_ssh()).to(["server", "--"].iter().chain(words))
}

// difference: streams
#[test]
fn on_the_command_line_a_dash_is_a_stream() {
    run(&["get", "one", "-"]).succeeds().stdout_is("1\n").quietly().local_lacks("-");
    run(&["get", "one", "t*", "-"]).succeeds().stdout_is("1\n2\n").local_lacks("-");
    run(&["get", "gone", "-"]).exits(1).complains(&["remote open(\"REMOTE/gone\"): No such file or directory"]);
    let contents = noise(b"p", 3_000_000);
    let put = run(&["put", "-", "new"]).types_bytes(&contents).succeeds();
    put.stdout_is("Uploading standard input to REMOTE/new\n").remote_file("new", &contents).remote_mode("new", 0o644);
    run(&["put", "-", "one"]).succeeds().remote_file("one", "");
    run(&["put", "-", "no/new"]).exits(1).reports("remote open(\"REMOTE/no/new\"): No such file or directory");
    run(&["put", "-", "dir"])
        .exits(1)
        .complains(&["put: \"REMOTE/dir\" is a directory; standard input has no name of its own"]);
    // A file of that name is still at hand.
    run(&["get", "one", "./-"]).succeeds().local_file("-", "1\n");
}

#[test]
fn in_a_script_a_dash_is_a_name() {
    let shell = || Shell::on(remote()).here([Entry::file("-", "dash")]);
    shell().types("get one -").as_batch().succeeds().local_file("-", "1\n");
    shell().types("put - new").as_batch_on_stdin().succeeds().remote_file("new", "dash");
    shell().types("put - new").succeeds().remote_file("new", "dash");
    shell().with_args(["-e", "get one -; put - new"]).succeeds().local_file("-", "1\n").remote_file("new", "1\n");
    // A program that types a line at once, as all programs did before.
    let terminal = shell().at_a_terminal().at_the_prompt().sends(b"get one -\r").sees("100%").at_the_prompt();
    terminal.types("bye").ends_with(0).local_file("-", "1\n");
}

#[test]
fn a_person_reads_and_writes_files_at_the_prompt() {
    let terminal = Shell::on(remote()).at_a_terminal().types_by_hand("get one two -").presses(Key::Enter);
    let terminal = terminal.sees("-\n1\n2\nsftp>").types_by_hand("put - new").presses(Key::Enter);
    let terminal = terminal.sees("Uploading standard input to ").sends(b"typed\nby hand\n").sees("by hand");
    let terminal = terminal.presses(Key::Ctrl('d')).at_the_prompt().types_by_hand("put - half").presses(Key::Enter);
    let terminal = terminal.sees("/half").presses(Key::Ctrl('c')).sees("Interrupt").at_the_prompt();
    terminal.types("bye").ends_with(0).remote_file("new", "typed\nby hand\n").local_lacks("-");
}

#[test]
fn a_reader_that_has_enough_ends_the_get() {
    let grow = |world: &crate::support::World| {
        std::fs::File::create(world.remote().join("big")).unwrap().set_len(10 << 30).unwrap();
    };
    let shell = run(&["get", "big", "-"]).prepare(grow);
    let mut command = shell.command_in("\"$0\" \"$@\" | head -c 5 | wc -c");
    let finished = Running::start(&mut command, PATIENCE).ends();
    assert_eq!(String::from_utf8_lossy(&finished.stdout).trim(), "5");
}

#[test]
fn a_refused_write_is_a_failure() {
    let contents = noise(b"p", 300_000);
    let lie = || remote().lying("enospc-at=100000").over_ssh();
    let put = Shell::on(lie()).to(["server", "--", "put", "-", "new"]).types_bytes(&contents);
    put.exits(1).reports("write remote \"REMOTE/new\": ");
}
