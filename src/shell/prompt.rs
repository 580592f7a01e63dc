//! The prompt for a person at a terminal, which also serves programs that act like one.
//!
//! The program writes only the prompt until a key is pressed. It echoes text as the terminal itself would. The line
//! editor starts with the first key that edits, or when the characters that came one by one have shown that a person
//! types. A line that arrives as a whole never starts it. Input is read only to the end of a line: keys typed ahead stay with the terminal, for the next prompt, for a local program, or for a
//! question that discards them.

mod assistant;
mod codes;
mod colors;
mod commands;
mod cursor;
mod drawn;
mod editor;
mod keyboard;
mod keys;
mod past;
mod recall;
mod size;
mod suggestion;
mod text;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::SpecialCodeIndex;
use unicode_width::UnicodeWidthStr;

use self::commands::commands;
use self::editor::{Edited, LineEditor};
use self::keyboard::KeyByKey;
use self::size::rows_and_columns;
pub(crate) use self::text::{Situation, prompt_text, window_title};
use crate::commands::Context;
use crate::shell::input::Input;
use crate::shell::jobs::News;
use crate::shell::lines::LONGEST_LINE;
use crate::shell::signals::Signals;
use crate::terminal::title::WindowTitle;

/// Bytes that arrive within this time of each other were sent together.
const BURST: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };

/// The number of characters by which a person is recognized, if each arrived alone. A program that sends its lines in
/// pieces hardly sends two such pieces at the beginning of a line.
const CHARACTERS_OF_A_PERSON: usize = 2;

/// The control codes that clear the screen from the beginning of the cursor's row.
const CLEARED: &[u8] = b"\r\x1b[J";

/// A prompt with a line editor on stdin and stdout.
pub(crate) struct Prompt {
    editor: LineEditor,
    /// Bytes that were read but not used yet.
    ahead: Vec<u8>,
    typed_by_hand: bool,
    is_a_persons: bool,
    /// True if the last line was edited, so that a person is here.
    person: bool,
    /// Lines of a paste that follow the last one.
    pasted: VecDeque<String>,
    /// The title of the terminal's window.
    pub(crate) title: WindowTitle,
}

/// The result of reading keys.
enum Read {
    /// Text up to the end of a line, without its newline.
    Line(Vec<u8>),
    /// Any other keys.
    Keys(Vec<u8>),
    /// News came first.
    News,
    /// A signal came first.
    Interrupted,
    /// The terminal was closed.
    End,
}

impl Prompt {
    /// Returns a prompt with an empty history. `has_colors` says whether the typed line may have colours.
    ///
    /// # Errors
    /// The line editor can't be set up.
    pub(crate) fn open(has_colors: bool) -> io::Result<Prompt> {
        Ok(Prompt {
            editor: LineEditor::open(has_colors)?,
            ahead: Vec::new(),
            typed_by_hand: false,
            is_a_persons: false,
            person: false,
            pasted: VecDeque::new(),
            title: WindowTitle::default(),
        })
    }

    /// Returns whether the last line was typed key by key, as only people do.
    pub(crate) fn is_typed_by_hand(&self) -> bool {
        self.typed_by_hand
    }

    /// Returns whether a person has needed the line editor in this session.
    pub(crate) fn is_a_persons(&self) -> bool {
        self.is_a_persons
    }

    /// Drops the lines of a paste that have not run yet.
    pub(crate) fn forget_paste(&mut self) {
        self.pasted.clear();
    }

    /// Reads a line.
    ///
    /// # Errors
    /// The terminal failed.
    pub(crate) fn read_line(
        &mut self,
        prompt: &str,
        context: &Context,
        signals: &Signals,
        news: &News,
    ) -> io::Result<Input> {
        self.editor.begin_line(prompt, context);
        // A program sees news only between two lines.
        let shows_news = self.typed_by_hand;
        self.typed_by_hand = !self.pasted.is_empty();
        if let Some(line) = self.pasted.pop_front() {
            write(format!("{prompt}{line}\n").as_bytes(), context);
            return Ok(self.line(line.into_bytes()));
        }
        // Before the prompt is written, because the user may type as soon as it appears.
        let mut terminal = KeyByKey::begin()?;
        if self.person {
            terminal.mark_pastes();
        }
        write(prompt.as_bytes(), context);
        self.echo(prompt, terminal, context, signals, news, shows_news)
    }

    /// Reads a line and echoes it as the terminal itself would, until a key edits it or a person is recognized. Then
    /// the line editor continues.
    fn echo(
        &mut self,
        prompt: &str,
        terminal: KeyByKey,
        context: &Context,
        signals: &Signals,
        news: &News,
        shows_news: bool,
    ) -> io::Result<Input> {
        let mut text = Vec::new();
        let mut characters = Some(0);
        loop {
            let mut keys = match self.read(signals, news.woken(), shows_news || self.typed_by_hand)? {
                Read::Line(line) => {
                    self.person = false;
                    write(&[&line[..], b"\n"].concat(), context);
                    text.extend(line);
                    return Ok(self.line(text));
                }
                Read::Keys(keys) => keys,
                Read::News => {
                    write(&[&to_its_start(prompt, &text)[..], CLEARED].concat(), context);
                    news.print(&context.output);
                    write(&[prompt.as_bytes(), &text].concat(), context);
                    continue;
                }
                read => {
                    write(b"\n", context);
                    return Ok(if matches!(read, Read::End) { Input::End } else { interrupted(signals) });
                }
            };
            self.typed_by_hand |= !ends_line(&keys);
            let rest = keys.split_off(plain_length(&keys));
            write(&keys, context);
            if !keys.is_empty() {
                characters = characters.filter(|_| is_one_character(&keys)).map(|before| before + 1);
                self.person &= characters.is_some();
            }
            text.append(&mut keys);
            let special = |code| terminal.before().special_codes[code];
            match rest.first() {
                None if !self.person && characters < Some(CHARACTERS_OF_A_PERSON) => {}
                Some(b'\r' | b'\n') => {
                    self.ahead.splice(..0, rest[1..].iter().copied());
                    write(b"\n", context);
                    return Ok(self.line(text));
                }
                Some(&key) if key == special(SpecialCodeIndex::VINTR) => {
                    self.ahead.splice(..0, rest[1..].iter().copied());
                    write(b"\n", context);
                    return Ok(Input::Discarded);
                }
                Some(&key) if key == special(SpecialCodeIndex::VEOF) && text.is_empty() => {
                    write(b"\n", context);
                    return Ok(Input::End);
                }
                Some(&key) if key == special(SpecialCodeIndex::VSUSP) => {
                    self.ahead.splice(..0, rest[1..].iter().copied());
                    terminal.suspend();
                    write(&[prompt.as_bytes(), &text].concat(), context);
                }
                None | Some(_) => {
                    write(&to_its_start(prompt, &text), context);
                    return self.edit(prompt, text, &rest, terminal, signals, news);
                }
            }
        }
    }

    /// Lets the line editor continue a line that holds `text`, beginning with `keys`.
    fn edit(
        &mut self,
        prompt: &str,
        text: Vec<u8>,
        keys: &[u8],
        mut terminal: KeyByKey,
        signals: &Signals,
        news: &News,
    ) -> io::Result<Input> {
        self.is_a_persons = true;
        if !self.person {
            self.person = true;
            terminal.mark_pastes();
        }
        let (edited, ahead) = self.editor.edit(prompt, &readable(text), keys, terminal, signals, news)?;
        self.ahead.splice(..0, ahead);
        Ok(match edited {
            Edited::Line(text) => {
                let (complete, open) = commands(&text);
                self.pasted = complete.into_iter().chain(open).map(|command| command.line).collect();
                // The newline at the end of a paste is followed by no line.
                self.pasted.pop_back_if(|last| last.is_empty());
                let first = self.pasted.pop_front().unwrap_or_default();
                self.line(first.into_bytes())
            }
            Edited::NoText => Input::NoText,
            Edited::Discarded => Input::Discarded,
            Edited::End => Input::End,
            Edited::Interrupted => interrupted(signals),
        })
    }

    fn line(&mut self, line: Vec<u8>) -> Input {
        if line.len() > LONGEST_LINE {
            return Input::TooLong(line.len() as u64);
        }
        self.editor.remember(&line, self.typed_by_hand);
        Input::Line(line)
    }

    /// Waits for input, and reads to the end of a line or until no more bytes arrive at once.
    /// News come first only if `shows_news`, and no byte has arrived.
    fn read(&mut self, signals: &Signals, news: &UnixStream, shows_news: bool) -> io::Result<Read> {
        let stdin = io::stdin();
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            let byte = if self.ahead.is_empty() {
                let timeout = if bytes.is_empty() { None } else { Some(&BURST) };
                let of_news = if shows_news && bytes.is_empty() { PollFlags::IN } else { PollFlags::empty() };
                let mut fds = [
                    PollFd::new(&stdin, PollFlags::IN),
                    PollFd::new(signals.woken(), PollFlags::IN),
                    PollFd::new(news, of_news),
                ];
                match poll(&mut fds, timeout) {
                    Ok(0) => return Ok(Read::Keys(bytes)),
                    Ok(_) if fds[1].revents().contains(PollFlags::IN) => return Ok(Read::Interrupted),
                    Ok(_) if fds[2].revents().contains(PollFlags::IN) => return Ok(Read::News),
                    Ok(_) => {}
                    Err(Errno::INTR) => continue,
                    Err(error) => return Err(error.into()),
                }
                let mut byte = [0];
                match rustix::io::read(&stdin, &mut byte) {
                    Ok(0) | Err(Errno::IO | Errno::BADF) if bytes.is_empty() => return Ok(Read::End),
                    Ok(0) | Err(Errno::IO | Errno::BADF) => return Ok(Read::Keys(bytes)),
                    Ok(_) => byte[0],
                    Err(Errno::INTR | Errno::AGAIN) => continue,
                    Err(error) => return Err(error.into()),
                }
            } else {
                self.ahead.remove(0)
            };
            bytes.push(byte);
            if ends_line(&bytes) {
                let text = &bytes[..bytes.len() - 1];
                // A tab at the end was probably typed ahead, not pasted.
                let is_text =
                    text.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..)) && !text.ends_with(b"\t");
                return Ok(if is_text { Read::Line(text.to_vec()) } else { Read::Keys(bytes) });
            }
        }
    }
}

/// Returns the effect of a signal on the line that is being typed.
fn interrupted(signals: &Signals) -> Input {
    if signals.is_ended() {
        return Input::Interrupted;
    }
    signals.lower();
    Input::Discarded
}

fn write(bytes: &[u8], context: &Context) {
    // If the terminal can't be written, it was closed, which the next read notices too.
    let _ = context.output.writer().write_all(bytes);
    context.output.flush();
}

fn ends_line(bytes: &[u8]) -> bool {
    matches!(bytes.last(), Some(b'\r' | b'\n'))
}

/// Returns the number of bytes at the start of `keys` that are text, not keys that edit.
fn plain_length(keys: &[u8]) -> usize {
    keys.iter().position(|byte| byte.is_ascii_control()).unwrap_or(keys.len())
}

/// Returns whether the bytes are one character, as one key sends it.
fn is_one_character(keys: &[u8]) -> bool {
    str::from_utf8(keys).is_ok_and(|keys| keys.chars().count() == 1)
}

/// Returns text in a form for the line editor: a byte that is not UTF-8 becomes `$'\377'`.
fn readable(text: Vec<u8>) -> String {
    String::from_utf8(text).unwrap_or_else(|error| {
        let chunk = |chunk: std::str::Utf8Chunk<'_>| {
            let octal = chunk.invalid().iter().map(|byte| format!("$'\\{byte:03o}'"));
            chunk.valid().to_owned() + &octal.collect::<String>()
        };
        error.as_bytes().utf8_chunks().map(chunk).collect()
    })
}

/// Returns the control codes that move the cursor from the end of a line, which may have wrapped, to the beginning of
/// its prompt.
fn to_its_start(prompt: &str, text: &[u8]) -> Vec<u8> {
    let (_, columns) = rows_and_columns();
    let width = prompt.width() + String::from_utf8_lossy(text).width();
    match rows_above(width, columns) {
        0 => Vec::new(),
        rows => format!("\r\x1b[{rows}A\x1b[J").into_bytes(),
    }
}

/// Returns how many rows of a text with this width are above the cursor's row. At the end of a full row, the cursor
/// waits in that row.
fn rows_above(width: usize, columns: usize) -> usize {
    width.saturating_sub(1) / columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_where_a_key_edits() {
        for (keys, length) in
            [(&b"ls"[..], 2), (b"l\x7fs", 1), (b"\x1b[A", 0), ("é\t".as_bytes(), 2), (b"", 0), (b"ls\r", 2)]
        {
            assert_eq!(plain_length(keys), length, "{}", keys.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_text_is_written_as_the_shell_reads_it() {
        for (text, shown) in [(&b"a\xffb"[..], "a$'\\377'b"), ("é".as_bytes(), "é"), (b"\xe6\x97", "$'\\346'$'\\227'")]
        {
            assert_eq!(readable(text.to_vec()), shown);
        }
    }

    #[test]
    fn a_full_row_has_the_cursor_still() {
        for (width, columns, rows) in [(6, 80, 0), (80, 80, 0), (81, 80, 1), (160, 80, 1), (161, 80, 2), (0, 80, 0)] {
            assert_eq!(rows_above(width, columns), rows, "{width} in {columns}");
        }
    }
}
