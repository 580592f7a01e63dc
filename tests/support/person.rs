//! A person who answers while a connection is being made: has answers ready, and remembers all questions and
//! messages.

use sftpsh::ssh::{Notice, Questions};
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// A person with answers ready, or an absent one.
#[derive(Debug, Default)]
pub struct Person {
    present: bool,
    answers: VecDeque<String>,
    asked: Vec<String>,
    shown: Vec<Notice>,
}

impl Person {
    /// Returns a person who gives these answers, one after another, and then none.
    pub fn answering<A: Into<String>>(answers: impl IntoIterator<Item = A>) -> Self {
        Self { present: true, answers: answers.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Returns a person who is not there.
    pub fn absent() -> Self {
        Self::default()
    }

    /// Returns the questions, in order. A question for a secret begins with `secret: `.
    pub fn asked(&self) -> Vec<&str> {
        self.asked.iter().map(String::as_str).collect()
    }

    /// Returns the lines of the messages, in order, except those for `-v`.
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

    /// Returns the messages for `-v`.
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
