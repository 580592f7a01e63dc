//! The text of the prompt: its template, filled with facts about the session.
//!
//! Long directories are shortened, so that most of the line is left for commands.

use std::os::unix::ffi::OsStrExt;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::commands::{Context, PromptFact, PromptPart};
use crate::terminal::Printable;

/// The least number of columns of a directory, however long the rest is: enough to recognize it.
const LEAST_COLUMNS: usize = 8;

/// Facts about the session that its context doesn't hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Situation {
    /// True if the last command has failed.
    pub(crate) last_failed: bool,
    /// The number of transfers in the background.
    pub(crate) jobs: usize,
}

/// Returns the text of the prompt. A prompt with directories takes a third of the terminal's width, if possible.
pub(crate) fn prompt_text(context: &Context, situation: Situation) -> String {
    let parts = context.settings.prompt.parts();
    let value = |fact| value(fact, context, situation);
    fill(parts, value, context.output.width() / 3)
}

/// Returns the title for the terminal's window.
pub(crate) fn window_title(context: &Context) -> String {
    let value = |fact| value(fact, context, Situation::default());
    let parts = [
        PromptPart::Text("sftp ".to_owned()),
        PromptPart::Fact(PromptFact::Host),
        PromptPart::Text(":".to_owned()),
        PromptPart::Fact(PromptFact::RemoteDirectory),
    ];
    fill(&parts, value, TITLE_COLUMNS)
}

/// Columns of a title: more than a window's frame has room for.
const TITLE_COLUMNS: usize = 200;

fn fill(parts: &[PromptPart], value: impl Fn(PromptFact) -> String, columns: usize) -> String {
    let texts: Vec<(bool, String)> = parts
        .iter()
        .map(|part| match part {
            PromptPart::Text(text) => (false, text.clone()),
            PromptPart::Fact(fact) => (is_directory(*fact), value(*fact)),
        })
        .collect();
    let directories = texts.iter().filter(|(is_directory, _)| *is_directory).count();
    let others: usize = texts.iter().filter(|(is_directory, _)| !is_directory).map(|(_, text)| text.width()).sum();
    let room = (columns.saturating_sub(others) / directories.max(1)).max(LEAST_COLUMNS);
    texts.into_iter().map(|(is_directory, text)| if is_directory { shortened(&text, room) } else { text }).collect()
}

fn is_directory(fact: PromptFact) -> bool {
    matches!(fact, PromptFact::RemoteDirectory | PromptFact::LocalDirectory)
}

/// Returns a fact as printable text.
fn value(fact: PromptFact, context: &Context, situation: Situation) -> String {
    let connector = context.connector.as_deref();
    match fact {
        PromptFact::Host => connector.map(|connector| Printable(&connector.host()).to_string()).unwrap_or_default(),
        PromptFact::User => {
            connector.map(|connector| Printable(connector.user().as_bytes()).to_string()).unwrap_or_default()
        }
        PromptFact::RemoteDirectory => {
            let (directory, home) = (context.remote.working_directory(), context.remote.home());
            with_tilde(directory.as_bytes(), home.as_bytes())
        }
        PromptFact::LocalDirectory => {
            let home = dirs::home_dir().unwrap_or_default();
            with_tilde(context.local.path().as_os_str().as_bytes(), home.as_os_str().as_bytes())
        }
        PromptFact::Status => u8::from(situation.last_failed).to_string(),
        PromptFact::Jobs => situation.jobs.to_string(),
    }
}

/// Returns a directory as printable text, with `~` for the home directory, unless that is the root.
fn with_tilde(directory: &[u8], home: &[u8]) -> String {
    match directory.strip_prefix(home) {
        Some(rest) if home.len() > 1 && (rest.is_empty() || rest.starts_with(b"/")) => format!("~{}", Printable(rest)),
        _ => Printable(directory).to_string(),
    }
}

/// Shortens a path to a number of columns, if possible: from the left, each component but the last becomes its first
/// character, as in fish(1). If that is not enough, only the end of the path stays, after `…`.
fn shortened(path: &str, columns: usize) -> String {
    let mut components: Vec<&str> = path.split('/').collect();
    let last = components.len() - 1;
    let mut shown = path.to_owned();
    for at in 0..last {
        if shown.width() <= columns {
            return shown;
        }
        components[at] = beginning(components[at]);
        shown = components.join("/");
    }
    if shown.width() <= columns { shown } else { format!("…{}", end(&shown, columns.saturating_sub(1))) }
}

/// Returns the first character of a component, and the second one too if the first is a dot.
fn beginning(component: &str) -> &str {
    let count = if component.starts_with('.') { 2 } else { 1 };
    component.char_indices().nth(count).map_or(component, |(end, _)| &component[..end])
}

/// Returns the longest end of a text that fits into a number of columns.
fn end(text: &str, columns: usize) -> &str {
    let mut width = 0;
    let mut start = text.len();
    for (at, character) in text.char_indices().rev() {
        let own = character.width().unwrap_or(0);
        width += own;
        if width > columns {
            break;
        }
        // A mark without a width of its own belongs to the character before it.
        if own > 0 {
            start = at;
        }
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_end() {
        for (path, columns, shown) in [
            ("~/src/project/logs", 20, "~/src/project/logs"),
            ("~/src/project/logs", 17, "~/s/project/logs"),
            ("~/src/project/logs", 12, "~/s/p/logs"),
            ("~/.config/project", 12, "~/.c/project"),
            ("/srv/www/logs", 9, "/s/w/logs"),
            ("~/src/a-very-long-name", 8, "…ng-name"),
            ("/", 8, "/"),
            ("~/日本/日本語", 11, "~/日/日本語"),
            ("~/日本/日本語", 6, "…本語"),
            ("e\u{301}e\u{301}e\u{301}", 2, "…e\u{301}"),
        ] {
            assert_eq!(shortened(path, columns), shown, "{path} in {columns}");
            assert!(shortened(path, columns).width() <= columns, "{path} in {columns}");
        }
    }

    #[test]
    fn the_home_directory_is_a_tilde() {
        for (directory, home, shown) in [
            ("/home/ada", "/home/ada", "~"),
            ("/home/ada/x", "/home/ada", "~/x"),
            ("/home/adam", "/home/ada", "/home/adam"),
            ("/x", "/", "/x"),
            ("/", "/", "/"),
            ("/x", "", "/x"),
            ("/home/ada/a\u{1b}[2J", "/home/ada", "~/a\\033[2J"),
        ] {
            assert_eq!(with_tilde(directory.as_bytes(), home.as_bytes()), shown, "{directory} {home}");
        }
    }

    #[test]
    fn directories_share_the_room_that_the_rest_leaves() {
        let part = |text: &str| PromptPart::Text(text.to_owned());
        let parts = [
            part("h "),
            PromptPart::Fact(PromptFact::RemoteDirectory),
            part(" "),
            PromptPart::Fact(PromptFact::LocalDirectory),
        ];
        let value = |_| "/first/second".to_owned();
        for (columns, shown) in
            [(29, "h /first/second /first/second"), (22, "h /f/second /f/second"), (3, "h …/second …/second")]
        {
            assert_eq!(fill(&parts, value, columns), shown, "{columns}");
        }
    }
}
