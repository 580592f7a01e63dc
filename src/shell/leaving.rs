//! The end of a session while transfers run in the background.

use crate::commands::Context;
use crate::shell::jobs::{Jobs, Waited};
use crate::shell::signals::{Phase, Signals};
use crate::terminal::prompt;

/// The user's choice for the transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Wait,
    Cancel,
    Stay,
}

/// Settles what becomes of the transfers in the background, and returns whether the session ends. A person chooses.
/// Without a person, in a script or for a program, the session waits for them.
pub(crate) fn settle(jobs: &mut Jobs, context: &mut Context, signals: &Signals, person: bool) -> bool {
    jobs.collect(context);
    if jobs.count() == 0 || signals.is_ended() {
        return true;
    }
    let choice = if person { ask(jobs.count(), context) } else { Choice::Wait };
    match choice {
        Choice::Stay => false,
        Choice::Wait if has_waited(jobs, context, signals) => true,
        Choice::Wait if person => false,
        Choice::Wait | Choice::Cancel => {
            jobs.end(context);
            true
        }
    }
}

/// Waits for all transfers. Returns false if Ctrl-C or a transfer that waits for the user comes first.
fn has_waited(jobs: &mut Jobs, context: &mut Context, signals: &Signals) -> bool {
    signals.lower();
    signals.enter(Phase::Running);
    match jobs.wait_for(|_| true, context, signals) {
        Waited::Ended => true,
        Waited::Interrupted => false,
        Waited::Stuck(number) => {
            context.output.failure(format_args!("[{number}] waits for you, so it does not end by itself"));
            false
        }
    }
}

fn ask(count: usize, context: &Context) -> Choice {
    let jobs =
        if count == 1 { "1 transfer is not done.".to_owned() } else { format!("{count} transfers are not done.") };
    context.output.flush();
    loop {
        match prompt::ask(&format!("{jobs} (w)ait for the end, (c)ancel, or (s)tay? ")) {
            Ok(typed) => {
                if let Some(choice) = read(&typed) {
                    return choice;
                }
            }
            Err(_) => return Choice::Stay,
        }
    }
}

fn read(typed: &str) -> Option<Choice> {
    match typed.trim().to_ascii_lowercase().as_str() {
        "w" | "wait" => Some(Choice::Wait),
        "c" | "cancel" => Some(Choice::Cancel),
        "s" | "stay" => Some(Choice::Stay),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_letters_or_words() {
        for (typed, choice) in [
            ("w", Some(Choice::Wait)),
            (" Cancel ", Some(Choice::Cancel)),
            ("s", Some(Choice::Stay)),
            ("", None),
            ("yes", None),
        ] {
            assert_eq!(read(typed), choice, "{typed}");
        }
    }
}
