//! `help` and `?`: the list of commands, and what one of them does. All of it is read off the commands' own definitions.
#![forbid(unsafe_code)]

use super::list::{Entry, find, takes_many, unknown};
use super::{COMMANDS, CommandName, Context, Example, Failure, Outcome, Run};
use crate::terminal::table::{self, Look};

/// Display this help text, or that of a command
#[derive(Clone, Debug, clap::Args)]
pub struct Help {
    /// Command to explain
    command: Option<CommandName>,
}

impl Run for Help {
    const EXAMPLES: &'static [Example] = &[Example { line: "help get", does: "explain get, with its flags" }];

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        match self.command {
            None => {
                cx.output.answer("Available commands:");
                let look = if cx.output.stdout_is_terminal() { Look::Framed } else { Look::Plain };
                cx.output.answer(table::rows(COMMANDS.iter().map(row), look, cx.output.width()));
            }
            Some(CommandName(name)) => {
                let entry = find(&name).ok_or_else(|| unknown(&name))?;
                cx.output.answer(text(entry));
            }
        }
        Ok(Outcome::Done)
    }
}

/// A command in one line: how it is written, and what it does.
fn row(entry: &Entry) -> [String; 2] {
    let definition = entry.definition();
    let about = definition.get_about().map(ToString::to_string).unwrap_or_default();
    let about = match entry.names {
        [_, others @ ..] if !others.is_empty() => format!("{about} (also: {})", others.join(", ")),
        _ => about,
    };
    [synopsis(entry.name(), &definition), about]
}

/// All there is to say about a command.
fn text(entry: &Entry) -> String {
    let definition = entry.definition();
    let usage = synopsis(entry.name(), &definition);
    let others = match entry.names {
        [_, others @ ..] if !others.is_empty() => format!("Also: {}\n\n", others.join(", ")),
        _ => String::new(),
    };
    let template = format!("{{usage-heading}} {{usage}}\n\n{{about-with-newline}}\n{others}{{all-args}}{{after-help}}");
    let mut definition = definition.override_usage(usage).help_template(template).after_help(examples(entry));
    definition.render_long_help().to_string().trim_end().to_owned()
}

fn examples(entry: &Entry) -> String {
    let widest = entry.examples.iter().map(|example| example.line.len()).max().unwrap_or(0);
    let lines = entry.examples.iter().map(|Example { line, does }| format!("  {line:<widest$}  {does}\n"));
    match entry.examples {
        [] => String::new(),
        _ => format!("Examples:\n{}", lines.collect::<String>()),
    }
}

/// How a command is written: `ls [-1afhlnrSt] [path]`.
fn synopsis(name: &str, definition: &clap::Command) -> String {
    let flags = || definition.get_arguments().filter(|argument| !argument.is_positional() && !argument.is_hide_set());
    let switches: String =
        flags().filter(|flag| !flag.get_action().takes_values()).filter_map(clap::Arg::get_short).collect();
    let mut parts = vec![name.to_owned()];
    if !switches.is_empty() {
        parts.push(format!("[-{switches}]"));
    }
    for flag in flags() {
        let value = flag.get_value_names().and_then(<[_]>::first).map(ToString::to_string).unwrap_or_default();
        match (flag.get_short(), flag.get_long()) {
            (Some(short), _) if flag.get_action().takes_values() => parts.push(format!("[-{short} {value}]")),
            (None, Some(long)) if flag.get_action().takes_values() => parts.push(format!("[--{long} {value}]")),
            (None, Some(long)) => parts.push(format!("[--{long}]")),
            _ => (),
        }
    }
    parts.extend(definition.get_positionals().map(operand));
    parts.join(" ")
}

fn operand(argument: &clap::Arg) -> String {
    let name = match argument.get_value_names() {
        Some([name, ..]) => name.to_string(),
        _ => argument.get_id().to_string(),
    };
    let name = name.to_lowercase();
    let many = if takes_many(argument) && !name.contains("...") { "..." } else { "" };
    if argument.is_required_set() { format!("{name}{many}") } else { format!("[{name}{many}]") }
}
