//! The column of the cursor, which only the terminal knows. Its answer comes among the keys.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::lock::lock;
use crate::shell::prompt::codes::write;

/// The time for an answer. A terminal without this question doesn't answer at all.
const PATIENCE: Duration = Duration::from_millis(100);

/// The question for the position of the cursor.
const QUESTION: &[u8] = b"\x1b[6n";

/// Asks the terminal. Clones share the question.
#[derive(Clone, Default)]
pub(super) struct Cursor(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    answered: Condvar,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    /// Asked, with the keys that may be the beginning of the answer.
    Asked(Vec<u8>),
    Answered(usize),
}

impl Cursor {
    /// Returns the column of the cursor, counted from 0. `None` if the terminal doesn't answer.
    pub(super) fn column(&self) -> Option<usize> {
        *lock(&self.0.state) = State::Asked(Vec::new());
        write(QUESTION);
        let waits = |state: &mut State| matches!(state, State::Asked(_));
        let waited = self.0.answered.wait_timeout_while(lock(&self.0.state), PATIENCE, waits);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match std::mem::take(&mut *state) {
            State::Answered(column) => Some(column),
            State::Idle | State::Asked(_) => None,
        }
    }

    /// Takes a key. Returns the keys that are not part of an answer.
    pub(super) fn sort_out(&self, key: u8) -> Vec<u8> {
        let mut state = lock(&self.0.state);
        let State::Asked(begun) = &mut *state else { return vec![key] };
        begun.push(key);
        match column_in(begun) {
            Answer::None => std::mem::take(begun),
            Answer::Begun => Vec::new(),
            Answer::Column(column) => {
                *state = State::Answered(column);
                self.0.answered.notify_one();
                Vec::new()
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    None,
    Begun,
    Column(usize),
}

/// Reads an answer: `ESC [ row ; column R`, counted from 1.
fn column_in(keys: &[u8]) -> Answer {
    let is_numbers = |keys: &[u8]| keys.iter().all(|key| key.is_ascii_digit() || *key == b';');
    match keys {
        [0x1b] | [0x1b, b'['] => Answer::Begun,
        [0x1b, b'[', numbers @ .., b'R'] if is_numbers(numbers) => {
            let column = str::from_utf8(numbers).ok().and_then(|numbers| numbers.split_once(';')?.1.parse().ok());
            column.and_then(|column: usize| column.checked_sub(1)).map_or(Answer::None, Answer::Column)
        }
        [0x1b, b'[', numbers @ ..] if is_numbers(numbers) => Answer::Begun,
        _ => Answer::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_from_keys() {
        for (keys, answer) in [
            (&b"\x1b[12;7R"[..], Answer::Column(6)),
            (b"\x1b[12;7", Answer::Begun),
            (b"\x1b", Answer::Begun),
            (b"\x1b[A", Answer::None),
            (b"\x1b[12;0R", Answer::None),
            (b"\x1b[3R", Answer::None),
            (b"x", Answer::None),
        ] {
            assert_eq!(column_in(keys), answer, "{}", keys.escape_ascii());
        }
        let cursor = Cursor::default();
        assert_eq!(cursor.sort_out(b'x'), b"x");
        *lock(&cursor.0.state) = State::Asked(Vec::new());
        let keys: Vec<u8> = b"a\x1b[A\x1b[1;5Rb".iter().flat_map(|&key| cursor.sort_out(key)).collect();
        assert_eq!(keys, b"a\x1b[Ab");
        assert_eq!(*lock(&cursor.0.state), State::Answered(4));
    }
}
