//! Whoever is asked while a connection is made: has answers ready, and remembers what was asked and shown.

use sftpsh::ssh::{Notice, Questions};
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// A person with answers ready, or nobody.
#[derive(Debug, Default)]
pub struct Person {
    present: bool,
    answers: VecDeque<String>,
    asked: Vec<String>,
    shown: Vec<Notice>,
}

impl Person {
    /// Gives these answers, one after the other, and then none.
    pub fn answering<A: Into<String>>(answers: impl IntoIterator<Item = A>) -> Self {
        Self { present: true, answers: answers.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Nobody is there.
    pub fn absent() -> Self {
        Self::default()
    }

    /// What was asked, in order; before a question for a secret stands `secret: `.
    pub fn asked(&self) -> Vec<&str> {
        self.asked.iter().map(String::as_str).collect()
    }

    /// What was shown, in order, as lines; what only `-v` shows is left out.
    pub fn shown(&self) -> Vec<String> {
        self.shown
            .iter()
            .filter_map(|notice| match notice {
                Notice::Banner(text) => Some(String::from_utf8_lossy(text).into_owned()),
                Notice::Information(line) | Notice::Warning(line) => Some(line.clone()),
                Notice::Verbose(_) => None,
            })
            .collect()
    }

    /// What `-v` would show.
    pub fn details(&self) -> String {
        let line = |notice: &Notice| match notice {
            Notice::Verbose(line) => Some(line.clone()),
            _ => None,
        };
        self.shown.iter().filter_map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Questions for Person {
    fn can_ask(&self) -> bool {
        self.present
    }

    fn ask(&mut self, question: &str) -> Option<String> {
        assert!(self.present, "nobody is there, and is asked: {question}");
        self.asked.push(question.to_owned());
        self.answers.pop_front()
    }

    fn secret(&mut self, question: &str) -> Option<Zeroizing<String>> {
        assert!(self.present, "nobody is there, and is asked: {question}");
        self.asked.push(format!("secret: {question}"));
        self.answers.pop_front().map(Zeroizing::new)
    }

    fn show(&mut self, notice: Notice) {
        self.shown.push(notice);
    }
}
