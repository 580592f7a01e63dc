//! A real ProFTPD with mod_sftp for one test, with its own configuration, keys and loopback port. It runs as the user
//! who runs the test.
//!
//! It is an implementation other than OpenSSH's, with extensions that OpenSSH lacks. Its users come from a file of
//! its own: only the test's user, whose home is the served directory.

use super::capture::Capture;
use super::process::{detach, kill_tree};
use super::sshd::{free_port, generate_key};
use super::world::{group, user};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Between our probe and its bind, another process may take the port. How many times to try again.
const TRIES: u32 = 10;

const PROGRAM: &str = "/usr/sbin/proftpd";

/// A running ProFTPD.
pub struct Proftpd {
    child: Child,
    port: u16,
    log: Arc<Capture>,
    known_host: String,
}

impl Proftpd {
    /// Starts a server. `directory` gets its files, `authorized_key` may log in, and sessions start in `served`.
    pub fn start(directory: &Path, authorized_key: &Path, served: &Path) -> Self {
        fs::create_dir_all(directory).unwrap();
        generate_key(&directory.join("host"), "ed25519");
        let known_host = fs::read_to_string(directory.join("host.pub")).unwrap().trim().to_owned();
        fs::write(directory.join("authorized"), as_rfc4716(authorized_key)).unwrap();
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let served = served.display();
        for (name, line) in [
            ("passwd", format!("{}:x:{uid}:{gid}::{served}:/bin/sh\n", user())),
            ("group", format!("{}:x:{gid}:\n", group())),
        ] {
            fs::write(directory.join(name), line).unwrap();
            fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        for _ in 0..TRIES {
            let port = free_port();
            let config = directory.join("proftpd.conf");
            fs::write(&config, configuration(directory, port)).unwrap();
            let mut child = spawn(&config);
            let log = Capture::follow(child.stderr.take().expect("piped"));
            if log.wait_for("standalone mode STARTUP", 0, Duration::from_secs(20)).is_some() {
                return Self { child, port, log, known_host };
            }
            let _ = child.kill();
            let _ = child.wait();
            assert!(log.text().contains("in use"), "proftpd does not start:\n{}", log.text());
        }
        panic!("proftpd found no free port in {TRIES} tries")
    }

    /// Returns its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns its log.
    pub fn log(&self) -> &Capture {
        &self.log
    }

    /// Returns a line for a known_hosts file.
    pub fn known_hosts(&self) -> String {
        format!("[127.0.0.1]:{} {}\n", self.port, self.known_host)
    }
}

impl Drop for Proftpd {
    fn drop(&mut self) {
        kill_tree(self.child.id());
        let _ = self.child.wait();
    }
}

fn spawn(config: &Path) -> Child {
    let mut command = Command::new(PROGRAM);
    command.args(["-n", "-c"]).arg(config);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    detach(&mut command);
    command.spawn().unwrap_or_else(|error| panic!("{PROGRAM}: {error} (tests/run installs it)"))
}

fn configuration(directory: &Path, port: u16) -> String {
    let (here, user, group) = (directory.display(), user(), group());
    format!(
        "ServerName test\nServerType standalone\nDefaultServer on\nDefaultAddress 127.0.0.1\nPort {port}\nUseIPv6 off\n\
         User {user}\nGroup {group}\nRootLogin on\nUseFtpUsers off\nRequireValidShell off\nAllowOverwrite on\n\
         AuthOrder mod_auth_file.c\nAuthUserFile {here}/passwd\nAuthGroupFile {here}/group\n\
         PidFile {here}/pid\nScoreboardFile none\nWtmpLog off\nTransferLog none\nDelayEngine off\n\
         <IfModule mod_ctrls.c>\nControlsEngine off\n</IfModule>\n\
         LoadModule mod_sftp.c\nSFTPEngine on\nSFTPHostKey {here}/host\n\
         SFTPAuthMethods publickey\nSFTPAuthorizedUserKeys file:{here}/authorized\n"
    )
}

/// Returns the key in the form that mod_sftp reads.
fn as_rfc4716(key: &Path) -> Vec<u8> {
    let output = Command::new("ssh-keygen").arg("-e").arg("-f").arg(key).output().unwrap();
    assert!(output.status.success(), "ssh-keygen: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
