//! The session in the picture, at a real terminal and over real SSH.
//!
//! Names, owners and times of files are fixed before it begins, so nothing in the picture has to be replaced.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::window;
use crate::support::{Embedded, Entry, Key, Remote, Shell, World, program};

/// 14 March 2024, long enough ago to be shown with its year.
const MODIFIED: Duration = Duration::from_secs(1_710_403_200);

/// The picture's file.
pub(crate) fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images/session.svg")
}

/// Writes the picture's file.
pub(crate) fn write(svg: &str) {
    fs::write(file(), svg).unwrap();
}

/// Plays the session, and draws the screen at its end.
pub(crate) fn play() -> String {
    let logs = [("logs/messages.1", 128_609), ("logs/messages.2.gz", 40_225), ("logs/messages.3.gz", 28_249)];
    let files = logs.map(|(name, size)| Entry::sized(name, size));
    let server = Embedded::new().takes_keys().owned_by("ada", "staff");
    let screen = Shell::on(Remote::with(files).and(["archive/2023.tar", "notes.txt"]).served_by(server))
        .prepare(set_the_scene)
        .after("PATH=../bin:$PATH PS1='$ ' exec sh")
        .at_a_terminal_of(23, 80)
        .line_is("$ ")
        .keys_in("sftpsh files.example.com")
        .presses(Key::Enter)
        .types("ls")
        .types("cd logs")
        .types("ls -l")
        .at_the_prompt()
        .keys_in("get --verify mes")
        .presses(Key::Tab)
        .line_is("sftp> get --verify messages.")
        .presses(Key::Tab)
        .sees("messages.1     messages.2.gz  messages.3.gz")
        .keys_in("*")
        .presses(Key::Enter)
        .types("gte notes.txt")
        .at_the_prompt()
        .picture();
    window::draw(&screen)
}

/// Creates a command `sftpsh` that connects to `files.example.com`, and sets the time of each file.
fn set_the_scene(world: &World) {
    let command = world.root().join("bin/sftpsh");
    let options =
        format!("-F {} -oHostName=127.0.0.1 -oPort={}", world.ssh_config().display(), world.server_port().unwrap());
    fs::create_dir(world.root().join("bin")).unwrap();
    fs::write(&command, format!("#!/bin/sh\nexec '{}' {options} \"$@\"\n", program().display())).unwrap();
    fs::set_permissions(&command, Permissions::from_mode(0o755)).unwrap();
    for log in fs::read_dir(world.remote().join("logs")).unwrap() {
        File::open(log.unwrap().path()).unwrap().set_modified(SystemTime::UNIX_EPOCH + MODIFIED).unwrap();
    }
}
