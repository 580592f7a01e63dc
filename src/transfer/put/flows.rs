//! Uploads to the model of a server whose connections break anywhere, with any options. Each ends with the whole file at its
//! target, or with a failure that the options explain, and leaves no partial file behind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use crate::lock::lock;
use crate::sftp::testing::Peer;
use crate::transfer::put::tests::{SOURCE, plan_in, put_tag};
use crate::transfer::put::*;
use crate::transfer::request::{Options, Verify};
use crate::transfer::testing::{Bench, Fields, Outcome, Server};

/// Bytes that are not the beginning of the source.
const OTHER: &[u8] = b"abc";

// The flags of OPEN (draft-ietf-secsh-filexfer-02, section 6.3).
const READ: u64 = 1;
const WRITE: u64 = 2;
const CREATE: u64 = 8;
const TRUNCATE: u64 = 16;
const EXCLUSIVE: u64 = 32;

/// How long an upload may wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Requests after which an upload of three parts goes in a circle.
const MOST_REQUESTS: usize = 500;

/// How a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// The request is not carried out.
    Before,
    /// The request is carried out and not answered.
    After,
    /// This request, and all that were sent after it, are carried out and not answered.
    Late,
}

/// How the server differs from OpenSSH's.
#[derive(Clone, Copy, Debug, Default)]
struct Manners {
    keeps_order: bool,
    /// OPEN for reading and writing is refused.
    no_read_write: bool,
    /// OPEN for writing empties the file.
    empties: bool,
    /// A file that is open for writing reads as empty.
    stores_at_close: bool,
    has_hardlink: bool,
    has_posix_rename: bool,
}

/// The server's files, and what it does.
struct Model {
    files: BTreeMap<String, Vec<u8>>,
    manners: Manners,
    /// The breaks to come: how many requests each connection carries out, and how it breaks.
    cuts: Vec<(usize, Cut)>,
    handles: usize,
    requests: usize,
}

/// Carries out the requests on one connection until it breaks.
fn serve(mut peer: Peer, model: &Mutex<Model>) {
    let mut open: BTreeMap<Vec<u8>, (String, u64)> = BTreeMap::new();
    let mut cut = lock(model).cuts.pop();
    while let Some((kind, id, fields)) = peer.request() {
        let mut model = lock(model);
        model.requests += 1;
        let breaks = match &mut cut {
            Some((0, cut)) => Some(*cut),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        if breaks == Some(Cut::Before) {
            return;
        }
        let answer = model.carry_out(kind, Fields(fields), &mut open);
        match breaks {
            None => answer.send(&mut peer, id),
            Some(Cut::Late) => {
                while peer.hears_more() {
                    let Some((kind, _, fields)) = peer.request() else { return };
                    model.carry_out(kind, Fields(fields), &mut open);
                }
                return;
            }
            Some(Cut::Before | Cut::After) => return,
        }
    }
}

enum Answer {
    Status(StatusCode),
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Size(usize),
}

impl Answer {
    fn send(self, peer: &mut Peer, id: u32) {
        match self {
            Answer::Status(code) => peer.refuse(id, code),
            Answer::Handle(handle) => peer.handle(id, &handle),
            Answer::Data(data) => peer.data(id, &data),
            Answer::Size(size) => {
                let (size, permissions) = (Some(size as u64), Some(0o100_644));
                peer.attributes(id, &Attributes { size, permissions, ..Attributes::default() });
            }
        }
    }
}

impl Model {
    fn carry_out(&mut self, kind: u8, mut fields: Fields, open: &mut BTreeMap<Vec<u8>, (String, u64)>) -> Answer {
        self.try_to_carry_out(kind, &mut fields, open).unwrap_or_else(Answer::Status)
    }

    fn try_to_carry_out(
        &mut self,
        kind: u8,
        fields: &mut Fields,
        open: &mut BTreeMap<Vec<u8>, (String, u64)>,
    ) -> Result<Answer, StatusCode> {
        let name = fields.bytes();
        let path = || String::from_utf8(name.clone()).unwrap();
        let opened = || open.get(&name).cloned().ok_or(StatusCode::FAILURE);
        match kind {
            3 => {
                let flags = fields.number(4);
                let has = |flag: u64| flags & flag != 0;
                if self.manners.no_read_write && has(READ) && has(WRITE) {
                    return Err(StatusCode::PERMISSION_DENIED);
                }
                match self.files.contains_key(&path()) {
                    true if has(EXCLUSIVE) => return Err(StatusCode::FAILURE),
                    false if !has(CREATE) => return Err(StatusCode::NO_SUCH_FILE),
                    _ => {}
                }
                let file = self.files.entry(path()).or_default();
                if has(TRUNCATE) || self.manners.empties && has(WRITE) {
                    file.clear();
                }
                self.handles += 1;
                let handle = self.handles.to_string().into_bytes();
                open.insert(handle.clone(), (path(), flags));
                return Ok(Answer::Handle(handle));
            }
            4 => {
                open.remove(&name);
            }
            5 => {
                let (path, flags) = opened()?;
                let writes = flags & WRITE != 0;
                let (offset, length) = (fields.number(8) as usize, fields.number(4) as usize);
                let file = self.files.get(&path).ok_or(StatusCode::FAILURE)?;
                let end = (offset + length).min(file.len());
                if offset >= end || writes && self.manners.stores_at_close {
                    return Err(StatusCode::EOF);
                }
                return Ok(Answer::Data(file[offset..end].to_vec()));
            }
            6 => {
                let (path, _) = opened()?;
                let (offset, data) = (fields.number(8) as usize, fields.bytes());
                let file = self.files.get_mut(&path).ok_or(StatusCode::FAILURE)?;
                file.resize(file.len().max(offset + data.len()), 0);
                file[offset..offset + data.len()].copy_from_slice(&data);
            }
            7 | 17 => return self.size(&path()),
            8 => return self.size(&opened()?.0),
            9 | 10 => {
                let path = if kind == 9 { path() } else { opened()?.0 };
                if fields.number(4) & 1 != 0 {
                    let size = fields.number(8) as usize;
                    self.files.get_mut(&path).ok_or(StatusCode::NO_SUCH_FILE)?.resize(size, 0);
                }
            }
            13 => {
                self.files.remove(&path()).ok_or(StatusCode::NO_SUCH_FILE)?;
            }
            18 => self.move_file(&path(), fields.string_as_it_is(), false)?,
            200 if name == b"posix-rename@openssh.com" => {
                let from = fields.string_as_it_is();
                self.move_file(&from, fields.string_as_it_is(), true)?;
            }
            200 if name == b"hardlink@openssh.com" => {
                let (from, to) = (fields.string_as_it_is(), fields.string_as_it_is());
                let contents = self.files.get(&from).cloned().ok_or(StatusCode::NO_SUCH_FILE)?;
                match self.files.contains_key(&to) {
                    true => return Err(StatusCode::FAILURE),
                    false => self.files.insert(to, contents),
                };
            }
            _ => return Err(StatusCode::FAILURE),
        }
        Ok(Answer::Status(StatusCode::OK))
    }

    fn size(&self, path: &str) -> Result<Answer, StatusCode> {
        Ok(Answer::Size(self.files.get(path).ok_or(StatusCode::NO_SUCH_FILE)?.len()))
    }

    fn move_file(&mut self, from: &str, to: String, replaces: bool) -> Result<(), StatusCode> {
        let contents = self.files.get(from).cloned().ok_or(StatusCode::NO_SUCH_FILE)?;
        if self.files.contains_key(&to) && !replaces {
            return Err(StatusCode::FAILURE);
        }
        self.files.remove(from);
        self.files.insert(to, contents);
        Ok(())
    }
}

/// One upload.
#[derive(Clone, Debug)]
struct Flow {
    options: Options,
    manners: Manners,
    /// The file at the target before the upload.
    existing: Option<&'static [u8]>,
    cuts: Vec<(usize, Cut)>,
}

/// Runs a flow. Returns the state at its end, its reports, the target and the files.
fn run(flow: &Flow) -> (State, Vec<String>, RemotePath, BTreeMap<String, Vec<u8>>) {
    let directory = tempfile::tempdir().unwrap();
    let manners = flow.manners;
    let extensions: &[(&str, &str)] = match (manners.has_hardlink, manners.has_posix_rename) {
        (false, false) => &[],
        (true, false) => &[("hardlink@openssh.com", "1")],
        (false, true) => &[("posix-rename@openssh.com", "1")],
        (true, true) => &[("hardlink@openssh.com", "1"), ("posix-rename@openssh.com", "1")],
    };
    let server = Server { keeps_order: manners.keeps_order, empties_files: false, extensions };
    let files = flow.existing.map(|existing| ("/f".to_owned(), existing.to_vec())).into_iter().collect();
    let model = Model { files, manners, cuts: flow.cuts.clone(), handles: 0, requests: 0 };
    let model = Arc::new(Mutex::new(model));
    let mut bench = Bench::new(Direction::Put, flow.options, server);
    let start = |bench: &mut Bench| {
        let (peer, model) = (bench.take_peer(), Arc::clone(&model));
        thread::spawn(move || serve(peer, &model));
    };
    start(&mut bench);
    let plan = plan_in(directory.path());
    let source = Source::open(&plan).unwrap();
    let mut upload = Upload::begin(0, plan, source, &mut bench.wire());
    let mut turn = Turn::Waits;
    while turn != Turn::Concluded {
        assert!(lock(&model).requests < MOST_REQUESTS, "in a circle: {flow:?}");
        let outcomes = bench.io.queue.wait(Some(PATIENCE));
        assert!(!outcomes.is_empty(), "nothing is in flight: {flow:?}");
        let is_lost = |outcome: &Outcome| outcome.1.as_ref().is_err_and(|error| !error.leaves_the_session_alive());
        if outcomes.iter().any(is_lost) {
            let mut lost: Vec<Outcome> = outcomes.into();
            lost.iter().for_each(|(token, outcome)| bench.io.answered(token, outcome));
            lost.extend(bench.cut(0));
            for (token, outcome) in lost {
                match outcome {
                    Ok(Reply::Handle(_)) | Err(sftp::Error::ConnectionLost(_)) => {
                        upload.lose(0);
                        upload.give_back(put_tag(token));
                    }
                    outcome => turn = upload.answer(&mut bench.wire(), put_tag(token), outcome),
                }
            }
            if turn == Turn::Concluded {
                break;
            }
            bench.connect();
            start(&mut bench);
            turn = upload.resume(&mut bench.wire());
            go_on(&mut upload, &mut bench, &mut turn);
            continue;
        }
        for (token, outcome) in outcomes {
            bench.io.answered(&token, &outcome);
            turn = upload.answer(&mut bench.wire(), put_tag(token), outcome);
            go_on(&mut upload, &mut bench, &mut turn);
        }
    }
    bench.io.reporter.conclude(0);
    let (reports, target) = (bench.reports(), upload.plan.remote.clone());
    let state = std::mem::replace(&mut upload.state, State::Withdrawn);
    drop(upload);
    // All that was sent before this is carried out.
    let _ = bench.io.pool.get(0).session.stat(&RemotePath::new("/").unwrap());
    let files = std::mem::take(&mut lock(&model).files);
    (state, reports, target, files)
}

fn go_on(upload: &mut Upload, bench: &mut Bench, turn: &mut Turn) {
    while !matches!(turn, Turn::Waits | Turn::Concluded) {
        *turn = match turn {
            Turn::Hashes => upload.hash_part(&mut bench.wire()),
            Turn::Crowded => {
                upload.open_again(&mut bench.wire());
                Turn::Waits
            }
            _ => upload.ask(&mut bench.wire()),
        };
    }
}

fn flows() -> impl Strategy<Value = Flow> {
    let cuts = proptest::collection::vec(
        (0..14_usize, prop_oneof![Just(Cut::Before), Just(Cut::After), Just(Cut::Late)]),
        0..3,
    );
    let existing = prop_oneof![
        Just(None),
        Just(Some(OTHER)),
        Just(Some(&SOURCE.as_bytes()[..6])),
        Just(Some(SOURCE.as_bytes())),
        Just(Some(&b""[..]))
    ];
    let conflict = prop_oneof![Just(OnConflict::Overwrite), Just(OnConflict::Skip), Just(OnConflict::Rename)];
    let verify = prop_oneof![Just(Verify::No), Just(Verify::ByReading)];
    let flags = || (any::<bool>(), any::<bool>(), any::<bool>());
    (cuts, existing, conflict, verify, (flags(), flags(), flags())).prop_map(
        |(cuts, existing, on_conflict, verify, flags)| {
            let ((resume, atomic, preserve), (keeps_order, no_read_write, empties), flags) = flags;
            let (stores_at_close, has_hardlink, has_posix_rename) = flags;
            let options =
                Options { resume, atomic, preserve, on_conflict, verify, request_bytes: Some(4), ..Options::default() };
            // A server that keeps the order is known to empty nothing.
            let empties = empties && !keeps_order;
            let manners =
                Manners { keeps_order, no_read_write, empties, stores_at_close, has_hardlink, has_posix_rename };
            // A file that can't be opened for reading and writing is continued by its size.
            let existing =
                existing.filter(|existing| SOURCE.as_bytes().starts_with(existing) || !(resume && no_read_write));
            Flow { options, manners, existing, cuts }
        },
    )
}

proptest! {
    #[test]
    fn an_upload_ends_well_wherever_its_connections_break(flow in flows()) {
        let (state, reports, target, files) = run(&flow);
        let target = std::str::from_utf8(target.as_bytes()).unwrap();
        let parts = files.keys().filter(|path| path.ends_with(".sftpsh-part")).count();
        let context = format!("{flow:?}: {reports:?} {files:?}");
        let Options { resume, atomic, on_conflict, .. } = flow.options;
        let existed = flow.existing.is_some();
        match state {
            State::Arrived | State::AlreadyThere => {
                prop_assert_eq!(files.get(target).map(Vec::as_slice), Some(SOURCE.as_bytes()), "{}", context);
                prop_assert_eq!(parts, 0, "{}", context);
                let is_replaced = resume || on_conflict == OnConflict::Overwrite || !existed;
                prop_assert_eq!(target == "/f", is_replaced, "{}", context);
            }
            State::Left => prop_assert!(existed && !resume && on_conflict == OnConflict::Skip && parts == 0, "{}", context),
            _ => prop_assert!(atomic && existed && !flow.manners.has_posix_rename, "{}", context),
        }
        if existed && target != "/f" {
            prop_assert_eq!(files.get("/f").map(Vec::as_slice), flow.existing, "{}", context);
        }
    }
}
