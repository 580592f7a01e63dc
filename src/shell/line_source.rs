//! The sources of lines: a person with a line editor, a terminal without one, or a script.

use std::io::{self, IsTerminal, Write};

use crate::commands::{Context, Origin};
use crate::shell::command_line_scripts::CommandLineScripts;
use crate::shell::input::Input;
use crate::shell::interactivity;
use crate::shell::jobs::News;
use crate::shell::lines::Lines;
use crate::shell::prompt::{Prompt, Situation, prompt_text, window_title};
use crate::shell::script::Script;
use crate::shell::signals::{Phase, Signals};
use crate::terminal::Output;

/// The prompt for programs, and in the echo of each line of a script.
pub(crate) const PROMPT: &str = "sftp> ";

/// The prompt for a person without a connection.
const UNCONNECTED_PROMPT: &str = "sftp (not connected)> ";

/// The title of the window of a person without a connection.
const UNCONNECTED_TITLE: &str = "sftp (not connected)";

/// A source of lines.
pub(crate) enum LineSource {
    /// A person at a terminal that can move its cursor.
    Editor(Box<Prompt>),
    /// A person at a terminal that can't, or may not be able to.
    Typewriter(Lines),
    /// A file, or a program that writes to stdin.
    Script(Script),
    /// The commands from the command line.
    CommandLine(CommandLineScripts),
}

impl LineSource {
    /// Chooses the source of lines: the scripts of the command line, otherwise the batch, otherwise standard input.
    /// `has_colors` says whether the line that a person types has colours.
    ///
    /// # Errors
    /// The terminal can't be used.
    pub(crate) fn open(
        scripts: Option<CommandLineScripts>,
        batch: Option<Script>,
        moves_cursor: bool,
        has_colors: bool,
    ) -> io::Result<LineSource> {
        Ok(match (scripts, batch) {
            (Some(scripts), _) => LineSource::CommandLine(scripts),
            (None, Some(script)) => LineSource::Script(script),
            (None, None) if !io::stdin().is_terminal() => LineSource::Script(Script::of_stdin()),
            (None, None) if io::stdout().is_terminal() && moves_cursor => {
                LineSource::Editor(Box::new(Prompt::open(has_colors)?))
            }
            (None, None) => LineSource::Typewriter(Lines::of_stdin()),
        })
    }

    /// Returns whether each line is echoed, which it is unless it was typed.
    pub(crate) fn echoes(&self) -> bool {
        matches!(self, LineSource::Script(_))
    }

    /// Returns whether the lines are typed at a prompt, by a person or by a program that drives a terminal.
    pub(crate) fn has_prompt(&self) -> bool {
        matches!(self, LineSource::Editor(_) | LineSource::Typewriter(_))
    }

    /// Returns the place of the last line, such as `upload.sftp:12`, unless it was typed.
    pub(crate) fn place(&self) -> Option<String> {
        match self {
            LineSource::Editor(_) | LineSource::Typewriter(_) => None,
            LineSource::Script(script) => Some(script.place()),
            LineSource::CommandLine(scripts) => Some(scripts.place()),
        }
    }

    /// Returns whether the last line was typed by a person, so that hints help: a program that drives the session
    /// waits for exact lines.
    pub(crate) fn person_is_here(&self) -> bool {
        matches!(self, LineSource::Editor(prompt) if prompt.is_typed_by_hand())
    }

    /// Returns the origin of the last line.
    pub(crate) fn origin(&self) -> Origin {
        match self {
            _ if self.person_is_here() => Origin::Person,
            LineSource::Editor(_) | LineSource::Typewriter(_) => Origin::Terminal,
            LineSource::Script(_) | LineSource::CommandLine(_) => Origin::Script,
        }
    }

    /// Returns whether a person has needed the line editor in this session, which stays true for lines that are typed
    /// ahead or pasted.
    pub(crate) fn is_a_persons(&self) -> bool {
        matches!(self, LineSource::Editor(prompt) if prompt.is_a_persons())
    }

    /// Returns the next line. Flushes the output first.
    ///
    /// # Errors
    /// The lines can't be read.
    pub(crate) fn next(
        &mut self,
        context: &Context,
        signals: &Signals,
        news: &News,
        situation: Situation,
    ) -> io::Result<Input> {
        context.output.flush();
        match self {
            LineSource::Editor(prompt) => {
                if signals.is_interrupted() {
                    prompt.forget_paste();
                }
                await_typing(signals);
                let is_a_persons = prompt.is_a_persons();
                let is_unconnected = is_a_persons && context.remote.session().end().is_some();
                if is_a_persons && context.settings.title && interactivity::has_title() {
                    let title = if is_unconnected { UNCONNECTED_TITLE.to_owned() } else { window_title(context) };
                    prompt.title.show(title, &context.output);
                } else {
                    prompt.title.hide();
                }
                // The configuration file may set a prompt, which programs don't expect.
                let text = match is_a_persons {
                    true if is_unconnected => UNCONNECTED_PROMPT.to_owned(),
                    true => prompt_text(context, situation),
                    false => PROMPT.to_owned(),
                };
                prompt.read_line(&text, context, signals, news)
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

/// Prepares for typed input: the Ctrl-C that ended the last command must not discard the next line too.
fn await_typing(signals: &Signals) {
    signals.enter(Phase::Reading);
    signals.lower();
}

fn typed(lines: &mut Lines, output: &Output, signals: &Signals) -> io::Result<Input> {
    // If the terminal can't be written, it was closed, which the read notices too.
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
