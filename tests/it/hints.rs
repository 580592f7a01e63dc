//! Hints: a person at a prompt gets them; a program that expects exact lines never does.

use crate::support::{Embedded, Entry, Key, Mode, Remote, Shell, free_port, generate_key};
use std::fs;

fn shell() -> Shell {
    let files = ["a", "full/y", "full/z", "sub/"].map(Entry::from).into_iter().chain([Entry::link("link", "sub")]);
    let here = [Entry::from("tree/photo"), Entry::from("a")];
    Shell::on(Remote::with(files)).here(here)
}

/// Types lines at a prompt, and checks the hint for each.
fn hinted(shell: Shell, cases: &[(&str, &str)]) {
    let mut terminal = shell.at_a_terminal_of(24, 250);
    for (at, (line, hint)) in cases.iter().enumerate() {
        let before = terminal.roll().matches(&format!("hint: {hint}")).count();
        assert_eq!(before, 0, "case {at} can't fail: its hint is on the screen already");
        terminal = terminal.types(line).sees(&format!("hint: {hint}"));
    }
    terminal.types("bye").ends_with(0);
}

#[test]
fn a_command_that_fails_at_a_prompt_is_followed_by_what_helps() {
    hinted(
        shell(),
        &[
            ("get gone", "ls lists the existing files"),
            ("get full", "use get -r to fetch a directory"),
            ("put tree", "use put -r to send a directory"),
            ("put gone", "lls lists local files, and lcd changes the local directory"),
            ("get a no/where", "lmkdir makes a local directory"),
            ("get a /dev/full", "free some space, or give another local path"),
            ("rmdir full", "rm -r removes a directory and its contents"),
            ("rm full", "rm -r removes a directory and its contents, rmdir an empty one"),
            ("rm -r link/", "without the slash after its name, rm removes the link and not the directory it leads to"),
            ("rmdir a", "rm removes files"),
            ("mkdir no/x", "mkdir -p creates missing parents too"),
            ("rename a full", "to move a file into a directory, add its new name to the path"),
            ("chown no-such-user a", "give the number; ls -n shows the numbers of existing files"),
            ("cd -", "a directory named - is ./-"),
        ],
    );
}

#[test]
fn a_line_that_makes_no_sense_at_a_prompt_is_followed_by_what_helps() {
    hinted(
        shell(),
        &[
            ("gte a", "did you mean get?"),
            ("frobnicate", "help lists the commands"),
            ("rm -z a", "rm knows -r (--recursive)"),
            ("get 'a", "a backslash quotes the next character"),
            ("get -a --on-conflict skip a", "give one of them"),
            ("get --newer-than never a", "a time is an age, such as 2d or 1h30m, or a date, such as 2026-11-01"),
        ],
    );
    let cases = [("put --atomic a", "put without --atomic writes to the target itself")];
    hinted(Shell::on(Remote::with(["a"]).lying("no-extensions")).here(["a"]), &cases);
}

#[test]
fn a_transfer_whose_proof_fails_is_followed_by_what_helps() {
    let wrong = "transfer it again; --verify=read compares every byte";
    hinted(Shell::on(Remote::with(["a"]).lying("hash-wrong")), &[("get --verify a", wrong)]);
}

#[test]
fn a_directory_that_may_not_be_written_is_followed_by_what_helps() {
    let closed = [Entry::from("closed/").mode(0o555)];
    let shell = Shell::on(Remote::with(["a"])).here(closed).unprivileged();
    hinted(shell, &[("get a closed", "lls -l shows the permissions, lcd changes the local directory")]);
}

#[test]
fn mkdir_p_that_fails_is_not_told_to_be_mkdir_p() {
    let terminal = shell().at_a_terminal().types("mkdir -p a/x").sees("No such file or directory").at_the_prompt();
    assert!(!terminal.roll().contains("hint"), "{}", terminal.roll());
    terminal.types("bye").ends_with(0);
}

/// Connects at a terminal without success. The hint must be the last line before `Connection closed`.
fn fails_with_hint(shell: Shell, words: &[&str], hint: &str) {
    let outcome = shell.with_args(words).at_a_terminal_of(24, 250).sees("hint: ").ends_with(255);
    let lines: Vec<&str> =
        outcome.stdout().lines().map(str::trim_end).filter(|line| *line != "Connection closed").collect();
    assert_eq!(lines.last(), Some(&&*format!("hint: {hint}")), "{words:?}: {lines:?}");
}

#[test]
fn a_connection_that_fails_at_a_terminal_is_followed_by_what_helps() {
    let port = free_port().to_string();
    let listens = "check that an SSH server listens there, on port PORT";
    let ssh = "use -S ssh to connect through the ssh program";
    let family = "the host has addresses of the other family: leave out -4, -6 or AddressFamily";
    let path = "check the path of the program";
    // A label of more than 63 bytes (RFC 1035, section 2.3.4), so that no name server is queried.
    let nowhere = format!("-oHostName={}.example", "x".repeat(64));
    for (words, hint) in [
        (&["-P", &*port][..], listens),
        (&["-6"], family),
        (&[&nowhere], "check the name; a Host line in the configuration can define it"),
        (&["-oRevokedHostKeys=/etc/krl"], ssh),
        (&["-c", "3des-cbc"], ssh),
        (&["-S", "no-such-ssh"], "there is no such program in PATH; give its whole path"),
        (&["-S", "/nowhere/ssh"], path),
        (&["-D", "/nowhere/sftp-server -e"], path),
        (&["-s", "nosuch"], "the server has no subsystem nosuch; without -s it is asked for sftp"),
    ] {
        fails_with_hint(Shell::on(Remote::empty().over_ssh()), words, hint);
    }
    let old = Remote::empty().sshd_config("Ciphers 3des-cbc,aes128-cbc").sshd_config("MACs hmac-sha1");
    let hint = "the server may know old algorithms only; use -S ssh to connect through the ssh program";
    fails_with_hint(Shell::on(old), &[], hint);
}

/// A user with one key, which the server does not know. The configuration names no key.
fn stranger(remote: Remote) -> Shell {
    Shell::on(remote).prepare(|world| {
        let key = world.home().join(".ssh/id_ed25519");
        fs::rename(&key, world.local().join("old")).unwrap();
        generate_key(&world.local().join("key"), "ed25519");
        let config = fs::read_to_string(world.ssh_config()).unwrap();
        let names_no_key = |line: &&str| !line.contains("IdentityFile");
        fs::write(world.ssh_config(), config.lines().filter(names_no_key).collect::<Vec<_>>().join("\n")).unwrap();
    })
}

#[test]
fn a_log_in_that_fails_at_a_terminal_is_followed_by_what_was_not_tried() {
    let keys = || stranger(Remote::empty().served_by(Embedded::new().takes_keys()));
    let known = "check the user's name, or make the key known there: ssh-copy-id -i key -p PORT joe@127.0.0.1";
    let name = "name the right key with -i FILE, or make yours known there: ssh-copy-id -p PORT joe@127.0.0.1";
    for (words, hint) in [(&[][..], name), (&["-i", "key"], known), (&["-oIdentityFile=key"], known)] {
        fails_with_hint(keys().with_args(["-oUser=joe"]), words, hint);
    }
    // The server's second refusal is its last.
    let few = || {
        let shell = stranger(Remote::empty().sshd_config("MaxAuthTries 2"));
        shell.prepare(|world| generate_key(&world.local().join("other"), "ed25519"))
    };
    let only = "check the user's name, and which of the named keys the server knows";
    for (words, hint) in [
        (&["-i", "key", "-i", "other"][..], "keys of the agent count too: add -o IdentitiesOnly=yes"),
        (&["-i", "key", "-i", "other", "-oIdentitiesOnly=yes"], only),
    ] {
        fails_with_hint(few(), words, hint);
    }
}

#[test]
fn a_password_that_is_not_to_be_had_is_followed_by_what_helps() {
    let open = Shell::on(Remote::empty().served_by(Embedded::new().password("x")))
        .here([Entry::file("secret", "x\n").mode(0o644)]);
    let hint = "only the owner may read a password file: chmod 600 secret";
    fails_with_hint(open, &["--password-file", "secret"], hint);
    let asked = Shell::on(Remote::empty().served_by(Embedded::new().password("x")));
    let hint = "sftpsh could not prompt for a password or passphrase: use ssh-agent or a key without one";
    fails_with_hint(asked, &["-oBatchMode=yes"], hint);
}

#[test]
fn a_host_key_that_is_not_trusted_at_a_terminal_is_followed_by_what_helps() {
    let changed = Shell::on(Remote::empty().over_ssh()).prepare(|world| {
        let other = world.root().join("other");
        generate_key(&other, "ed25519");
        let key = fs::read_to_string(other.with_extension("pub")).unwrap();
        let line = format!("[127.0.0.1]:{} {key}", world.sshd().port());
        fs::write(world.home().join(".ssh/known_hosts"), line).unwrap();
    });
    let hint = "if the host really has a new key, remove the old one with: ssh-keygen -f HOME/.ssh/known_hosts -R '[127.0.0.1]:PORT'";
    fails_with_hint(changed, &[], hint);
    let unknown = Shell::on(Remote::empty().over_ssh().unknown_to_us());
    let outcome = unknown.with_args(["-oStrictHostKeyChecking=yes"]).at_a_terminal_of(24, 300).ends_with(255);
    let end = "if that is right, add it with: ssh-keyscan -p PORT 127.0.0.1 >> HOME/.ssh/known_hosts";
    assert!(
        outcome.stdout().contains("hint: the key shown is SHA256:") && outcome.stdout().contains(end),
        "{}",
        outcome.stdout()
    );
}

#[test]
fn a_command_line_that_makes_no_sense_at_a_terminal_is_followed_by_what_helps() {
    for (words, hint) in [
        (&["--nonsense"][..], "hint: sftpsh --help lists the options"),
        (&["server", "--strict"], "hint: options come first: sftpsh --strict server"),
        (&["server", "-P", "22"], "hint: options come first: sftpsh -P 22 server"),
    ] {
        Shell::on(Remote::empty().over_ssh()).to(words).at_a_terminal().sees(hint).ends_with(1);
    }
}

#[test]
fn a_program_reads_its_answer_and_the_next_prompt_and_nothing_between() {
    let failing = ["get gone", "gte a", "rm full", "cd -"];
    for mode in [Mode::Piped, Mode::BatchOnStdin, Mode::BatchFile] {
        let lines = failing.map(|line| format!("-{line}\n")).concat();
        shell().in_mode(mode).types_bytes(lines.as_bytes()).succeeds().reports("not found").reports_no("hint");
    }
    for mode in [Mode::Piped, Mode::BatchOnStdin] {
        Shell::on(Remote::empty().over_ssh()).with_args(["-6"]).in_mode(mode).exits(255).reports_no("hint");
    }
    shell().with_args(["-e", "gte a"]).exits(1).reports_no("hint");
    shell().with_args(["--nonsense"]).exits(1).reports_no("hint");
}

#[test]
fn on_a_terminal_that_no_person_edits_lines_on_there_are_no_hints() {
    let typewriters = [
        shell().with_args(["--plain"]).at_a_terminal(),
        shell().env("SFTPSH_PLAIN", "1").at_a_terminal(),
        shell().env("TERM", "dumb").at_a_terminal(),
        shell().env("TERM", "").at_a_terminal(),
        shell().at_a_terminal_of(0, 0),
        shell().at_a_terminal_of(24, 0),
        shell().at_a_terminal_of(0, 80),
    ];
    for terminal in typewriters {
        let terminal = terminal.hears("sftp> ").sends(b"get gone\n").hears("not found.\r\nsftp> ");
        let terminal = terminal.sends(b"gte a\n").hears("There is no \"gte\".\r\nsftp> ");
        let heard = String::from_utf8_lossy(&terminal.raw()).into_owned();
        assert!(!heard.contains("hint"), "{heard}");
        terminal.presses(Key::Ctrl('d')).ends_with(0);
    }
    for words in [&["--plain", "-6"][..], &["-b", "/dev/null", "-6"], &["-e", "pwd", "-6"]] {
        let shell = Shell::on(Remote::empty().over_ssh()).with_args(words);
        let outcome = shell.at_a_terminal().sees("Could not resolve").ends_with(255);
        assert!(!outcome.stdout().contains("hint"), "{words:?}: {}", outcome.stdout());
    }
}
