//! One act on many things: in order, as sftp(1) does it and reports it, yet with many requests in flight where going on
//! after a failure is right.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::{Context, Failure, Outcome};
use crate::sftp::{Completions, Error, Reply, Session};

/// Requests of one command in flight. Each is small, and so is its answer; more would only fill queues.
const WINDOW: usize = 256;

/// Does something with each thing, one after another. A failure is shown and the rest is done, unless it ends the run.
pub(super) fn each<T>(
    cx: &mut Context,
    things: impl IntoIterator<Item = T>,
    mut act: impl FnMut(&mut Context, T) -> Result<(), Failure>,
) -> Result<Outcome, Failure> {
    let mut things = things.into_iter().peekable();
    let mut failed = false;
    while let Some(thing) = things.next() {
        match act(cx, thing) {
            Ok(()) if cx.interrupt().was_pressed() => return Err(Failure::told()),
            Ok(()) => (),
            // Nothing follows: who runs the command shows it.
            Err(failure) if things.peek().is_none() || cx.stops() => return Err(failure),
            Err(failure) => {
                failure.tell(&cx.output);
                failed = true;
            }
        }
    }
    if failed { Err(Failure::told()) } else { Ok(Outcome::Done) }
}

/// Sends the requests `0..count` and takes their answers in order. Many are in flight, but where the first failure ends
/// the run none is sent before the one in front of it went well.
pub(super) fn in_order(
    cx: &mut Context,
    count: usize,
    submit: impl Fn(&Session, &Completions<usize>, usize),
    mut take: impl FnMut(&mut Context, usize, Result<Reply, Error>) -> Result<(), Failure>,
) -> Result<Outcome, Failure> {
    let window = if cx.stops_at_failure { 1 } else { WINDOW };
    let queue = Completions::new();
    let mut answers = BTreeMap::new();
    let (mut sent, mut failed) = (0, false);
    for index in 0..count {
        // After Ctrl-C nothing is sent any more, but what is under way is done and must be told.
        while sent < count && sent < index + window && !cx.interrupt().was_pressed() {
            submit(cx.session(), &queue, sent);
            sent += 1;
        }
        if index == sent {
            return Err(Failure::told());
        }
        let answer = loop {
            if let Some(answer) = answers.remove(&index) {
                break answer;
            }
            answers.extend(queue.wait(None));
        };
        match take(cx, index, answer) {
            Ok(()) => (),
            Err(failure) if index + 1 == count || cx.stops() => return Err(failure),
            Err(failure) => {
                failure.tell(&cx.output);
                failed = true;
            }
        }
    }
    if failed { Err(Failure::told()) } else { Ok(Outcome::Done) }
}
