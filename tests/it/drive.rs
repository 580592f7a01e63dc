//! Programs that drive ours as they drive sftp(1): typical scripts for expect, Python's pexpect and Perl's Expect,
//! unchanged, and programs that read and write pipes. None of them may see a difference.

use crate::support::{Embedded, Entry, PATIENCE, Remote, Running, Shell};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Terminals as scripts provide them: pexpect's, a dumb one, and one without a size.
const TERMINALS: [(&str, u16, u16); 3] = [("xterm", 24, 80), ("dumb", 24, 80), ("xterm", 0, 0)];

/// The interpreter of a script.
#[derive(Clone, Copy)]
enum Peer {
    Expect,
    Pexpect,
    Perl,
}

impl Peer {
    /// Debian's own Python has Debian's pexpect; another Python that comes first in PATH may lack it.
    fn interpreter(self) -> &'static str {
        match self {
            Peer::Expect => "expect",
            Peer::Perl => "perl",
            Peer::Pexpect if Path::new("/usr/bin/python3").exists() => "/usr/bin/python3",
            Peer::Pexpect => "python3",
        }
    }

    /// Starts the program given as arguments on a terminal of the size in the environment, with a time limit.
    fn opening(self) -> &'static str {
        match self {
            Peer::Expect => {
                "set timeout 20\n\
                 set stty_init \"rows $env(TEST_ROWS) columns $env(TEST_COLUMNS)\"\n\
                 proc fails {why} { puts stderr \"script: $why\"; exit 99 }\n\
                 proc ends {} { expect { eof {} timeout { fails \"no end\" } }; exit [lindex [wait] 3] }\n\
                 spawn -noecho {*}$argv\n\
                 expect_after { timeout { fails timeout } eof { fails \"ended early\" } }\n"
            }
            Peer::Pexpect => {
                "import os, re, sys, pexpect\n\
                 size = (int(os.environ['TEST_ROWS']), int(os.environ['TEST_COLUMNS']))\n\
                 c = pexpect.spawn(sys.argv[1], sys.argv[2:], timeout=20, encoding='utf-8', dimensions=size)\n\
                 c.logfile_read = sys.stdout\n\
                 def ends():\n    c.expect(pexpect.EOF); c.close(); sys.exit(c.exitstatus)\n"
            }
            Peer::Perl => {
                "use strict; use warnings; use Expect;\n\
                 my $c = Expect->new; $c->raw_pty(0);\n\
                 $c->slave->set_winsize($ENV{TEST_ROWS}, $ENV{TEST_COLUMNS});\n\
                 $c->spawn(@ARGV) or die; \n\
                 sub sees { my ($what) = @_; defined $c->expect(20, $what) or die \"script: no $what\"; }\n\
                 sub ends { $c->expect(20, undef); $c->soft_close; exit($c->exitstatus >> 8); }\n"
            }
        }
    }
}

/// Lets a script drive the shell on each terminal, each time in a fresh world. It exits with the code of the program
/// it drove.
#[track_caller]
fn drives(peer: Peer, script: &str, code: i32, shell: impl Fn() -> Shell) {
    for (term, rows, columns) in TERMINALS {
        let shell = shell().env("TERM", term);
        let inner = shell.command();
        let file = shell.world().root().join("script");
        fs::write(&file, format!("{}{script}", peer.opening())).unwrap();
        let mut outer = shell.world().command(Path::new(peer.interpreter()));
        outer.env("TERM", term).env("TEST_ROWS", rows.to_string()).env("TEST_COLUMNS", columns.to_string());
        outer.arg(file).arg(inner.get_program()).args(inner.get_args());
        let finished = Running::start(&mut outer, PATIENCE * 2).finish();
        let said =
            [finished.stdout, finished.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).join("\n");
        assert_eq!(finished.code, code, "TERM={term} {rows}x{columns}; tests/run installs the peers\n{said}");
        assert!(!said.contains("script: "), "TERM={term} {rows}x{columns}\n{said}");
    }
}

fn files() -> Remote {
    Remote::with([Entry::file("notes.txt", vec![b'x'; 1234]).mode(0o644), Entry::sized("big", 300_000)])
}

fn with_password() -> Shell {
    Shell::on(files().served_by(Embedded::new().password("secret")))
}

fn forget_the_host(shell: Shell) -> Shell {
    shell.prepare(|world| fs::remove_file(world.home().join(".ssh/known_hosts")).unwrap())
}

#[test]
fn expect_logs_in_with_a_password_and_lists() {
    let script = include_str!("drive/login.exp");
    drives(Peer::Expect, script, 0, with_password);
}

#[test]
fn expect_gives_a_wrong_password_three_times() {
    let script = include_str!("drive/wrong_password.exp");
    drives(Peer::Expect, script, 255, with_password);
}

#[test]
fn expect_says_no_to_an_unknown_host() {
    let script = include_str!("drive/unknown_host_no.exp");
    drives(Peer::Expect, script, 255, || forget_the_host(with_password()));
}

#[test]
fn expect_is_told_that_a_host_key_changed() {
    let script = include_str!("drive/changed_host.exp");
    drives(Peer::Expect, script, 255, || {
        with_password().prepare(|world| {
            let known = world.home().join(".ssh/known_hosts");
            let host = fs::read_to_string(&known).unwrap().split(' ').next().unwrap().to_owned();
            let other = fs::read_to_string(world.home().join(".ssh/id_ed25519.pub")).unwrap();
            fs::write(known, format!("{host} {other}")).unwrap();
        })
    });
}

#[test]
fn pexpect_counts_prompts() {
    let script = include_str!("drive/prompts.py");
    drives(Peer::Pexpect, script, 0, || Shell::on(files()));
}

#[test]
fn pexpect_gets_a_file_and_reads_the_meter() {
    let script = include_str!("drive/get.py");
    drives(Peer::Pexpect, script, 0, || Shell::on(files()));
}

#[test]
fn pexpect_reads_names_by_the_line_where_no_size_is_set() {
    let script = include_str!("drive/names.py");
    drives(Peer::Pexpect, script, 0, || Shell::on(files()));
}

#[test]
fn pexpect_says_yes_to_an_unknown_host() {
    let script = include_str!("drive/unknown_host_yes.py");
    drives(Peer::Pexpect, script, 0, || forget_the_host(with_password()));
}

#[test]
fn pexpect_enters_a_passphrase() {
    let script = include_str!("drive/passphrase.py");
    drives(Peer::Pexpect, script, 0, || {
        Shell::on(files().served_by(Embedded::new().takes_keys())).prepare(|world| {
            let key = world.home().join(".ssh/id_ed25519");
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-p", "-P", "", "-N", "open sesame", "-f"]).arg(key);
            assert!(keygen.output().unwrap().status.success());
        })
    });
}

#[test]
fn perl_parses_a_long_listing_by_nine_columns() {
    let script = include_str!("drive/columns.pl");
    drives(Peer::Perl, script, 0, || Shell::on(files()));
}

#[test]
fn perl_confirms_an_unknown_host_by_its_fingerprint() {
    let script = include_str!("drive/fingerprint.pl");
    drives(Peer::Perl, script, 0, || forget_the_host(with_password()));
}

#[test]
fn perl_closes_by_ctrl_d() {
    let script = include_str!("drive/closing.pl");
    drives(Peer::Perl, script, 0, || Shell::on(files()));
}

#[test]
fn a_terminal_of_plain_lines_gets_no_control_code() {
    let plain = |shell: Shell, rows, columns| {
        let terminal = shell.at_a_terminal_of(rows, columns).at_the_prompt().sends(b"version\n").sees("version 3");
        let terminal = terminal.at_the_prompt().sends(b"get notes.txt\n").sees("100%").at_the_prompt();
        let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
        let answer = "\nsftp> version\r\nSFTP protocol version 3\r\nsftp> get notes.txt\r\nFetching ";
        assert!(raw.contains(answer) && !raw.contains('\x1b'), "{raw:?}");
        terminal.sends(b"bye\n").ends_with(0);
    };
    let shell = || Shell::on(files());
    plain(shell().with_args(["--plain"]), 24, 80);
    plain(shell().env("SFTPSH_PLAIN", "1"), 24, 80);
    plain(shell().env("TERM", "dumb"), 24, 80);
}

/// The terminal's bytes in sftp(1) for the line `version`, with the next prompt.
const VERSION: &str = "version\r\nSFTP protocol version 3\r\nsftp> ";

#[test]
fn a_driven_terminal_of_any_kind_and_size_gets_the_bytes_of_sftp() {
    for term in ["xterm", "xterm-256color", "screen", "vt100", "dumb", ""] {
        for (rows, columns) in [(24, 80), (0, 0), (1, 1), (200, 500)] {
            let shell = Shell::on(files()).env("TERM", term);
            // An empty TERM may also be an unset one.
            let shell = if term.is_empty() { shell.after("unset TERM") } else { shell };
            let terminal = shell.at_a_terminal_of(rows, columns).hears_just("sftp> ");
            let terminal = terminal.sends(b"version\n").hears_just(&format!("sftp> {VERSION}"));
            terminal.sends(b"bye\n").hears_just(&format!("sftp> {VERSION}bye\r\n")).ends_with(0);
        }
    }
}

#[test]
fn a_failure_is_followed_by_the_prompt_and_not_by_a_hint() {
    for (line, failure) in [
        ("gte x", "Invalid command. There is no \"gte\"."),
        ("get file > x", "Redirection is not supported: \">\""),
        ("cd 'open", "Unterminated quoted argument"),
    ] {
        let terminal = Shell::on(files()).at_a_terminal().hears_just("sftp> ").sends(format!("{line}\n").as_bytes());
        let terminal = terminal.hears(failure).at_the_prompt().sends(b"version\n").hears(VERSION);
        let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
        let answer = raw.split(&format!("sftp> {line}\r\n")).nth(1).and_then(|rest| rest.split("sftp> ").next());
        let answer = answer.unwrap_or_default();
        assert!(!raw.contains("hint: ") && !raw.contains('\x1b'), "{raw:?}");
        assert!(answer.ends_with("\r\n") && answer.matches('\n').count() == 1, "{raw:?}");
        assert!(answer.contains(failure), "{raw:?}");
        terminal.sends(b"bye\n").ends_with(0);
    }
    // For comparison, a person who types key by key.
    let terminal = Shell::on(files()).at_a_terminal().types("gte x").sees("hint: did you mean get?");
    terminal.types("bye").ends_with(0);
}

#[test]
fn a_driver_may_send_its_line_in_any_pieces() {
    for pieces in [&["version\n"][..], &["version\r"], &["version", "\n"], &["v", "er", "s", "io", "n", "\r"]] {
        let mut terminal = Shell::on(files()).at_a_terminal().hears_just("sftp> ");
        let mut echo = "sftp> ".to_owned();
        for piece in pieces {
            terminal = terminal.sends(piece.as_bytes());
            if !piece.ends_with(['\n', '\r']) {
                echo.push_str(piece);
                terminal = terminal.hears_just(&echo);
            }
        }
        terminal.hears_just(&format!("sftp> {VERSION}")).sends(b"bye\n").ends_with(0);
    }
}

#[test]
fn lines_sent_ahead_get_a_prompt_each() {
    let ahead = b"version\nversion\nversion\n";
    let terminal = Shell::on(files()).at_a_terminal().hears_just("sftp> ").sends(ahead);
    terminal.hears_just(&format!("sftp> {VERSION}{VERSION}{VERSION}")).sends(b"bye\n").ends_with(0);
}

#[test]
fn a_long_line_is_echoed_as_it_is() {
    let long = format!("!true {}é{}", "x".repeat(1500), "\u{65e5}".repeat(300));
    let terminal = Shell::on(files()).at_a_terminal().hears_just("sftp> ").sends(format!("{long}\n").as_bytes());
    terminal.hears_just(&format!("sftp> {long}\r\nsftp> ")).sends(b"bye\n").ends_with(0);
}

#[test]
fn answers_are_there_before_the_next_line_is_read_also_on_one_pipe() {
    let shell = Shell::on(files());
    let mut running = Running::start(&mut shell.command_in("exec \"$0\" \"$@\" 2>&1"), PATIENCE);
    running.types("cd nowhere").prints("sftp> cd nowhere\n").prints("No such file or directory");
    running.types("version").prints("sftp> version\nSFTP protocol version 3\n");
    running.types("get notes.txt").prints("sftp> get notes.txt\nFetching ");
    running.types("ls -1").prints("sftp> ls -1\nbig\nnotes.txt\n");
    assert_eq!(running.finish().code, 0);
}

#[test]
fn lines_sent_ahead_are_obeyed_in_order() {
    let outcome = Shell::on(files())
        .types_bytes(b"mkdir a\ncd a\nmkdir b\ncd b\nput notes.txt\n-rmdir ../b\nrename notes.txt n\n");
    outcome.here([Entry::file("notes.txt", "here")]).succeeds().remote_file("a/b/n", "here");
}

#[test]
fn a_loop_over_lines_keeps_its_lines() {
    let shell = Shell::on(files().over_ssh()).to(["server:notes.txt"]);
    let line = "printf 'one\\ntwo\\n' | while read name; do \"$0\" \"$@\" \"$name\" >/dev/null || exit 7; done; ls";
    let finished = Running::start(&mut shell.command_in(line), PATIENCE).finish();
    assert_eq!(String::from_utf8_lossy(&finished.stdout), "one\ntwo\n", "{finished:?}");
}

#[test]
fn closed_streams_do_no_harm() {
    let shell = || Shell::on(files());
    let finished = Running::start(&mut shell().command_in("exec \"$0\" \"$@\" <&-"), PATIENCE).finish();
    assert_eq!((finished.code, finished.stdout.as_slice()), (0, &b""[..]), "{finished:?}");
    let here = shell().types("mkdir a").types("get notes.txt").as_batch();
    let finished = Running::start(&mut here.command_in("exec \"$0\" \"$@\" <&-"), PATIENCE).finish();
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(here.world().local().join("notes.txt").exists() && here.world().remote().join("a").exists());
    // The output is closed, and no file opened meanwhile receives it.
    let here = shell().types("mkdir a").types("get notes.txt").as_batch();
    let finished = Running::start(&mut here.command_in("exec \"$0\" \"$@\" >&- 2>&-"), PATIENCE).finish();
    assert!(!finished.hung && finished.code <= 1, "{finished:?}");
    let fetched = fs::read(here.world().local().join("notes.txt"));
    assert!(fetched.is_err() || fetched.is_ok_and(|contents| contents == [b'x'; 1234]));
}

// fault: no HOME
#[test]
fn an_empty_environment_does_no_harm() {
    for remote in [files(), files().over_ssh()] {
        let shell = Shell::on(remote).types("get notes.txt").as_batch();
        let finished = Running::start(&mut shell.command_in("exec env -i \"$0\" \"$@\""), PATIENCE).finish();
        assert_eq!(finished.code, 0, "{}", String::from_utf8_lossy(&finished.stderr));
        assert!(shell.world().local().join("notes.txt").exists());
    }
}
