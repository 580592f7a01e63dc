//! `set`: shows and changes the settings of the session.

use std::fmt;

use clap::ValueEnum as _;

use crate::cli::{MOST_CHANNELS, MOST_CONNECTIONS, ProgressMode, scaled_number};
use crate::commands::setting::Setting;
use crate::commands::{
    Context, Editing, Example, Failure, Outcome, PromptTemplate, Purpose, Run, SettingName, SettingValue, Sizes,
};
use crate::terminal::Printable;
use crate::terminal::quote::{self, Quote};
use crate::terminal::table::{self, Look};

/// Show or change a setting of the session
///
/// Without a value, print the named setting, or all. A change takes effect with the next transfer or line, and lasts
/// until the end of the session, or longer with --save. A prompt is a text with {host}, {user}, {rdir} and {ldir} for
/// the directories, {status} (1 after a failure) and {jobs} (transfers in the background).
#[derive(Clone, Debug, clap::Args)]
pub struct Set {
    /// Save the setting in the configuration file, for later sessions
    #[arg(long)]
    save: bool,
    /// The setting [default: all of them]
    #[arg(value_name = "name")]
    setting: Option<SettingName>,
    /// The new value
    #[arg(value_name = "value")]
    value: Option<SettingValue>,
}

impl Run for Set {
    const NEEDS_SERVER: bool = false;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "set", does: "show all settings" },
        Example { line: "set limit 5M", does: "limit transfers to 5 MiB per second" },
        Example { line: "set limit off", does: "remove the limit" },
        Example { line: "set jobs 4", does: "use four connections" },
        Example { line: "set editing vi", does: "edit lines with the keys of vi" },
        Example { line: "set --save retry 5", does: "change a setting for later sessions too" },
        Example { line: "set prompt full", does: "show the host and the directory in the prompt" },
        Example { line: "set prompt \"{user}@{host}:{rdir}> \"", does: "show a prompt of your own" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::LocalEffect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        match (self.setting, self.value) {
            (None, _) if self.save => {
                let failure = Failure::new("You must specify a setting after a set --save command.");
                return Err(failure.with_hint("set --save limit 5M changes a setting and saves it"));
            }
            (None, _) => {
                let rows = Setting::ALL.into_iter().map(|setting| setting.row(cx));
                cx.output.answer(table::rows(rows, Look::Plain, cx.output.width()));
            }
            (Some(SettingName(setting)), None) if self.save => setting.save(cx)?,
            (Some(SettingName(setting)), None) => cx.output.answer(setting.shown(cx)),
            (Some(SettingName(setting)), Some(SettingValue(value))) => {
                setting.change(cx, &value)?;
                if self.save {
                    setting.save(cx)?;
                }
            }
        }
        Ok(Outcome::Done)
    }
}

/// The most queued transfers that may run together. They share a connection, so a larger number would gain nothing.
const MOST_PARALLEL: usize = 16;

/// The word for "no limit", and for a setting that is switched off.
const OFF: &str = "off";

/// The word for a setting that is switched on.
const ON: &str = "on";

impl Setting {
    /// Returns the values that are words, for completion.
    #[must_use]
    pub fn words(self) -> Vec<String> {
        match self {
            Setting::Editing => words::<Editing>(),
            Setting::ConfirmRemovals | Setting::Limit => vec![OFF.to_owned()],
            Setting::Progress => words::<ProgressMode>(),
            Setting::Prompt => PromptTemplate::names().map(str::to_owned).collect(),
            Setting::Title => [ON, OFF].map(str::to_owned).into(),
            Setting::Sizes => words::<Sizes>(),
            Setting::Channels | Setting::Jobs | Setting::QueueParallel | Setting::Retry => Vec::new(),
        }
    }

    /// Returns a description of the setting.
    fn purpose(self) -> &'static str {
        match self {
            Setting::Channels => "channels of a far upload",
            Setting::ConfirmRemovals => "names that rm removes unasked",
            Setting::Editing => "keys that edit a line",
            Setting::Jobs => "connections of a transfer",
            Setting::Limit => "bytes per second in all",
            Setting::Progress => "progress display",
            Setting::Prompt => "prompt",
            Setting::QueueParallel => "queued transfers at once",
            Setting::Retry => "attempts to reconnect",
            Setting::Sizes => "trust in the server's sizes",
            Setting::Title => "host and directory in the window's title",
        }
    }

    /// Returns a description of the values.
    fn values(self) -> String {
        match self {
            Setting::Channels => format!("a number from 1 to {MOST_CHANNELS}"),
            Setting::ConfirmRemovals => format!("a number, or {OFF}"),
            Setting::Editing => format!("one of {}", words::<Editing>().join(", ")),
            Setting::Jobs => format!("a number from 1 to {MOST_CONNECTIONS}"),
            Setting::QueueParallel => format!("a number from 1 to {MOST_PARALLEL}"),
            Setting::Limit => format!("a number such as 5M, or {OFF}"),
            Setting::Progress => format!("one of {}", words::<ProgressMode>().join(", ")),
            Setting::Prompt => format!("{}, or a text", self.words().join(", ")),
            Setting::Sizes => format!("one of {}", words::<Sizes>().join(", ")),
            Setting::Title => format!("{ON} or {OFF}"),
            Setting::Retry => "a whole number, 0 or more".to_owned(),
        }
    }

    fn about(self) -> String {
        format!("{}: {}", self.purpose(), self.values())
    }

    /// Returns the present value, which [`Setting::change`] takes.
    #[must_use]
    pub fn value(self, cx: &Context) -> String {
        match self {
            Setting::Channels => cx.settings.channels.max(1).to_string(),
            Setting::ConfirmRemovals if cx.settings.confirm_removals == 0 => OFF.to_owned(),
            Setting::ConfirmRemovals => cx.settings.confirm_removals.to_string(),
            Setting::Editing => word(cx.settings.editing),
            Setting::Jobs => cx.settings.connections.max(1).to_string(),
            Setting::Limit => cx.limit.bytes_per_second().map_or(OFF.to_owned(), in_largest_unit),
            Setting::Progress => word(cx.settings.shown_progress()),
            Setting::Prompt => cx.settings.prompt.value(),
            Setting::QueueParallel => cx.settings.queue_parallel.max(1).to_string(),
            Setting::Retry => cx.settings.retries.to_string(),
            Setting::Sizes => word(cx.settings.sizes),
            Setting::Title => if cx.settings.title { ON } else { OFF }.to_owned(),
        }
    }

    /// Returns the present value in the form in which it is typed.
    fn shown(self, cx: &Context) -> String {
        let value = self.value(cx);
        if value.contains(' ') { format!("\"{}\"", quote::escape(value.as_bytes(), Quote::Double)) } else { value }
    }

    fn row(self, cx: &Context) -> [String; 3] {
        [self.name().to_owned(), self.shown(cx), self.about()]
    }

    /// Saves the present value for later sessions.
    fn save(self, cx: &Context) -> Result<(), Failure> {
        cx.configuration.save_setting(self, &self.value(cx))
    }

    /// Changes the value.
    ///
    /// # Errors
    /// The setting has no such value.
    pub fn change(self, cx: &mut Context, value: &str) -> Result<(), Failure> {
        let changed = match self {
            Setting::Channels => {
                let count = value.parse().ok().filter(|count| (1..=MOST_CHANNELS).contains(count));
                count.map(|count| cx.settings.channels = count)
            }
            Setting::ConfirmRemovals => {
                let most =
                    if value.eq_ignore_ascii_case(OFF) { Some(0) } else { value.parse().ok().filter(|&most| most > 0) };
                most.map(|most| cx.settings.confirm_removals = most)
            }
            Setting::Editing => Editing::from_str(value, true).ok().map(|editing| cx.settings.editing = editing),
            Setting::Jobs => {
                let count = value.parse().ok().filter(|count| (1..=MOST_CONNECTIONS).contains(count));
                count.map(|count| cx.settings.connections = count)
            }
            Setting::Limit if value.eq_ignore_ascii_case(OFF) => {
                cx.limit.set(None);
                Some(())
            }
            Setting::Limit => scaled_number(value).filter(|&rate| rate > 0).map(|rate| cx.limit.set(Some(rate))),
            Setting::Progress => ProgressMode::from_str(value, true).ok().map(|mode| {
                cx.settings.progress = mode != ProgressMode::None;
                cx.settings.progress_mode = mode;
            }),
            Setting::Prompt => {
                let prompt = PromptTemplate::read(value).map_err(|fault| self.refusal(value, &fault))?;
                cx.settings.prompt = prompt;
                Some(())
            }
            Setting::Title => {
                let is_on = [ON, OFF].into_iter().find(|word| value.eq_ignore_ascii_case(word)).map(|word| word == ON);
                is_on.map(|is_on| cx.settings.title = is_on)
            }
            Setting::QueueParallel => {
                let count = value.parse().ok().filter(|count| (1..=MOST_PARALLEL).contains(count));
                count.map(|count| cx.settings.queue_parallel = count)
            }
            Setting::Retry => value.parse().ok().map(|retries| cx.settings.retries = retries),
            Setting::Sizes => Sizes::from_str(value, true).ok().map(|sizes| cx.settings.sizes = sizes),
        };
        changed.ok_or_else(|| self.refusal(value, &format_args!("it must be {}", self.values())))
    }

    fn refusal(self, value: &str, why: &dyn fmt::Display) -> Failure {
        Failure::new(format!("set {}: \"{}\": {why}", self.name(), Printable(value.as_bytes())))
    }
}

/// Returns all values that are words.
fn words<T: clap::ValueEnum + Copy>() -> Vec<String> {
    T::value_variants().iter().copied().map(word).collect()
}

fn word(value: impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// Returns a number of bytes without rounding, in the syntax of [`scaled_number`].
fn in_largest_unit(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["", "K", "M", "G", "T"];
    let exponent = (bytes.trailing_zeros() as usize / 10).min(UNITS.len() - 1);
    format!("{}{}", bytes >> (10 * exponent), UNITS[exponent])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_shown_can_be_set() {
        for (bytes, text) in [
            (1, "1"),
            (1000, "1000"),
            (1024, "1K"),
            (5 << 20, "5M"),
            (1536, "1536"),
            (3 << 30, "3G"),
            (1 << 60, "1048576T"),
        ] {
            assert_eq!(in_largest_unit(bytes), text);
            assert_eq!(scaled_number(text), Some(bytes), "{text}");
        }
    }
}
