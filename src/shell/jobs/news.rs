//! News of the background jobs for the user: what they have to say, and how they end.

use std::io;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use crate::lock::lock;
use crate::terminal::Output;

/// News that wait to be shown. Clones share them.
#[derive(Clone)]
pub(crate) struct News(Arc<Shared>);

struct Shared {
    lines: Mutex<Vec<Line>>,
    /// Readable while lines wait.
    woken: UnixStream,
    waker: UnixStream,
}

/// One line of news, made printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Something failed.
    Failure(String),
    /// The state of a job has changed.
    Status(String),
}

impl Line {
    /// Prints the line by its role.
    pub(crate) fn print(&self, output: &Output) {
        match self {
            Line::Failure(text) => output.failure(text),
            Line::Status(text) => output.status(text),
        }
    }

    /// Returns the text.
    pub(crate) fn text(&self) -> &str {
        let (Line::Failure(text) | Line::Status(text)) = self;
        text
    }
}

impl News {
    /// Returns no news.
    ///
    /// # Errors
    /// The system has no more sockets.
    pub(crate) fn new() -> io::Result<News> {
        let (woken, waker) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        Ok(News(Arc::new(Shared { lines: Mutex::default(), woken, waker })))
    }

    /// Adds a line.
    pub(crate) fn tell(&self, line: Line) {
        lock(&self.0.lines).push(line);
        // If it is full, it is readable already.
        let _ = (&self.0.waker).write(&[0]);
    }

    /// Returns the lines that wait, in their order, and forgets them.
    pub(crate) fn take(&self) -> Vec<Line> {
        let mut lines = lock(&self.0.lines);
        let mut scrap = [0; 64];
        while matches!((&self.0.woken).read(&mut scrap), Ok(read) if read > 0) {}
        std::mem::take(&mut lines)
    }

    /// Prints the lines that wait.
    pub(crate) fn print(&self, output: &Output) {
        self.take().iter().for_each(|line| line.print(output));
    }

    /// Returns a socket that is readable while lines wait.
    pub(crate) fn woken(&self) -> &UnixStream {
        &self.0.woken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn is_readable(news: &News) -> bool {
        let mut fds = [PollFd::new(news.woken(), PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() > 0
    }

    #[test]
    fn the_socket_is_readable_while_lines_wait() {
        let news = News::new().unwrap();
        assert!(!is_readable(&news));
        (0..1000).for_each(|number| news.tell(Line::Status(number.to_string())));
        news.tell(Line::Failure("last".into()));
        assert!(is_readable(&news));
        let lines = news.take();
        assert_eq!((lines.len(), lines[1000].text()), (1001, "last"));
        assert!(!is_readable(&news) && news.take().is_empty());
    }
}
