//! What a command says when it did not do what it was asked for.

use std::borrow::Cow;
use std::fmt;

use crate::name::InvalidName;
use crate::remote::glob::TooManyWords;
use crate::remote::{self, Cause};
use crate::sftp;
use crate::terminal::{Explain, Printable};

/// Why a command failed: lines for a person, and at most one way out. Who runs the command shows it.
///
/// Where sftp(1) has a message for the case, its text opens the line, for scripts match it; explanations follow.
/// Everything in it is printable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a failure is shown, and decides whether a batch goes on"]
pub struct Failure {
    lines: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// A failure in one line.
    pub fn new(line: impl Into<String>) -> Failure {
        Failure { lines: vec![line.into()], hint: None }
    }

    /// Returns a failure without lines, whose parts were all shown while the command ran.
    pub fn already_shown() -> Failure {
        Failure::default()
    }

    /// The same with the way out.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// The same with one more line.
    pub fn with_line(mut self, line: impl Into<String>) -> Failure {
        self.lines.push(line.into());
        self
    }

    /// Adds lines before the others.
    pub fn preceded_by(mut self, lines: impl IntoIterator<Item = String>) -> Failure {
        self.lines.splice(..0, lines);
        self
    }

    /// The same with a reason behind the last line: `… (it exists already)`.
    pub fn because(mut self, reason: impl fmt::Display) -> Failure {
        if let Some(last) = self.lines.last_mut() {
            last.push_str(&format!(" ({reason})"));
        }
        self
    }

    /// The same with the name that sftp(1)'s message lacks behind the last line: `…: "NAME"`.
    pub fn about(mut self, name: &[u8]) -> Failure {
        if let Some(last) = self.lines.last_mut() {
            last.push_str(&format!(": \"{}\"", Printable(name)));
        }
        self
    }

    /// Returns its lines; none if all of them were shown before.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The way out, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What the server, or the connection, answered to an act on a thing: `ACT: No such file or directory`.
    ///
    /// Nothing is left to say of Ctrl-C: whoever pressed it sees that it was heard.
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

/// Whether the server said only that something failed, so that asking further may tell why.
pub(super) fn is_bare_failure(error: &sftp::Error) -> bool {
    matches!(error, sftp::Error::Status(status) if status.code == sftp::StatusCode::FAILURE)
}

impl From<remote::Error> for Failure {
    fn from(error: remote::Error) -> Failure {
        match &error {
            remote::Error::Interrupted => Failure::already_shown(),
            // sftp(1) does not name the path in this one.
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
