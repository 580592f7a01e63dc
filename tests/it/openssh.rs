//! OpenSSH's own tests of sftp(1), as packaged by Debian, with our program instead of sftp. Each script is one test.
//!
//! A drop-in replacement must pass the tests of the original. A script that fails prints its logs.

use crate::support::{program, sftp_server};
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// The directory of the Debian package `openssh-tests`.
const REGRESS: &str = "/usr/lib/openssh/regress";

/// The longest script copies a megabyte in pieces of five bytes, possibly in parallel with all other tests.
const PATIENCE: Duration = Duration::from_secs(600);

/// The directory of one run: fresh, with links to the package's own programs.
struct Run {
    directory: TempDir,
    /// True if the script's `-S ssh` means our own connection.
    natively: bool,
    output: PathBuf,
}

impl Run {
    fn prepare(natively: bool) -> Self {
        assert!(Path::new(REGRESS).is_dir(), "{REGRESS} is missing: tests/run installs openssh-tests");
        let directory = tempfile::Builder::new().prefix("sftpsh-openssh-").tempdir().unwrap();
        for name in ["check-perm", "mkdtemp", "modpipe", "netcat", "setuid-allowed"] {
            symlink(Path::new(REGRESS).join(name), directory.path().join(name)).unwrap();
        }
        fs::create_dir(directory.path().join("home")).unwrap();
        if rustix::process::geteuid().is_root() {
            // As root, sshd needs this directory. It is created at boot, and missing in containers.
            let _ = fs::create_dir_all("/run/sshd");
        }
        Self { output: directory.path().join("output"), natively, directory }
    }

    /// Returns the program to run as `sftp`: ours, or a wrapper that drops `-S PROG` and finds no ssh in its PATH.
    fn sftp(&self) -> PathBuf {
        if !self.natively {
            return program();
        }
        let wrapper = self.directory.path().join("sftp-without-ssh");
        let text = format!(
            "#!/bin/sh\nPATH={empty}\nfor word do\n    shift\n    case $drop$word in\n        -S) drop=1 ;;\n        \
             1*) drop= ;;\n        *) set -- \"$@\" \"$word\" ;;\n    esac\ndone\nexec {program} \"$@\"\n",
            empty = self.directory.path().join("home").display(),
            program = program().display(),
        );
        fs::write(&wrapper, text).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        wrapper
    }

    fn start(&self, script: &str) -> Child {
        let output = fs::File::create(&self.output).unwrap();
        let mut command = Command::new("sh");
        command.arg(format!("{REGRESS}/test-exec.sh")).arg(self.directory.path()).arg(format!("{REGRESS}/{script}.sh"));
        command.current_dir(self.directory.path());
        command.env("TEST_SSH_SFTP", self.sftp()).env("TEST_SSH_SFTPSERVER", sftp_server());
        command.env("TEST_SSH_SSHD", "/usr/sbin/sshd").env("TEST_SSH_PORT", free_ports().to_string());
        command.envs([
            ("TEST_SHELL", "sh"),
            ("TEST_SSH_UNSAFE_PERMISSIONS", "1"),
            ("SUDO", ""),
            ("BUILDDIR", REGRESS),
            ("LC_ALL", "C.UTF-8"),
        ]);
        command.env("HOME", self.directory.path().join("home"));
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        crate::support::detach(&mut command);
        command.spawn().unwrap()
    }

    /// Returns all output of the script and of its programs.
    fn report(&self) -> String {
        let mut report = String::new();
        for name in ["output", "failed-regress.log", "failed-ssh.log", "failed-sshd.log", "regress.log"] {
            let log = fs::read(self.directory.path().join(name)).unwrap_or_default();
            let _ = writeln!(report, "--- {name}\n{}", last_lines(&String::from_utf8_lossy(&log)));
        }
        report
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // A script that was killed leaves its sshd running, in a session of its own.
        if let Ok(pid) = fs::read_to_string(self.directory.path().join("pidfile")).unwrap_or_default().trim().parse() {
            crate::support::kill_tree(pid);
        }
    }
}

/// Returns the first of several consecutive free ports, because some scripts count up. They are below the range from
/// which a system assigns ports, so that no connection of another test takes one of them.
fn free_ports() -> u16 {
    const FIRST: u16 = 12_000;
    const ROWS: u16 = 900;
    const IN_A_ROW: u16 = 20;
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Two parallel runs of the tests start with different rows.
    let start = u16::try_from(std::process::id() % u32::from(ROWS)).unwrap();
    for _ in 0..ROWS {
        let row = (start + TAKEN.fetch_add(1, Ordering::Relaxed) % ROWS) % ROWS;
        let ports = FIRST + row * IN_A_ROW..FIRST + (row + 1) * IN_A_ROW;
        let bound: Vec<_> =
            ports.clone().map_while(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()).collect();
        if bound.len() == usize::from(IN_A_ROW) {
            return ports.start;
        }
    }
    panic!("no {IN_A_ROW} free ports in a row");
}

/// Runs one script to its end.
#[track_caller]
fn passes(script: &str) {
    passes_in(script, Run::prepare(false));
}

/// Runs one script that uses ssh, over our own connection.
#[track_caller]
fn passes_natively(script: &str) {
    passes_in(script, Run::prepare(true));
}

#[track_caller]
fn passes_in(script: &str, run: Run) {
    let (status, hung) = crate::support::wait(&mut run.start(script), PATIENCE);
    assert!(!hung, "{script} hung\n{}", run.report());
    assert!(status.success(), "{script} fails\n{}", run.report());
    let output = fs::read_to_string(&run.output).unwrap();
    assert!(!output.contains("SKIPPED"), "{script} did not run\n{output}");
}

fn last_lines(log: &str) -> String {
    const LINES: usize = 80;
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[test]
fn sftp() {
    passes("sftp");
}

#[test]
fn sftp_cmds() {
    passes("sftp-cmds");
}

#[test]
fn sftp_badcmds() {
    passes("sftp-badcmds");
}

#[test]
fn sftp_batch() {
    passes("sftp-batch");
}

#[test]
fn sftp_glob() {
    passes("sftp-glob");
}

#[test]
fn sftp_perm() {
    passes("sftp-perm");
}

#[test]
fn sftp_uri() {
    passes("sftp-uri");
}

#[test]
#[ignore = "needs root: a file in /var/run, a chroot"]
fn needs_root_sftp_chroot() {
    passes("sftp-chroot");
}

#[test]
fn sftp_uri_over_our_own_connection() {
    passes_natively("sftp-uri");
}

#[test]
#[ignore = "needs root: a file in /var/run, a chroot"]
fn needs_root_sftp_chroot_over_our_own_connection() {
    passes_natively("sftp-chroot");
}

#[test]
fn forcecommand() {
    passes("forcecommand");
}

#[test]
fn multiplex() {
    passes("multiplex");
}

#[test]
fn channel_timeout() {
    passes("channel-timeout");
}
