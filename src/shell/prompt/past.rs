//! The lines that were typed before. The line editor shares them with the keys that recall them.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustyline::Config;
use rustyline::history::{FileHistory, History, SearchDirection, SearchResult};

use crate::lock::lock;
use crate::shell::prompt::recall::{Recall, Way};
use crate::terminal::Printable;

/// The lines. Clones share them.
#[derive(Clone)]
pub(super) struct Past(Arc<Mutex<Shared>>);

struct Shared {
    lines: FileHistory,
    recall: Recall,
    /// The line that the editor gets when it looks for the previous one.
    found: Option<String>,
}

impl Past {
    /// Returns a past without lines.
    pub(super) fn with_config(config: &Config) -> Past {
        let lines = FileHistory::with_config(config);
        Past(Arc::new(Mutex::new(Shared { lines, recall: Recall::default(), found: None })))
    }

    /// Gives the lines to a function.
    pub(super) fn with_lines<T>(&self, each: impl FnOnce(&mut FileHistory) -> T) -> T {
        each(&mut lock(&self.0).lines)
    }

    /// Forgets the searches of the last line.
    pub(super) fn begin_line(&self) {
        lock(&self.0).recall = Recall::default();
    }

    /// Searches a line that begins like the typed one. Returns whether there is one, which then is the previous line
    /// for the editor.
    pub(super) fn recall(&self, typed: &str, way: Way) -> bool {
        let Shared { lines, recall, found } = &mut *lock(&self.0);
        *found = recall.line(lines, typed, way);
        found.is_some()
    }

    /// Like [`Past::recall`], but the line is the typed one with the last word of an earlier line.
    pub(super) fn recall_last_word(&self, typed: &str) -> bool {
        let Shared { lines, recall, found } = &mut *lock(&self.0);
        *found = recall.with_last_word(lines, typed);
        found.is_some()
    }

    /// Returns the rest of the newest line that begins with this text, if all of it can be shown. `None` for an empty
    /// text.
    pub(super) fn rest_of(&self, text: &str) -> Option<String> {
        let Shared { lines, .. } = &*lock(&self.0);
        let rests = lines.iter().rev().filter_map(|line| line.strip_prefix(text));
        let mut shown = rests.filter(|rest| !rest.is_empty() && Printable(rest.as_bytes()).text() == **rest);
        shown.next().filter(|_| !text.is_empty()).map(str::to_owned)
    }

    /// Returns the last word of the last line.
    pub(super) fn newest_word(&self) -> Option<String> {
        Recall::default().with_last_word(&lock(&self.0).lines, "")
    }
}

impl History for Past {
    fn get(&self, index: usize, dir: SearchDirection) -> rustyline::Result<Option<SearchResult<'_>>> {
        let Shared { lines, found, .. } = &mut *lock(&self.0);
        match found.take() {
            // The editor's own place in the history stays after the last line, where it may always look back.
            Some(line) => Ok(Some(SearchResult { entry: Cow::Owned(line), idx: index + 1, pos: 0 })),
            None => Ok(lines.get(index, dir)?.map(owned)),
        }
    }

    fn add(&mut self, line: &str) -> rustyline::Result<bool> {
        lock(&self.0).lines.add(line)
    }

    fn add_owned(&mut self, line: String) -> rustyline::Result<bool> {
        lock(&self.0).lines.add_owned(line)
    }

    fn len(&self) -> usize {
        lock(&self.0).lines.len()
    }

    fn is_empty(&self) -> bool {
        lock(&self.0).lines.is_empty()
    }

    fn set_max_len(&mut self, len: usize) -> rustyline::Result<()> {
        lock(&self.0).lines.set_max_len(len)
    }

    fn ignore_dups(&mut self, yes: bool) -> rustyline::Result<()> {
        lock(&self.0).lines.ignore_dups(yes)
    }

    fn ignore_space(&mut self, yes: bool) {
        lock(&self.0).lines.ignore_space(yes);
    }

    fn save(&mut self, path: &Path) -> rustyline::Result<()> {
        lock(&self.0).lines.save(path)
    }

    fn append(&mut self, path: &Path) -> rustyline::Result<()> {
        lock(&self.0).lines.append(path)
    }

    fn load(&mut self, path: &Path) -> rustyline::Result<()> {
        lock(&self.0).lines.load(path)
    }

    fn clear(&mut self) -> rustyline::Result<()> {
        lock(&self.0).lines.clear()
    }

    fn search(&self, term: &str, start: usize, dir: SearchDirection) -> rustyline::Result<Option<SearchResult<'_>>> {
        Ok(lock(&self.0).lines.search(term, start, dir)?.map(owned))
    }

    fn starts_with(
        &self,
        term: &str,
        start: usize,
        dir: SearchDirection,
    ) -> rustyline::Result<Option<SearchResult<'_>>> {
        Ok(lock(&self.0).lines.starts_with(term, start, dir)?.map(owned))
    }
}

/// Returns a result that outlives the lock.
fn owned(result: SearchResult<'_>) -> SearchResult<'static> {
    SearchResult { entry: Cow::Owned(result.entry.into_owned()), idx: result.idx, pos: result.pos }
}
