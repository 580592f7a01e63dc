//! Progress for a reader without a terminal: lines without control codes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::shell::watch::display::Display;
use crate::terminal::{Output, Printable};
use crate::transfer::{Event, File};

/// Shortest time between two lines about one file.
const SPACING: Duration = Duration::from_millis(500);

/// Prints `Transfer of 'messages.1' is at 32768/128609 bytes (25.5%)` now and then, and once at 100 %. While the file
/// is verified, the line begins with `Verifying`.
#[derive(Debug, Default)]
pub(super) struct Plain {
    file: Option<Arc<File>>,
    shown_at: Option<Instant>,
}

impl Plain {
    /// Creates a display before the first event.
    pub(super) fn new() -> Plain {
        Plain::default()
    }

    fn is_due(&self) -> bool {
        self.shown_at.is_none_or(|shown_at| shown_at.elapsed() >= SPACING)
    }
}

impl Display for Plain {
    fn follow(&mut self, event: &Event, output: &Output) {
        match event {
            Event::Started(file) => *self = Plain { file: Some(Arc::clone(file)), shown_at: None },
            Event::Advanced { position: Some(position), verified, .. } => {
                let Some(file) = self.file.as_ref().filter(|_| self.is_due()) else { return };
                let line = match (verified, file.size) {
                    (Some(verified), _) if verified < position => line("Verifying", file.name(), *verified, *position),
                    (None, Some(size)) if *position > file.offset && *position < size => {
                        line("Transfer of", file.name(), *position, size)
                    }
                    _ => return,
                };
                output.progress(line);
                self.shown_at = Some(Instant::now());
            }
            Event::Finished { file, length, .. } => {
                output.progress(line("Transfer of", file.name(), *length, *length));
            }
            _ => {}
        }
    }
}

fn line(act: &str, name: &[u8], bytes: u64, total: u64) -> String {
    let name = Printable(name);
    // Rounded, but 100 % only if all bytes have moved.
    let thousandths = match (u128::from(bytes), u128::from(total)) {
        (bytes, total) if bytes >= total => 1000,
        (bytes, total) => ((bytes * 2000 + total) / (total * 2)).min(999),
    };
    format!("{act} '{name}' is at {bytes}/{total} bytes ({}.{}%)", thousandths / 10, thousandths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_tell_bytes_and_percent() {
        for (name, bytes, total, text) in [
            (&b"messages.1"[..], 32768, 128_609, "Transfer of 'messages.1' is at 32768/128609 bytes (25.5%)"),
            (b"messages.1", 128_609, 128_609, "Transfer of 'messages.1' is at 128609/128609 bytes (100.0%)"),
            (b"empty", 0, 0, "Transfer of 'empty' is at 0/0 bytes (100.0%)"),
            (b"a\nb", 999_999, 1_000_000, "Transfer of 'a\\012b' is at 999999/1000000 bytes (99.9%)"),
        ] {
            assert_eq!(line("Transfer of", name, bytes, total), text);
        }
    }
}
