//! docs/troubleshooting.md: the program prints each message that the page explains.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::connect::{led_to, listener};
use crate::support::{Embedded, Entry, Key, Outcome, Remote, Shell, World, free_port, generate_key};

const PAGE: &str = include_str!("../../docs/troubleshooting.md");

type Run = fn() -> Outcome;

/// Each message of the page, with `…` for its variable parts, and a run that prints it.
const MESSAGES: &[(&str, Run)] = &[
    ("Host key verification failed.", || Shell::on(Remote::empty().unknown_to_us()).as_batch().run()),
    ("WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!", || over_ssh(&[]).prepare(change_the_known_key).run()),
    ("…: Permission denied (…).", || over_ssh(&[]).prepare(|world| renew(&key(world))).run()),
    ("Received disconnect from … port …: Too many authentication failures", || {
        let shell = Shell::on(Remote::empty().sshd_config("MaxAuthTries 1")).as_batch().with_args(["-i", "other"]);
        shell.prepare(|world| renew(&world.local().join("other"))).run()
    }),
    ("The agent can't be reached: …", || over_ssh(&["-v"]).env("SSH_AUTH_SOCK", "/nowhere").run()),
    ("Permissions … for '…' are too open.", || over_ssh(&[]).prepare(|world| set_mode(&key(world), 0o644)).run()),
    ("--password-file …: its permissions … are too open", || {
        let shell = over_ssh(&["--password-file", "secret"]);
        shell.here([Entry::file("secret", "secret\n").mode(0o644)]).run()
    }),
    ("Could not resolve hostname …: …", || over_ssh(&[]).to(["no-such-host.invalid"]).run()),
    ("connect to host … port …: Connection refused", || led_to(free_port()).run()),
    ("Connection to … port … timed out during the key exchange", || led_to(listener(std::mem::forget)).run()),
    ("… is not an SSH server: it says \"…\"", || greeted("HTTP/1.1 400 Bad Request")),
    ("… takes no more connections now: it says \"…\"", || greeted("Exceeded MaxStartups")),
    ("subsystem request failed on …: refused by the server", || over_ssh(&["-s", "nosuch"]).run()),
    ("Received disconnect from … port …: …", || {
        let server = Embedded::new().takes_keys();
        let shell = Shell::on(Remote::empty().served_by(server)).with_args(["--retry", "0"]);
        let at = shell.at_a_terminal().at_the_prompt();
        at.world().embedded().shut_down("maintenance");
        at.sees("maintenance").keys_in("ls").presses(Key::Enter).sees("Connection closed").ends_with(255)
    }),
    ("… is not supported here: …", || over_ssh(&["-oRevokedHostKeys=/etc/krl"]).run()),
    ("… Bad configuration option: …", || over_ssh(&["-oNoSuchOption=yes"]).run()),
    ("… allows nothing that is supported here: …", || over_ssh(&["-c", "3des-cbc"]).run()),
    ("Unable to negotiate with … port …: no matching … found. Their offer: …", || {
        Shell::on(Remote::empty().sshd_config("Ciphers 3des-cbc,aes128-cbc")).as_batch().run()
    }),
    ("cannot run …: No such file or directory", || over_ssh(&["-S", "no-such-ssh"]).run()),
    ("Connection closed: the server ended the connection", || typed("die-at=1", "get a", &[])),
    ("Not connected", || Shell::on(Remote::empty()).types("close").types("ls").as_batch().run()),
    ("Connection timed out: the server was silent for … s", || typed("stall-at=1", "get a", &["--timeout", "1"])),
    ("remote open \"…\": Permission denied …", || typed("none", "get closed", &[])),
    ("dest open \"…\": Permission denied …", || typed("none", "put here locked", &[])),
    ("open local \"…\": Permission denied", || typed("none", "get a shut", &[])),
    ("File \"…\" not found.", || typed("none", "get gone", &[])),
    ("download …: not a regular file (it is a directory)", || typed("none", "get d", &[])),
    ("Multiple source paths, but destination \"…\" is not a directory", || typed("none", "get a big nowhere", &[])),
    ("write local \"…\": No space left on device", || typed("none", "get a /dev/full", &[])),
    ("write remote \"…\": Failure (server: No space left on device)", || typed("enospc-at=1", "put here", &[])),
    ("read remote \"…\" : it ended at byte … of …", || typed("eof-at=100", "get big", &[])),
    ("verify local \"…\": it differs from its source …", || typed("hash-wrong", "get --verify a", &[])),
    ("replace remote \"…\": the server has no posix-rename@openssh.com", || {
        typed("no-extensions", "put --atomic here a", &[])
    }),
    ("Unterminated quoted argument: …", || typed("none", "get it's", &[])),
    ("File \"…[…\" not found.", || typed("none", "get [draft].txt", &[])),
    ("Redirection is not supported: …", || typed("none", "get a > b", &[])),
    ("Server sent suspect path \"…\" during readdir of \"…\"", || typed("names", "get -r d", &[])),
];

/// An empty batch over SSH.
fn over_ssh(options: &[&str]) -> Shell {
    Shell::on(Remote::empty().over_ssh()).with_args(options).as_batch()
}

/// Runs the program with a server that begins with this line.
fn greeted(line: &'static str) -> Outcome {
    led_to(listener(move |mut stream| {
        let _ = stream.write_all(line.as_bytes());
        let _ = stream.write_all(b"\r\n");
    }))
    .run()
}

/// Runs a line in a batch on a server that lies.
fn typed(lie: &str, line: &str, options: &[&str]) -> Outcome {
    let closed = [Entry::from("closed").mode(0), Entry::from("locked/").mode(0o555)];
    let remote = Remote::with(["a", "d/x", "[draft].txt"]).and([Entry::sized("big", 400_000)]).and(closed);
    let shell = Shell::on(remote.lying(lie)).here([Entry::from("here"), Entry::from("shut/").mode(0o555)]);
    shell.unprivileged().with_args(options).types(line).as_batch().run()
}

fn key(world: &World) -> std::path::PathBuf {
    world.home().join(".ssh/id_ed25519")
}

fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

/// Replaces a key by one that no server knows.
fn renew(file: &Path) {
    let _ = fs::remove_file(file);
    generate_key(file, "ed25519");
}

fn change_the_known_key(world: &World) {
    let other = world.root().join("other");
    renew(&other);
    let public = fs::read_to_string(other.with_extension("pub")).unwrap();
    let known = world.home().join(".ssh/known_hosts");
    let line = fs::read_to_string(&known).unwrap();
    let host = line.split(' ').next().unwrap();
    fs::write(known, format!("{host} {public}")).unwrap();
}

/// Returns whether a line contains a message: its fixed parts, in order.
fn holds(line: &str, message: &str) -> bool {
    message.split('…').try_fold(line, |rest, part| Some(&rest[rest.find(part)? + part.len()..])).is_some()
}

#[test]
fn every_message_of_the_page_is_printed() {
    for (message, run) in MESSAGES {
        let outcome = run();
        let printed = format!("{}\n{}", outcome.stdout(), outcome.stderr());
        assert!(printed.lines().any(|line| holds(line, message)), "{message}: it prints\n{printed}");
    }
}

#[test]
fn every_message_of_the_page_is_in_the_table() {
    let headings = PAGE.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let explained: BTreeSet<&str> = headings.collect();
    let shown: BTreeSet<&str> = MESSAGES.iter().map(|(message, _)| *message).collect();
    assert_eq!(explained, shown);
}

#[test]
fn a_message_is_found_by_its_fixed_parts_in_their_order() {
    assert!(holds("open local \"a b\": Permission denied", "open local \"…\": Permission denied"));
    assert!(!holds("open local \"a b\": No such file", "open local \"…\": Permission denied"));
    assert!(!holds("denied: open", "open…denied"));
}
