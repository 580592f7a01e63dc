//! Asks at the terminal what SSH needs to know, and shows what it has to say. All of it may come from the server, so all of
//! it is made printable.

use zeroize::Zeroizing;

use crate::ssh::{Notice, Questions};
use crate::terminal::{Output, Printable, prompt};

/// The person at the controlling terminal.
pub(super) struct AtTerminal<'a> {
    output: &'a Output,
    verbose: bool,
    /// Lines that belong to the next question: they are put where it is asked, wherever stderr goes.
    pending: Vec<String>,
}

impl<'a> AtTerminal<'a> {
    pub(super) fn new(output: &'a Output, verbose: bool) -> AtTerminal<'a> {
        AtTerminal { output, verbose, pending: Vec::new() }
    }

    fn with_pending(&mut self, question: &str) -> String {
        self.output.flush();
        self.pending.push(question.to_owned());
        std::mem::take(&mut self.pending).join("\n")
    }
}

impl Questions for AtTerminal<'_> {
    fn can_ask(&self) -> bool {
        prompt::possible()
    }

    fn ask(&mut self, question: &str) -> Option<String> {
        prompt::ask(&self.with_pending(question)).ok()
    }

    fn secret(&mut self, question: &str) -> Option<Zeroizing<String>> {
        prompt::secret(&self.with_pending(question)).ok()
    }

    fn show(&mut self, notice: Notice) {
        match notice {
            Notice::Banner(text) => {
                for line in text.trim_ascii_end().split(|&byte| byte == b'\n') {
                    let line = line.strip_suffix(b"\r").unwrap_or(line);
                    self.output.warning(Printable(line));
                }
            }
            Notice::Information(line) => self.pending.push(line.replace('\n', " ")),
            Notice::Warning(line) => self.output.warning(Printable(line.as_bytes())),
            Notice::Verbose(line) if self.verbose => {
                self.output.failure(format_args!("debug1: {}", Printable(line.as_bytes())));
            }
            Notice::Verbose(_) => {}
        }
    }
}

impl Drop for AtTerminal<'_> {
    /// What was meant for a question that was never asked is still worth a line.
    fn drop(&mut self) {
        for line in self.pending.drain(..) {
            self.output.note(Printable(line.as_bytes()));
        }
    }
}
