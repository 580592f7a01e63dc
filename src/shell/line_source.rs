//! Where lines come from: a person with a line editor, a terminal without one, or a script.

use std::io::{self, IsTerminal, Write};

use super::command_line_scripts::CommandLineScripts;
use super::input::Input;
use super::lines::Lines;
use super::prompt::Prompt;
use super::script::Script;
use super::signals::{Phase, Signals};
use crate::commands::Context;
use crate::terminal::Output;

/// What stands before each line that a person types.
pub(crate) const PROMPT: &str = "sftp> ";

/// Where lines come from.
pub(crate) enum LineSource {
    /// A person at a terminal that can move its cursor.
    Editor(Box<Prompt>),
    /// A person at a terminal that can't, or is not known to.
    Typewriter(Lines),
    /// A file, or a program at the other end of stdin.
    Script(Script),
    /// The command line's own commands.
    CommandLine(CommandLineScripts),
}

impl LineSource {
    /// Chooses where lines come from: the scripts of the command line, else the batch, else standard input.
    ///
    /// # Errors
    /// The terminal can't be used.
    pub(crate) fn open(
        scripts: Option<CommandLineScripts>,
        batch: Option<Script>,
        moves_cursor: bool,
    ) -> io::Result<LineSource> {
        Ok(match (scripts, batch) {
            (Some(scripts), _) => LineSource::CommandLine(scripts),
            (None, Some(script)) => LineSource::Script(script),
            (None, None) if !io::stdin().is_terminal() => LineSource::Script(Script::of_stdin()),
            (None, None) if io::stdout().is_terminal() && moves_cursor => LineSource::Editor(Box::new(Prompt::open()?)),
            (None, None) => LineSource::Typewriter(Lines::of_stdin()),
        })
    }

    /// Whether each line is echoed: it is where nobody typed it.
    pub(crate) fn echoes(&self) -> bool {
        matches!(self, LineSource::Script(_))
    }

    /// Returns whether the lines are typed at a prompt, by a person or by a program that drives a terminal.
    pub(crate) fn has_prompt(&self) -> bool {
        matches!(self, LineSource::Editor(_) | LineSource::Typewriter(_))
    }

    /// Returns where the last line came from, such as `upload.sftp:12`, unless it was typed.
    pub(crate) fn place(&self) -> Option<String> {
        match self {
            LineSource::Editor(_) | LineSource::Typewriter(_) => None,
            LineSource::Script(script) => Some(script.place()),
            LineSource::CommandLine(scripts) => Some(scripts.place()),
        }
    }

    /// Returns whether the last line was typed by a person, so that hints help: a program that drives the session waits for
    /// exact lines.
    pub(crate) fn person_is_here(&self) -> bool {
        matches!(self, LineSource::Editor(prompt) if prompt.is_typed_by_hand())
    }

    /// The next line; everything that was answered is on its way before anything is read.
    ///
    /// # Errors
    /// The lines can't be read.
    pub(crate) fn next(&mut self, context: &Context, signals: &Signals) -> io::Result<Input> {
        context.output.flush();
        match self {
            LineSource::Editor(prompt) => {
                await_typing(signals);
                prompt.read_line(PROMPT, context, signals)
            }
            LineSource::Typewriter(lines) => {
                await_typing(signals);
                typed(lines, &context.output, signals)
            }
            LineSource::CommandLine(scripts) => Ok(scripts.next().map_or(Input::End, Input::Line)),
            LineSource::Script(script) => {
                signals.enter(Phase::Reading);
                script.next(signals)
            }
        }
    }
}

/// The Ctrl-C that ended the last command does not discard the next line as well.
fn await_typing(signals: &Signals) {
    signals.enter(Phase::Reading);
    signals.lower();
}

fn typed(lines: &mut Lines, output: &Output, signals: &Signals) -> io::Result<Input> {
    // A terminal that can't be written is gone, which the read notices too.
    let _ = output.writer().write_all(PROMPT.as_bytes());
    output.flush();
    Ok(match lines.next(signals)? {
        Input::Interrupted if signals.is_ended() => Input::Interrupted,
        Input::Interrupted => {
            signals.lower();
            lines.forget();
            output.answer("");
            Input::Discarded
        }
        Input::End => {
            output.answer("");
            Input::End
        }
        other => other,
    })
}
