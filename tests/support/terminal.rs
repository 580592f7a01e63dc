//! Runs the program on a pseudo terminal: types, waits for marks on the screen, presses keys.
//!
//! The screen is a real one of 24 rows. In addition, a paper roll keeps the lines that scrolled away. Marks are
//! looked for on both.

use super::capture::Capture;
use super::outcome::Outcome;
use super::process::{Finished, kill_group};
use super::shell::{Mode, Shell};
use super::world::World;
use super::{GLANCE, PATIENCE};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::Write;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The prompt for a line.
pub const PROMPT: &str = "sftp> ";

/// The prompt for a person without a connection.
pub const UNCONNECTED: &str = "sftp (not connected)> ";

/// Rows of the paper roll: more than any test fills.
const ROLL_ROWS: u16 = 3000;

/// The request for the position of the cursor.
const CURSOR_QUESTION: &[u8] = b"\x1b[6n";

/// A key, as a terminal sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Enter,
    Tab,
    Backspace,
    Escape,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    /// Ctrl with a letter.
    Ctrl(char),
    /// Alt with a character.
    Alt(char),
}

impl Key {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Enter => b"\r".to_vec(),
            Self::Tab => b"\t".to_vec(),
            Self::Backspace => b"\x7f".to_vec(),
            Self::Escape => b"\x1b".to_vec(),
            Self::Up => b"\x1b[A".to_vec(),
            Self::Down => b"\x1b[B".to_vec(),
            Self::Right => b"\x1b[C".to_vec(),
            Self::Left => b"\x1b[D".to_vec(),
            Self::Home => b"\x1b[H".to_vec(),
            Self::End => b"\x1b[F".to_vec(),
            Self::Ctrl(letter) => vec![letter.to_ascii_lowercase() as u8 & 0x1f],
            Self::Alt(character) => format!("\x1b{character}").into_bytes(),
        }
    }
}

struct Views {
    screen: vt100::Parser,
    roll: vt100::Parser,
}

type Keyboard = Arc<Mutex<Box<dyn Write + Send>>>;

/// A person at a terminal, in a world.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Keyboard,
    heard: Arc<Capture>,
    views: Arc<Mutex<Views>>,
    typed: Vec<u8>,
    patience: Duration,
    world: Option<World>,
}

impl Shell {
    /// Starts the program on a terminal of 24 rows and 80 columns.
    pub fn at_a_terminal(self) -> Terminal {
        self.at_a_terminal_of(24, 80)
    }

    /// Starts the program on a terminal of this size.
    pub fn at_a_terminal_of(self, rows: u16, columns: u16) -> Terminal {
        let pair = native_pty_system().openpty(size(rows, columns)).expect("a pseudo terminal");
        let plain = self.command();
        let mut command = CommandBuilder::new(plain.get_program());
        command.args(plain.get_args());
        command.cwd(self.world().local());
        command.env_clear();
        for (name, value) in self.world().environment().iter().chain(self.variables()) {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let keyboard: Keyboard = Arc::new(Mutex::new(pair.master.take_writer().expect("the master's only writer")));
        let views = Arc::new(Mutex::new(Views { screen: view(rows, columns), roll: view(ROLL_ROWS, columns) }));
        let heard = listen(&*pair.master, Arc::clone(&keyboard), Arc::clone(&views));
        Terminal {
            child,
            master: pair.master,
            keyboard,
            heard,
            views,
            typed: Vec::new(),
            patience: PATIENCE,
            world: Some(self.into_world()),
        }
    }
}

impl Terminal {
    /// Waits for the prompt, types a line, presses Enter, and waits until the program has taken the line.
    #[track_caller]
    pub fn types(self, line: &str) -> Self {
        let mut at = self.at_the_prompt().keys_in(line);
        let before = at.heard.len();
        at.send(b"\r");
        at.typed.push(b'\n');
        at.wait(&format!("Enter after {line:?} to be taken"), |heard, _| heard[before..].contains(&b'\n'));
        at
    }

    /// Types text without Enter, and waits until it appears before the cursor.
    #[track_caller]
    pub fn keys_in(mut self, text: &str) -> Self {
        self.send(text.as_bytes());
        self.typed.extend_from_slice(text.as_bytes());
        let text = text.to_owned();
        self.wait(&format!("the echo of {text:?}"), move |_, views| {
            let before_cursor = text_before_cursor(&views.roll);
            let shown: String = before_cursor.chars().rev().take(text.chars().count()).collect();
            !shown.is_empty() && text.chars().rev().zip(shown.chars()).all(|(wanted, found)| wanted == found)
        });
        self
    }

    /// Waits until a question is before the cursor, then types an answer that is not shown.
    #[track_caller]
    pub fn answers(self, question: &str, answer: &str) -> Self {
        let at = self;
        let wanted = question.to_owned();
        at.wait(&format!("the question {question:?}"), |_, views| text_before_cursor(&views.roll).ends_with(&wanted));
        let before = at.heard.len();
        at.send(format!("{answer}\r").as_bytes());
        at.wait(&format!("the answer to {question:?} to be taken"), |heard, _| heard[before..].contains(&b'\n'));
        at
    }

    /// Presses a key.
    pub fn presses(self, key: Key) -> Self {
        self.send(&key.bytes());
        self
    }

    /// Sends a signal to the program, but not to its children.
    pub fn signals(self, signal: rustix::process::Signal) -> Self {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw);
        let _ = rustix::process::kill_process(pid.expect("a process id"), signal);
        self
    }

    /// Returns the process id of the program.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("it was started")
    }

    /// Sends bytes unchanged.
    pub fn sends(self, bytes: &[u8]) -> Self {
        self.send(bytes);
        self
    }

    /// Waits until this text is on the screen, or was.
    #[track_caller]
    pub fn sees(self, mark: &str) -> Self {
        let wanted = mark.to_owned();
        self.wait(&format!("{mark:?}"), move |_, views| {
            views.roll.screen().contents().contains(&wanted) || views.screen.screen().contents().contains(&wanted)
        });
        self
    }

    /// Waits until the received bytes contain this mark, whatever the screen shows.
    #[track_caller]
    pub fn hears(self, mark: &str) -> Self {
        let wanted = mark.as_bytes().to_vec();
        self.wait(&format!("the bytes {mark:?}"), move |heard, _| super::capture::find(heard, &wanted).is_some());
        self
    }

    /// Waits until exactly these bytes were received from the first prompt on.
    #[track_caller]
    pub fn hears_just(self, expected: &str) -> Self {
        let from_the_prompt = |heard: &[u8]| {
            let start = super::capture::find(heard, PROMPT.as_bytes()).unwrap_or(heard.len());
            heard[start..].to_vec()
        };
        let came = self.heard.wait_until(self.patience, |heard| from_the_prompt(heard) == expected.as_bytes());
        let found = from_the_prompt(&self.raw());
        assert!(came, "expected {expected:?}\n   found {:?}", String::from_utf8_lossy(&found));
        self
    }

    /// Waits until an empty prompt is before the cursor, with a connection or without one.
    #[track_caller]
    pub fn at_the_prompt(self) -> Self {
        self.wait("the prompt", |_, views| [PROMPT, UNCONNECTED].contains(&&*text_before_cursor(&views.roll)));
        self
    }

    /// Waits until this text is before the cursor on its row.
    #[track_caller]
    pub fn line_is(self, text: &str) -> Self {
        let wanted = text.to_owned();
        self.wait(&format!("the line {text:?}"), move |_, views| text_before_cursor(&views.roll) == wanted);
        self
    }

    /// Returns the text on the screen.
    pub fn screen(&self) -> String {
        self.plain(&self.views.lock().unwrap().screen.screen().contents())
    }

    /// Returns the present screen with its attributes.
    pub fn picture(&self) -> vt100::Screen {
        self.views.lock().unwrap().screen.screen().clone()
    }

    /// Returns all text that was on the screen since the start and was not overwritten.
    pub fn roll(&self) -> String {
        self.plain(&self.views.lock().unwrap().roll.screen().contents())
    }

    /// Returns all received bytes.
    pub fn raw(&self) -> Vec<u8> {
        self.heard.bytes()
    }

    /// Changes the size of the terminal. The program gets a SIGWINCH.
    pub fn resizes(self, rows: u16, columns: u16) -> Self {
        {
            let mut views = self.views.lock().unwrap();
            views.screen.set_size(dimension(rows), dimension(columns));
            views.roll.set_size(dimension(ROLL_ROWS), dimension(columns));
        }
        self.master.resize(size(rows, columns)).expect("a terminal can be resized");
        self
    }

    /// Like [`Terminal::resizes`], but the terminal wraps the rows of the screen again, as many do.
    pub fn wraps_again(self, rows: u16, columns: u16) -> Self {
        {
            let mut views = self.views.lock().unwrap();
            views.screen = super::screen::wrapped_again(views.screen.screen(), view(rows, columns));
            views.roll.set_size(dimension(ROLL_ROWS), dimension(columns));
        }
        self.master.resize(size(rows, columns)).expect("a terminal can be resized");
        self
    }

    /// Returns the world of the program.
    pub fn world(&self) -> &World {
        self.world.as_ref().expect("taken at the end only")
    }

    /// Waits for the program's end. The outcome's stdout is the paper roll.
    #[track_caller]
    pub fn ends_with(mut self, code: i32) -> Outcome {
        let deadline = Instant::now() + self.patience;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("our own child can be waited for") {
                break status;
            }
            if Instant::now() >= deadline {
                panic!("the program does not end; the screen shows\n{}", self.roll());
            }
            std::thread::sleep(GLANCE);
        };
        self.child.process_id().into_iter().for_each(super::process::assert_alone);
        self.heard.wait_for_end(Duration::from_secs(2));
        let found = i32::try_from(status.exit_code()).unwrap_or(-1);
        let finished = Finished {
            stdout: self.views.lock().unwrap().roll.screen().contents().into_bytes(),
            stderr: Vec::new(),
            code: found,
            hung: false,
            peak_bytes: 0,
        };
        let world = self.world.take().expect("taken at the end only");
        Outcome::new(world, Mode::Piped, std::mem::take(&mut self.typed), finished).exits(code)
    }

    fn send(&self, bytes: &[u8]) {
        let mut keyboard = self.keyboard.lock().unwrap();
        keyboard.write_all(bytes).and_then(|()| keyboard.flush()).expect("the program still holds its terminal");
    }

    #[track_caller]
    fn wait(&self, what: &str, enough: impl Fn(&[u8], &Views) -> bool) {
        if !self.heard.wait_until(self.patience, |heard| enough(heard, &self.views.lock().unwrap())) {
            let log = self.plain(&self.world().log());
            panic!("{what} did not come; the screen shows\n{}\n--- server's log\n{log}", self.roll());
        }
    }

    /// Waits until the screen fulfils a condition.
    #[track_caller]
    pub(super) fn waits_for_screen(&self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        self.wait(what, |_, views| holds(views.screen.screen()));
    }

    fn plain(&self, text: &str) -> String {
        self.world.as_ref().map_or_else(|| text.to_owned(), |world| world.plain(text))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            if let Some(pid) = self.child.process_id() {
                kill_group(pid);
            }
            let _ = self.child.wait();
        }
    }
}

/// Reads the program's output, and answers its requests for the cursor's position as terminals do.
fn listen(master: &dyn MasterPty, keyboard: Keyboard, views: Arc<Mutex<Views>>) -> Arc<Capture> {
    let source = master.try_clone_reader().expect("the master can be read");
    Capture::follow_with(source, move |piece| {
        let mut views = views.lock().unwrap();
        views.screen.process(piece);
        views.roll.process(piece);
        if super::capture::find(piece, CURSOR_QUESTION).is_some() {
            let (row, column) = views.screen.screen().cursor_position();
            let _ = write!(keyboard.lock().unwrap(), "\x1b[{};{}R", row + 1, column + 1);
        }
    })
}

/// Returns the text on the cursor's row before the cursor.
fn text_before_cursor(view: &vt100::Parser) -> String {
    let (row, column) = view.screen().cursor_position();
    (0..column)
        .filter_map(|at| view.screen().cell(row, at))
        .filter(|cell| !cell.is_wide_continuation())
        .map(|cell| if cell.has_contents() { cell.contents().to_string() } else { " ".to_owned() })
        .collect()
}

fn view(rows: u16, columns: u16) -> vt100::Parser {
    vt100::Parser::new(dimension(rows), dimension(columns), 0)
}

/// Any size will do if none was set.
fn dimension(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap_or(NonZeroU16::MIN)
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}
