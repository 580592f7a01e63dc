//! The demo's files: a temporary directory with a remote, a local and a home directory.

use crate::ROLE;
use crate::embedded::{Embedded, RunningEmbedded};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The files of the demo, with their sizes.
pub(crate) const MESSAGES: [(&str, usize); 4] =
    [("messages.1", 128_609), ("messages.2.gz", 40_225), ("messages.3.gz", 28_249), ("messages.4.gz", 71_703)];

/// Names that need care in a shell, each with the form that a person types at the prompt.
pub(crate) const NAMES: [(&str, &str); 6] = [
    ("two words.txt", r#""two words.txt""#),
    ("star*.txt", r"star\*.txt"),
    ("starfish.txt", "starfish.txt"),
    ("say \"hello\".txt", r#"'say "hello".txt'"#),
    ("it's.txt", r#""it's.txt""#),
    ("Äpfel und Öl.txt", r"Äpfel\ und\ Öl.txt"),
];

/// The number of small files in `many/`.
pub(crate) const SMALL_FILES: usize = 300;

/// The server and its directories. All of them are removed when it is dropped.
pub(crate) struct World {
    // Dropped in this order: first the server, then its directory.
    server: RunningEmbedded,
    directory: TempDir,
}

impl World {
    /// Creates the directories and the keys, and starts the server.
    pub(crate) fn build() -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("sftpsh-demo-").tempdir()?;
        let at = |name: &str| directory.path().join(name);
        for name in ["remote", "local", "home/.ssh"] {
            fs::create_dir_all(at(name))?;
        }
        fill(&at("remote"))?;
        let key = new_key()?;
        let private = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(at("home/.ssh/id_ed25519"))?;
        file.write_all(private.as_bytes())?;
        let public = key.public_key().to_openssh().map_err(io::Error::other)?;
        fs::write(at("home/.ssh/id_ed25519.pub"), format!("{public}\n"))?;

        let server = Embedded::new().user("visitor").public_key(&public).takes_keys().start(&at("remote"));
        fs::write(at("home/.ssh/known_hosts"), server.known_hosts())?;
        let world = Self { server, directory };
        fs::write(world.config(), world.configuration())?;
        Ok(world)
    }

    /// Returns the port of the server.
    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    /// Returns the directory that the server shows as `/`.
    pub(crate) fn remote(&self) -> PathBuf {
        self.directory.path().join("remote")
    }

    /// Returns the directory in which the shell starts.
    pub(crate) fn local(&self) -> PathBuf {
        self.directory.path().join("local")
    }

    /// Returns the directory that contains all the others.
    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    /// Returns a command for the shell on this server, with a home of its own and without the user's agent.
    pub(crate) fn shell(&self) -> Command {
        self.shell_with(&[])
    }

    /// Like [`World::shell`], but with options.
    pub(crate) fn shell_with(&self, options: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap_or_else(|_| "demo".into()));
        command.env(ROLE, "shell").env("HOME", self.directory.path().join("home")).env_remove("SSH_AUTH_SOCK");
        command.current_dir(self.local()).arg("-F").arg(self.config()).args(options).arg("demo");
        command
    }

    /// Forgets the server's key.
    pub(crate) fn forget_the_host(&self) -> io::Result<()> {
        fs::write(self.directory.path().join("home/.ssh/known_hosts"), "")
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("ssh_config")
    }

    fn configuration(&self) -> String {
        let ssh = self.directory.path().join("home/.ssh");
        let ssh = ssh.display();
        format!(
            "Host demo\n    HostName 127.0.0.1\n    Port {}\n    User visitor\n    IdentityFile {ssh}/id_ed25519\n    \
             UserKnownHostsFile {ssh}/known_hosts\n    GlobalKnownHostsFile /dev/null\n",
            self.port()
        )
    }
}

/// Creates the files of the remote directory.
fn fill(remote: &Path) -> io::Result<()> {
    for (name, size) in MESSAGES {
        let contents = if name.ends_with(".gz") { noise(name, size) } else { log(size) };
        fs::write(remote.join(name), contents)?;
    }
    for (name, _) in NAMES {
        fs::write(remote.join(name), format!("This is {name}.\n"))?;
    }
    fs::create_dir(remote.join("many"))?;
    for number in 0..SMALL_FILES {
        let name = format!("note-{number:03}.txt");
        fs::write(remote.join("many").join(&name), log(100 + number * 17))?;
    }
    for (directory, file) in [
        ("tree/oak/branch/leaf", "acorn.txt"),
        ("tree/oak", "bark.txt"),
        ("tree/pine", "cone.txt"),
        ("tree", "plan.txt"),
    ] {
        fs::create_dir_all(remote.join(directory))?;
        fs::write(remote.join(directory).join(file), format!("This is {file}.\n"))?;
    }
    symlink("oak/bark.txt", remote.join("tree/favourite"))
}

/// Returns `size` bytes that look like a log.
fn log(size: usize) -> Vec<u8> {
    let mut text = String::new();
    for number in 0.. {
        if text.len() >= size {
            break;
        }
        let (hour, minute, second) = (number / 3600 % 24, number / 60 % 60, number % 60);
        text.push_str(&format!(
            "Mar 14 {hour:02}:{minute:02}:{second:02} harbour dock[{}]: ship {number} has come in\n",
            400 + number % 90
        ));
    }
    text.truncate(size);
    text.into_bytes()
}

/// Returns `size` bytes that can't be compressed.
fn noise(name: &str, size: usize) -> Vec<u8> {
    let mut state = name.bytes().fold(0x9e37_79b9_7f4a_7c15_u64, |state, byte| state.rotate_left(9) ^ u64::from(byte));
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..size).map(next).collect()
}

fn new_key() -> io::Result<PrivateKey> {
    let mut seed = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(PrivateKey::from(Ed25519Keypair::from_seed(&seed)))
}
