//! The line editor: what each key does to the line, with history, search and completion.
//!
//! It neither reads nor writes. Keys go in, bytes for the terminal come out, and a [`Step`] says when a line is complete.
//! The keys are those of Emacs, as in GNU Readline and libedit.

mod history;
mod keys;
mod screen;
mod text;

use std::mem;

use self::history::History;
use self::keys::Key;
pub(super) use self::keys::Keys;
use self::screen::Screen;
use self::text::{Cell, Text, bytes_of, cells_of};
use super::complete::Completion;
use super::lines::LONGEST_LINE;
use crate::terminal::columns::columns;

/// This many candidates are listed without a question.
const LISTED_CANDIDATES: usize = 100;

/// States of a line that undo can go back to.
const MOST_UNDONE: usize = 200;

/// Cells of the states that undo can go back to, all together.
const MOST_UNDONE_CELLS: usize = 100_000;

const BELL: u8 = 0x07;

/// What a key led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The line goes on.
    More,
    /// The next byte belongs to the line, whatever it is.
    Quote,
    /// The line is complete.
    Line(Vec<u8>),
    /// The line was discarded.
    Discarded,
    /// End of file on an empty line.
    End,
    /// The session is to be suspended.
    Suspend,
}

/// The size of a terminal in rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// A line editor.
pub(super) struct Editor {
    prompt: Vec<Cell>,
    size: Size,
    screen: Screen,
    text: Text,
    undo: Vec<Text>,
    /// What Ctrl-Y brings back.
    killed: Vec<Cell>,
    history: History,
    /// The line of the history that is shown, and the line that was typed before.
    browsing: Option<(usize, Text)>,
    mode: Mode,
    last: Last,
}

/// What the keys mean.
enum Mode {
    Editing,
    Searching(Search),
    /// `Display all … possibilities?` waits for its answer.
    Asking(Vec<String>),
    /// `--More--`: rows of a list wait.
    Paging(Vec<String>),
}

/// A search in the history.
struct Search {
    pattern: Text,
    /// The line that was found.
    found: Option<usize>,
    newer: bool,
    failed: bool,
    /// The line before the search.
    before: Text,
}

/// What the last key did, as far as the next one cares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Inserted,
    Killed,
    Completed,
    Other,
}

impl Editor {
    /// Returns an editor without a history yet.
    pub(super) fn new() -> Editor {
        Editor {
            prompt: Vec::new(),
            size: Size { rows: 24, columns: 80 },
            screen: Screen::new(),
            text: Text::default(),
            undo: Vec::new(),
            killed: Vec::new(),
            history: History::default(),
            browsing: None,
            mode: Mode::Editing,
            last: Last::Other,
        }
    }

    /// Begins a line after the prompt, which the caller has just written at the start of a row.
    pub(super) fn begin(&mut self, prompt: &str, size: Size) {
        self.prompt = cells_of(prompt.as_bytes());
        self.size = size;
        self.screen.begin(size.columns, self.prompt.clone());
        self.text = Text::default();
        self.undo.clear();
        self.browsing = None;
        self.mode = Mode::Editing;
        self.last = Last::Other;
    }

    /// Returns whether keys edit the line now, and answer no question.
    pub(super) fn is_editing(&self) -> bool {
        matches!(self.mode, Mode::Editing)
    }

    /// Inserts bytes at the cursor.
    pub(super) fn insert(&mut self, bytes: &[u8]) {
        // A line this long is refused when it ends, so the rest of it is of no use.
        if self.text.cells().len() > LONGEST_LINE {
            return;
        }
        if self.last != Last::Inserted {
            self.remember();
        }
        self.text.insert(bytes);
        self.last = Last::Inserted;
    }

    /// Obeys a key. Bytes for the terminal are added to `out`; what became of the line is only drawn by [`Editor::draw`].
    pub(super) fn press(&mut self, key: Key, complete: &dyn Fn(&str) -> Completion, out: &mut Vec<u8>) -> Step {
        match mem::replace(&mut self.mode, Mode::Editing) {
            Mode::Editing => self.edit(key, complete, out),
            Mode::Searching(search) => match self.search(search, key) {
                Some(key) => self.edit(key, complete, out),
                None => Step::More,
            },
            Mode::Asking(names) => match key {
                Key::Tab => self.list(&names, out),
                Key::Character(answer) if b"yY ".contains(&answer[0]) => self.list(&names, out),
                key => self.leave_list(key, complete, out),
            },
            Mode::Paging(rows) => match key {
                Key::Tab => self.page(rows, self.size.rows, out),
                Key::Character(answer) if b"yY ".contains(&answer[0]) => self.page(rows, self.size.rows, out),
                Key::Enter => self.page(rows, 2, out),
                key => self.leave_list(key, complete, out),
            },
        }
    }

    /// Draws what changed.
    pub(super) fn draw(&mut self, out: &mut Vec<u8>) {
        let (cells, at) = self.shown();
        if !matches!(self.mode, Mode::Asking(_) | Mode::Paging(_)) {
            self.screen.draw(&cells, at, out);
        }
    }

    /// Draws for a terminal that has this size now.
    pub(super) fn resize(&mut self, size: Size, out: &mut Vec<u8>) {
        self.size = size;
        if self.screen.is_moved_by(size.columns) && !matches!(self.mode, Mode::Asking(_) | Mode::Paging(_)) {
            let (cells, at) = self.shown();
            self.screen.redraw(size.columns, &cells, at, out);
        }
        self.screen.set_width(size.columns);
    }

    /// Draws prompt and line anew on a row of their own.
    pub(super) fn start_over(&mut self, out: &mut Vec<u8>) {
        self.screen.begin(self.size.columns, Vec::new());
        self.draw(out);
    }

    /// Leaves the row of the line, when it has ended.
    pub(super) fn leave(&mut self, out: &mut Vec<u8>) {
        self.text.move_to(usize::MAX);
        self.draw(out);
        out.push(b'\n');
    }

    /// What is to be seen, and the cell that the cursor is before.
    fn shown(&self) -> (Vec<Cell>, usize) {
        let prompt = match &self.mode {
            Mode::Searching(search) => search.prompt(),
            _ => self.prompt.clone(),
        };
        let at = prompt.len() + self.text.at();
        ([&prompt, self.text.cells()].concat(), at)
    }

    fn edit(&mut self, key: Key, complete: &dyn Fn(&str) -> Completion, out: &mut Vec<u8>) -> Step {
        let last = mem::replace(&mut self.last, Last::Other);
        let at = self.text.at();
        match key {
            Key::Character(bytes) => {
                self.last = last;
                self.insert(&bytes);
            }
            Key::Enter => return self.finish(),
            Key::Interrupt => return Step::Discarded,
            Key::EndOfFile if self.text.is_empty() => return Step::End,
            Key::Suspend => return Step::Suspend,
            Key::Control(b'V') => return Step::Quote,
            Key::Tab => self.complete(last == Last::Completed, complete, out),
            Key::Left | Key::Control(b'B') => self.text.move_to(at.saturating_sub(1)),
            Key::Right | Key::Control(b'F') => self.text.move_to(at + 1),
            Key::Home | Key::Control(b'A') => self.text.move_to(0),
            Key::End | Key::Control(b'E') => self.text.move_to(usize::MAX),
            Key::WordLeft | Key::Alt(b'b') => self.text.move_to(self.text.word_left()),
            Key::WordRight | Key::Alt(b'f') => self.text.move_to(self.text.word_right()),
            Key::Up | Key::Control(b'P') => self.browse(|index| index.checked_sub(1), out),
            Key::Down | Key::Control(b'N') => self.browse(|index| Some(index + 1), out),
            Key::Alt(b'<') => self.browse(|_| Some(0), out),
            Key::Alt(b'>') => self.browse(|_| Some(usize::MAX), out),
            Key::Control(b'R') => self.begin_search(false),
            Key::Control(b'S') => self.begin_search(true),
            Key::Control(b'L') => {
                out.extend_from_slice(b"\x1b[H\x1b[2J");
                self.start_over(out);
            }
            key => self.change(key, last, out),
        }
        Step::More
    }

    /// Keys that change the line and insert nothing.
    fn change(&mut self, key: Key, last: Last, out: &mut Vec<u8>) {
        let at = self.text.at();
        match key {
            Key::Control(b'_') => match self.undo.pop() {
                Some(text) => self.text = text,
                None => out.push(BELL),
            },
            Key::Backspace => self.delete(at.saturating_sub(1)),
            Key::Delete | Key::EndOfFile => self.delete(at + 1),
            Key::Control(b'W') => self.kill(self.text.blank_word_left(), last),
            Key::Alt(0x7f) => self.kill(self.text.word_left(), last),
            Key::Alt(b'd') => self.kill(self.text.word_right(), last),
            Key::Control(b'U') => self.kill(0, last),
            Key::Control(b'K') => self.kill(usize::MAX, last),
            Key::Control(b'Y') => {
                self.remember();
                self.text.insert_cells(&self.killed);
            }
            Key::Control(b'T') => {
                self.remember();
                self.text.transpose();
            }
            _ => {}
        }
    }

    fn finish(&mut self) -> Step {
        let line = self.text.bytes();
        self.history.add(&line);
        Step::Line(line)
    }

    /// Keeps the line as it is for undo.
    fn remember(&mut self) {
        self.undo.push(self.text.clone());
        let cells = |undo: &[Text]| undo.iter().map(|text| text.cells().len()).sum::<usize>();
        while self.undo.len() > MOST_UNDONE || cells(&self.undo) > MOST_UNDONE_CELLS {
            self.undo.remove(0);
        }
    }

    fn delete(&mut self, to: usize) {
        self.remember();
        self.text.remove_to(to);
    }

    /// Removes up to `to` for Ctrl-Y. What is killed by several keys in a row belongs together.
    fn kill(&mut self, to: usize, last: Last) {
        self.remember();
        let at = self.text.at();
        let removed = self.text.remove_to(to);
        let before = if last == Last::Killed { mem::take(&mut self.killed) } else { Vec::new() };
        self.killed = if to < at { [removed, before].concat() } else { [before, removed].concat() };
        self.last = Last::Killed;
    }

    /// Shows another line of the history; the line that was typed comes after the newest.
    fn browse(&mut self, to: impl Fn(usize) -> Option<usize>, out: &mut Vec<u8>) {
        let here = self.browsing.as_ref().map_or(self.history.len(), |(index, _)| *index);
        let Some(index) = to(here).map(|index| index.min(self.history.len())).filter(|index| *index != here) else {
            return out.push(BELL);
        };
        self.remember();
        let typed = self.browsing.take().map_or_else(|| self.text.clone(), |(_, typed)| typed);
        match self.history.line(index) {
            Some(line) => {
                self.text = Text::of(line);
                self.browsing = Some((index, typed));
            }
            None => self.text = typed,
        }
    }

    fn begin_search(&mut self, newer: bool) {
        let before = self.text.clone();
        self.mode = Mode::Searching(Search { pattern: Text::default(), found: None, newer, failed: false, before });
    }

    /// Searches on, or returns the key that the search ended with and that is to be obeyed.
    fn search(&mut self, mut search: Search, key: Key) -> Option<Key> {
        match key {
            Key::Control(letter @ (b'R' | b'S')) => {
                search.newer = letter == b'S';
                self.find(&mut search, true);
            }
            Key::Character(bytes) => {
                search.pattern.insert(&bytes);
                self.find(&mut search, false);
            }
            Key::Backspace => {
                search.pattern.remove_to(search.pattern.at().saturating_sub(1));
                search.found = None;
                self.find(&mut search, false);
            }
            Key::Control(b'G') => {
                self.text = search.before;
                return None;
            }
            key => {
                self.undo.push(search.before);
                return Some(key);
            }
        }
        self.mode = Mode::Searching(search);
        None
    }

    fn find(&mut self, search: &mut Search, goes_on: bool) {
        let pattern = search.pattern.bytes();
        let newest = self.history.len();
        let hit = match (search.newer, search.found) {
            (false, found) => {
                let end = found.map_or(newest, |found| if goes_on { found } else { found + 1 });
                self.history.find_before(end, &pattern)
            }
            (true, found) => {
                let start = found.map_or(newest, |found| if goes_on { found + 1 } else { found });
                self.history.find_from(start, &pattern)
            }
        };
        search.failed = hit.is_none() && !pattern.is_empty();
        if let Some((index, at)) = hit {
            search.found = Some(index);
            self.text = Text::of(self.history.line(index).unwrap_or_default());
            self.text.move_to_byte(at);
        }
    }

    fn complete(&mut self, lists: bool, complete: &dyn Fn(&str) -> Completion, out: &mut Vec<u8>) {
        let before = self.text.before();
        let completion = std::str::from_utf8(&before).map(complete).unwrap_or_default();
        let Some((_, replacement)) = completion.candidates.first() else { return out.push(BELL) };
        let is_only = completion.candidates.len() == 1;
        if before.get(completion.start..) != Some(replacement.as_bytes()) {
            self.remember();
            let at = self.text.at();
            self.text.move_to_byte(completion.start);
            let start = self.text.at();
            self.text.move_to(at);
            self.text.remove_to(start);
            self.text.insert(replacement.as_bytes());
        } else if lists && !is_only {
            let names: Vec<String> = completion.candidates.into_iter().map(|(name, _)| name).collect();
            return self.offer(names, out);
        }
        if !is_only {
            out.push(BELL);
            self.last = Last::Completed;
        }
    }

    /// Lists names, after a question if there are many.
    fn offer(&mut self, names: Vec<String>, out: &mut Vec<u8>) {
        let at = self.text.at();
        self.text.move_to(usize::MAX);
        self.draw(out);
        self.text.move_to(at);
        if names.len() <= LISTED_CANDIDATES {
            self.list(&names, out);
        } else {
            out.extend_from_slice(format!("\nDisplay all {} possibilities? (y or n)", names.len()).as_bytes());
            self.mode = Mode::Asking(names);
        }
    }

    fn list(&mut self, names: &[String], out: &mut Vec<u8>) -> Step {
        out.push(b'\n');
        let mut rows: Vec<String> = columns(names, self.size.columns).map(|row| row.trim_end().to_owned()).collect();
        rows.reverse();
        self.page(rows, self.size.rows, out)
    }

    /// Prints as many rows as fit, the last of `rows` first.
    fn page(&mut self, mut rows: Vec<String>, height: usize, out: &mut Vec<u8>) -> Step {
        out.extend_from_slice(b"\r\x1b[K");
        let count = if height == 0 { usize::MAX } else { height.saturating_sub(1).max(1) };
        for _ in 0..count {
            let Some(row) = rows.pop() else { break };
            out.extend_from_slice(row.as_bytes());
            out.push(b'\n');
        }
        if rows.is_empty() {
            self.start_over(out);
        } else {
            out.extend_from_slice(b"--More--");
            self.mode = Mode::Paging(rows);
        }
        Step::More
    }

    /// Leaves a list by a key. The key is obeyed, unless it only answers.
    fn leave_list(&mut self, key: Key, complete: &dyn Fn(&str) -> Completion, out: &mut Vec<u8>) -> Step {
        out.extend_from_slice(b"\r\x1b[K");
        self.start_over(out);
        match key {
            Key::Interrupt | Key::Backspace => Step::More,
            Key::Character(answer) if b"nNqQ".contains(&answer[0]) => Step::More,
            key => self.edit(key, complete, out),
        }
    }
}

impl Search {
    fn prompt(&self) -> Vec<Cell> {
        let failed = if self.failed { "failed " } else { "" };
        let direction = if self.newer { "i-search" } else { "reverse-i-search" };
        let pattern = bytes_of(self.pattern.cells());
        cells_of(&[format!("({failed}{direction})`").as_bytes(), &pattern, b"': "].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU16;

    const PROMPT: &str = "sftp> ";

    /// An editor in front of a terminal.
    struct Desk {
        editor: Editor,
        keys: Keys,
        terminal: vt100::Parser,
        heard: Vec<u8>,
    }

    impl Desk {
        fn new(rows: u16, columns: u16) -> Desk {
            let mut desk =
                Desk { editor: Editor::new(), keys: Keys::new(), terminal: parser(rows, columns), heard: Vec::new() };
            desk.begin();
            desk
        }

        fn begin(&mut self) {
            let (rows, columns) = self.terminal.screen().size();
            let size = Size { rows: u16::from(rows).into(), columns: u16::from(columns).into() };
            self.hears(PROMPT.as_bytes());
            self.editor.begin(PROMPT, size);
        }

        fn hears(&mut self, out: &[u8]) {
            self.heard.extend_from_slice(out);
            // Terminals begin a new row at a newline, because the session leaves output processing on.
            out.split_inclusive(|&byte| byte == b'\n').for_each(|piece| match piece.strip_suffix(b"\n") {
                Some(line) => self.terminal.process(&[line, b"\r\n"].concat()),
                None => self.terminal.process(piece),
            });
        }

        /// Presses keys, all in one piece, and begins the next line where one ends.
        fn types(&mut self, bytes: &[u8]) -> Step {
            self.keys.push(bytes);
            let mut last = Step::More;
            while let Some(key) = self.keys.next() {
                let mut out = Vec::new();
                let step = self.editor.press(key, &many_names, &mut out);
                match step {
                    Step::Line(_) | Step::Discarded | Step::End => self.editor.leave(&mut out),
                    _ => self.editor.draw(&mut out),
                }
                self.hears(&out);
                if !matches!(step, Step::More) {
                    last = step;
                    self.begin();
                }
            }
            last
        }

        fn row(&self) -> String {
            let (row, _) = self.terminal.screen().cursor_position();
            self.terminal.screen().rows(0, u16::MAX).nth(row.into()).unwrap_or_default()
        }
    }

    fn parser(rows: u16, columns: u16) -> vt100::Parser {
        vt100::Parser::new(NonZeroU16::new(rows).unwrap(), NonZeroU16::new(columns).unwrap(), 0)
    }

    /// Offers 200 names for `m`, two for `t`, and one for `o`.
    fn many_names(line: &str) -> Completion {
        let names = match line {
            "m" => (0..200).map(|n| format!("m{n:03}")).collect(),
            "t" => vec!["t1".to_owned(), "t2".to_owned()],
            "o" => vec!["only ".to_owned()],
            _ => Vec::new(),
        };
        let common = if names.len() == 1 { names[0].clone() } else { line.to_owned() };
        Completion { start: 0, candidates: names.into_iter().map(|name| (name, common.clone())).collect() }
    }

    #[test]
    fn what_is_typed_at_the_end_is_echoed_as_a_terminal_would() {
        let mut desk = Desk::new(24, 20);
        desk.types("get a-name-that-is-longer-than-the-row é\r".as_bytes());
        let echo = "sftp> get a-name-that-is-longer-than-the-row é\nsftp> ";
        assert_eq!(String::from_utf8_lossy(&desk.heard), echo);
    }

    #[test]
    fn no_key_writes_the_prompt_again_while_a_line_is_edited() {
        let mut desk = Desk::new(24, 20);
        desk.types(b"ls -l some/long/directory/name\x01\x06x\x05\x7f\x7f\x17pwd\x0b\x15\x19\x1b[A\x1b[B\x1f\x14");
        assert_eq!(String::from_utf8_lossy(&desk.heard).matches("sftp>").count(), 1);
    }

    #[test]
    fn keys_edit_the_line() {
        for (keys, line) in [
            (&b"abc\x1b[D\x1b[DX\r"[..], "aXbc"),
            (b"abc\x02\x04\r", "ab"),
            (b"one two\x01\x1bf\x1bd!\r", "one!"),
            (b"one two\x17three\r", "one three"),
            (b"one two\x0b\x01\x0b\x19\x19\r", "one twoone two"),
            (b"a b c\x17\x17\x19\r", "a b c"),
            (b"abc\x15x\x1f\x1f\r", "abc"),
            (b"ba\x14\r", "ab"),
            ("日本\x7f\r".as_bytes(), "日"),
            (b"o\tx\r", "only x"),
            (b"x\x1b\x1b[Dy\r", "yx"),
            (b"x\x04\r", "x"),
        ] {
            let step = Desk::new(24, 80).types(keys);
            assert_eq!(step, Step::Line(line.as_bytes().to_vec()), "{:?}", keys.escape_ascii().to_string());
        }
        assert_eq!(Desk::new(24, 80).types(b"x\x03"), Step::Discarded);
        assert_eq!(Desk::new(24, 80).types(b"\x04"), Step::End);
        assert_eq!(Desk::new(24, 80).types(b"x\x1a"), Step::Suspend);
        assert_eq!(Desk::new(24, 80).types(b"\x16"), Step::Quote);
        assert_eq!(Desk::new(24, 80).types(b"\xff\r"), Step::Line(vec![0xff]));
    }

    #[test]
    fn the_history_is_browsed_and_searched() {
        for (keys, line) in [
            (&b"\x1b[A\r"[..], "put b"),
            (b"\x1b[A\x1b[A\x1b[A\x1b[A\r", "get a"),
            (b"new\x1b[A\x1b[B\r", "new"),
            (b"\x1b<\r", "get a"),
            (b"\x12get\r", "get ab"),
            (b"\x12get\x12\r", "get a"),
            (b"\x12get\x12\x13\r", "get ab"),
            (b"\x12getx\x7f\r", "get ab"),
            (b"old\x12get\x07\r", "old"),
            (b"\x12put\x05s\r", "put bs"),
            (b"\x12ab\x1b[D\x1b[D\r", "get ab"),
        ] {
            let mut desk = Desk::new(24, 80);
            desk.types(b"get a\rget ab\rput b\r");
            assert_eq!(desk.types(keys), Step::Line(line.into()), "{:?}", keys.escape_ascii().to_string());
        }
        let mut desk = Desk::new(24, 80);
        desk.types(b"get a\r\x12x");
        assert_eq!(desk.row(), "(failed reverse-i-search)`x': ");
    }

    #[test]
    fn a_second_tab_lists_a_few_names_at_once() {
        let mut desk = Desk::new(24, 80);
        desk.types(b"t\t");
        assert_eq!(desk.row(), "sftp> t");
        desk.types(b"\t");
        assert!(desk.terminal.screen().contents().contains("t1"), "{}", desk.terminal.screen().contents());
        assert_eq!(desk.types(b"x\r"), Step::Line(b"tx".to_vec()));
    }

    #[test]
    fn a_list_is_left_by_any_key_and_no_key_is_lost() {
        for (keys, line) in [
            (&b"m\t\tn!\r"[..], "m!"),
            (b"m\t\t\x03!\r", "m!"),
            (b"m\t\t\x7f!\r", "m!"),
            (b"m\t\tx\r", "mx"),
            (b"m\t\t\x1b[Dx\r", "xm"),
            (b"m\t\t\r", "m"),
            (b"m\t\tyq!\r", "m!"),
            (b"m\t\ty\x03!\r", "m!"),
            (b"m\t\tyx\r", "mx"),
            (b"m\t\t\tx\r", "mx"),
            // To the end of the list, row by row or by the page.
            (b"m\t\ty\r\rx\r", "mx"),
            (b"m\t\ty !\r", "m!"),
        ] {
            let mut desk = Desk::new(10, 80);
            assert_eq!(desk.types(keys), Step::Line(line.into()), "{:?}", keys.escape_ascii().to_string());
        }
        let mut desk = Desk::new(10, 80);
        desk.types(b"m\t\t");
        assert_eq!(desk.row(), "Display all 200 possibilities? (y or n)");
        desk.types(b"y");
        assert_eq!(desk.row(), "--More--");
        desk.types(b"\x03");
        assert_eq!(desk.row(), "sftp> m");
    }

    #[test]
    fn another_width_draws_anew_only_what_it_moves() {
        let mut desk = Desk::new(24, 80);
        desk.types(b"short");
        let mut out = Vec::new();
        desk.editor.resize(Size { rows: 24, columns: 40 }, &mut out);
        assert_eq!(out, b"");
        desk.types(b" and then a line that is longer than one row");
        desk.editor.resize(Size { rows: 24, columns: 30 }, &mut out);
        assert!(String::from_utf8_lossy(&out).contains("\x1b[Jsftp> short and"), "{}", out.escape_ascii());
    }

    /// Keys of all kinds: text that is narrow, wide and combining, bytes that are none, and everything that edits.
    fn any_keys() -> impl Strategy<Value = Vec<u8>> {
        let key = prop_oneof![
            4 => "[a-z /]{1,9}".prop_map(String::into_bytes),
            2 => "[日本é]{1,3}".prop_map(String::into_bytes),
            1 => Just("e\u{301}".as_bytes().to_vec()),
            1 => Just(vec![0xff]),
            4 => prop::sample::select(vec![
                &b"\x1b[D"[..], b"\x1b[C", b"\x1bb", b"\x1bf", b"\x01", b"\x05", b"\x7f", b"\x04", b"\x17", b"\x0b", b"\x15",
                b"\x19", b"\x14", b"\x1f", b"\x1b[A", b"\x1b[B",
            ]).prop_map(<[u8]>::to_vec),
        ];
        prop::collection::vec(key, 0..40).prop_map(|keys| keys.concat())
    }

    proptest! {
        /// What is drawn piece by piece looks as if it had been written at once.
        #[test]
        fn the_screen_shows_the_line(keys in any_keys(), columns in 2u16..40) {
            let mut desk = Desk::new(400, columns);
            desk.types(b"an older line\r");
            let (first, _) = desk.terminal.screen().cursor_position();
            // Ctrl-D on an empty line would end it.
            desk.types(b"x");
            desk.keys.push(&keys);
            while let Some(key) = desk.keys.next() {
                let mut out = Vec::new();
                if desk.editor.press(key, &many_names, &mut out) != Step::More {
                    break;
                }
                desk.editor.draw(&mut out);
                desk.hears(&out);
            }
            let (cells, at) = desk.editor.shown();
            let written = |cells: &[Cell]| cells.iter().map(|cell| cell.shown.as_str()).collect::<String>();
            let mut expected = parser(400, columns);
            expected.process(written(&cells).as_bytes());
            let rows = |parser: &vt100::Parser, from: u16| {
                let rows = parser.screen().rows(0, columns).skip(from.into());
                rows.take_while(|row| !row.is_empty()).collect::<Vec<_>>()
            };
            // Where the prompt is wrapped, the row above the cursor began it.
            let first = first - u16::try_from((PROMPT.len() - 1) / usize::from(columns)).unwrap();
            prop_assert_eq!(rows(&desk.terminal, first), rows(&expected, 0));
            let mut before = parser(400, columns);
            before.process(written(&cells[..at]).as_bytes());
            let (row, column) = before.screen().cursor_position();
            let found = desk.terminal.screen().cursor_position();
            let next = cells.get(at).map_or(0, |cell| u16::try_from(cell.widths().next().unwrap_or(0)).unwrap());
            // Behind a full row and at the start of the next one are the same place.
            let wraps = column + next > columns || (column == columns && found.1 == 0);
            prop_assert_eq!((found.0 - first, found.1), if wraps { (row + 1, 0) } else { (row, column) });
        }
    }
}
