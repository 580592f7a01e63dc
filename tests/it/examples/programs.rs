//! Lines for a shell, with their effects.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::Effect::{self, Before, Home, Local, NoLocal, NoRemote, Notes, Prints, PrintsNo, There};
use super::Row;
use crate::support::{Embedded, Entry, Outcome, Remote, Shell, World, program};

/// A line's `Before` is typed first: it is the shell line's standard input.
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
    ("sftpsh -q files.example.com -- sum *.log > SHA256SUMS", &[Local("SHA256SUMS")]),
    ("sftpsh -q files.example.com -- get big.log - | wc -c", &[Prints("2000000\n")]),
    ("echo done | sftpsh -q files.example.com -- put - done", &[There("done")]),
    ("sftpsh host -- ls -l", &[Prints("-rw"), Prints("a.log\n")]),
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
    // The guide.
    ("sftpsh files.example.com -- get 'logs/*.log'", &[Local("it's old.log"), Local("new.log"), NoLocal("one")]),
    ("sftpsh --retry 10 files.example.com", &[Before("set retry"), Prints("retry\n10\n")]),
    (
        "if sftpsh -b upload.sftp files.example.com; then\n    echo \"uploaded\"\nelse\n    \
         echo \"upload failed with code $?\" >&2\nfi",
        &[Prints("uploaded\n"), There("notes.txt")],
    ),
    ("sftpsh --keep-going -b upload.sftp files.example.com", &[There("notes.txt")]),
    (
        "SFTPSH_PASSWORD_COMMAND='pass show files' sftpsh -b upload.sftp files.example.com",
        &[There("notes.txt"), Home("pass-ran")],
    ),
    ("sftpsh --password-file ~/.files-password -b upload.sftp files.example.com", &[There("notes.txt")]),
    ("sftpsh -J bastion.example.com files.example.com", &[Before("pwd"), Prints("directory: /\n"), Home("jumped")]),
    ("sftpsh -j 4 files.example.com", &[Before("set jobs"), Prints("jobs\n4\n")]),
    ("sftpsh --channels 1 files.example.com", &[Before("set channels"), Prints("channels\n1\n")]),
    (
        "sftpsh -q files.example.com -- ls --json logs | jq -r 'select(.size > 1e6) | .name'",
        &[Prints("new.log\n"), PrintsNo("one")],
    ),
    (
        "sftpsh files.example.com -- find logs -name '*.log' -not -newer-than 30d",
        &[Prints("logs/it's old.log\n"), PrintsNo("new.log")],
    ),
    (
        "sftpsh files.example.com -- find logs -name '*.log' -not -newer-than 30d -delete",
        &[NoRemote("logs/it's old.log"), There("logs/new.log")],
    ),
    (
        "sftpsh -q --progress json files.example.com -- get -r logs | jq -r 'select(.event == \"finish\") | .target'",
        &[Prints("logs/one\n"), Local("logs/one")],
    ),
    (
        "sftpsh --progress plain files.example.com -- get -r logs",
        &[Notes("Transfer of 'new.log' is at "), Local("logs/new.log")],
    ),
];

/// Batches in the local directory.
const SCRIPTS: [(&str, &str); 2] = [("script", "put notes.txt\n"), ("upload.sftp", "put notes.txt\n")];

/// Returns a command that connects its stdin and stdout to the server, ignoring the host and port requested.
fn pipe(port: u16) -> String {
    format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 & cat >&3; kill $! 2>/dev/null'")
}

/// Makes the names in the texts lead to this world's server: `sftpsh`, and the hosts `host` and `files.example.com`.
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
    let long_ago = SystemTime::now() - Duration::from_hours(60 * 24);
    for name in ["it's old.log", "odd\n.log", "odd\\.log"] {
        let file = fs::File::options().write(true).open(world.remote().join("logs").join(name)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let secret = world.home().join(".files-password");
    fs::write(&secret, "secret\n").unwrap();
    fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).unwrap();
    let sftpsh = format!("exec {} -F {} \"$@\"", program().display(), world.ssh_config().display());
    install(world, "sftpsh", &sftpsh);
    install(world, "pass", "touch ~/pass-ran; echo secret");
    // A jump host forwards to any address requested; the rest is the system's ssh.
    let jump =
        format!("case \" $* \" in *' -W '*' ssh://bastion.example.com '*) touch ~/jumped; exec {};; esac", pipe(port));
    install(world, "ssh", &format!("{jump}\nPATH=${{PATH#*:}} exec ssh \"$@\""));
}

/// Installs a program in the first directory of `PATH`.
fn install(world: &World, name: &str, script: &str) {
    let programs = world.root().join("bin");
    fs::create_dir_all(&programs).unwrap();
    fs::write(programs.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(programs.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs a line in a shell.
pub(super) fn run(line: &str, effects: &[Effect]) -> Outcome {
    let asks_for_a_password = line.contains("password") || line.contains("PASSWORD");
    let server = Embedded::new().user("user");
    let server = if asks_for_a_password { server.password("secret") } else { server.takes_keys() };
    let big = ["big.log", "logs/new.log"].map(|name| Entry::sized(name, 2_000_000));
    let logs = ["logs/one", "logs/it's old.log", "logs/odd\n.log", "logs/odd\\.log"];
    let shell = Shell::on(Remote::with(["a.log", "x", "dir/", "srv/page"]).and(logs).and(big).served_by(server));
    let port = shell.world().server_port().expect("it listens");
    let shell = shell.here(["notes.txt"]).here(SCRIPTS).prepare(|world| teach(world, port));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = format!("{}:{}", shell.world().root().join("bin").display(), path.display());
    let typed = effects.iter().filter_map(|effect| if let Before(line) = effect { Some(line) } else { None });
    typed.fold(shell, |shell, line| shell.types(line)).env("PATH", path).after(&format!("{line}; exit")).run()
}
