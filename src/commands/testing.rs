//! Helpers for the unit tests of commands: a context on a real server program, and words.

use std::process::{Command, Stdio};

use crate::child::ChildTransport;
use crate::commands::{Context, SessionSettings, Word};
use crate::sftp::{self, Session};
use crate::terminal::Output;

/// The paths of OpenSSH's server program on known systems.
const SERVERS: [&str; 3] =
    ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server"];

/// A server with a directory of its own.
pub(super) struct World {
    pub(super) cx: Context,
    remote: tempfile::TempDir,
}

impl World {
    /// Creates one with these files.
    pub(super) fn with(names: &[String]) -> World {
        let remote = tempfile::tempdir().unwrap();
        names.iter().for_each(|name| std::fs::write(remote.path().join(name), name).unwrap());
        let program = SERVERS.into_iter().find(|path| std::path::Path::new(path).exists()).unwrap();
        let mut server = Command::new(program);
        server.current_dir(remote.path()).stderr(Stdio::null());
        let transport = ChildTransport::spawn(&server).unwrap();
        let session = Session::open(Box::new(transport), sftp::Options::default()).unwrap();
        let cx = Context::open(session, SessionSettings::default(), Output::captured()).unwrap();
        World { cx, remote }
    }

    /// Returns whether the server has this file after completing all requests.
    pub(super) fn has(&self, name: &str) -> bool {
        self.cx.remote.session().realpath(&crate::name::RemotePath::dot()).unwrap();
        self.remote.path().join(name).exists()
    }
}

/// Splits a line without quotes into words.
pub(super) fn words(line: &str) -> Vec<Word> {
    let bare = |text: &str| {
        let mut word = Word::default();
        text.bytes().for_each(|byte| word.push_bare(byte));
        word
    };
    line.split_whitespace().map(bare).collect()
}
