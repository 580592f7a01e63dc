//! The outcome of a run: checks that continue the story, and one report of all mismatches.

use super::process::Finished;
use super::shell::{Mode, Shell};
use super::world::World;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::panic::Location;
use std::path::{Path, PathBuf};

/// A program that has ended, and the world it left. Mismatches are collected, and reported when this is dropped.
pub struct Outcome {
    world: Option<World>,
    mode: Mode,
    input: Vec<u8>,
    stdout: String,
    stderr: String,
    finished: Finished,
    mismatches: Vec<String>,
}

/// Declares each check on [`Outcome`], and on [`Shell`] as a run followed by the check.
macro_rules! checks {
    ($($(#[$doc:meta])* fn $name:ident($self:ident $(, $argument:ident: $kind:ty)*) $body:block)*) => {
        impl Outcome {
            $($(#[$doc])* #[track_caller] pub fn $name(mut $self $(, $argument: $kind)*) -> Self { $body $self })*
        }
        impl Shell {
            $($(#[$doc])* #[track_caller] pub fn $name(self $(, $argument: $kind)*) -> Outcome { self.run().$name($($argument),*) })*
        }
    };
}

checks! {
    /// It exited with 0.
    fn succeeds(self) {
        self.expect_code(0);
    }

    /// It exited with this code.
    fn exits(self, code: i32) {
        self.expect_code(code);
    }

    /// A line on stderr contains this, and the exit code is that of a failed command in this mode: 1 in a batch, else
    /// 0.
    fn fails_with(self, text: &str) {
        self.expect_code(i32::from(self.mode != Mode::Piped));
        self.expect_in("stderr", text, true);
    }

    /// stdout contains this.
    fn prints(self, text: &str) {
        self.expect_in("stdout", text, true);
    }

    /// A whole line on stdout is this.
    fn prints_line(self, line: &str) {
        if !self.stdout.lines().any(|each| each == line) {
            self.mismatch(format!("stdout has no line {line:?}"));
        }
    }

    /// stdout doesn't contain this.
    fn prints_no(self, text: &str) {
        self.expect_in("stdout", text, false);
    }

    /// stdout consists of these lines, except for the echoed `sftp> …` lines.
    fn answers(self, lines: &[&str]) {
        let answer: Vec<&str> = self.stdout.lines().filter(|line| !line.starts_with("sftp> ")).collect();
        if answer != lines {
            let mismatch = format!("it answers {answer:#?}\n    instead of {lines:#?}");
            self.mismatch(mismatch);
        }
    }

    /// stdout is exactly this text.
    fn stdout_is(self, text: &str) {
        if self.stdout != text {
            self.mismatch(format!("stdout is not\n{text}"));
        }
    }

    /// stderr contains this.
    fn reports(self, text: &str) {
        self.expect_in("stderr", text, true);
    }

    /// stderr doesn't contain this.
    fn reports_no(self, text: &str) {
        self.expect_in("stderr", text, false);
    }

    /// stderr is exactly this text.
    fn stderr_is(self, text: &str) {
        if self.stderr != text {
            self.mismatch(format!("stderr is not\n{text}"));
        }
    }

    /// stderr consists of these lines, except for the greeting, the place where a batch ended, and a final
    /// `Connection closed` if the run never had a connection.
    fn complains(self, lines: &[&str]) {
        let of_each_run = |line: &str| is_greeting(line) || line.ends_with(": failed, and the script ends here");
        let mut complaint: Vec<&str> = self.stderr.lines().filter(|line| !of_each_run(line)).collect();
        if complaint.len() == lines.len() + 1 && complaint.last() == Some(&"Connection closed") && self.code() == 255 {
            complaint.pop();
        }
        if complaint != lines {
            let mismatch = format!("it complains {complaint:#?}\n    instead of {lines:#?}");
            self.mismatch(mismatch);
        }
    }

    /// Like [`Outcome::complains`], but compares only the beginnings of the lines.
    fn complains_like(self, beginnings: &[&str]) {
        let complaint: Vec<&str> = self.stderr.lines().filter(|line| !is_greeting(line)).collect();
        let is_like = |(line, beginning): (&&str, &&str)| line.starts_with(beginning);
        if complaint.len() != beginnings.len() || !complaint.iter().zip(beginnings).all(is_like) {
            let mismatch = format!("it complains {complaint:#?}\n    instead of {beginnings:#?}");
            self.mismatch(mismatch);
        }
    }

    /// stderr is empty except for the greeting.
    fn quietly(self) {
        if self.stderr.lines().any(|line| !is_greeting(line)) {
            self.mismatch("stderr is not quiet".to_owned());
        }
    }

    /// The server's log contains this.
    fn server_logs(self, text: &str) {
        if !self.the_world().log().contains(text) {
            self.mismatch(format!("the server's log has no {text:?}"));
        }
    }

    /// The remote side has this path.
    fn remote_has(self, path: &str) {
        self.expect_there("remote", path, true);
    }

    /// The remote side doesn't have this path.
    fn remote_lacks(self, path: &str) {
        self.expect_there("remote", path, false);
    }

    /// The remote side has this file, byte for byte as at the beginning.
    fn remote_still_has(self, path: &str) {
        match self.the_world().first_contents(Path::new(path)).map(<[u8]>::to_vec) {
            Some(first) => self.expect_contents("remote", path, &first),
            None => self.expect_there("remote", path, true),
        }
    }

    /// A remote file has exactly these contents.
    fn remote_file(self, path: &str, contents: impl AsRef<[u8]>) {
        self.expect_contents("remote", path, contents.as_ref());
    }

    /// A remote file has these permission bits.
    fn remote_mode(self, path: &str, mode: u32) {
        self.expect_mode("remote", path, mode);
    }

    /// The remote side has these paths and no others. Directories end in a slash.
    fn remote_holds(self, paths: &[&str]) {
        self.expect_tree("remote", paths);
    }

    /// The local side has this path.
    fn local_has(self, path: &str) {
        self.expect_there("local", path, true);
    }

    /// The local side doesn't have this path.
    fn local_lacks(self, path: &str) {
        self.expect_there("local", path, false);
    }

    /// A local file has exactly these contents.
    fn local_file(self, path: &str, contents: impl AsRef<[u8]>) {
        self.expect_contents("local", path, contents.as_ref());
    }

    /// A local file has these permission bits.
    fn local_mode(self, path: &str, mode: u32) {
        self.expect_mode("local", path, mode);
    }

    /// The local side has these paths and no others. Directories end in a slash.
    fn local_holds(self, paths: &[&str]) {
        self.expect_tree("local", paths);
    }

    /// The local and the remote file have the same bytes.
    fn same(self, local: &str, remote: &str) {
        match fs::read(self.the_world().remote().join(remote)) {
            Ok(contents) => self.expect_contents("local", local, &contents),
            Err(error) => self.mismatch(format!("remote {remote}: {error}")),
        }
    }

    /// Any other check. It returns `None` if it passes, or else the mismatch.
    fn holds(self, check: impl FnOnce(&World) -> Option<String>) {
        if let Some(mismatch) = check(self.the_world()) {
            self.mismatch(mismatch);
        }
    }
}

impl Outcome {
    pub(super) fn new(world: World, mode: Mode, input: Vec<u8>, finished: Finished) -> Self {
        let stdout = world.plain(&String::from_utf8_lossy(&finished.stdout));
        let stderr = world.plain(&String::from_utf8_lossy(&finished.stderr).replace("\r\n", "\n"));
        let mut mismatches = Vec::new();
        if finished.hung {
            mismatches.push("it hung, and was killed".to_owned());
        }
        if stderr.contains("panicked at") {
            mismatches.push("it panicked".to_owned());
        }
        Self { world: Some(world), mode, input, stdout, stderr, finished, mismatches }
    }

    /// Returns stdout, with fixed words for this world's paths.
    pub fn stdout(&self) -> &str {
        &self.stdout
    }

    /// Returns stderr, with fixed words for this world's paths.
    pub fn stderr(&self) -> &str {
        &self.stderr
    }

    /// Returns stdout, byte for byte.
    pub fn raw_stdout(&self) -> &[u8] {
        &self.finished.stdout
    }

    /// Returns stderr, byte for byte.
    pub fn raw_stderr(&self) -> &[u8] {
        &self.finished.stderr
    }

    /// Returns the exit code.
    pub fn code(&self) -> i32 {
        self.finished.code
    }

    /// Returns the world that the run left.
    pub fn the_world(&self) -> &World {
        self.world.as_ref().expect("taken at the end only")
    }

    /// Prepares another run in the same world. Reports the mismatches so far.
    #[track_caller]
    pub fn then(mut self) -> Shell {
        self.tell();
        Shell::in_world(self.world.take().expect("taken at the end only"))
    }

    #[track_caller]
    fn mismatch(&mut self, what: String) {
        let place = Location::caller();
        self.mismatches.push(format!("{what}   ({}:{})", place.file(), place.line()));
    }

    #[track_caller]
    fn expect_code(&mut self, code: i32) {
        if self.finished.code != code {
            self.mismatch(format!("it ends with {}, not {code}", self.finished.code));
        }
    }

    #[track_caller]
    fn expect_in(&mut self, stream: &str, text: &str, wanted: bool) {
        let said = if stream == "stdout" { &self.stdout } else { &self.stderr };
        if said.contains(text) != wanted {
            self.mismatch(format!("{stream} has {}{text:?}", if wanted { "no " } else { "" }));
        }
    }

    fn path(&self, side: &str, path: &str) -> PathBuf {
        self.the_world().root().join(side).join(path)
    }

    #[track_caller]
    fn expect_there(&mut self, side: &str, path: &str, wanted: bool) {
        if self.path(side, path).symlink_metadata().is_ok() != wanted {
            self.mismatch(format!("{side} {path} is {}", if wanted { "missing" } else { "there" }));
        }
    }

    #[track_caller]
    fn expect_contents(&mut self, side: &str, path: &str, contents: &[u8]) {
        match fs::read(self.path(side, path)) {
            Ok(found) if found == contents => (),
            Ok(found) => self.mismatch(format!("{side} {path} holds {}, not {}", excerpt(&found), excerpt(contents))),
            Err(error) => self.mismatch(format!("{side} {path}: {error}")),
        }
    }

    #[track_caller]
    fn expect_mode(&mut self, side: &str, path: &str, mode: u32) {
        match self.path(side, path).symlink_metadata() {
            Ok(metadata) if metadata.permissions().mode() & 0o7777 == mode => (),
            Ok(metadata) => self.mismatch(format!(
                "{side} {path} has mode {:04o}, not {mode:04o}",
                metadata.permissions().mode() & 0o7777
            )),
            Err(error) => self.mismatch(format!("{side} {path}: {error}")),
        }
    }

    #[track_caller]
    fn expect_tree(&mut self, side: &str, paths: &[&str]) {
        let mut found = tree(&self.path(side, ""), "");
        found.sort();
        let mut wanted = paths.to_vec();
        wanted.sort_unstable();
        if found != wanted {
            self.mismatch(format!("{side} holds {found:?}\n    instead of {wanted:?}"));
        }
    }

    /// Fails the test if there are mismatches.
    #[track_caller]
    fn tell(&mut self) {
        if self.mismatches.is_empty() {
            return;
        }
        let mut report = String::from("the story does not hold:\n");
        for mismatch in std::mem::take(&mut self.mismatches) {
            let _ = writeln!(report, "  * {mismatch}");
        }
        let log = self.the_world().plain(&self.the_world().log());
        let typed = String::from_utf8_lossy(&self.input).into_owned();
        for (title, text) in
            [("typed", &typed), ("stdout", &self.stdout), ("stderr", &self.stderr), ("server's log", &log)]
        {
            let _ = writeln!(report, "--- {title}\n{}", shortened(text));
        }
        let _ = writeln!(report, "--- exit code {}", self.finished.code);
        panic!("{report}");
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.tell();
    }
}

fn is_greeting(line: &str) -> bool {
    (line.starts_with("Connected to ") || line.starts_with("Attached to ")) && line.ends_with('.')
}

/// Returns every path below a directory. Directories end in a slash.
fn tree(directory: &Path, prefix: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            paths.push(format!("{name}/"));
            paths.extend(tree(&entry.path(), &format!("{name}/")));
        } else {
            paths.push(name);
        }
    }
    paths
}

fn excerpt(bytes: &[u8]) -> String {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
    format!("{} bytes {head:?}{}", bytes.len(), if bytes.len() > 60 { "…" } else { "" })
}

/// Shortens a long text to its first and last lines.
fn shortened(text: &str) -> String {
    const LINES: usize = 60;
    let lines: Vec<String> = text.lines().map(|line| line.chars().take(300).collect()).collect();
    if lines.len() <= 2 * LINES {
        return lines.join("\n");
    }
    let left_out = lines.len() - 2 * LINES;
    format!("{}\n… {left_out} lines …\n{}", lines[..LINES].join("\n"), lines[lines.len() - LINES..].join("\n"))
}
