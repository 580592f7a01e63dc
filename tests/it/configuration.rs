//! The configuration file, aliases and bookmarks.

use crate::support::{Entry, Outcome, Remote, Shell};
use std::fs;

fn shell() -> Shell {
    Shell::on(Remote::with([Entry::file("dir/a", "1"), Entry::file("b", "")]))
}

/// A shell of a user with this configuration file.
fn configured(text: &str) -> Shell {
    shell().prepare(|world| {
        let directory = world.home().join(".config/sftpsh");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("config.toml"), text).unwrap();
    })
}

/// Such a user's shell, whose command line names the file.
fn reading(text: &str) -> Shell {
    let shell = configured(text);
    let file = shell.world().home().join(".config/sftpsh/config.toml");
    shell.with_args(["--config".as_ref(), file.as_os_str()])
}

fn file_of(outcome: &Outcome) -> String {
    fs::read_to_string(outcome.the_world().home().join(".config/sftpsh/config.toml")).unwrap_or_default()
}

const FILE: &str = "retry = 7\nlimt = 5\n[alias]\nll = \"ls -1\"\n[bookmark]\nweb = \"www.example.com:/srv\"\n";

#[test]
fn at_a_prompt_the_users_file_applies_and_its_faults_have_their_place() {
    let at = configured(FILE).at_a_terminal();
    let at = at.sees("/.config/sftpsh/config.toml:2: there is no setting \"limt\"; did you mean limit?");
    let at = at.types("set retry").sees("\n7\n").types("ll dir").sees("\ndir/a\n").types("bookmark");
    let at = at.sees("web = www.example.com:/srv").types("unset retry").types("set retry");
    at.sees("\n7\n").types("bye").ends_with(0);
    // The command line counts more.
    let at = configured(FILE).with_args(["--retry", "2"]).at_a_terminal().types("set retry").sees("\n2\n");
    at.types("set retry 5").types("unset retry").types("set retry").types("bye").ends_with(0);
}

#[test]
fn a_script_means_the_same_on_every_machine() {
    for shell in [configured(FILE), configured(FILE).as_batch(), configured(FILE).as_batch_on_stdin()] {
        shell.types("set retry").types("-ll dir").succeeds().prints("\n0\n").reports("There is no \"ll\"");
    }
    configured(FILE).with_args(["-e", "set retry"]).succeeds().answers(&["0"]);
    let plain = configured(FILE).with_args(["--plain"]).at_a_terminal().hears("sftp> ").sends(b"set retry\n");
    plain.hears("\r\n3\r\n").sends(b"bye\n").ends_with(0);
}

#[test]
fn a_script_uses_the_file_that_the_command_line_names() {
    let own = || shell().here([Entry::file("my.toml", "[host.\"*\"]\nretry = 4\n[alias]\nll = \"ls -1\"\n")]);
    let outcome = own().with_args(["--config", "my.toml"]).types("set retry").types("ll dir").succeeds();
    outcome.answers(&["4", "dir/a"]);
    let outcome = own().with_args(["--config", "gone.toml"]).types("pwd").exits(255);
    outcome.reports("Cannot read \"gone.toml\": No such file or directory");
    let broken = shell().here([Entry::file("my.toml", "retry = = 4\n")]).with_args(["--config", "my.toml"]);
    broken.types("pwd").succeeds().reports("my.toml:1: ").reports("; the file has no effect");
}

#[test]
fn aliases_are_defined_shown_saved_and_removed() {
    let outcome = shell().types("alias ll 'ls -1'").types("ll dir").types("alias").types("alias ll").succeeds();
    let outcome = outcome.answers(&["dir/a", "ll = ls -1", "ls -1"]);
    assert_eq!(file_of(&outcome), "");
    let outcome = shell()
        .types("alias --save ll ls -1")
        .types("unalias ll")
        .types("ll")
        .complains(&["Invalid command. There is no \"ll\"."]);
    assert_eq!(file_of(&outcome), "[alias]\nll = \"ls -1\"\n");
    let outcome = reading(FILE).types("alias --save ll pwd").types("unalias --save ll").succeeds();
    assert_eq!(file_of(&outcome), FILE.replace("ll = \"ls -1\"\n", ""));
    for (line, complaint) in [
        ("alias gone", "There is no alias \"gone\""),
        ("unalias gone", "There is no alias \"gone\""),
        ("alias 'a b' pwd", "alias: \"a b\": a name consists of letters, digits, - _ and ."),
    ] {
        shell().types(line).complains(&[complaint]);
    }
}

#[test]
fn settings_are_saved_for_later_sessions() {
    let outcome = configured("# mine\nretry = 1\n").types("set --save retry 5").types("set --save sizes estimate");
    let outcome = outcome.succeeds();
    assert_eq!(file_of(&outcome), "# mine\nretry = 5\nsizes = \"estimate\"\n");
    let outcome = configured("retry = = 1\n").types("set --save retry 5").reports("config.toml: ");
    assert_eq!(file_of(&outcome), "retry = = 1\n");
    shell().types("set --save").complains(&["You must specify a setting after a set --save command."]);
    shell().types("set --save retry many").reports("it must be a whole number, 0 or more");
}

#[test]
fn bookmarks_name_a_server_and_a_directory() {
    let outcome = Shell::on(Remote::with([Entry::file("a b/c", "1")]).over_ssh());
    let outcome = outcome.types("cd 'a b'").types("bookmark add here").types("bookmark").types("cd ..");
    let outcome = outcome.types("open here").types("ls -1").succeeds().prints("\nc\n");
    let saved = file_of(&outcome);
    assert!(saved.starts_with("[bookmark]\nhere = \"sftp://") && saved.ends_with("/remote/a%20b\"\n"), "{saved}");
    let outcome = reading(FILE).types("bookmark rm web").types("bookmark add x host:/srv/x").succeeds();
    assert_eq!(file_of(&outcome), FILE.replace("web = \"www.example.com:/srv\"", "x = \"host:/srv/x\""));
    for (line, complaint) in [
        ("bookmark add", "You must specify a name after a bookmark command."),
        ("bookmark rm gone", "There is no bookmark \"gone\""),
        ("bookmark add here", "bookmark: a server of -D has no address"),
        (
            "bookmark add x -oProxyCommand=x",
            "bookmark: \"-oProxyCommand=x\": hostname contains invalid characters: \"-oProxyCommand=x\"",
        ),
    ] {
        shell().types(line).complains(&[complaint]);
    }
}
