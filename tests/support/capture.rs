//! Collects a process's output and makes it readable while the process runs. Tests wait for marks in it, never for a
//! time.

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

    /// Like [`Capture::follow`], but also passes each piece to `also` when it is stored.
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
                    // On Linux, a pseudo terminal reports an error when its last process has closed it.
                    Ok(0) | Err(_) => break,
                    Ok(count) => count,
                };
                // Under one lock, so that the screen never shows bytes that are not stored yet.
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

    /// Returns all bytes so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.heard.lock().unwrap().bytes.clone()
    }

    /// Returns all bytes so far, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Returns the number of bytes so far.
    pub fn len(&self) -> usize {
        self.heard.lock().unwrap().bytes.len()
    }

    /// Waits until `enough` accepts the bytes so far, the source has ended, or the time is up. Returns whether it
    /// accepted them.
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

    /// Waits for `mark` at or after byte `from`. Returns the position after it.
    pub fn wait_for(&self, mark: &str, from: usize, patience: Duration) -> Option<usize> {
        let mut end = None;
        self.wait_until(patience, |bytes| {
            end = find(bytes.get(from..).unwrap_or_default(), mark.as_bytes()).map(|at| from + at + mark.len());
            end.is_some()
        });
        end
    }

    /// Waits for the end of the source. Returns whether it has ended in time.
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

/// Returns the position of `needle` in `bytes`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    bytes.windows(needle.len()).position(|window| window == needle)
}
