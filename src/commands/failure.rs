//! The error of a command: messages, and a hint on what to do about it.

use std::borrow::Cow;
use std::fmt;

use crate::name::InvalidName;
use crate::remote::glob::TooManyWords;
use crate::remote::{self, Cause};
use crate::sftp;
use crate::terminal::{Explain, Printable};

/// A command's failure: lines for the user and at most one hint. The caller of the command prints it.
///
/// If sftp(1) has a message for the case, the first line starts with its text, because scripts match it; explanations
/// follow. All text in it is printable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a failure is shown, and decides whether a batch goes on"]
pub struct Failure {
    lines: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// Creates a failure with one line.
    pub fn new(line: impl Into<String>) -> Failure {
        Failure { lines: vec![line.into()], hint: None }
    }

    /// Creates a failure without lines: all its parts were printed while the command ran.
    pub fn already_shown() -> Failure {
        Failure::default()
    }

    /// Returns this failure with a hint.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// Appends a line.
    pub fn with_line(mut self, line: impl Into<String>) -> Failure {
        self.lines.push(line.into());
        self
    }

    /// Inserts lines before the others.
    pub fn preceded_by(mut self, lines: impl IntoIterator<Item = String>) -> Failure {
        self.lines.splice(..0, lines);
        self
    }

    /// Appends a reason to the last line: `… (it exists already)`.
    pub fn because(mut self, reason: impl fmt::Display) -> Failure {
        if let Some(last) = self.lines.last_mut() {
            last.push_str(&format!(" ({reason})"));
        }
        self
    }

    /// Appends to the last line the name that sftp(1)'s message lacks: `…: "NAME"`.
    pub fn about(mut self, name: &[u8]) -> Failure {
        if let Some(last) = self.lines.last_mut() {
            last.push_str(&format!(": \"{}\"", Printable(name)));
        }
        self
    }

    /// Returns the lines; none if all of them were printed before.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Returns the hint, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Creates the failure of an operation that the server or the connection refused: `ACT: No such file or
    /// directory`.
    ///
    /// After Ctrl-C there are no lines, because the user knows the reason.
    pub fn refused(act: impl fmt::Display, error: &sftp::Error) -> Failure {
        if *error == sftp::Error::Interrupted {
            return Failure::already_shown();
        }
        Failure::new(format!("{act}: {}", Cause(error)))
    }
}

impl Explain for Failure {
    fn lines(&self) -> Vec<Cow<'_, str>> {
        self.lines.iter().map(Cow::from).collect()
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        self.hint.as_deref().map(Cow::from)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

/// Returns whether the server gave no reason (SSH_FX_FAILURE), so that a further query may find one.
pub(super) fn is_bare_failure(error: &sftp::Error) -> bool {
    matches!(error, sftp::Error::Status(status) if status.code == sftp::StatusCode::FAILURE)
}

impl From<remote::Error> for Failure {
    fn from(error: remote::Error) -> Failure {
        match &error {
            remote::Error::Interrupted => Failure::already_shown(),
            // sftp(1)'s message does not contain the path here.
            remote::Error::Refused { act: remote::Act::Stat, path, error } => {
                Failure::refused("stat remote", error).about(path.as_bytes())
            }
            _ => Failure::new(error.to_string()),
        }
    }
}

impl From<InvalidName> for Failure {
    fn from(error: InvalidName) -> Failure {
        Failure::new(error.to_string())
    }
}

impl From<TooManyWords> for Failure {
    fn from(error: TooManyWords) -> Failure {
        Failure::new(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::{Error, Status, StatusCode};

    #[test]
    fn the_servers_own_words_are_added_where_they_say_more() {
        for (code, text, shown) in [
            (StatusCode::FAILURE, "Failure", "act: Failure"),
            (StatusCode::FAILURE, "", "act: Failure"),
            (StatusCode::FAILURE, "quota exceeded", "act: Failure (server: quota exceeded)"),
            (StatusCode::NO_SUCH_FILE, "No such file", "act: No such file or directory"),
            (StatusCode::PERMISSION_DENIED, "\x1b[2Jno", "act: Permission denied (server: \\033[2Jno)"),
        ] {
            let error = Error::Status(Status { code, text: text.as_bytes().to_vec().into(), beside: 0 });
            assert_eq!(Failure::refused("act", &error).to_string(), shown);
        }
    }
}
