//! Bad input and other trouble: each results in one clear line that names the cause and in the right exit code, and
//! leaves existing files alone.
//!
//! Each test checks the whole of stderr except for the greeting: an extra line is a failure too.

use crate::support::{Embedded, Entry, Remote, Shell, free_port, generate_key, noise};
use std::fs;

const OLD: (&str, &str) = ("notes.txt", "old notes");

/// A remote directory for commands that fail.
fn remote() -> Remote {
    Remote::with(["notes.txt", "site/index.html"]).and([Entry::sized("big", 100_000)])
}

/// Types one line where an older `notes.txt` exists.
fn typed(line: &str) -> Shell {
    Shell::on(remote()).here([OLD]).types(line)
}

#[test]
fn an_unknown_host() {
    let outcome = Shell::on(remote().over_ssh()).to(["no-such-host.invalid"]).exits(255).stdout_is("");
    let lines: Vec<_> = outcome.stderr().lines().collect();
    // The resolver words the reason, which differs from machine to machine.
    assert!(lines[0].starts_with("Could not resolve hostname no-such-host.invalid: "), "{lines:?}");
    assert_eq!(lines[1..], ["Connection closed"]);
}

#[test]
fn an_unknown_option() {
    for (option, shown) in [("--nonsense", "nonsense"), ("-Z", "Z")] {
        let line = format!("unknown option -- {shown}");
        Shell::on(remote()).with_args([option]).exits(1).stdout_is("").complains(&[&line]);
    }
}

#[test]
fn a_refused_connection() {
    let closed = format!("-oPort={}", free_port());
    Shell::on(remote().over_ssh())
        .with_args([closed])
        .exits(255)
        .stdout_is("")
        .complains(&["connect to host 127.0.0.1 port PORT: Connection refused", "Connection closed"]);
}

#[test]
fn a_wrong_password() {
    Shell::on(remote().served_by(Embedded::new().password("right")))
        .with_args(["-oUser=joe"])
        .at_a_terminal()
        .answers("joe@127.0.0.1's password: ", "wrong")
        .answers("joe@127.0.0.1's password: ", "wrong")
        .answers("joe@127.0.0.1's password: ", "wrong")
        .ends_with(255)
        .stdout_is(
            "joe@127.0.0.1's password: \nPermission denied, please try again.\n\
             joe@127.0.0.1's password: \nPermission denied, please try again.\n\
             joe@127.0.0.1's password: \njoe@127.0.0.1: Permission denied (password).\n\
             hint: check the user's name and the password\nConnection closed",
        );
}

#[test]
fn a_password_that_nobody_can_be_asked_for() {
    Shell::on(remote().served_by(Embedded::new().password("right")))
        .with_args(["-oUser=joe"])
        .exits(255)
        .stdout_is("")
        .complains(&["joe@127.0.0.1: Permission denied (password)."]);
}

#[test]
fn a_missing_key() {
    Shell::on(remote().served_by(Embedded::new().takes_keys()))
        .with_args(["-oUser=joe", "-i", "nothing.key"])
        .prepare(|world| fs::remove_file(world.home().join(".ssh/id_ed25519")).unwrap())
        .exits(255)
        .stdout_is("")
        .complains(&[
            "Warning: Identity file nothing.key not accessible: No such file or directory.",
            "joe@127.0.0.1: Permission denied (publickey).",
        ]);
}

#[test]
fn a_key_that_the_server_does_not_know() {
    Shell::on(remote().served_by(Embedded::new().takes_keys()))
        .with_args(["-oUser=joe"])
        .prepare(|world| {
            let key = world.home().join(".ssh/id_ed25519");
            fs::remove_file(&key).unwrap();
            generate_key(&key, "ed25519");
        })
        .exits(255)
        .stdout_is("")
        .complains(&["joe@127.0.0.1: Permission denied (publickey)."]);
}

#[test]
fn an_unknown_server_key() {
    let shell = Shell::on(remote().over_ssh().unknown_to_us());
    shell.exits(255).stdout_is("").complains(&[
        "No ED25519 host key is known for [127.0.0.1]:PORT and sftpsh can't prompt for it",
        "Host key verification failed.",
    ]);
}

#[test]
fn a_changed_server_key() {
    let shell = Shell::on(remote().over_ssh()).prepare(|world| {
        let other = world.root().join("other");
        generate_key(&other, "ed25519");
        let key = fs::read_to_string(other.with_extension("pub")).unwrap();
        fs::write(world.home().join(".ssh/known_hosts"), format!("[127.0.0.1]:{} {key}", world.sshd().port())).unwrap();
    });
    let fingerprint = fingerprint(&shell.sshd().host_keys()[0]);
    shell
        .exits(255)
        .stdout_is("")
        .reports("WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!")
        .reports(&format!("sent by the remote host is\n{fingerprint}.\n"))
        .reports("Offending ED25519 key in HOME/.ssh/known_hosts:1\n")
        .reports(
            "Host key for [127.0.0.1]:PORT has changed and you have requested strict checking.\nHost key verification failed.\n",
        );
}

/// Returns ssh-keygen's fingerprint of a public key.
fn fingerprint(key: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key.pub");
    fs::write(&file, key).unwrap();
    let output = std::process::Command::new("ssh-keygen").arg("-lf").arg(&file).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().nth(1).unwrap().to_owned()
}

#[test]
fn a_full_device() {
    typed("get big /dev/full")
        .exits(0)
        .local_file("notes.txt", "old notes")
        .complains(&["write local \"/dev/full\": No space left on device"]);
}

// fault: a file larger than ulimit -f
#[test]
fn a_file_larger_than_is_allowed() {
    let complaint = ["write local \"notes.txt\": File too large"];
    // The unfinished file is removed as well, because it could not be resumed here.
    for limited in ["trap '' XFSZ; ulimit -f 16", "ulimit -f 16"] {
        typed("get big notes.txt")
            .after(limited)
            .exits(0)
            .local_file("notes.txt", "old notes")
            .local_holds(&["notes.txt"])
            .complains(&complaint);
    }
}

#[test]
#[ignore = "needs root: mounts a small file system"]
fn needs_root_a_full_local_disk() {
    Shell::on(remote())
        .here(["disk/"])
        .after("mount -t tmpfs -o size=64k none disk && echo old notes > disk/notes.txt")
        .types("get big disk/notes.txt")
        .types("get big disk/big")
        .types("!cat disk/notes.txt; ls -A disk; umount disk")
        .exits(0)
        .prints("\nold notes\nnotes.txt\n")
        .complains(&[
            "write local \"disk/notes.txt\": No space left on device",
            "write local \"disk/big\": No space left on device",
        ]);
}

// fault: a closed local directory
#[test]
fn an_unwritable_target() {
    Shell::on(remote())
        .here([Entry::from(OLD).mode(0o444), Entry::directory("locked").mode(0o555)])
        .unprivileged()
        .types("get notes.txt")
        .types("get notes.txt locked")
        .exits(0)
        .local_file("notes.txt", "old notes")
        .local_holds(&["locked/", "notes.txt"])
        .complains(&[
            "open local \"notes.txt\": Permission denied",
            "open local \"locked/notes.txt\": Permission denied",
        ]);
}

#[test]
fn a_target_whose_directory_is_not_there() {
    typed("get notes.txt nowhere/notes.txt")
        .exits(0)
        .local_holds(&["notes.txt"])
        .complains(&["open local \"nowhere/notes.txt\": No such file or directory"]);
}

#[test]
fn a_target_directory_that_is_a_file() {
    typed("get notes.txt big notes.txt")
        .exits(0)
        .local_file("notes.txt", "old notes")
        .complains(&["Multiple source paths, but destination \"notes.txt\" is not a directory"]);
}

#[test]
fn a_missing_remote_file() {
    for line in ["get nothing.txt", "get nothing.txt notes.txt"] {
        typed(line)
            .exits(0)
            .local_holds(&["notes.txt"])
            .local_file("notes.txt", "old notes")
            .complains(&["File \"REMOTE/nothing.txt\" not found."]);
    }
    typed("get *.nothing").exits(0).complains(&["File \"REMOTE/*.nothing\" not found."]);
}

#[test]
fn a_missing_local_file() {
    typed("put nothing.txt")
        .exits(0)
        .remote_lacks("nothing.txt")
        .complains(&["stat nothing.txt: No such file or directory"]);
}

#[test]
fn a_directory_without_r() {
    typed("get site")
        .exits(0)
        .local_lacks("site")
        .complains(&["download REMOTE/site/: not a regular file (it is a directory)"]);
    Shell::on(remote())
        .here(["trip/photo"])
        .types("put trip")
        .exits(0)
        .remote_lacks("trip")
        .complains(&["local \"trip/\" is not a regular file (it is a directory)"]);
    typed("rm site")
        .exits(0)
        .remote_still_has("site/index.html")
        .complains(&["remote delete REMOTE/site: Failure (it is a directory)"]);
}

#[test]
fn an_unknown_command() {
    typed("gte notes.txt").exits(0).complains(&["Invalid command. There is no \"gte\"."]);
    typed("frobnicate").exits(0).complains(&["Invalid command. There is no \"frobnicate\"."]);
    typed("gte notes.txt")
        .as_batch()
        .exits(1)
        .complains(&["Invalid command. There is no \"gte\"."])
        .reports("\nWORLD/batch:1: gte notes.txt: failed, and the script ends here\n");
}

#[test]
fn an_unterminated_quote() {
    for (line, column) in [("get \"notes.txt", 5), ("get 'a' b'", 10)] {
        let said = format!("Unterminated quoted argument: the quote at column {column} is not closed");
        typed(line).exits(0).complains(&[&said]);
    }
    typed("get notes.txt\\")
        .exits(0)
        .complains(&["Unterminated quoted argument: the backslash at column 14 has nothing after it"]);
}

#[test]
fn a_line_of_a_megabyte() {
    let line = "a".repeat(1 << 20);
    let complaint = ["Line too long: 1048576 bytes; the limit is 262144"];
    typed(&line).types("pwd").exits(0).prints_line("Remote working directory: REMOTE").complains(&complaint);
    typed(&line)
        .types("pwd")
        .as_batch()
        .exits(1)
        .prints_no("Remote working directory")
        .complains(&complaint)
        .reports("\nWORLD/batch:1: failed, and the script ends here\n");
    Shell::on(remote()).types_bytes(line.as_bytes()).exits(0).complains(&complaint);
}

#[test]
fn binary_garbage() {
    let outcome = typed("").types_bytes(&noise(b"garbage", 10_000)).types("").types("pwd").succeeds();
    for line in outcome.stderr().lines().filter(|line| !line.starts_with("Attached to ")) {
        let known = ["Invalid command. ", "Unterminated quoted argument"].iter().any(|begin| line.starts_with(begin));
        assert!(known && !line.contains(char::is_control), "{line:?}");
    }
    outcome
        .prints("Remote working directory: REMOTE")
        .remote_still_has("notes.txt")
        .local_file("notes.txt", "old notes");
}

#[test]
fn binary_garbage_in_a_batch() {
    typed("\u{1}\u{2}\u{0}\u{1b}[2J")
        .types("rm notes.txt")
        .as_batch()
        .exits(1)
        .remote_still_has("notes.txt")
        .complains(&["Invalid command. There is no \"\\001\\002\\000\\033[2J\"."])
        .reports("\nWORLD/batch:1: \\001\\002\\000\\033[2J: failed, and the script ends here\n");
}

#[test]
fn a_batch_file_that_is_not_there() {
    Shell::on(remote())
        .with_args(["-b", "nothing.batch"])
        .exits(255)
        .stdout_is("")
        .complains(&["No such file or directory (nothing.batch)."]);
}

#[test]
fn a_server_program_that_is_not_there() {
    Shell::on(remote())
        .with_args(["-D", "/no/such/server"])
        .exits(255)
        .stdout_is("")
        .complains(&["cannot run /no/such/server: No such file or directory"]);
}
