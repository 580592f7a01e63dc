//! `help` and `?`: the list of commands, and the help of one command. All text comes from the commands' own
//! definitions.

use crate::commands::argument::written;
use crate::commands::command_names::{find, unknown};
use crate::commands::signature::{Signature, takes_many, takes_next_word};
use crate::commands::{COMMANDS, CommandName, Context, Example, Failure, Outcome, Purpose, Run};
use crate::terminal::table::{self, Look};

/// Display this help text, or that of a command
#[derive(Clone, Debug, clap::Args)]
pub struct Help {
    /// The command to explain
    #[arg(value_name = "command")]
    command: Option<CommandName>,
}

impl Help {
    /// Returns the `help` command for another command: `CMD --help`.
    pub(super) fn of(signature: &Signature) -> Help {
        Help { command: Some(CommandName(signature.name().to_owned())) }
    }
}

impl Run for Help {
    const NEEDS_SERVER: bool = false;

    const EXAMPLES: &'static [Example] = &[Example { line: "help get", does: "explain get and its flags" }];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let Some(CommandName(name)) = self.command else {
            list(cx);
            return Ok(Outcome::Done);
        };
        match find(&name) {
            Some(signature) => cx.output.answer(text(signature)),
            None => {
                // sftp(1) shows the list regardless of its argument, and scripts expect that.
                cx.output.explain(&unknown(&name));
                list(cx);
            }
        }
        Ok(Outcome::Done)
    }
}

fn list(cx: &Context) {
    cx.output.answer("Available commands:");
    let look = if cx.output.stdout_is_terminal() { Look::Framed } else { Look::Plain };
    cx.output.answer(table::rows(COMMANDS.iter().map(row), look, cx.output.width()));
}

/// Returns the two columns of a command's row in the list: its synopsis and its purpose.
fn row(signature: &Signature) -> [String; 2] {
    let definition = signature.definition();
    let about = definition.get_about().map(ToString::to_string).unwrap_or_default();
    let about = match signature.names {
        [_, others @ ..] if !others.is_empty() => format!("{about} (also: {})", others.join(", ")),
        _ => about,
    };
    [command_line(signature.name(), &definition), about]
}

/// Returns the full help of a command.
fn text(signature: &Signature) -> String {
    let definition = signature.definition();
    let usage = command_line(signature.name(), &definition);
    let others = match signature.names {
        [_, others @ ..] if !others.is_empty() => format!("Also: {}\n\n", others.join(", ")),
        _ => String::new(),
    };
    let template = format!("{{usage-heading}} {{usage}}\n\n{{about-with-newline}}\n{others}{{all-args}}{{after-help}}");
    let whole = definition.get_long_about().or(definition.get_about()).cloned().unwrap_or_default();
    let mut definition =
        definition.override_usage(usage).about(whole).help_template(template).after_help(examples(signature));
    definition.render_help().to_string().trim_end().to_owned()
}

/// Returns the name of an argument's value in the help.
fn value_name(argument: &clap::Arg) -> Option<String> {
    argument.get_value_names().and_then(<[_]>::first).map(ToString::to_string)
}

fn examples(signature: &Signature) -> String {
    let widest = signature.examples.iter().map(|example| example.line.len()).max().unwrap_or(0);
    let lines = signature.examples.iter().map(|Example { line, does }| format!("  {line:<widest$}  {does}\n"));
    match signature.examples {
        [] => String::new(),
        _ => format!("Examples:\n{}", lines.collect::<String>()),
    }
}

/// The maximum number of flags without a letter that a synopsis shows one by one.
const MOST_LONG_NAMES: usize = 3;

/// Returns the synopsis of a command: `ls [-1afhlnrSt] [path]`.
#[must_use]
pub fn synopsis(signature: &Signature) -> String {
    command_line(signature.name(), &signature.definition())
}

fn command_line(name: &str, definition: &clap::Command) -> String {
    let flags = || definition.get_arguments().filter(|argument| !argument.is_positional() && !argument.is_hide_set());
    let switches: String = flags().filter(|flag| !takes_next_word(flag)).filter_map(clap::Arg::get_short).collect();
    let mut parts = vec![name.to_owned()];
    if !switches.is_empty() {
        parts.push(format!("[-{switches}]"));
    }
    // Many long names would hide the common flags; the help lists all flags below the synopsis.
    let are_many = flags().filter(|flag| flag.get_short().is_none()).count() > MOST_LONG_NAMES;
    for flag in flags().filter(|flag| !are_many || flag.get_short().is_some()) {
        let value = value_name(flag).unwrap_or_default();
        match (flag.get_short(), flag.get_long()) {
            (Some(short), _) if takes_next_word(flag) => parts.push(format!("[-{short} {value}]")),
            (None, Some(long)) if flag.get_action().takes_values() => parts.push(format!("[--{long} {value}]")),
            (None, Some(long)) => parts.push(format!("[--{long}]")),
            _ => (),
        }
    }
    if are_many {
        parts.push("[--flags]".to_owned());
    }
    parts.extend(definition.get_positionals().map(operand));
    parts.join(" ")
}

fn operand(argument: &clap::Arg) -> String {
    if let Some(written) = written(argument) {
        return written.to_owned();
    }
    let name = value_name(argument).unwrap_or_default();
    let many = if takes_many(argument) { "..." } else { "" };
    if argument.is_required_set() { format!("{name}{many}") } else { format!("[{name}{many}]") }
}
