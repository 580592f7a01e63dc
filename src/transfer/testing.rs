//! The engine's tools on a connection to a server that a test plays, one answer at a time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::sftp::testing::{Peer, played};
use crate::sftp::{self, Attributes, Completions, Reply, StatusCode, Times};
use crate::transfer::canceller::Canceller;
use crate::transfer::connections::io::{Io, Wire};
use crate::transfer::connections::pool::{ConnectionId, Pool};
use crate::transfer::connections::tag::Token;
use crate::transfer::event::{Event, Note};
use crate::transfer::hold::Hold;
use crate::transfer::learnt::Learnt;
use crate::transfer::limit::Limit;
use crate::transfer::progress::pace::Pace;
use crate::transfer::progress::reporter::Reporter;
use crate::transfer::proof::hashing::Hashes;
use crate::transfer::request::{Connections, Direction, Options};
use crate::transfer::settings::Settings;

/// How long a test waits for an answer that it expects.
const PATIENCE: Duration = Duration::from_secs(10);

/// The server's answer to a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Success,
    Refusal(StatusCode),
    Handle,
    Data(&'static str),
    Path(&'static str),
    /// The attributes of a regular file of this length, which is older than the source.
    Size(u64),
    /// Success, but the engine does not wait for the answer.
    Unheard,
    /// The connection breaks, and another one takes its place.
    Lost,
}

pub(super) const NO_SUCH_FILE: Answer = Answer::Refusal(StatusCode::NO_SUCH_FILE);
pub(super) const DENIED: Answer = Answer::Refusal(StatusCode::PERMISSION_DENIED);
pub(super) const FAILURE: Answer = Answer::Refusal(StatusCode::FAILURE);
pub(super) const EOF: Answer = Answer::Refusal(StatusCode::EOF);

/// An answer as the engine gets it.
pub(super) type Outcome = (Token, Result<Reply, sftp::Error>);

/// How the server behaves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Server {
    pub(super) keeps_order: bool,
    pub(super) empties_files: bool,
    pub(super) extensions: &'static [(&'static str, &'static str)],
}

/// The tools, and the server.
pub(super) struct Bench {
    pub(super) io: Io,
    behaviour: Server,
    /// The server's side of each connection.
    peers: Vec<Peer>,
    events: Receiver<Vec<Event>>,
}

impl Bench {
    pub(super) fn new(direction: Direction, options: Options, behaviour: Server) -> Bench {
        let (session, peer) = connect(behaviour);
        let (sender, events) = channel();
        let (queue, canceller) = (Completions::new(), Canceller::default());
        let settings = Settings::new(&session, direction, options, b"server".to_vec());
        let pool = Pool::new(&session, Connections::default(), &settings, canceller.clone(), queue.wakeup());
        let io = Io {
            pool,
            queue,
            limit: Limit::default(),
            hashes: Hashes::new(session.hashing(), options.verify),
            pace: Pace::starting(Instant::now()),
            reporter: Reporter::new(sender, Arc::default()),
            settings,
            learnt: Learnt::default(),
            canceller,
            hold: Hold::default(),
            has_others: false,
            scratch: Vec::new(),
        };
        Bench { io, behaviour, peers: vec![peer], events }
    }

    /// Returns the tools on the first connection.
    pub(super) fn wire(&mut self) -> Wire<'_> {
        self.io.on(0)
    }

    /// Adds a connection.
    pub(super) fn connect(&mut self) -> ConnectionId {
        let (session, peer) = connect(self.behaviour);
        let connection = self.io.pool.welcome(session);
        self.peers.truncate(connection);
        self.peers.push(peer);
        connection
    }

    /// Takes the next request on a connection, which must be this one, and answers it. Returns the outcomes that the client gets.
    #[track_caller]
    pub(super) fn exchange(&mut self, connection: ConnectionId, request: &str, answer: Answer) -> Vec<Outcome> {
        // This sends the staged requests.
        assert!(self.io.queue.wait(Some(Duration::ZERO)).is_empty(), "an answer that nobody has sent");
        let peer = &mut self.peers[connection];
        let (kind, id, fields) = peer.request().unwrap_or_else(|| panic!("no request where {request} is expected"));
        assert_eq!(words(kind, fields), request);
        match answer {
            Answer::Success | Answer::Unheard => peer.refuse(id, StatusCode::OK),
            Answer::Refusal(code) => peer.refuse(id, code),
            Answer::Handle => peer.handle(id, b"handle"),
            Answer::Data(data) => peer.data(id, data.as_bytes()),
            Answer::Path(path) => peer.path(id, path.as_bytes()),
            Answer::Size(size) => {
                let times = Some(Times { accessed: 1, modified: 1 });
                let (size, permissions) = (Some(size), Some(0o100_644));
                peer.attributes(id, &Attributes { size, permissions, times, ..Attributes::default() });
            }
            Answer::Lost => {
                let lost = self.cut(connection);
                assert_eq!(self.connect(), connection);
                return lost;
            }
        }
        if matches!(answer, Answer::Unheard) {
            return Vec::new();
        }
        let outcomes: Vec<_> = self.io.queue.wait(Some(PATIENCE)).into();
        assert!(!outcomes.is_empty(), "the answer to {request} was not heard");
        outcomes.iter().for_each(|(token, outcome)| self.io.answered(token, outcome));
        outcomes
    }

    /// Returns the server's side of the newest connection, for a thread that answers all requests.
    pub(super) fn take_peer(&mut self) -> Peer {
        self.peers.pop().unwrap()
    }

    /// Breaks a connection. Returns the outcomes of all requests that were in flight on it.
    pub(super) fn cut(&mut self, connection: ConnectionId) -> Vec<Outcome> {
        self.io.pool.get(connection).session.killer().kill();
        let mut lost = Vec::new();
        while self.io.pool.get(connection).outstanding > 0 {
            let outcomes = self.io.queue.wait(Some(PATIENCE));
            outcomes.iter().for_each(|(token, outcome)| self.io.answered(token, outcome));
            lost.extend(outcomes);
        }
        // It fails where it was the last one, because the pool can't make another.
        let _ = self.io.pool.lose(connection, &sftp::Error::ConnectionLost(String::new()));
        lost
    }

    /// Returns the notes and failures that were reported so far, in words.
    pub(super) fn reports(&mut self) -> Vec<String> {
        self.io.reporter.send();
        let words = |event: Event| match event {
            Event::Noted(Note::StartedOver(_)) => Some("starts over".to_owned()),
            Event::Noted(note) => Some(note.to_string()),
            Event::Failed(failure) => Some(failure.to_string()),
            Event::Finished { length, .. } => Some(format!("finished with {length} bytes")),
            _ => None,
        };
        self.events.try_iter().flatten().filter_map(words).collect()
    }
}

fn connect(behaviour: Server) -> (sftp::Session, Peer) {
    let Server { keeps_order, empties_files, extensions } = behaviour;
    played(sftp::Options { keeps_order, empties_files, ..sftp::Options::default() }, extensions)
}

/// Returns a request in words, such as `OPEN rw /f` or `WRITE 0+10`.
fn words(kind: u8, fields: Vec<u8>) -> String {
    let mut fields = Fields(fields);
    match kind {
        3 => {
            let (path, flags) = (fields.string(), fields.number(4));
            let letters = [(1, 'r'), (2, 'w'), (8, 'c'), (16, 't'), (32, 'x')];
            let flags: String = letters.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, letter)| letter).collect();
            format!("OPEN {flags} {path}")
        }
        4 => "CLOSE".into(),
        5 => {
            fields.string();
            format!("READ {}+{}", fields.number(8), fields.number(4))
        }
        6 => {
            fields.string();
            format!("WRITE {}+{}", fields.number(8), fields.number(4))
        }
        7 => format!("LSTAT {}", fields.string()),
        8 => "FSTAT".into(),
        9 => format!("SETSTAT {}", fields.string()),
        10 => "FSETSTAT".into(),
        13 => format!("REMOVE {}", fields.string()),
        17 => format!("STAT {}", fields.string()),
        18 => format!("RENAME {} {}", fields.string(), fields.string()),
        19 => format!("READLINK {}", fields.string()),
        200 => fields.string(),
        kind => format!("request {kind}"),
    }
}

/// The fields of a request that were not read yet.
pub(super) struct Fields(pub(super) Vec<u8>);

impl Fields {
    pub(super) fn number(&mut self, bytes: usize) -> u64 {
        self.0.drain(..bytes).fold(0, |number, byte| number << 8 | u64::from(byte))
    }

    pub(super) fn bytes(&mut self) -> Vec<u8> {
        let length = usize::try_from(self.number(4)).unwrap();
        self.0.drain(..length).collect()
    }

    pub(super) fn string_as_it_is(&mut self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    /// Returns a string. The random part of a partial file's name is left out.
    pub(super) fn string(&mut self) -> String {
        let text = self.string_as_it_is();
        match text.split_once("/.") {
            Some((directory, _)) if text.ends_with(".sftpsh-part") => format!("{directory}/PART"),
            _ => text,
        }
    }
}
