//! Follows files that grow, for `tail -f` and `tail -F`.
//!
//! SFTP reports no changes, so the files are looked at again and again, less often while nothing happens.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::commands::opened::Opened;
use crate::commands::{Context, Failure};
use crate::remote::Ahead;
use crate::sftp::{Attributes, Error};
use crate::terminal::{Contents, Output, Printable, output};

/// The pause before files that have just changed are looked at again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause, reached by doubling while nothing changes.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The thing that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The open file, even if it is renamed.
    Handle,
    /// Whatever file has the name.
    Name,
}

/// A file that is followed.
pub(super) struct Followed {
    file: Opened,
    /// The offset of the first byte that was not shown.
    offset: u64,
    is_gone: bool,
}

impl Followed {
    /// Follows a file from an offset.
    pub(super) fn from(file: Opened, offset: u64) -> Followed {
        Followed { file, offset, is_gone: false }
    }
}

/// Shows all that is appended to the files, until Ctrl-C.
pub(super) fn follow(cx: &Context, mut files: Vec<Followed>, by: By) -> Result<(), Failure> {
    let output = &cx.output;
    let mut shown = Shown { output, contents: Contents::on(output), last: None, has_headings: files.len() > 1 };
    let mut pause = SHORTEST_PAUSE;
    loop {
        let mut has_news = false;
        for (number, followed) in files.iter_mut().enumerate() {
            has_news |= followed.look(cx, by, &mut |name, piece| shown.show(number, name, piece))?;
        }
        cx.output.flush();
        if cx.interrupt().wait(pause) {
            return Err(Failure::already_shown());
        }
        pause = if has_news { SHORTEST_PAUSE } else { LONGEST_PAUSE.min(pause * 2) };
    }
}

/// The state of a followed file.
enum State {
    /// It has this size.
    Present(u64),
    /// Another file, with these attributes, has its name.
    Replaced(Attributes),
    /// No file has its name.
    Gone,
}

/// Shows bytes of the file with this name.
type Show<'a> = &'a mut dyn FnMut(&[u8], &[u8]);

impl Followed {
    /// Shows what is new. Returns whether there was anything.
    fn look(&mut self, cx: &Context, by: By, show: Show<'_>) -> Result<bool, Failure> {
        let state = self.state(cx, by).map_err(|error| self.file.unreadable(cx, &error))?;
        match state {
            State::Present(size) => {
                if size < self.offset {
                    self.report(cx, "it is shorter now, and is shown from its beginning");
                    self.offset = 0;
                }
                self.show_rest(cx, size, show)
            }
            State::Gone => {
                if !std::mem::replace(&mut self.is_gone, true) {
                    self.report(cx, "it is gone; sftpsh waits for another file with this name");
                }
                self.show_rest(cx, self.offset, show)
            }
            State::Replaced(attributes) => {
                self.show_rest(cx, self.offset, show)?;
                // It may be gone again, which the next look reports.
                let Ok(file) = self.file.reopened(cx, attributes) else { return Ok(false) };
                self.report(cx, "another file has this name now, and is shown from its beginning");
                *self = Followed::from(file, 0);
                self.show_rest(cx, self.file.size, show)
            }
        }
    }

    fn state(&self, cx: &Context, by: By) -> Result<State, Error> {
        if by == By::Handle {
            return Ok(State::Present(size(&cx.session().fstat(self.file.handle())?)));
        }
        let Some(earlier) = self.of_name(cx)? else { return Ok(State::Gone) };
        if self.is_gone {
            return Ok(State::Replaced(earlier));
        }
        // A file that grows meanwhile lies between its earlier and its later state; another file hardly does.
        let now = cx.session().fstat(self.file.handle())?;
        let Some(later) = self.of_name(cx)? else { return Ok(State::Gone) };
        let is_between = |of: fn(&Attributes) -> u64| of(&earlier) <= of(&now) && of(&now) <= of(&later);
        let is_same = is_between(size) && is_between(modified);
        Ok(if is_same { State::Present(size(&now)) } else { State::Replaced(later) })
    }

    /// Returns the attributes of the file that has the name, or `None` if there is none.
    fn of_name(&self, cx: &Context) -> Result<Option<Attributes>, Error> {
        match cx.session().stat(self.file.path()) {
            Ok(attributes) => Ok(Some(attributes)),
            Err(error) if error.status_code().is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn show_rest(&mut self, cx: &Context, expected: u64, show: Show<'_>) -> Result<bool, Failure> {
        let start = self.offset;
        let name = self.file.name(cx);
        self.file.read(cx, start, expected, Ahead::Much, |piece| {
            self.offset += piece.len() as u64;
            show(name, piece);
            ControlFlow::Continue(())
        })?;
        Ok(self.offset > start)
    }

    fn report(&self, cx: &Context, news: &str) {
        cx.output.warning(format_args!("{}: {news}", Printable(self.file.name(cx))));
    }
}

fn size(attributes: &Attributes) -> u64 {
    attributes.size.unwrap_or(0)
}

fn modified(attributes: &Attributes) -> u64 {
    attributes.times.map_or(0, |times| times.modified.into())
}

/// The text on stdout.
struct Shown<'a> {
    output: &'a Output,
    contents: Contents<output::Writer<'a>>,
    /// The number of the file whose text is last.
    last: Option<usize>,
    has_headings: bool,
}

impl<'a> Shown<'a> {
    /// Shows bytes of a file, under its name if the text before is that of another one.
    ///
    /// If stdout is no longer read, `Output::stop_when_ended` stops the command.
    fn show(&mut self, number: usize, name: &[u8], piece: &[u8]) {
        if self.has_headings && self.last != Some(number) {
            let _ = std::mem::replace(&mut self.contents, Contents::on(self.output)).finish();
            let separator = if self.last.is_some() { "\n" } else { "" };
            self.output.answer(format_args!("{separator}==> {} <==", Printable(name)));
        }
        self.last = Some(number);
        let _ = self.contents.write_all(piece);
    }
}
