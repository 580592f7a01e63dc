//! One file on its way to the server: `Asking → Opening → Moving → Closing`, written in place as sftp(1) does.
//!
//! Once the last WRITE is sent, what ends the file is sent behind it without waiting: a server works on one file's
//! requests in their order (draft-ietf-secsh-filexfer-02, section 6).

use std::fs::{self, File as LocalFile};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::sync::Arc;
use std::time::Instant;

use rustix::fs::OFlags;

use super::event::{Event, File, Note};
use super::failure::{Act, Cause, Failure};
use super::io::{Asked, Io, Turn, may_be_crowded};
use super::local::bytes;
use super::plan::{PutFile, times};
use super::reporter::Sequence;
use crate::sftp::{self, Attributes, Extension, Handle, OpenFlags, Reply, Statvfs, Times, calls};

/// How much of what is there is compared before anything is appended to it.
const TAIL_BYTES: u64 = 64 * 1024;

/// One file on its way to the server.
pub(super) struct Upload {
    sequence: Sequence,
    source: PutFile,
    local: LocalFile,
    size: u64,
    mode: u32,
    times: Times,
    began: Instant,
    state: State,
    /// Whether its first request was sent once more, when less was open.
    is_second_try: bool,
    handle: Option<Handle>,
    file: Option<Arc<File>>,
    /// Where the next WRITE starts.
    next: u64,
    outstanding: usize,
    /// The first thing that went wrong: it decides, whatever goes well after it.
    failure: Option<Failure>,
    /// Where the first WRITE that failed should have gone.
    hole: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Asking how much is there, for a resume.
    Asking,
    /// Opening to read as well, so that what is there can be compared up to `until`.
    OpeningToCompare {
        until: u64,
    },
    Opening,
    Comparing {
        at: u64,
        until: u64,
    },
    Moving,
    Closing,
}

/// A local file that was opened to be sent.
pub(super) struct Source {
    local: LocalFile,
    metadata: fs::Metadata,
}

impl Source {
    pub(super) fn open(plan: &PutFile) -> Result<Source, Failure> {
        // Not blocking: it may have become a FIFO since it was looked at.
        let follow = if plan.is_named { OFlags::empty() } else { OFlags::NOFOLLOW };
        let flags = i32::try_from((follow | OFlags::NONBLOCK).bits()).unwrap_or_default();
        let failed = |act, error: std::io::Error| Failure::new(act, bytes(&plan.shown), error);
        let local = fs::OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(&plan.local)
            .map_err(|error| failed(Act::OpenLocal, error))?;
        let metadata = local.metadata().map_err(|error| failed(Act::StatLocal, error))?;
        if !metadata.is_file() {
            return Err(Failure::new(Act::Upload, bytes(&plan.shown), Cause::NotRegular));
        }
        Ok(Source { local, metadata })
    }
}

impl Upload {
    /// Sends the first request.
    pub(super) fn begin(sequence: Sequence, plan: PutFile, source: Source, io: &Io) -> Upload {
        let Source { local, metadata } = source;
        let mut upload = Upload {
            sequence,
            local,
            size: metadata.len(),
            mode: metadata.mode() & 0o777,
            times: times(&metadata),
            source: plan,
            began: Instant::now(),
            state: State::Asking,
            is_second_try: false,
            handle: None,
            file: None,
            next: 0,
            outstanding: 0,
            failure: None,
            hole: None,
        };
        upload.send_first(io);
        upload
    }

    /// Bytes that are known to go and have not been sent.
    pub(super) fn backlog(&self) -> u64 {
        self.size.saturating_sub(self.next)
    }

    /// Sends the first request once more: its directory was not there yet.
    pub(super) fn send_first(&mut self, io: &Io) {
        if io.settings.options.resume {
            self.state = State::Asking;
            io.ask(self.sequence, Asked::Stat, &calls::Stat { path: &self.source.remote });
        } else {
            self.open(io, State::Opening, OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE);
        }
    }

    /// The same when less is open.
    pub(super) fn open_again(&mut self, io: &Io) {
        self.is_second_try = true;
        self.send_first(io);
    }

    /// Whether it holds a handle of the server.
    pub(super) fn is_open(&self) -> bool {
        self.handle.is_some()
    }

    /// Whether nothing of it is on the server yet, so that it can be begun anew.
    pub(super) fn is_at_its_beginning(&self) -> bool {
        matches!(self.state, State::Asking | State::Opening)
    }

    fn open(&mut self, io: &Io, state: State, flags: OpenFlags) {
        self.state = state;
        let attributes = Attributes::with_permissions(self.mode);
        io.ask(self.sequence, Asked::Open, &calls::Open { path: &self.source.remote, flags, attributes });
    }

    /// Takes an answer.
    pub(super) fn answer(&mut self, io: &mut Io, asked: Asked, outcome: Result<Reply, sftp::Error>) -> Turn {
        if asked != Asked::Open && asked != Asked::Stat {
            self.outstanding -= 1;
        }
        match (asked, outcome) {
            (Asked::Stat, Ok(Reply::Attributes(attributes))) => self.resume(io, &attributes),
            // Nothing is there to be continued.
            (Asked::Stat, Err(error)) if error.is_no_such_file() => {
                self.open(io, State::Opening, OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE);
            }
            (Asked::Stat, Err(error)) => self.remember(Act::StatRemote, error),
            (Asked::Open, Ok(Reply::Handle(handle))) => self.opened(io, handle),
            (Asked::Open, Err(error))
                if self.state == State::Opening && may_be_crowded(&error) && !self.is_second_try =>
            {
                return Turn::Crowded;
            }
            (Asked::Open, Err(error)) => self.not_opened(io, error),
            (Asked::Verify { offset, .. }, outcome) => self.compared(io, offset, outcome),
            (Asked::Write { offset, length }, Ok(_)) => {
                let position = offset + u64::from(length);
                io.reporter.advance(self.sequence, position, length.into());
            }
            (Asked::Write { offset, .. }, Err(error)) => {
                self.hole = Some(self.hole.map_or(offset, |hole| hole.min(offset)));
                self.remember(Act::WriteRemote, error);
            }
            (Asked::SetAttributes, Err(error)) if error.leaves_the_session_alive() => {
                let failure = Failure::new(Act::SetOpenAttributes, self.source.remote.as_bytes(), error);
                io.reporter.tell(self.sequence, Event::Noted(Note::NotPreserved(failure)));
            }
            (Asked::Sync, Err(error)) => self.remember(Act::SyncRemote, error),
            (Asked::Close, Err(error)) => self.remember(Act::CloseRemote, error),
            _ => {}
        }
        self.turn(io)
    }

    /// What comes next, in whatever state an answer has left it.
    fn turn(&mut self, io: &mut Io) -> Turn {
        if self.failure.as_ref().is_some_and(Failure::is_fatal) {
            // Told once for the whole job.
            return Turn::Waits;
        }
        let is_over = self.failure.is_some() || self.state == State::Closing;
        match (is_over, self.outstanding) {
            (true, 0) => self.conclude(io),
            (true, _) => Turn::Waits,
            (false, _) => Turn::MayAsk,
        }
    }

    /// Sends one more request, if there is anything to send.
    pub(super) fn ask(&mut self, io: &mut Io) -> Turn {
        let Some(handle) = &self.handle else { return Turn::Waits };
        if self.failure.is_some() {
            return Turn::Waits;
        }
        match self.state {
            State::Comparing { at, until } if self.outstanding == 0 => {
                self.outstanding = 1;
                let length = u32::try_from(until - at).unwrap_or(u32::MAX).min(io.settings.read_bytes);
                let asked = Asked::Verify { offset: at, length };
                io.ask_for_data(self.sequence, asked, &calls::Read { handle, offset: at, length });
                Turn::Waits
            }
            State::Moving => self.send_part(io),
            _ => Turn::Waits,
        }
    }

    /// Reads the next part and sends it; behind the last one, what ends the file.
    fn send_part(&mut self, io: &mut Io) -> Turn {
        let mut scratch = std::mem::take(&mut io.scratch);
        scratch.resize(io.settings.write_bytes as usize, 0);
        let turn = match self.read_part(&mut scratch) {
            Ok(0) => self.send_end(io),
            Ok(length) => self.send_data(io, &scratch[..length], length < scratch.len()),
            Err(failure) => {
                self.failure = Some(failure);
                self.turn(io)
            }
        };
        io.scratch = scratch;
        turn
    }

    fn send_data(&mut self, io: &mut Io, data: &[u8], is_last: bool) -> Turn {
        let Some(handle) = &self.handle else { return Turn::Waits };
        // No longer than write_bytes, so it fits.
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let asked = Asked::Write { offset: self.next, length };
        io.ask_for_data(self.sequence, asked, &calls::Write { handle, offset: self.next, data });
        self.outstanding += 1;
        self.next += u64::from(length);
        // What ends it needs no other turn of the window.
        if is_last || matches!(self.read_part(&mut [0]), Ok(0)) { self.send_end(io) } else { Turn::MayAsk }
    }

    /// Reads from where the next WRITE starts. Nothing is the end of the file, where it should be or beyond.
    fn read_part(&self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.local.read_at(&mut buffer[filled..], self.next + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::new(Act::ReadLocal, bytes(&self.source.shown), error)),
            }
        }
        let end = self.next + filled as u64;
        if filled < buffer.len() && end < self.size && !stores_nothing(&self.local) {
            let cause = Cause::Truncated { got: end, expected: self.size };
            return Err(Failure::new(Act::ReadLocal, bytes(&self.source.shown), cause));
        }
        Ok(filled)
    }

    fn send_end(&mut self, io: &mut Io) -> Turn {
        let Some(handle) = self.handle.take() else { return Turn::Waits };
        self.state = State::Closing;
        if io.settings.options.preserve {
            let attributes =
                Attributes { permissions: Some(self.mode), times: Some(self.times), ..Attributes::default() };
            io.ask(self.sequence, Asked::SetAttributes, &calls::Fsetstat { handle: &handle, attributes });
            self.outstanding += 1;
        }
        if io.settings.options.fsync && io.session.offers(Extension::Fsync) {
            io.ask(self.sequence, Asked::Sync, &calls::Fsync { handle: &handle });
            self.outstanding += 1;
        }
        io.ask(self.sequence, Asked::Close, &calls::Close { handle });
        self.outstanding += 1;
        Turn::Waits
    }

    fn resume(&mut self, io: &mut Io, there: &Attributes) {
        match there.size {
            Some(size) if size > self.size => {
                self.failure =
                    Some(Failure::new(Act::ResumeUpload, bytes(&self.source.shown), Cause::NotSmallerThanSource));
            }
            Some(size) if size == self.size && size > 0 => {
                let target = self.source.remote.as_bytes();
                io.reporter.tell(self.sequence, Event::Noted(Note::NotModified(target.to_vec())));
                io.reporter.already_there(size);
                self.state = State::Closing;
            }
            Some(size) if size > 0 => {
                self.open(io, State::OpeningToCompare { until: size }, OpenFlags::READ | OpenFlags::WRITE);
            }
            _ => self.open(io, State::Opening, OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE),
        }
    }

    fn opened(&mut self, io: &mut Io, handle: Handle) {
        self.handle = Some(handle);
        match self.state {
            State::OpeningToCompare { until } => {
                self.state = State::Comparing { at: until.saturating_sub(TAIL_BYTES), until };
            }
            _ => self.start(io),
        }
    }

    fn not_opened(&mut self, io: &mut Io, error: sftp::Error) {
        match self.state {
            // It may be written and not read: its size must do, as for sftp(1).
            State::OpeningToCompare { until } if error.leaves_the_session_alive() => {
                self.next = until;
                self.open(io, State::Opening, OpenFlags::WRITE);
            }
            _ => self.remember(Act::OpenTarget, error),
        }
    }

    fn compared(&mut self, io: &mut Io, offset: u64, outcome: Result<Reply, sftp::Error>) {
        let State::Comparing { until, .. } = self.state else { return };
        let data = match outcome {
            Ok(Reply::Data(data)) => data,
            Err(error) if !error.is_eof() => return self.remember(Act::ReadRemote, error),
            _ => bytes::Bytes::new(),
        };
        let mut here = vec![0; data.len()];
        if data.is_empty() || self.local.read_exact_at(&mut here, offset).is_err() || here != data {
            let target = self.source.remote.as_bytes().to_vec();
            io.reporter.tell(self.sequence, Event::Noted(Note::StartedOver(target)));
            // This one's drop closes it; the next one empties the file.
            self.handle = None;
            self.open(io, State::Opening, OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE);
            return;
        }
        let at = offset + data.len() as u64;
        if at < until {
            self.state = State::Comparing { at, until };
        } else {
            self.next = until;
            self.start(io);
        }
    }

    /// Says that bytes are next.
    fn start(&mut self, io: &mut Io) {
        self.state = State::Moving;
        let file = Arc::new(File {
            direction: super::Direction::Put,
            source: bytes(&self.source.shown).to_vec(),
            target: self.source.remote.as_bytes().to_vec(),
            size: Some(self.size),
            offset: self.next,
            resumes: io.settings.options.resume,
        });
        self.file = Some(Arc::clone(&file));
        io.reporter.already_there(self.next);
        io.reporter.tell(self.sequence, Event::Started(file));
    }

    /// Only the first failure counts.
    fn remember(&mut self, act: Act, error: sftp::Error) {
        let failure = Failure::new(act, self.source.remote.as_bytes(), error);
        if self.failure.is_none() || failure.is_fatal() {
            self.failure = Some(failure);
        }
    }

    fn conclude(&mut self, io: &mut Io) -> Turn {
        if let Some(hole) = self.hole.take() {
            self.cut_at(io, hole);
        }
        // Its drop closes what is open after a failure.
        self.handle = None;
        let file = self.file.take();
        io.reporter.file_done(self.failure.is_none());
        match (self.failure.take(), file) {
            (Some(failure), _) => io.reporter.tell(self.sequence, Event::Failed(failure)),
            (None, Some(file)) => {
                let finished = Event::Finished { file, length: self.next, elapsed: self.began.elapsed() };
                io.reporter.tell(self.sequence, finished);
            }
            (None, None) => {}
        }
        Turn::Concluded
    }

    /// Later WRITEs may have gone well. A file with a hole would look to a resume as if it were further than it is.
    fn cut_at(&self, io: &Io, hole: u64) {
        let attributes = Attributes { size: Some(hole), ..Attributes::default() };
        // A server that does not do it leaves what sftp(1) would leave.
        match &self.handle {
            Some(handle) => drop(io.session.submit(&calls::Fsetstat { handle, attributes })),
            None => drop(io.session.submit(&calls::Setstat { path: &self.source.remote, attributes })),
        }
    }
}

/// Whether a file lies where nothing is stored, as in /sys: the size that such a file tells is none.
fn stores_nothing(file: &LocalFile) -> bool {
    rustix::fs::fstatvfs(file).is_ok_and(|system| {
        let (block_size, blocks, files) = (system.f_bsize, system.f_blocks, system.f_files);
        Statvfs { block_size, blocks, files, ..Statvfs::default() }.stores_nothing()
    })
}
