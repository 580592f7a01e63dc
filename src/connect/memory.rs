//! What was answered when the first connection was made, for those that follow it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use crate::ssh::{Config, Vouched};

/// Words of questions whose answer is the same the next time.
const LASTING: [&str; 2] = ["password", "passphrase"];

/// Words of questions whose answer is good once, whatever else is asked with it: `Password and code: `.
const FLEETING: [&str; 8] = ["code", "one-time", "one time", "onetime", "otp", "token", "challenge", "factor"];

/// Answers, the host's key, and how the server is reached; answers are erased with it.
#[derive(Default)]
pub(super) struct Memory {
    answers: Mutex<HashMap<String, Zeroizing<String>>>,
    /// Answers of the log-in under way: nobody knows yet whether they are good.
    unproved: Mutex<HashMap<String, Zeroizing<String>>>,
    /// Whether a log-in needed more than keys.
    has_used_secrets: AtomicBool,
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
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if self.keeps && has(&LASTING) && !has(&FLEETING) {
            lock(&self.unproved).insert(question.to_owned(), answer.clone());
        }
    }

    /// A log-in is over: its answers are good, or of no use.
    pub(super) fn settle(&self, is_in: bool) {
        let unproved = std::mem::take(&mut *lock(&self.unproved));
        if is_in {
            lock(&self.answers).extend(unproved);
        }
    }

    /// A question was answered.
    pub(super) fn uses_secrets(&self) {
        self.has_used_secrets.store(true, Ordering::Relaxed);
    }

    /// Returns whether a question was answered in any log-in, a password left ready included.
    pub(super) fn has_used_secrets(&self) -> bool {
        self.has_used_secrets.load(Ordering::Relaxed)
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
        for question in
            ["(me@host) Verification code: ", "Password and code: ", "Password (OTP): ", "One-time password: "]
        {
            memory.keep(question, &answer("123456"));
        }
        assert!(!memory.has_answers(), "nobody knows yet whether they are good");
        memory.settle(true);
        memory.keep("me@host's password: ", &answer("wrong"));
        memory.settle(false);
        assert_eq!(memory.answer_to("me@host's password: ").unwrap().as_str(), "new");
        assert_eq!(memory.answer_to("Enter passphrase for key '/k': ").unwrap().as_str(), "phrase");
        for question in
            ["(me@host) Verification code: ", "Password and code: ", "Password (OTP): ", "One-time password: "]
        {
            assert!(memory.answer_to(question).is_none(), "{question}");
        }
    }

    #[test]
    fn nothing_is_kept_that_nobody_will_need() {
        let memory = Memory::new(false);
        memory.keep("me@host's password: ", &answer("secret"));
        memory.settle(true);
        assert!(!memory.has_answers());
    }
}
