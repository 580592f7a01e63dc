//! Remembers the answers from the first connection for later ones.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use zeroize::Zeroizing;

use crate::lock::lock;
use crate::ssh::{Config, Vouched};

/// Words in questions whose answer stays valid.
const LASTING: [&str; 2] = ["password", "passphrase"];

/// Words in questions whose answer is valid only once, even if a lasting word appears too: `Password and code: `.
const FLEETING: [&str; 8] = ["code", "one-time", "one time", "onetime", "otp", "token", "challenge", "factor"];

/// The user's answers, the host's key, and the configuration. The answers are wiped when it is dropped.
#[derive(Default)]
pub(super) struct Memory {
    answers: Mutex<HashMap<String, Zeroizing<String>>>,
    /// Answers in the current login, which may turn out to be wrong.
    unproved: Mutex<HashMap<String, Zeroizing<String>>>,
    /// True if a login needed more than keys.
    has_used_secrets: AtomicBool,
    host: Mutex<Option<Vouched>>,
    config: Mutex<Option<Config>>,
    keeps: bool,
}

impl Memory {
    /// Creates a memory that keeps answers only if a later connection may need them.
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

    /// Ends a login: keeps its answers if it succeeded, and drops them if not.
    pub(super) fn settle(&self, is_in: bool) {
        let unproved = std::mem::take(&mut *lock(&self.unproved));
        if is_in {
            lock(&self.answers).extend(unproved);
        }
    }

    /// Notes that a question was answered.
    pub(super) fn uses_secrets(&self) {
        self.has_used_secrets.store(true, Ordering::Relaxed);
    }

    /// Returns whether any login needed an answer, including a prepared password.
    pub(super) fn has_used_secrets(&self) -> bool {
        self.has_used_secrets.load(Ordering::Relaxed)
    }

    pub(super) fn answer_to(&self, question: &str) -> Option<Zeroizing<String>> {
        lock(&self.answers).get(question).cloned()
    }

    pub(super) fn has_answers(&self) -> bool {
        !lock(&self.answers).is_empty()
    }

    /// Returns the key of the trusted host.
    pub(super) fn host(&self) -> Option<Vouched> {
        lock(&self.host).clone()
    }

    /// Returns the configuration of the last connection.
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
