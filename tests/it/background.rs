//! Logins in the background, for further connections of a transfer: they reuse answers that can be reused, and never
//! guess.

use std::time::Duration;

use crate::support::embedded::Round;
use crate::support::{Embedded, Entry, Key, Outcome, Remote, Shell, Terminal, until};

const PASSWORD: (&str, &str) = ("Password: ", "secret");
const CODE: (&str, &str) = ("One-time code: ", "111111");

fn round(questions: &[(&str, &str)]) -> Round {
    let prompts = questions.iter().map(|(text, answer)| ((*text).to_owned(), false, (*answer).to_owned())).collect();
    Round { prompts, ..Round::default() }
}

fn files() -> Vec<Entry> {
    (0..6).map(|number| Entry::sized(format!("f{number}"), 300_000)).collect()
}

/// Logs in by answering questions, for transfers over four connections.
fn logged_in(embedded: Embedded, questions: &[(&str, &str)], words: &[&str]) -> Terminal {
    let shell = Shell::on(Remote::with(files()).served_by(embedded)).with_args(["-j", "4", "-oUser=joe"]);
    let answer = |at: Terminal, (question, answer): &(&str, &str)| at.answers(question, answer);
    questions.iter().fold(shell.with_args(words).at_a_terminal(), answer).at_the_prompt()
}

/// Logs in and downloads twice.
fn fetches_twice(embedded: Embedded, questions: &[(&str, &str)]) -> Outcome {
    let at = logged_in(embedded, questions, &[]);
    at.types("get f*").at_the_prompt().types("get f*").at_the_prompt().types("bye").ends_with(0)
}

#[test]
fn what_is_good_once_is_not_used_again() {
    let one_question = ("Password and code: ", "secret111111");
    let typed = ("joe@127.0.0.1's password: ", "111111");
    let asks = |rounds: Vec<Round>| Embedded::new().keyboard_interactive(rounds).lets_in_once();
    for (embedded, questions, refusals) in [
        (asks(vec![round(&[PASSWORD, CODE])]), vec![PASSWORD, CODE], 0),
        (asks(vec![round(&[PASSWORD]), round(&[CODE])]), vec![PASSWORD, CODE], 0),
        (asks(vec![round(&[one_question])]), vec![one_question], 0),
        // There is no sign that this password is a one-time code; one attempt reveals it.
        (Embedded::new().password("111111").lets_in_once(), vec![typed], 1),
    ] {
        fetches_twice(embedded, &questions).holds(|world| {
            let log = world.log();
            // On a busy machine all files may have arrived before the attempt.
            let is_good = log.matches("Failed").count() <= refusals && log.matches("Accepted").count() == 1;
            (!is_good).then(|| format!("{questions:?}: {log}"))
        });
    }
}

#[test]
fn a_password_that_was_accepted_is_used_for_further_connections() {
    for (embedded, questions) in [
        (Embedded::new().password("secret"), vec![("joe@127.0.0.1's password: ", "secret")]),
        (Embedded::new().keyboard_interactive([round(&[PASSWORD])]), vec![PASSWORD]),
    ] {
        // Slow enough that a login finishes in time on a busy machine too.
        let at = logged_in(embedded, &questions, &["--limit", "50K"]).types("get f*");
        until("a further log-in", || at.world().log().matches("Accepted").count() >= 2);
        let outcome = at.presses(Key::Ctrl('c')).sees("Interrupt").types("bye").ends_with(0);
        outcome.holds(|world| Some(world.log()).filter(|log| log.contains("Failed")));
    }
}

#[test]
fn a_refused_log_in_is_said_once() {
    let embedded = Embedded::new().password("111111").lets_in_once();
    let words = ["-j", "4", "-oUser=joe", "--limit", "50K"];
    let shell = Shell::on(Remote::with(files()).served_by(embedded)).with_args(words);
    let at = shell.at_a_terminal_of(60, 100).answers("password: ", "111111").at_the_prompt();
    let said = "Going on with one connection fewer: joe@127.0.0.1: Permission denied";
    let at = at.types("get f*").sees(said).presses(Key::Ctrl('c')).sees("Interrupt").types("set limit off");
    let outcome = at.types("get f*").at_the_prompt().types("bye").ends_with(0);
    assert_eq!(outcome.stdout().matches(said).count(), 1, "{}", outcome.stdout());
    outcome.holds(|world| {
        let log = world.log();
        (log.matches("Failed").count() != 1).then_some(log)
    });
}

#[test]
fn what_nobody_watches_says_nothing_of_another_try() {
    let questions = [("joe@127.0.0.1's password: ", "111111")];
    let outcome = fetches_twice(Embedded::new().password("111111").lets_in_once(), &questions);
    assert!(!outcome.stdout().contains("please try again"), "{}", outcome.stdout());
}

#[test]
fn a_second_question_is_not_answered_for_a_password_file() {
    for rounds in [vec![round(&[PASSWORD, CODE])], vec![round(&[PASSWORD]), round(&[CODE])]] {
        let embedded = Embedded::new().keyboard_interactive(rounds);
        Shell::on(Remote::empty().served_by(embedded))
            .prepare(|world| {
                use std::os::unix::fs::PermissionsExt;
                let path = world.local().join("secret");
                std::fs::write(&path, "\u{feff}secret\r\n").unwrap();
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            })
            .with_args(["-oUser=joe", "--password-file", "secret"])
            .patience(Duration::from_secs(60))
            .as_batch_on_stdin()
            .types("pwd")
            .exits(255)
            .reports("joe@127.0.0.1: Permission denied")
            .holds(|world| Some(world.log()).filter(|log| log.contains("Failed")));
    }
}
