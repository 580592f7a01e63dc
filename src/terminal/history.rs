//! The lines that people have typed at prompts, in a file that all their sessions share.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::SystemTime;

use rustyline::Config;
use rustyline::error::ReadlineError;
use rustyline::history::{FileHistory, History};

/// The most lines that are kept. Each session reads all of them when its first line is edited, which takes
/// milliseconds.
pub const MOST_LINES: usize = 50_000;

/// The file of a user's history.
#[derive(Clone, Debug)]
pub struct HistoryFile(PathBuf);

impl HistoryFile {
    /// Returns the file in the user's directory for state (`$XDG_STATE_HOME`, or `~/.local/state`; on macOS the
    /// directory for application data). Returns `None` if the user has no home directory. The file need not exist.
    #[must_use]
    pub fn of_user() -> Option<HistoryFile> {
        let directory = dirs::state_dir().or_else(dirs::data_local_dir)?;
        Some(HistoryFile(directory.join("sftpsh").join("history")))
    }

    /// Returns the lines, the oldest first. A file that doesn't exist has none.
    ///
    /// # Errors
    /// The file can't be read, or is not text.
    pub fn lines(&self) -> io::Result<Vec<String>> {
        let mut history = FileHistory::with_config(&config()?);
        self.load(&mut history)?;
        Ok(history.iter().cloned().collect())
    }

    /// Removes all lines.
    ///
    /// # Errors
    /// The file can't be removed.
    pub fn clear(&self) -> io::Result<()> {
        fs::remove_file(&self.0).or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
    }

    /// Returns when the file was last changed, or `None` if it doesn't exist.
    #[must_use]
    pub fn modified(&self) -> Option<SystemTime> {
        fs::metadata(&self.0).and_then(|metadata| metadata.modified()).ok()
    }

    /// Adds all lines of the file to a history.
    ///
    /// # Errors
    /// The file can't be read, or is not text.
    pub fn load(&self, history: &mut FileHistory) -> io::Result<()> {
        match history.load(&self.0).map_err(into_io) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            loaded => loaded,
        }
    }

    /// Adds the new lines of a history to the file, after those that other sessions have added. Only the user can read
    /// the file.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn append(&self, history: &mut FileHistory) -> io::Result<()> {
        if let Some(directory) = self.0.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        history.append(&self.0).map_err(into_io)
    }
}

/// Returns the editor's settings about the history: no line twice in a row, and none that begins with a blank.
///
/// # Errors
/// The editor refuses a setting.
fn config() -> io::Result<Config> {
    let builder = Config::builder().max_history_size(MOST_LINES).map_err(into_io)?;
    let builder = builder.history_ignore_dups(true).map_err(into_io)?;
    Ok(builder.history_ignore_space(true).build())
}

/// Returns an error of the line editor as one of the system.
#[must_use]
pub fn into_io(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn session() -> FileHistory {
        FileHistory::with_config(&config().unwrap())
    }

    fn add(history: &mut FileHistory, lines: &[&str]) {
        for line in lines {
            history.add(line).unwrap();
        }
    }

    #[test]
    fn sessions_share_their_lines_in_the_order_in_which_they_were_typed() {
        let root = tempfile::tempdir().unwrap();
        let file = HistoryFile(root.path().join("state/sftpsh/history"));
        assert_eq!(file.lines().unwrap(), [""; 0]);
        let (mut one, mut other) = (session(), session());
        add(&mut one, &["ls", "get \\*"]);
        file.append(&mut one).unwrap();
        add(&mut other, &["cd a", "cd a", " secret"]);
        file.append(&mut other).unwrap();
        add(&mut one, &["bye"]);
        file.append(&mut one).unwrap();
        assert_eq!(file.lines().unwrap(), ["ls", "get \\*", "cd a", "bye"]);
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file.0), mode(file.0.parent().unwrap())), (0o600, 0o700));
        file.clear().unwrap();
        file.clear().unwrap();
        assert_eq!((file.lines().unwrap().len(), file.modified()), (0, None));
    }

    #[test]
    fn the_oldest_lines_go_first() {
        let root = tempfile::tempdir().unwrap();
        let file = HistoryFile(root.path().join("history"));
        let old: String = (0..MOST_LINES).map(|number| format!("ls {number}\n")).collect();
        fs::write(&file.0, format!("#V2\n{old}")).unwrap();
        let mut history = session();
        add(&mut history, &["pwd"]);
        file.append(&mut history).unwrap();
        let lines = file.lines().unwrap();
        assert_eq!((lines.len(), &lines[0][..], &lines[MOST_LINES - 1][..]), (MOST_LINES, "ls 1", "pwd"));
    }
}
