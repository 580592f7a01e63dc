//! Lines for a shell, with what they do.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::Effect::{self, Before, Home, Local, Prints, PrintsNo, There};
use super::Row;
use crate::support::{Embedded, Entry, Outcome, Remote, Shell, World, program};

/// What is typed before a line is in its `Before`: it goes to its standard input.
pub(super) const LINES: &[Row] = &[
    (
        "echo 'ls --json *.log' | sftpsh -q -b - files.example.com | grep '^{' | jq -r 'select(.size > 1e6) | .path'",
        &[Prints("/big.log\n"), PrintsNo("a.log")],
    ),
    (
        "echo '@get -r logs' | sftpsh --progress json -b - files.example.com | jq -r 'select(.event == \"finish\") | .target'",
        &[Prints("logs/one\n"), Local("logs/one")],
    ),
    ("sftpsh files.example.com", &[Before("pwd"), Prints("Remote working directory: /\n")]),
    ("sftpsh sftp://user@host:2222/dir", &[Before("pwd"), Prints("Remote working directory: /dir\n")]),
    ("sftpsh -b script host", &[Prints("sftp> put notes.txt\n"), There("notes.txt")]),
    ("sftpsh -b - host < script", &[Prints("sftp> put notes.txt\n"), There("notes.txt")]),
    ("sftpsh host -- ls -l /srv", &[Prints("-rw"), Prints("page\n")]),
    ("sftpsh -e 'ls -l; get x' host", &[Prints("-rw"), Prints("a.log"), Local("x")]),
    ("sftpsh -S ssh host", &[Before("pwd"), Prints("Remote working directory: /\n")]),
    ("sftpsh -D /usr/lib/openssh/sftp-server", &[Before("pwd"), Prints("Remote working directory: LOCAL\n")]),
    ("install -Dm 644 man/sftpsh.1 ~/.local/share/man/man1/sftpsh.1", &[Home(".local/share/man/man1/sftpsh.1")]),
    (
        "install -Dm 644 completions/sftpsh.bash ~/.local/share/bash-completion/completions/sftpsh",
        &[Home(".local/share/bash-completion/completions/sftpsh")],
    ),
    (
        "install -Dm 644 completions/sftpsh.fish ~/.config/fish/completions/sftpsh.fish",
        &[Home(".config/fish/completions/sftpsh.fish")],
    ),
    (
        "install -Dm 644 completions/_sftpsh ~/.local/share/zsh/site-functions/_sftpsh",
        &[Home(".local/share/zsh/site-functions/_sftpsh")],
    ),
    ("sftpsh --version", &[Prints("libssh2 "), Prints("OpenSSL ")]),
];

/// Passes bytes to the server and back, whatever host and port are asked for.
fn pipe(port: u16) -> String {
    format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 & cat >&3; kill $! 2>/dev/null'")
}

/// Lets the words of the texts lead to this world's server: `sftpsh`, and the hosts `host` and `files.example.com`.
fn teach(world: &World, port: u16) {
    let config = fs::read_to_string(world.ssh_config()).unwrap();
    let hosts =
        format!("Host host files.example.com\n  HostKeyAlias server\n  User user\n  ProxyCommand {}\n", pipe(port));
    fs::write(world.ssh_config(), hosts + &config).unwrap();
    let known = world.home().join(".ssh/known_hosts");
    let key = fs::read_to_string(&known).unwrap().replace(&format!("[127.0.0.1]:{port}"), "server");
    fs::write(known, key).unwrap();
    for sources in ["man", "completions"] {
        symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join(sources), world.local().join(sources)).unwrap();
    }
    let programs = world.root().join("bin");
    fs::create_dir(&programs).unwrap();
    let text = format!("#!/bin/sh\nexec {} -F {} \"$@\"\n", program().display(), world.ssh_config().display());
    fs::write(programs.join("sftpsh"), text).unwrap();
    fs::set_permissions(programs.join("sftpsh"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Has a shell run a line.
pub(super) fn run(line: &str, effects: &[Effect]) -> Outcome {
    let server = Embedded::new().takes_keys().user("user");
    let big = [Entry::sized("big.log", 2_000_000)];
    let shell = Shell::on(Remote::with(["a.log", "x", "dir/", "srv/page", "logs/one"]).and(big).served_by(server));
    let port = shell.world().server_port().expect("it listens");
    let shell = shell.here(["notes.txt"]).here([("script", "put notes.txt\n")]).prepare(|world| teach(world, port));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = format!("{}:{}", shell.world().root().join("bin").display(), path.display());
    let typed = effects.iter().filter_map(|effect| if let Before(line) = effect { Some(line) } else { None });
    typed.fold(shell, |shell, line| shell.types(line)).env("PATH", path).after(&format!("{line}; exit")).run()
}
