//! Shows files in a pager: the program of `$PAGER`, or `less`, or screenfuls of our own.
//!
//! The pager gets printable text through a pipe. A full pipe stops the reading, so only a little more is fetched than
//! is shown.

use std::io::{self, Write};
use std::process::Stdio;
use std::thread::{self, JoinHandle};

use crate::commands::local_programs::{Lent, chosen, spawn};
use crate::commands::matches::targets;
use crate::commands::opened::Opened;
use crate::commands::{Context, Failure, Origin, Outcome, RemotePattern};
use crate::remote::Interrupt;
use crate::terminal::{Contents, Printable, Screenfuls};

/// The way in which a command writes a file to the pager. The inner error is that of the pager.
type Pour = fn(&Context, &Opened, &mut dyn Write) -> Result<io::Result<()>, Failure>;

/// Returns whether a user can page: not in a script, and not off a terminal.
pub(super) fn is_possible(cx: &Context) -> bool {
    cx.has_screen && cx.origin != Origin::Script
}

/// Shows files one after the other in one pager, under their names if there are several. Failures are printed when the
/// screen is free again.
pub(super) fn page(cx: &Context, paths: &[RemotePattern], pour: Pour) -> Result<Outcome, Failure> {
    let targets = targets(cx, paths)?;
    let has_headings = targets.len() > 1;
    let (mut pager, mut failures) = (None::<Pager>, Vec::new());
    for target in targets {
        let shown = Opened::open(cx, target).map(|file| (file.name(cx).to_vec(), file));
        let (name, file) = match shown {
            Ok(shown) => shown,
            Err(failure) => {
                failures.push(failure);
                continue;
            }
        };
        let pager = match &mut pager {
            Some(pager) => pager,
            empty => empty.insert(Pager::open(cx)?),
        };
        let heading = has_headings.then(|| format!("==> {} <==\n", Printable(&name)));
        let poured = pager.show(cx, file, heading, pour);
        if pager.has_closed() {
            break;
        }
        failures.extend(poured.err());
    }
    drop(pager);
    let Some(last) = failures.pop() else { return Ok(Outcome::Done) };
    failures.iter().for_each(|failure| cx.output.explain(failure));
    Err(last)
}

/// A running pager. Dropping it waits until the user has left it.
struct Pager<'a> {
    to: Option<Box<dyn Write + 'a>>,
    /// Pressed when the pager has ended.
    closed: Interrupt,
    program: Option<(JoinHandle<()>, Lent)>,
}

impl<'a> Pager<'a> {
    fn open(cx: &'a Context) -> Result<Pager<'a>, Failure> {
        cx.output.flush();
        let command = match cx.local_programs.are_allowed() {
            true => chosen(&["PAGER"], &["less"])?,
            false => None,
        };
        let Some(mut command) = command else {
            let to: Box<dyn Write> = Box::new(Screenfuls::on(&cx.output));
            return Ok(Pager { to: Some(to), closed: cx.interrupt().clone(), program: None });
        };
        let lent = cx.local_programs.lend_terminal();
        command.stdin(Stdio::piped()).current_dir(cx.local.path());
        let program = spawn(&mut command)?;
        let pipe = program.stdin().map(|pipe| Box::new(pipe) as Box<dyn Write>);
        let closed = Interrupt::default();
        let closing = closed.clone();
        let waiter = thread::spawn(move || {
            // If its end is unknown, the closed pipe still ends the reading.
            let _ = program.wait();
            closing.press();
        });
        Ok(Pager { to: pipe, closed, program: Some((waiter, lent)) })
    }

    fn has_closed(&self) -> bool {
        self.to.is_none() || self.closed.was_pressed()
    }

    fn show(&mut self, cx: &Context, file: Opened, heading: Option<String>, pour: Pour) -> Result<(), Failure> {
        let Some(to) = &mut self.to else { return Ok(()) };
        let mut contents = Contents::printable(to);
        let file = file.stopped_by(&self.closed);
        let written = match contents.write_all(heading.unwrap_or_default().as_bytes()) {
            Ok(()) => pour(cx, &file, &mut contents),
            Err(error) => Ok(Err(error)),
        };
        // A pager that the user has left gets nothing more.
        if matches!(written, Ok(Err(_))) || self.closed.was_pressed() || contents.finish().is_err() {
            self.to = None;
        }
        written.map(drop)
    }
}

impl Drop for Pager<'_> {
    fn drop(&mut self) {
        self.to = None;
        if let Some((waiter, lent)) = self.program.take() {
            // It ends with the pager, and can't panic.
            let _ = waiter.join();
            drop(lent);
        }
    }
}
