//! The prompt of a person at a terminal, which is also the prompt of programs that act like one.
//!
//! Nothing but the prompt is written until a key is pressed. A line that arrives as a whole, from a program or a paste, is
//! echoed as the terminal itself would echo it. Nothing is read beyond the end of a line: what was typed ahead stays with
//! the terminal, for the next prompt, or for a local program, or for a question that discards it.

use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

use super::complete::Completer;
use super::editor::{Editor, Keys, Size, Step};
use super::lines::LONGEST_LINE;
use super::signals::Signals;
use super::source::Asked;
use crate::commands::Context;

/// Bytes that arrive within this time after each other were sent together.
const BURST: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };

/// A prompt with a line editor on stdin and stdout.
pub(crate) struct Prompt {
    editor: Editor,
    completer: Completer,
    /// Bytes that were read and not obeyed yet.
    keys: Keys,
    /// The next byte belongs to the line, whatever it is.
    quotes: bool,
    /// The last line came key by key.
    typed_by_hand: bool,
}

/// What was read.
enum Read {
    /// Text up to the end of a line, without it.
    Line(Vec<u8>),
    /// Anything else.
    Keys(Vec<u8>),
    /// A signal came first.
    Interrupted,
    /// The terminal is gone.
    End,
}

impl Prompt {
    /// Returns a prompt without a history yet.
    pub(crate) fn new() -> Prompt {
        Prompt {
            editor: Editor::new(),
            completer: Completer::default(),
            keys: Keys::new(),
            quotes: false,
            typed_by_hand: false,
        }
    }

    /// Returns whether the last line came key by key, as only people type.
    pub(crate) fn is_typed_by_hand(&self) -> bool {
        self.typed_by_hand
    }

    /// Asks for a line.
    ///
    /// # Errors
    /// The terminal failed.
    pub(crate) fn ask(&mut self, prompt: &str, context: &Context, signals: &Signals) -> io::Result<Asked> {
        self.completer.look_around(context);
        self.typed_by_hand = false;
        self.quotes = false;
        // Before the prompt is written: whoever sees it may type at once.
        let mut mode = KeyByKey::begin();
        mode.special(&mut self.keys);
        write(prompt.as_bytes(), context);
        self.editor.begin(prompt, size());
        loop {
            let mut out = Vec::new();
            let step = self.obey(&mut out);
            match &step {
                Step::More | Step::Quote => self.editor.draw(&mut out),
                Step::Suspend => self.editor.draw(&mut out),
                Step::Line(_) | Step::Discarded | Step::End => self.editor.leave(&mut out),
            }
            write(&out, context);
            match step {
                Step::More | Step::Quote => {}
                Step::Line(line) if line.len() > LONGEST_LINE => return Ok(Asked::TooLong(line.len() as u64)),
                Step::Line(line) => return Ok(Asked::Line(line)),
                Step::Discarded => return Ok(Asked::Discarded),
                Step::End => return Ok(Asked::End),
                Step::Suspend => {
                    drop(mode);
                    // If it can't be, the session just goes on.
                    let _ = kill_current_process_group(Signal::TSTP);
                    mode = KeyByKey::begin();
                    let mut out = Vec::new();
                    self.editor.resize(size(), &mut Vec::new());
                    self.editor.start_over(&mut out);
                    write(&out, context);
                    continue;
                }
            }
            match read(signals)? {
                Read::Line(line) if self.takes_text() => {
                    self.editor.insert(&line);
                    self.keys.push(b"\n");
                }
                Read::Line(line) => self.keys.push(&[&line[..], b"\n"].concat()),
                Read::Keys(bytes) => {
                    self.typed_by_hand |= !ends_line(&bytes);
                    self.keys.push(&bytes);
                    let mut out = Vec::new();
                    self.editor.resize(size(), &mut out);
                    write(&out, context);
                }
                Read::Interrupted if signals.is_ended() => return Ok(self.left(Asked::Interrupted, context)),
                Read::Interrupted => {
                    signals.lower();
                    return Ok(self.left(Asked::Discarded, context));
                }
                Read::End => return Ok(self.left(Asked::End, context)),
            }
        }
    }

    /// Leaves the line for a reason that is no key.
    fn left(&mut self, asked: Asked, context: &Context) -> Asked {
        let mut out = Vec::new();
        self.editor.leave(&mut out);
        write(&out, context);
        asked
    }

    /// Obeys the keys that were read, up to the end of the line.
    fn obey(&mut self, out: &mut Vec<u8>) -> Step {
        let completer = &self.completer;
        loop {
            if self.quotes {
                let Some(bytes) = self.keys.next_quoted() else { return Step::More };
                self.editor.insert(&bytes);
                self.quotes = false;
            }
            let Some(key) = self.keys.next() else { return Step::More };
            match self.editor.press(key, &|text| completer.complete(text), out) {
                Step::More => {}
                Step::Quote => self.quotes = true,
                step => return step,
            }
        }
    }

    fn takes_text(&self) -> bool {
        self.editor.is_editing() && self.keys.is_empty() && !self.quotes
    }
}

fn write(bytes: &[u8], context: &Context) {
    // A terminal that can't be written is gone, which the next read notices too.
    let _ = context.output.writer().write_all(bytes);
    context.output.flush();
}

fn size() -> Size {
    let size = tcgetwinsize(io::stdout());
    size.map_or(Size { rows: 24, columns: 80 }, |size| Size { rows: size.ws_row.into(), columns: size.ws_col.into() })
}

/// Waits for input, and reads until the end of a line or until nothing more comes at once.
fn read(signals: &Signals) -> io::Result<Read> {
    let stdin = io::stdin();
    let mut bytes: Vec<u8> = Vec::new();
    loop {
        let timeout = if bytes.is_empty() { None } else { Some(&BURST) };
        let mut fds = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(signals.woken(), PollFlags::IN)];
        match poll(&mut fds, timeout) {
            Ok(0) => return Ok(Read::Keys(bytes)),
            Ok(_) if fds[1].revents().contains(PollFlags::IN) => return Ok(Read::Interrupted),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let mut byte = [0];
        match rustix::io::read(&stdin, &mut byte) {
            Ok(0) | Err(Errno::IO | Errno::BADF) if bytes.is_empty() => return Ok(Read::End),
            Ok(0) | Err(Errno::IO | Errno::BADF) => return Ok(Read::Keys(bytes)),
            Ok(_) => bytes.push(byte[0]),
            Err(Errno::INTR | Errno::AGAIN) => continue,
            Err(error) => return Err(error.into()),
        }
        if ends_line(&bytes) {
            let text = &bytes[..bytes.len() - 1];
            // A tab at the end was more likely pressed, ahead of time, than pasted.
            let is_text =
                text.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..)) && !text.ends_with(b"\t");
            return Ok(if is_text { Read::Line(text.to_vec()) } else { Read::Keys(bytes) });
        }
    }
}

fn ends_line(bytes: &[u8]) -> bool {
    matches!(bytes.last(), Some(b'\r' | b'\n'))
}

/// The terminal without echo, lines and signals; put back on drop.
struct KeyByKey(Option<Termios>);

impl KeyByKey {
    fn begin() -> KeyByKey {
        let Ok(before) = tcgetattr(io::stdin()) else { return KeyByKey(None) };
        let mut during = before.clone();
        during.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN | LocalModes::ISIG;
        during.input_modes -= InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR | InputModes::IXON;
        during.special_codes[SpecialCodeIndex::VMIN] = 1;
        during.special_codes[SpecialCodeIndex::VTIME] = 0;
        // After what was written, and without losing what was typed.
        let set = tcsetattr(io::stdin(), OptionalActions::Drain, &during);
        KeyByKey(set.ok().map(|()| before))
    }

    /// Tells the keys which characters are special on this terminal.
    fn special(&self, keys: &mut Keys) {
        self.0.iter().for_each(|before| keys.set_special(before));
    }
}

impl Drop for KeyByKey {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // A terminal that went away needs nothing back.
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, before);
        }
    }
}
