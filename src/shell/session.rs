//! The main loop: reads a line, runs its command, and goes on or ends.
//!
//! It keeps sftp(1)'s order exactly, because scripts match its output: the error for a line that can't be parsed
//! comes before the line's echo, that of a failed command after it. In a batch, the first failure ends the run,
//! unless the line starts with `-`; otherwise the run goes on and ends successfully in spite of failures. If a
//! failure counts, an additional line after sftp(1)'s names the script and line.

use std::io::{self, Write};
use std::ops::ControlFlow;

use crate::cli::ColorMode;
use crate::commands::{self, Command, Failure, Word};
use crate::os_error;
use crate::shell::executor::{AfterFailure, Executor, Ground, Terms, Verdict};
use crate::shell::input::Input;
use crate::shell::interactivity;
use crate::shell::leaving;
use crate::shell::line::Line;
use crate::shell::line_source::{LineSource, PROMPT};
use crate::shell::lines::LONGEST_LINE;
use crate::shell::prompt::Situation;
use crate::shell::run_end::RunEnd;
use crate::shell::watch::Title;
use crate::shell::words::{self, Unterminated};
use crate::terminal::Printable;
use crate::terminal::output::Ended;

/// A session with a person or a script.
pub(crate) struct Shell<'a> {
    /// Executes the commands of the lines.
    pub(crate) executor: &'a mut Executor,
    /// The source of lines.
    pub(crate) source: LineSource,
    /// True if a line has failed in a way that makes the run fail.
    pub(crate) failed: bool,
    /// True if the last command has failed.
    pub(crate) last_failed: bool,
    /// `--color`.
    pub(crate) color: ColorMode,
}

impl Shell<'_> {
    /// Runs one line after another until there are no more, a command ends the session, or the run can't go on.
    pub(crate) fn run(&mut self) -> RunEnd {
        loop {
            self.executor.look_after_jobs();
            let input = self.next();
            let is_last = matches!(input, Ok(Input::End));
            let output = &self.executor.context.output;
            let person_is_here = self.source.person_is_here();
            output.set_hints(person_is_here && output.stderr_is_terminal());
            output.set_colors(interactivity::has_colors(self.color, person_is_here));
            self.executor.signals.spare_process(self.source.is_a_persons());
            if is_last && !self.may_leave() {
                continue;
            }
            match self.executor.ending() {
                // Not every command needs the connection.
                Some(ending) if ending.is_lost_connection() && !is_last => {}
                Some(ending) => return self.executor.report(ending),
                None => {}
            }
            // The reader went away during the last command, which was completed.
            if self.is_unread() && !is_last {
                return RunEnd::CommandFailed;
            }
            let flow = match input {
                Ok(Input::Line(line)) => self.obey(&line),
                Ok(Input::TooLong(bytes)) => self.refuse(too_long(bytes)),
                Ok(Input::NoText) => self.refuse(no_text()),
                Ok(Input::Discarded) => ControlFlow::Continue(()),
                Ok(Input::End) => return self.end(),
                Ok(Input::Interrupted) => return RunEnd::Interrupted,
                Err(error) => {
                    self.executor
                        .context
                        .output
                        .failure(format_args!("Cannot read commands: {}", os_error::text(&error)));
                    return RunEnd::ConnectionFailed;
                }
            };
            if let ControlFlow::Break(end) = flow {
                return end;
            }
        }
    }

    /// Returns the next line.
    fn next(&mut self) -> io::Result<Input> {
        let Executor { context, signals, jobs, .. } = &*self.executor;
        let situation = Situation { last_failed: self.last_failed, jobs: jobs.count() };
        self.source.next(context, signals, jobs.news(), situation)
    }

    fn obey(&mut self, text: &[u8]) -> ControlFlow<RunEnd> {
        let line = Line::parse(text);
        let person = self.source.person_is_here();
        let expanded = self.executor.context.configuration.expand(line.command);
        let command = (!line.command.is_empty()).then(|| match &expanded {
            Some(expanded) => parse(expanded, 0, person),
            None => parse(text, line.offset, person),
        });
        if let Some(Err(failure)) = &command {
            self.executor.show(failure);
        }
        if self.source.echoes() && !line.hides_itself {
            self.echo(text);
            if self.is_unread() {
                return ControlFlow::Break(RunEnd::CommandFailed);
            }
        }
        self.executor.context.origin = self.source.origin();
        let verdict = match command {
            None => Verdict::Done,
            Some(Err(_)) => Verdict::Failed,
            Some(Ok((command, ground))) => {
                let title = Title(title(line.command, ground).to_vec());
                self.executor.execute(command, Terms { ignores_failure: line.ignores_failure, ground, title })
            }
        };
        self.conclude(verdict, &line)
    }

    fn refuse(&mut self, failure: Failure) -> ControlFlow<RunEnd> {
        self.executor.show(&failure);
        self.conclude(Verdict::Failed, &Line::parse(b""))
    }

    /// Decides after a line whether the run goes on.
    fn conclude(&mut self, verdict: Verdict, line: &Line<'_>) -> ControlFlow<RunEnd> {
        let consequence = match verdict {
            Verdict::End if !self.may_leave() => return ControlFlow::Continue(()),
            Verdict::End => return ControlFlow::Break(self.end_by_command()),
            Verdict::Failed if !line.ignores_failure => self.executor.after_failure,
            Verdict::Failed | Verdict::Done => AfterFailure::Forget,
        };
        self.failed |= consequence != AfterFailure::Forget;
        if !line.command.is_empty() || verdict == Verdict::Failed {
            self.last_failed = verdict == Verdict::Failed;
        }
        let end = self.reconnect_or_end(consequence);
        if let None | Some(RunEnd::ConnectionFailed) = end {
            self.report_place(line.command, consequence);
        }
        match end {
            Some(end) => ControlFlow::Break(end),
            None if consequence == AfterFailure::Stop => ControlFlow::Break(RunEnd::CommandFailed),
            None => ControlFlow::Continue(()),
        }
    }

    /// Returns how the run ends, or `None` if it can go on. Reconnects after a lost connection, unless no line
    /// follows. A person stays at the prompt in any case.
    fn reconnect_or_end(&mut self, consequence: AfterFailure) -> Option<RunEnd> {
        if consequence == AfterFailure::Stop {
            return self.executor.ending().map(|ending| self.executor.report(ending));
        }
        self.executor.reconnect_or_stay(self.source.is_a_persons())
    }

    /// Settles what becomes of the transfers in the background. Returns whether the session ends.
    fn may_leave(&mut self) -> bool {
        let person = self.source.person_is_here();
        let Executor { jobs, context, signals, after_failure, .. } = &mut *self.executor;
        let leaves = leaving::settle(jobs, context, signals, person);
        self.failed |= jobs.take_failure() && *after_failure != AfterFailure::Forget;
        leaves
    }

    /// Returns how a run ends after `bye`, which does not need the connection any more.
    fn end_by_command(&mut self) -> RunEnd {
        match self.executor.ending() {
            Some(ending) if !ending.is_lost_connection() => self.executor.report(ending),
            _ => self.end(),
        }
    }

    /// Returns whether stdout was closed. No more lines run then.
    fn is_unread(&self) -> bool {
        self.executor.context.output.ended() == Some(Ended::Unread)
    }

    /// Returns the end of a run that has executed all its lines.
    fn end(&self) -> RunEnd {
        if self.failed { RunEnd::CommandFailed } else { RunEnd::Done }
    }

    /// Prints which line of which script failed, after all its messages.
    fn report_place(&self, command: &[u8], consequence: AfterFailure) {
        let consequence = match consequence {
            AfterFailure::Forget => return,
            AfterFailure::Remember => "failed",
            AfterFailure::Stop => "failed, and the script ends here",
        };
        let Some(place) = self.source.place() else { return };
        let command = command.trim_ascii_end();
        let (shown, more) = match command.split_at_checked(LONGEST_SHOWN) {
            Some((shown, rest)) if !rest.is_empty() => (shown, "..."),
            _ => (command, ""),
        };
        let colon = if shown.is_empty() { "" } else { ": " };
        self.executor.context.output.failure(format_args!("{place}{colon}{}{more}: {consequence}", Printable(shown)));
    }

    /// Echoes the line, byte by byte as it was read.
    fn echo(&self, text: &[u8]) {
        let mut writer = self.executor.context.output.writer();
        // If stdout accepts no more output, the run ends elsewhere.
        let _ = [PROMPT.as_bytes(), text, b"\n"].into_iter().try_for_each(|piece| writer.write_all(piece));
        self.executor.context.output.flush();
    }
}

/// How much of a failed command is shown: enough to recognize it.
const LONGEST_SHOWN: usize = 120;

/// Parses the command of a line, which begins at `offset`. Returns where its transfer runs, too: an `&` at the end
/// sends it to the background if a person has typed the line.
fn parse(text: &[u8], offset: usize, person: bool) -> Result<(Command, Ground), Failure> {
    let (before, line) = text.split_at(offset);
    let foreground = Ground::Foreground { may_suspend: person };
    if let Some(command) = commands::parse_raw(line) {
        return Ok((command?, foreground));
    }
    let mut words = words::split(line).map_err(|open| unterminated(open, before))?;
    let in_background = person && words.len() > 1 && words.last().is_some_and(|last| &line[last.span()] == b"&");
    if in_background {
        words.pop();
    }
    if let Some(failure) = operator(line, &words) {
        return Err(failure);
    }
    let command = commands::parse(&words)?;
    match in_background {
        true if command.transfers() => Ok((command, Ground::Background)),
        true => Err(only_transfers(&words)),
        false => Ok((command, foreground)),
    }
}

/// Returns the command without the `&` that sends it to the background.
fn title(command: &[u8], ground: Ground) -> &[u8] {
    let command = command.trim_ascii_end();
    match ground {
        Ground::Background => command.strip_suffix(b"&").unwrap_or(command).trim_ascii_end(),
        Ground::Foreground { .. } => command,
    }
}

fn only_transfers(words: &[Word]) -> Failure {
    let name = words.first().map(Word::plain).unwrap_or_default();
    Failure::new(format!("{} can't run in the background; only get and put can", Printable(&name)))
}

/// Returns the failure for a line that has a shell operator as an unquoted word. sftp(1) would take the operator for
/// a name, so `get x > y` would write a file named `>`.
fn operator(line: &[u8], words: &[Word]) -> Option<Failure> {
    words.iter().skip(1).find_map(|word| {
        let written = &line[word.span()];
        let what = match written {
            b"|" | b"|&" => "Pipes are",
            b">" | b">>" | b"<" | b"<<" | b"2>" | b"&>" | b">&" | b"2>&1" => "Redirection is",
            b"&" => "Background commands are",
            b"&&" | b"||" | b";" => "Several commands on one line are",
            _ => return None,
        };
        let written = String::from_utf8_lossy(written);
        let failure = Failure::new(format!("{what} not supported: \"{written}\""));
        Some(failure.with_hint(format!("quote it if it is a name: '{written}'")))
    })
}

fn unterminated(open: Unterminated, before: &[u8]) -> Failure {
    let columns = String::from_utf8_lossy(before).chars().count();
    let open = match open {
        Unterminated::Quote(column) => Unterminated::Quote(columns + column),
        Unterminated::Backslash(column) => Unterminated::Backslash(columns + column),
    };
    Failure::new(open.to_string()).with_hint("a backslash quotes the next character")
}

fn too_long(bytes: u64) -> Failure {
    Failure::new(format!("Line too long: {bytes} bytes; the limit is {LONGEST_LINE}"))
        .with_hint("name many files by a wildcard")
}

fn no_text() -> Failure {
    Failure::new("Invalid input: a byte that is not UTF-8").with_hint("write such a byte of a name as $'\\377'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ampersand_at_the_end_of_a_persons_transfer_sends_it_to_the_background() {
        let foreground = Ground::Foreground { may_suspend: true };
        for (line, person, expected) in [
            ("get a &", true, Ok(Ground::Background)),
            ("put -r a b &", true, Ok(Ground::Background)),
            ("get a", true, Ok(foreground)),
            ("get '&'", true, Ok(foreground)),
            ("get a\\&", true, Ok(foreground)),
            ("get a&", true, Ok(foreground)),
            ("get a &", false, Err("Background commands are not supported: \"&\"")),
            ("get & a", true, Err("Background commands are not supported: \"&\"")),
            ("get a & &", true, Err("Background commands are not supported: \"&\"")),
            ("ls a &", true, Err("ls can't run in the background; only get and put can")),
        ] {
            let parsed = parse(line.as_bytes(), 0, person).map(|(_, ground)| ground);
            assert_eq!(parsed.map_err(|failure| failure.to_string()), expected.map_err(str::to_owned), "{line}");
        }
        assert_eq!(title(b"get a &  ", Ground::Background), b"get a");
    }
}
