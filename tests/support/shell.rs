//! The program that a test runs: its arguments, its environment and its input.

use super::entry::Entry;
use super::outcome::Outcome;
use super::process::Running;
use super::relay::Relay;
use super::remote::Remote;
use super::world::World;
use super::{PATIENCE, Sshd};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How the lines reach the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// On stdin, without `-b`: a failing command doesn't end it, and its exit code is 0.
    Piped,
    /// In a file: `-b FILE`.
    BatchFile,
    /// On stdin: `-b -`.
    BatchOnStdin,
}

/// A program that is about to run in a world. It has every check of [`Outcome`]; the first one runs it.
#[must_use = "nothing runs before the first check"]
pub struct Shell {
    world: World,
    mode: Mode,
    input: Vec<u8>,
    options: Vec<OsString>,
    operands: Option<Vec<OsString>>,
    variables: Vec<(OsString, OsString)>,
    patience: Duration,
    prelude: Option<String>,
    unprivileged: bool,
}

/// The id of an ordinary user that every system has.
const NOBODY: u32 = 65534;

impl Shell {
    /// Creates the program with a connection to this server.
    pub fn on(remote: Remote) -> Self {
        Self::in_world(World::build(remote, &[]))
    }

    /// Creates the program in an existing world.
    pub fn in_world(world: World) -> Self {
        Self {
            world,
            mode: Mode::Piped,
            input: Vec::new(),
            options: Vec::new(),
            operands: None,
            variables: Vec::new(),
            patience: PATIENCE,
            prelude: None,
            unprivileged: false,
        }
    }

    /// Adds these entries to the local directory.
    pub fn here<E: Into<Entry>>(self, entries: impl IntoIterator<Item = E>) -> Self {
        let entries: Vec<Entry> = entries.into_iter().map(Into::into).collect();
        let local = self.world.local();
        entries.iter().for_each(|entry| entry.create_in(&local));
        entries.iter().rev().for_each(|entry| entry.set_mode_in(&local));
        self
    }

    /// Types one line, with its newline.
    pub fn types(self, line: &str) -> Self {
        self.types_bytes(format!("{line}\n").as_bytes())
    }

    /// Types bytes unchanged.
    pub fn types_bytes(mut self, bytes: &[u8]) -> Self {
        self.input.extend_from_slice(bytes);
        self
    }

    /// Puts the lines into a file for `-b`.
    pub fn as_batch(mut self) -> Self {
        self.mode = Mode::BatchFile;
        self
    }

    /// Puts the lines on stdin, with `-b -`.
    pub fn as_batch_on_stdin(mut self) -> Self {
        self.mode = Mode::BatchOnStdin;
        self
    }

    /// Uses the given mode.
    pub fn in_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Adds these options, before the destination.
    pub fn with_args<A: AsRef<OsStr>>(mut self, options: impl IntoIterator<Item = A>) -> Self {
        self.options.extend(options.into_iter().map(|option| option.as_ref().to_owned()));
        self
    }

    /// Uses these operands as the destination: `["server:notes.txt", "copy.txt"]`.
    pub fn to<A: AsRef<OsStr>>(mut self, operands: impl IntoIterator<Item = A>) -> Self {
        self.operands = Some(operands.into_iter().map(|operand| operand.as_ref().to_owned()).collect());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Changes how long it may run before it counts as hung.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs as an ordinary user even if the tests run as root, for whom permissions have no effect. Only for worlds
    /// without an sshd.
    pub fn unprivileged(mut self) -> Self {
        self.unprivileged = rustix::process::geteuid().is_root();
        self
    }

    /// Starts the program by `sh` after these commands: `trap '' XFSZ; ulimit -f 8`.
    pub fn after(mut self, commands: &str) -> Self {
        self.prelude = Some(commands.to_owned());
        self
    }

    /// Connects over this line instead of directly.
    pub fn through(mut self, line: Relay) -> Self {
        self.world.relay(line);
        self
    }

    /// Changes the world first: `.prepare(|world| fs::remove_file(world.home().join(".ssh/known_hosts")).unwrap())`.
    pub fn prepare(self, change: impl FnOnce(&World)) -> Self {
        change(&self.world);
        self
    }

    /// Returns the world in which it will run.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Returns the world's sshd.
    pub fn sshd(&self) -> &Sshd {
        self.world.sshd()
    }

    /// Returns its arguments.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let (mut arguments, mut operands) = self.world.connecting_words();
        match self.mode {
            Mode::Piped => (),
            Mode::BatchFile => {
                let file = self.world.root().join("batch");
                std::fs::write(&file, &self.input).unwrap();
                arguments.extend(["-b".into(), file.into()]);
            }
            Mode::BatchOnStdin => arguments.extend(["-b".into(), "-".into()]),
        }
        arguments.extend(self.options.iter().cloned());
        if let Some(own) = &self.operands {
            operands.clone_from(own);
        }
        arguments.extend(operands);
        arguments
    }

    /// Returns the whole command.
    pub fn command(&self) -> Command {
        let mut words: Vec<OsString> = Vec::new();
        if self.unprivileged {
            let id = NOBODY;
            words.extend(
                ["setpriv".into(), format!("--reuid={id}"), format!("--regid={id}"), "--clear-groups".into()]
                    .map(OsString::from),
            );
        }
        if let Some(commands) = &self.prelude {
            words
                .extend(["/bin/sh".into(), "-c".into(), format!("{commands}; exec \"$0\" \"$@\"")].map(OsString::from));
        }
        words.push(if self.unprivileged { self.world.program_copy().into() } else { program().into() });
        words.extend(self.arguments());
        if self.unprivileged {
            self.world.give_to(NOBODY);
        }
        let mut command = self.world.command(Path::new(&words[0]));
        command.args(&words[1..]).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(super) fn variables(&self) -> &[(OsString, OsString)] {
        &self.variables
    }

    pub(super) fn into_world(self) -> World {
        self.world
    }

    /// Returns a shell that runs `script`, in which `"$0" "$@"` is the program.
    pub fn command_in(&self, script: &str) -> Command {
        let inner = self.command();
        let mut outer = self.world.command(Path::new("/bin/sh"));
        outer.args(["-c", script]).arg(inner.get_program()).args(inner.get_args());
        outer
    }

    /// Starts it with the lines so far on its stdin, which stays open. The test then types more, waits for marks and
    /// sends signals.
    pub fn start(self) -> (Running, World) {
        let mut running = Running::start(&mut self.command(), self.patience);
        running.sends(&self.input);
        (running, self.world)
    }

    /// Runs it to its end.
    pub fn run(self) -> Outcome {
        let mut running = Running::start(&mut self.command(), self.patience);
        match self.mode {
            Mode::BatchFile => running.feeds(Vec::new()),
            Mode::Piped | Mode::BatchOnStdin => running.feeds(self.input.clone()),
        }
        let finished = running.finish();
        Outcome::new(self.world, self.mode, self.input, finished)
    }
}

/// Returns the program under test: ours, or another one that is to be compared with it.
///
/// Cargo builds no program for an example; an example that includes this module is sftpsh itself when it has arguments.
pub fn program() -> PathBuf {
    let ours = || option_env!("CARGO_BIN_EXE_sftpsh").map(PathBuf::from);
    let other = std::env::var_os("SFTPSH_UNDER_TEST").map(PathBuf::from);
    other.or_else(ours).unwrap_or_else(|| std::env::current_exe().unwrap())
}
