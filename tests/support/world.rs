//! The world of one test: a temporary directory with a home, a local and a remote directory, and a running server.

use super::embedded::RunningEmbedded;
use super::entry::Entry;
use super::proftpd::Proftpd;
use super::relay::{Relay, RunningRelay};
use super::remote::{Program, Remote, SFTP_SERVER};
use super::sshd::{Sshd, generate_key};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The name of the test's sshd in our ssh configuration.
pub const HOST: &str = "server";

/// A home, a local directory, a remote directory, a server. All of them are removed when it is dropped.
pub struct World {
    // Dropped in this order: first the servers, then the directory in which they work.
    sshd: Option<Sshd>,
    embedded: Option<RunningEmbedded>,
    proftpd: Option<Proftpd>,
    direct: Option<String>,
    relay: Option<RunningRelay>,
    root: PathBuf,
    began_with: Vec<Entry>,
    directory: TempDir,
}

impl World {
    /// Creates the directories, the keys and the entries, and starts the server.
    pub fn build(remote: Remote, local: &[Entry]) -> Self {
        let directory = tempfile::Builder::new().prefix("sftpsh-test-").tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        for name in ["home/.ssh", "local", "remote", "tmp"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::set_permissions(root.join("home/.ssh"), fs::Permissions::from_mode(0o700)).unwrap();
        fill(&root.join("remote"), &remote.entries);
        fill(&root.join("local"), local);

        let ssh = root.join("home/.ssh");
        let embedded = remote.embedded.as_ref().map(|plan| {
            let key = ssh.join("id_ed25519");
            generate_key(&key, "ed25519");
            let embedded = plan
                .clone()
                .public_key(&fs::read_to_string(key.with_extension("pub")).unwrap())
                .start(&root.join("remote"));
            fs::write(ssh.join("known_hosts"), embedded.known_hosts()).unwrap();
            embedded
        });
        let proftpd = remote.proftpd.then(|| {
            let key = ssh.join("id_ed25519");
            generate_key(&key, "ed25519");
            let proftpd = Proftpd::start(&root.join("proftpd"), &key.with_extension("pub"), &root.join("remote"));
            fs::write(ssh.join("known_hosts"), proftpd.known_hosts()).unwrap();
            proftpd
        });
        let (sshd, direct) = match &remote.ssh {
            _ if embedded.is_some() || proftpd.is_some() => (None, None),
            Some(plan) => {
                let key = root.join("home/.ssh/id_ed25519");
                generate_key(&key, "ed25519");
                let sshd = Sshd::start(
                    plan,
                    &root.join("sshd"),
                    &key.with_extension("pub"),
                    &subsystem(&remote.program, &root.join("remote")),
                );
                if plan.known {
                    fs::write(root.join("home/.ssh/known_hosts"), sshd.known_hosts()).unwrap();
                }
                (Some(sshd), None)
            }
            None => (None, Some(direct_command(&remote.program, &root.join("remote")))),
        };
        let world = Self { relay: None, sshd, embedded, proftpd, direct, root, began_with: remote.entries, directory };
        fs::write(world.ssh_config(), world.configuration()).unwrap();
        world
    }

    /// Returns the served directory, in which sessions start.
    pub fn remote(&self) -> PathBuf {
        self.root.join("remote")
    }

    /// Returns the directory in which the program starts.
    pub fn local(&self) -> PathBuf {
        self.root.join("local")
    }

    /// Returns the program's `$HOME`.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// Returns the directory that contains all the others.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns our ssh configuration, for `-F`.
    pub fn ssh_config(&self) -> PathBuf {
        self.root.join("ssh_config")
    }

    /// Returns the sshd, which must exist.
    #[track_caller]
    pub fn sshd(&self) -> &Sshd {
        self.sshd.as_ref().expect("this world has no sshd: say Remote::over_ssh()")
    }

    /// Returns the embedded SSH server, which must exist.
    #[track_caller]
    pub fn embedded(&self) -> &RunningEmbedded {
        self.embedded.as_ref().expect("this world has no embedded server: say Remote::served_by()")
    }

    /// Returns the server's log.
    pub fn log(&self) -> String {
        let sshd = self.sshd.as_ref().map(|sshd| sshd.log().text());
        let proftpd = || self.proftpd.as_ref().map(|proftpd| proftpd.log().text());
        sshd.or_else(proftpd).or_else(|| self.embedded.as_ref().map(RunningEmbedded::log)).unwrap_or_default()
    }

    /// Returns a file's contents at the beginning of the test.
    pub fn first_contents(&self, path: &Path) -> Option<&[u8]> {
        self.began_with.iter().filter_map(Entry::contents).find(|(of, _)| *of == path).map(|(_, contents)| contents)
    }

    /// Returns the words that connect the program to this world's server. The destination is the last of them.
    pub fn connecting_words(&self) -> (Vec<OsString>, Vec<OsString>) {
        match &self.direct {
            Some(command) => (vec!["-D".into(), command.into()], Vec::new()),
            None => (vec!["-F".into(), self.ssh_config().into()], vec![HOST.into()]),
        }
    }

    /// Puts a line between us and the sshd, replacing any earlier one.
    pub fn relay(&mut self, line: Relay) {
        let relay =
            line.start(self.server_port().expect("a relay needs a server that listens: say Remote::over_ssh()"));
        self.route_through(relay.port());
        self.relay = Some(relay);
    }

    /// Returns the line between us and the sshd.
    #[track_caller]
    pub fn line(&self) -> &RunningRelay {
        self.relay.as_ref().expect("no relay: say Shell::through(…)")
    }

    /// Points the host `server` to another port.
    fn route_through(&self, port: u16) {
        let known = self.home().join(".ssh/known_hosts");
        if let Ok(text) = fs::read_to_string(&known) {
            let before =
                self.relay.as_ref().map(RunningRelay::port).or_else(|| self.server_port()).expect("checked above");
            fs::write(&known, text.replace(&format!(":{before} "), &format!(":{port} "))).unwrap();
        }
        fs::write(self.ssh_config(), self.configuration_at(port)).unwrap();
    }

    /// Returns a command in this world, with its home, its local directory, and an environment with nothing else.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.local()).env_clear().envs(self.environment());
        command
    }

    /// Returns a copy of the program that any user may run, because the path to the original may be closed to them.
    pub(super) fn program_copy(&self) -> PathBuf {
        let copy = self.root.join("program");
        // Copied by another process: a file can't be run while a process may write to it, and another test that is
        // starting a program would hold our descriptor until its exec.
        let status = Command::new("cp").arg(super::program()).arg(&copy).status().unwrap();
        assert!(status.success());
        copy
    }

    /// Makes a user the owner of all files in this world.
    pub(super) fn give_to(&self, user: u32) {
        give(&self.root, user);
    }

    /// Returns the whole environment of programs in this world.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut variables: Vec<(OsString, OsString)> = [
            ("LANG", "C.UTF-8"),
            ("LC_ALL", "C.UTF-8"),
            ("TZ", "UTC"),
            ("SHELL", "/bin/sh"),
            ("TERM", "xterm-256color"),
            ("RUST_BACKTRACE", "1"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
        variables.push(("HOME".into(), self.home().into()));
        variables.push(("TMPDIR".into(), self.root.join("tmp").into()));
        variables.push(("USER".into(), user().into()));
        variables.push(("LOGNAME".into(), user().into()));
        variables.push(("PATH".into(), std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into())));
        variables
    }

    /// Returns the text with this world's paths and port replaced by fixed words.
    pub fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (path, word) in
            [(self.remote(), "REMOTE"), (self.local(), "LOCAL"), (self.home(), "HOME"), (self.root.clone(), "WORLD")]
        {
            text = text.replace(&*path.to_string_lossy(), word);
        }
        for port in self.server_port().into_iter().chain(self.relay.iter().map(RunningRelay::port)) {
            text = text.replace(&format!(":{port}"), ":PORT").replace(&format!("-p {port}"), "-p PORT");
        }
        without_ports(&text)
    }

    /// Returns the port of the test's SSH server, if there is one.
    pub fn server_port(&self) -> Option<u16> {
        let sshd = self.sshd.as_ref().map(Sshd::port);
        let proftpd = || self.proftpd.as_ref().map(Proftpd::port);
        sshd.or_else(proftpd).or_else(|| self.embedded.as_ref().map(RunningEmbedded::port))
    }

    fn configuration(&self) -> String {
        self.configuration_at(self.server_port().unwrap_or(22))
    }

    fn configuration_at(&self, port: u16) -> String {
        let ssh = self.home().join(".ssh");
        let ssh = ssh.display();
        format!(
            "Host {HOST}\n    HostName 127.0.0.1\n    Port {port}\n\
             Host *\n    User {user}\n    IdentityFile {ssh}/id_ed25519\n    UserKnownHostsFile {ssh}/known_hosts\n    GlobalKnownHostsFile /dev/null\n",
            user = user()
        )
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.relay = None;
        self.sshd = None;
        self.proftpd = None;
        open_directories(self.directory.path());
    }
}

/// Replaces each number after the word "port" by `PORT`, because the ports differ each time.
fn without_ports(text: &str) -> String {
    let mut parts = text.split("port ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|letter: char| letter.is_ascii_digit());
        plain.push_str(if rest.len() < part.len() { "port PORT" } else { "port " });
        plain.push_str(rest);
    }
    plain
}

/// Creates the entries, then sets their modes.
fn fill(directory: &Path, entries: &[Entry]) {
    for entry in entries {
        entry.create_in(directory);
    }
    for entry in entries.iter().rev() {
        entry.set_mode_in(directory);
    }
}

/// Makes a user the owner of all files below a path.
fn give(path: &Path, user: u32) {
    std::os::unix::fs::lchown(path, Some(user), Some(user)).unwrap();
    if path.symlink_metadata().unwrap().is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path(), user));
    }
}

/// Makes directories accessible again: an ordinary user couldn't remove those that a test closed.
fn open_directories(directory: &Path) {
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_directories(&entry.path());
        }
    }
}

/// Returns the command for `-D`. The program splits it as a shell would, and temporary paths contain nothing that
/// needs quotes.
fn direct_command(program: &Program, remote: &Path) -> String {
    let remote = remote.display();
    match program {
        Program::Honest => format!("{} -d {remote}", sftp_server()),
        Program::HonestWith(words) => format!("{} -d {remote} {}", sftp_server(), words.join(" ")),
        Program::Lying(lie) => format!("{} {remote} {lie}", super::lying::program().display()),
    }
}

/// Returns sshd's command for `sftp`: its built-in server, which starts faster than a program.
fn subsystem(program: &Program, remote: &Path) -> String {
    match program {
        Program::Honest => format!("internal-sftp -d {}", remote.display()),
        Program::HonestWith(words) => format!("internal-sftp -d {} {}", remote.display(), words.join(" ")),
        Program::Lying(_) => direct_command(program, remote),
    }
}

/// Returns the path of the machine's sftp-server.
pub fn sftp_server() -> &'static str {
    SFTP_SERVER
        .iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or_else(|| panic!("no sftp-server in {SFTP_SERVER:?}; tests/run installs it"))
}

/// Returns the user who runs the tests.
pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id(1) is everywhere");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Returns the group of that user.
pub fn group() -> String {
    let output = Command::new("id").arg("-gn").output().expect("id(1) is everywhere");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
