//! What was answered when the first connection was made, for those that follow it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use crate::ssh::{Config, Vouched};

/// Words of questions whose answer is the same the next time. A code from a token is not.
const LASTING: [&str; 2] = ["password", "passphrase"];

/// Answers, the host's key, and how the server is reached; answers are erased with it.
#[derive(Default)]
pub(super) struct Memory {
    answers: Mutex<HashMap<String, Zeroizing<String>>>,
    host: Mutex<Option<Vouched>>,
    config: Mutex<Option<Config>>,
    keeps: bool,
}

impl Memory {
    /// One that keeps answers only when there may be another connection that needs them.
    pub(super) fn new(keeps: bool) -> Memory {
        Memory { keeps, ..Memory::default() }
    }

    pub(super) fn keep(&self, question: &str, answer: &Zeroizing<String>) {
        let text = question.to_lowercase();
        if self.keeps && LASTING.iter().any(|word| text.contains(word)) {
            lock(&self.answers).insert(question.to_owned(), answer.clone());
        }
    }

    pub(super) fn answer_to(&self, question: &str) -> Option<Zeroizing<String>> {
        lock(&self.answers).get(question).cloned()
    }

    pub(super) fn has_answers(&self) -> bool {
        !lock(&self.answers).is_empty()
    }

    /// The host as it was trusted.
    pub(super) fn host(&self) -> Option<Vouched> {
        lock(&self.host).clone()
    }

    /// How it was connected to.
    pub(super) fn config(&self) -> Option<Config> {
        lock(&self.config).clone()
    }

    pub(super) fn remember_config(&self, config: Config) {
        *lock(&self.config) = Some(config);
    }

    pub(super) fn remember_host(&self, host: Option<Vouched>) {
        *lock(&self.host) = host;
    }
}

/// What is guarded is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[test]
    fn passwords_are_kept_and_codes_are_not() {
        let memory = Memory::new(true);
        memory.keep("me@host's password: ", &answer("old"));
        memory.keep("me@host's password: ", &answer("new"));
        memory.keep("Enter passphrase for key '/k': ", &answer("phrase"));
        memory.keep("(me@host) Verification code: ", &answer("123456"));
        assert_eq!(memory.answer_to("me@host's password: ").unwrap().as_str(), "new");
        assert_eq!(memory.answer_to("Enter passphrase for key '/k': ").unwrap().as_str(), "phrase");
        assert!(memory.answer_to("(me@host) Verification code: ").is_none());
    }

    #[test]
    fn nothing_is_kept_that_nobody_will_need() {
        let memory = Memory::new(false);
        memory.keep("me@host's password: ", &answer("secret"));
        assert!(!memory.has_answers());
    }
}
