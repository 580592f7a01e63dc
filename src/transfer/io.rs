//! What every file in flight works with: the session, the queue of answers, the window, the reporter.

use std::time::Instant;

use super::job::Canceller;
use super::reporter::{Reporter, Sequence};
use super::settings::Settings;
use super::window::Window;
use crate::sftp::{self, Call, Completions, Reply, Session, StatusCode};

/// The engine's tools, lent to one file at a time.
pub(super) struct Io {
    pub(super) session: Session,
    pub(super) queue: Completions<Token>,
    pub(super) window: Window,
    pub(super) reporter: Reporter,
    pub(super) settings: Settings,
    pub(super) canceller: Canceller,
    /// Room for one WRITE's data, used again and again.
    pub(super) scratch: Vec<u8>,
}

/// Which request of which step an answer belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) sequence: Sequence,
    pub(super) asked: Asked,
    pub(super) issued: Instant,
}

/// A request of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Stat,
    Open,
    /// To compare what is there.
    Verify {
        offset: u64,
        length: u32,
    },
    Read {
        offset: u64,
        length: u32,
    },
    Write {
        offset: u64,
        length: u32,
    },
    /// Which file system it lies on.
    FileSystem,
    SetAttributes,
    Sync,
    Close,
    MakeDirectory,
    StatDirectory,
    SetDirectory,
}

/// What a file does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It may have something to ask.
    MayAsk,
    /// It waits for answers.
    Waits,
    /// It could not be opened, perhaps only because too much is open; it may be tried once more when less is.
    Crowded,
    /// It is over, well or badly, and told.
    Concluded,
}

impl Io {
    /// Submits a request that moves no data to speak of.
    pub(super) fn ask<C: Call>(&self, sequence: Sequence, asked: Asked, call: &C) {
        self.submit(sequence, asked, call, Instant::now());
    }

    /// Submits a request that moves data, which counts in the window.
    pub(super) fn ask_for_data<C: Call>(&mut self, sequence: Sequence, asked: Asked, call: &C) {
        let now = Instant::now();
        self.window.issue(asked.window_bytes(), now);
        self.submit(sequence, asked, call, now);
    }

    fn submit<C: Call>(&self, sequence: Sequence, asked: Asked, call: &C, issued: Instant) {
        self.session.submit_to(&self.queue, Token { sequence, asked, issued }, call);
    }
}

impl Asked {
    /// Whether it counts in the window.
    pub(super) fn moves_data(self) -> bool {
        matches!(self, Asked::Read { .. } | Asked::Verify { .. } | Asked::Write { .. })
    }

    /// Bytes that it moves at most.
    pub(super) fn window_bytes(self) -> u64 {
        match self {
            Asked::Read { length, .. } | Asked::Verify { length, .. } | Asked::Write { length, .. } => length.into(),
            _ => 0,
        }
    }

    /// Bytes that it moved.
    pub(super) fn moved_bytes(self, outcome: &Result<Reply, sftp::Error>) -> u64 {
        match outcome {
            Ok(Reply::Data(data)) => data.len() as u64,
            Ok(_) => self.window_bytes(),
            Err(_) => 0,
        }
    }
}

/// Whether a server may refuse an OPEN because it has no handle left. None has a code of its own for that.
pub(super) fn may_be_crowded(error: &sftp::Error) -> bool {
    error.status_code() == Some(StatusCode::FAILURE)
}
