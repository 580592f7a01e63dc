//! A real sshd for one test, with its own configuration, keys and loopback port. It ends with all its sessions when
//! the test does.
//!
//! It needs neither root nor PAM. Passwords would need them, so those are for the embedded server.

use super::capture::Capture;
use super::process::{detach, kill_tree};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Between our probe and sshd's bind, another process may take the port. How many times to try again.
const TRIES: u32 = 10;

/// The properties of an sshd.
#[derive(Clone, Debug)]
pub struct SshdPlan {
    /// Lines at the beginning of its configuration, which therefore win.
    pub lines: Vec<String>,
    /// Types of its host keys, in ssh-keygen's words.
    pub host_keys: Vec<String>,
    /// True if its host keys go into our known_hosts.
    pub known: bool,
}

impl Default for SshdPlan {
    fn default() -> Self {
        Self { lines: Vec::new(), host_keys: vec!["ed25519".to_owned()], known: true }
    }
}

/// A running sshd.
pub struct Sshd {
    child: Child,
    port: u16,
    log: Arc<Capture>,
    directory: PathBuf,
}

impl Sshd {
    /// Starts a server. `directory` gets its files, `authorized_key` may log in, and `subsystem` is the command for
    /// `sftp`.
    pub fn start(plan: &SshdPlan, directory: &Path, authorized_key: &Path, subsystem: &str) -> Self {
        fs::create_dir_all(directory).unwrap();
        for key in &plan.host_keys {
            generate_key(&directory.join(format!("host_{key}")), key);
        }
        fs::copy(authorized_key, directory.join("authorized_keys")).unwrap();
        prepare_privilege_separation();
        for _ in 0..TRIES {
            let port = free_port();
            let config = directory.join("sshd_config");
            fs::write(&config, configuration(plan, directory, port, subsystem)).unwrap();
            let mut child = spawn(&config);
            let log = Capture::follow(child.stderr.take().expect("piped"));
            if log
                .wait_for(&format!("Server listening on 127.0.0.1 port {port}."), 0, Duration::from_secs(20))
                .is_some()
            {
                return Self { child, port, log, directory: directory.to_owned() };
            }
            let _ = child.kill();
            let _ = child.wait();
            assert!(log.text().contains("Address already in use"), "sshd does not start:\n{}", log.text());
        }
        panic!("sshd found no free port in {TRIES} tries")
    }

    /// Returns its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns its process id. The processes of its sessions descend from it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns its log, which includes its sessions.
    pub fn log(&self) -> &Capture {
        &self.log
    }

    /// Returns its public host keys, as lines of type and key.
    pub fn host_keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = fs::read_dir(&self.directory)
            .unwrap()
            .filter_map(|entry| {
                let path = entry.unwrap().path();
                (path.extension()? == "pub").then(|| fs::read_to_string(path).unwrap().trim().to_owned())
            })
            .collect();
        keys.sort();
        keys
    }

    /// Returns lines for a known_hosts file.
    pub fn known_hosts(&self) -> String {
        self.host_keys().iter().map(|key| format!("[127.0.0.1]:{} {key}\n", self.port)).collect()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        kill_tree(self.child.id());
        let _ = self.child.wait();
    }
}

fn spawn(config: &Path) -> Child {
    let mut command = Command::new(program());
    command.args(["-D", "-e", "-f"]).arg(config);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    detach(&mut command);
    command.spawn().unwrap_or_else(|error| panic!("{}: {error} (tests/run installs it)", program()))
}

/// Returns the full path of sshd, which it needs to be started.
fn program() -> &'static str {
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or("/usr/sbin/sshd")
}

fn configuration(plan: &SshdPlan, directory: &Path, port: u16, subsystem: &str) -> String {
    let here = directory.display();
    let mut lines = plan.lines.clone();
    lines.extend(plan.host_keys.iter().map(|key| format!("HostKey {here}/host_{key}")));
    lines.push(format!("ListenAddress 127.0.0.1:{port}"));
    lines.push(format!("AuthorizedKeysFile {here}/authorized_keys"));
    lines.push(format!("Subsystem sftp {subsystem}"));
    for line in ["PidFile none", "StrictModes no", "PasswordAuthentication no", "KbdInteractiveAuthentication no"] {
        lines.push(line.to_owned());
    }
    // Tests run in parallel have their own servers, but a few tests open many connections.
    for line in ["PermitRootLogin yes", "LogLevel VERBOSE", "MaxStartups 100", "UseDNS no", "PrintMotd no"] {
        lines.push(line.to_owned());
    }
    // A locked account (`!` in the shadow file) may log in with a key only if sshd uses PAM.
    lines.push(format!("UsePAM {}", if root_is_locked() { "yes" } else { "no" }));
    lines.join("\n") + "\n"
}

fn root_is_locked() -> bool {
    let Ok(shadow) = fs::read_to_string("/etc/shadow") else { return false };
    shadow.lines().any(|line| line.starts_with("root:!"))
}

/// Creates the empty directory that sshd needs as root. A boot creates it, so containers lack it.
fn prepare_privilege_separation() {
    if rustix::process::geteuid().is_root() {
        let _ = fs::create_dir_all("/run/sshd");
    }
}

/// Returns a free port.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Creates a key pair without a passphrase.
pub fn generate_key(path: &Path, key_type: &str) {
    generate_encrypted_key(path, key_type, "");
}

/// Creates a key pair whose private key is encrypted with a passphrase.
pub fn generate_encrypted_key(path: &Path, key_type: &str, passphrase: &str) {
    let output = Command::new("ssh-keygen")
        .args(["-q", "-t", key_type, "-N", passphrase, "-C", "test", "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("ssh-keygen: {error}"));
    assert!(output.status.success(), "ssh-keygen: {}", String::from_utf8_lossy(&output.stderr));
}
