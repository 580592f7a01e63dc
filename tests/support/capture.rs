//! What a process has said so far, readable while it speaks: waits are for marks in it, never for a time.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Bytes that a thread collects from a pipe.
#[derive(Default)]
pub struct Capture {
    heard: Mutex<Heard>,
    grown: Condvar,
}

#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    ended: bool,
}

impl Capture {
    /// Reads `source` to its end on a thread of its own.
    pub fn follow(source: impl Read + Send + 'static) -> Arc<Self> {
        Self::follow_with(source, |_| ())
    }

    /// As [`Capture::follow`]; each piece is shown to `also` as it is kept.
    pub fn follow_with(
        mut source: impl Read + Send + 'static,
        mut also: impl FnMut(&[u8]) + Send + 'static,
    ) -> Arc<Self> {
        let capture = Arc::new(Self::default());
        let ours = Arc::clone(&capture);
        std::thread::spawn(move || {
            let mut piece = [0; 16 * 1024];
            loop {
                let count = match source.read(&mut piece) {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    // The end of a pseudo terminal whose last process left is an error on Linux.
                    Ok(0) | Err(_) => break,
                    Ok(count) => count,
                };
                // Under one lock, so that nobody sees on a screen what was not heard yet.
                let mut heard = ours.heard.lock().unwrap();
                also(&piece[..count]);
                heard.bytes.extend_from_slice(&piece[..count]);
                drop(heard);
                ours.grown.notify_all();
            }
            ours.heard.lock().unwrap().ended = true;
            ours.grown.notify_all();
        });
        capture
    }

    /// All that was heard up to now.
    pub fn bytes(&self) -> Vec<u8> {
        self.heard.lock().unwrap().bytes.clone()
    }

    /// All that was heard up to now, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// How many bytes were heard up to now.
    pub fn len(&self) -> usize {
        self.heard.lock().unwrap().bytes.len()
    }

    /// Waits until `enough` holds for what was heard, the source ended, or the time is up; says whether it held.
    pub fn wait_until(&self, patience: Duration, mut enough: impl FnMut(&[u8]) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        let mut heard = self.heard.lock().unwrap();
        loop {
            if enough(&heard.bytes) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if heard.ended || left.is_zero() {
                return false;
            }
            heard = self.grown.wait_timeout(heard, left).unwrap().0;
        }
    }

    /// Waits for `mark` at or after byte `from`; says where it ended.
    pub fn wait_for(&self, mark: &str, from: usize, patience: Duration) -> Option<usize> {
        let mut end = None;
        self.wait_until(patience, |bytes| {
            end = find(bytes.get(from..).unwrap_or_default(), mark.as_bytes()).map(|at| from + at + mark.len());
            end.is_some()
        });
        end
    }

    /// Waits for the end of the source; says whether it came.
    pub fn wait_for_end(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut heard = self.heard.lock().unwrap();
        while !heard.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            heard = self.grown.wait_timeout(heard, left).unwrap().0;
        }
        true
    }
}

/// Where `needle` begins in `bytes`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    bytes.windows(needle.len()).position(|window| window == needle)
}
