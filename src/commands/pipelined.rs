//! Applies one operation to many targets, with sftp(1)'s order and messages, but with many requests in flight if a
//! failure does not end the run.

use std::collections::{HashMap, VecDeque};

use crate::commands::{Context, Failure, Outcome};
use crate::remote::{Interrupt, Watch};
use crate::sftp::{Completions, Error, Reply, Session};

/// The maximum number of requests in flight per command. Requests and answers are small; more of them would only fill
/// queues.
const WINDOW: usize = 1024;

/// Applies an operation to each target in turn. Prints a failure and continues, unless it ends the run.
pub(super) fn each<T>(
    cx: &mut Context,
    things: impl IntoIterator<Item = T>,
    mut act: impl FnMut(&mut Context, T) -> Result<(), Failure>,
) -> Result<Outcome, Failure> {
    let mut things = things.into_iter().peekable();
    let mut failed = false;
    while let Some(thing) = things.next() {
        if let Err(failure) = act(cx, thing) {
            go_on(cx, failure, things.peek().is_none())?;
            failed = true;
        }
        if cx.interrupt().was_pressed() && things.peek().is_some() {
            return Err(Failure::already_shown());
        }
    }
    if failed { Err(Failure::already_shown()) } else { Ok(Outcome::Done) }
}

/// Prints a failure and continues. Returns it if it ends the run or if no target follows; then the caller of the
/// command prints it.
fn go_on(cx: &Context, failure: Failure, is_last: bool) -> Result<(), Failure> {
    if is_last || cx.stops_at_failure || cx.session().end().is_some() {
        return Err(failure);
    }
    cx.output.explain(&failure);
    Ok(())
}

/// Submits the request for one target to a queue, with the token that its answer will carry.
pub(super) type Submit<'a, T> = &'a dyn Fn(&Session, &Completions<u64>, u64, &T);

/// Sends a request for each target and handles the answers in order. Many are in flight; but if the first failure
/// ends the run, each is sent only after the previous one has succeeded. A target may have failed before its request.
pub(super) fn in_order<T>(
    cx: &mut Context,
    things: impl IntoIterator<Item = Result<T, Failure>>,
    submit: Submit<'_, T>,
    mut take: impl FnMut(&mut Context, T, Result<Reply, Error>) -> Result<(), Failure>,
) -> Result<Outcome, Failure> {
    let window = if cx.stops_at_failure { 1 } else { WINDOW };
    let mut things = things.into_iter().peekable();
    let mut flight = Flight::new(cx.interrupt());
    let mut failed = false;
    loop {
        // After Ctrl-C no request is sent any more. Those in flight still take effect and are reported if their answers
        // come soon.
        while flight.things.len() < window && !cx.interrupt().was_pressed() {
            let Some(thing) = things.next() else { break };
            flight.send(cx.session(), thing, submit);
        }
        let Some((token, thing)) = flight.things.pop_front() else { break };
        let outcome = match thing {
            Ok(thing) => {
                let answer = flight.answer(token);
                take(cx, thing, answer)
            }
            Err(failure) => Err(failure),
        };
        if let Err(failure) = outcome {
            let is_last = flight.things.is_empty() && (cx.interrupt().was_pressed() || things.peek().is_none());
            go_on(cx, failure, is_last)?;
            failed = true;
        }
    }
    if failed || cx.interrupt().was_pressed() { Err(Failure::already_shown()) } else { Ok(Outcome::Done) }
}

/// The requests in flight.
struct Flight<T> {
    queue: Completions<u64>,
    answers: HashMap<u64, Result<Reply, Error>>,
    things: VecDeque<(u64, Result<T, Failure>)>,
    sent: u64,
    interrupt: Interrupt,
    _watch: Watch,
}

impl<T> Flight<T> {
    fn new(interrupt: &Interrupt) -> Flight<T> {
        let queue = Completions::new();
        Flight {
            _watch: interrupt.watch(queue.wakeup()),
            interrupt: interrupt.clone(),
            queue,
            answers: HashMap::new(),
            things: VecDeque::new(),
            sent: 0,
        }
    }

    fn send(&mut self, session: &Session, thing: Result<T, Failure>, submit: Submit<'_, T>) {
        if let Ok(thing) = &thing {
            submit(session, &self.queue, self.sent, thing);
        }
        self.things.push_back((self.sent, thing));
        self.sent += 1;
    }

    fn answer(&mut self, token: u64) -> Result<Reply, Error> {
        loop {
            if let Some(answer) = self.answers.remove(&token) {
                return answer;
            }
            let patience = self.interrupt.patience();
            self.answers.extend(self.queue.wait(patience));
            if patience.is_some_and(|left| left.is_zero()) && !self.answers.contains_key(&token) {
                return Err(Error::Interrupted);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::World;
    use crate::name::RemotePath;
    use crate::sftp::calls;

    /// Removes the numbered files, and presses Ctrl-C just before sending the request for file number
    /// `interrupted_at`.
    fn remove(world: &mut World, names: u64, interrupted_at: Option<u64>) -> (Vec<String>, Result<Outcome, Failure>) {
        let interrupt = world.cx.interrupt().clone();
        let paths = (0..names).map(move |number| {
            if interrupted_at == Some(number) {
                interrupt.press();
            }
            Ok(RemotePath::new(number.to_string()).unwrap())
        });
        let mut reported = Vec::new();
        let submit: Submit<'_, RemotePath> = &|session, queue, token, path| {
            session.submit_to(queue, token, &calls::Remove { path });
        };
        let outcome = in_order(&mut world.cx, paths, submit, |_, path, answer| {
            reported.push(String::from_utf8_lossy(path.as_bytes()).into_owned());
            answer.map(drop).map_err(|error| Failure::refused("remove", &error))
        });
        (reported, outcome)
    }

    #[test]
    fn answers_come_in_order_however_many_are_in_flight() {
        let names: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        let mut world = World::with(&names);
        let (reported, outcome) = remove(&mut world, 1000, None);
        assert!(matches!(outcome, Ok(Outcome::Done)));
        assert_eq!(reported, names);
    }

    #[test]
    fn a_failure_keeps_the_rest_back_only_where_it_ends_the_run() {
        for (stops, removed) in [(false, vec!["0", "1", "2"]), (true, vec!["0", "1"])] {
            let mut world = World::with(&["0", "2"].map(str::to_owned));
            world.cx.stops_at_failure = stops;
            let (reported, outcome) = remove(&mut world, 3, None);
            assert!(outcome.is_err());
            assert_eq!(reported, removed);
            assert_eq!(world.has("2"), stops);
        }
    }

    #[test]
    fn after_ctrl_c_what_was_sent_is_reported_and_nothing_more_is_sent() {
        let names: Vec<String> = (0..10).map(|number| number.to_string()).collect();
        let mut world = World::with(&names);
        let (reported, outcome) = remove(&mut world, 10, Some(3));
        assert_eq!(outcome.unwrap_err(), Failure::already_shown());
        assert_eq!(reported, ["0", "1", "2", "3"]);
        assert!(!world.has("3") && world.has("4"));
    }
}
