//! Uploads to a server that a test plays: which request follows which answer, and in which state.

use std::fs;

use crate::transfer::connections::tag::{Tag, Token};
use crate::transfer::put::*;
use crate::transfer::request::{Options, Verify};
use crate::transfer::testing::Answer::{self, Data, Handle, Lost, Path, Size, Success, Unheard};
use crate::transfer::testing::{Bench, DENIED, EOF, FAILURE, NO_SUCH_FILE, Outcome, Server};

/// Contents of the source: ten bytes.
pub(super) const SOURCE: &str = "0123456789";

const RESUMING: Options = Options { resume: true, ..PLAIN };
const VERIFYING: Options = Options { verify: Verify::ByReading, ..PLAIN };
const ATOMIC: Options = Options { atomic: true, ..PLAIN };
const PLAIN: Options = Options {
    recursive: false,
    preserve: false,
    resume: false,
    trusts_sizes: false,
    on_conflict: OnConflict::Overwrite,
    atomic: false,
    verify: Verify::No,
    fsync: false,
    links: crate::transfer::request::Links::Skipped,
    estimated_sizes: false,
    remove_source: false,
    dry_run: false,
    request_bytes: None,
    requests: None,
};

/// A server that keeps the order of requests, and reads a file that is open for writing.
const ORDERLY: Server = Server { keeps_order: true, empties_files: false, extensions: &[] };
/// A server of which nothing is known.
const UNKNOWN: Server = Server { keeps_order: false, ..ORDERLY };

/// A request, its answer, and the state after that.
type Step = (&'static str, Answer, &'static str);

/// Plays an upload of ten bytes to `/f`. Returns its reports.
#[track_caller]
fn play(options: Options, server: Server, steps: &[Step]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let mut play = Play::new(options, server, directory.path());
    for (number, &(request, answer, state)) in steps.iter().enumerate() {
        play.step(request, answer);
        assert_eq!(play.state(), state, "after step {number}: {request} {answer:?}");
    }
    let is_over = play.turn == Turn::Concluded;
    assert!(!is_over || play.bench.io.queue.outstanding() == 0, "requests of a file that has ended");
    play.bench.reports()
}

/// Returns the plan of an upload to `/f`, whose source is made in a directory.
pub(super) fn plan_in(directory: &std::path::Path) -> PutFile {
    let local = directory.join("f");
    fs::write(&local, SOURCE).unwrap();
    let (shown, size) = (local.clone(), SOURCE.len() as u64);
    PutFile { local, shown, remote: RemotePath::new("/f").unwrap(), size, is_named: true, announced: None }
}

struct Play {
    bench: Bench,
    upload: Upload,
    turn: Turn,
}

impl Play {
    fn new(options: Options, server: Server, directory: &std::path::Path) -> Play {
        let mut bench = Bench::new(Direction::Put, options, server);
        let plan = plan_in(directory);
        let source = Source::open(&plan).unwrap();
        let upload = Upload::begin(0, plan, source, &mut bench.wire());
        Play { bench, upload, turn: Turn::Waits }
    }

    #[track_caller]
    fn step(&mut self, request: &str, answer: Answer) {
        self.step_on(0, request, answer);
    }

    #[track_caller]
    fn step_on(&mut self, connection: ConnectionId, request: &str, answer: Answer) {
        let outcomes = self.bench.exchange(connection, request, answer);
        if matches!(answer, Lost) {
            self.give_back(connection, outcomes);
            self.turn = self.upload.resume(&mut self.bench.wire());
        } else {
            for (token, outcome) in outcomes {
                self.turn = self.upload.answer(&mut self.bench.io.on(connection), put_tag(token), outcome);
            }
        }
        self.go_on();
    }

    /// Loses a connection while another one lives.
    fn lose(&mut self, connection: ConnectionId) {
        let lost = self.bench.cut(connection);
        if self.give_back(connection, lost) {
            let living = self.bench.io.pool.idlest().unwrap();
            self.turn = self.upload.resume(&mut self.bench.io.on(living));
        }
        self.go_on();
    }

    /// Returns whether the upload has to be resumed.
    fn give_back(&mut self, connection: ConnectionId, lost: Vec<Outcome>) -> bool {
        self.upload.lose(connection);
        lost.into_iter().fold(false, |resumes, (token, _)| self.upload.give_back(put_tag(token)) || resumes)
    }

    fn go_on(&mut self) {
        loop {
            let wire = &mut self.bench.wire();
            self.turn = match self.turn {
                Turn::MayAsk => self.upload.ask(wire),
                Turn::Hashes => self.upload.hash_part(wire),
                Turn::Crowded => {
                    self.upload.open_again(wire);
                    Turn::Waits
                }
                Turn::Waits => break,
                Turn::Concluded => {
                    self.bench.io.reporter.conclude(0);
                    break;
                }
            };
        }
    }

    fn state(&self) -> &'static str {
        if self.turn == Turn::Concluded
            && !matches!(self.upload.state, State::Arrived | State::Left | State::AlreadyThere)
        {
            return "failed";
        }
        match self.upload.state {
            State::Looking(_) => "Looking",
            State::LookingBeside => "LookingBeside",
            State::Opening(_) => "Opening",
            State::OpeningToCompare { .. } => "OpeningToCompare",
            State::OpeningToAppend(_) => "OpeningToAppend",
            State::Comparing(_) => "Comparing",
            State::Measuring => "Measuring",
            State::Sending => "Sending",
            State::StartingOver => "StartingOver",
            State::OpeningToProve => "OpeningToProve",
            State::Proving { .. } => "Proving",
            State::Closing { .. } => "Closing",
            State::Placing(_) => "Placing",
            State::Placed => "Placed",
            State::AlreadyThere => "AlreadyThere",
            State::Left => "Left",
            State::Withdrawn => "Withdrawn",
            State::Arrived => "Arrived",
        }
    }
}

const HARDLINK: Server = Server { extensions: &[("hardlink@openssh.com", "1")], ..ORDERLY };
const POSIX_RENAME: Server = Server { extensions: &[("posix-rename@openssh.com", "1")], ..ORDERLY };

pub(super) fn put_tag(token: Token) -> PutTag {
    let Tag::Put(tag) = token.tag else { panic!("{token:?}") };
    tag
}

/// The rows of the table of states, as uploads that go through them.
#[test]
fn the_table_of_states() {
    const SKIPPING: Options = Options { on_conflict: OnConflict::Skip, ..PLAIN };
    const RENAMING: Options = Options { on_conflict: OnConflict::Rename, ..PLAIN };
    const BY_SIZE: Options = Options { trusts_sizes: true, ..RESUMING };
    const RESUMING_ATOMIC: Options = Options { atomic: true, ..RESUMING };
    let stories: &[(&str, Options, Server, &[Step])] = &[
        (
            "plain",
            PLAIN,
            ORDERLY,
            &[("OPEN wct /f", Handle, "Closing"), ("WRITE 0+10", Success, "Closing"), ("CLOSE", Success, "Arrived")],
        ),
        (
            "any order",
            PLAIN,
            UNKNOWN,
            &[("OPEN wct /f", Handle, "Sending"), ("WRITE 0+10", Success, "Closing"), ("CLOSE", Success, "Arrived")],
        ),
        ("refused", PLAIN, ORDERLY, &[("OPEN wct /f", DENIED, "failed")]),
        (
            "resumed",
            RESUMING,
            ORDERLY,
            &[
                ("STAT /f", Size(3), "OpeningToCompare"),
                ("OPEN rw /f", Handle, "Comparing"),
                ("READ 0+3", Data("012"), "Closing"),
                ("WRITE 3+7", Success, "Closing"),
                ("CLOSE", Success, "Arrived"),
            ],
        ),
        (
            "different",
            RESUMING,
            ORDERLY,
            &[
                ("STAT /f", Size(3), "OpeningToCompare"),
                ("OPEN rw /f", Handle, "Comparing"),
                ("READ 0+3", Data("0x2"), "Opening"),
                ("CLOSE", Unheard, "Opening"),
                ("OPEN wct /f", Handle, "Closing"),
            ],
        ),
        (
            "not readable",
            RESUMING,
            ORDERLY,
            &[
                ("STAT /f", Size(3), "OpeningToCompare"),
                ("OPEN rw /f", DENIED, "OpeningToAppend"),
                ("OPEN w /f", Handle, "Closing"),
                ("WRITE 3+7", Success, "Closing"),
            ],
        ),
        (
            "opened twice",
            RESUMING,
            UNKNOWN,
            &[
                ("STAT /f", Size(3), "OpeningToCompare"),
                ("OPEN r /f", Handle, "Comparing"),
                ("READ 0+3", Data("012"), "OpeningToAppend"),
                ("CLOSE", Unheard, "OpeningToAppend"),
                ("OPEN w /f", Handle, "Measuring"),
                ("FSTAT", Size(3), "Sending"),
                ("WRITE 3+7", Success, "Closing"),
                ("CLOSE", Success, "Arrived"),
            ],
        ),
        (
            "emptied by OPEN",
            BY_SIZE,
            UNKNOWN,
            &[
                ("STAT /f", Size(3), "OpeningToAppend"),
                ("OPEN w /f", Handle, "Measuring"),
                ("FSTAT", Size(0), "StartingOver"),
                ("CLOSE", Success, "Opening"),
                ("OPEN wct /f", Handle, "Sending"),
                ("WRITE 0+10", Success, "Closing"),
            ],
        ),
        (
            "emptied by WRITE",
            BY_SIZE,
            UNKNOWN,
            &[
                ("STAT /f", Size(3), "OpeningToAppend"),
                ("OPEN w /f", Handle, "Measuring"),
                ("FSTAT", Size(3), "Sending"),
                ("WRITE 3+7", FAILURE, "Measuring"),
                ("CLOSE", Success, "Measuring"),
                ("STAT /f", Size(0), "Opening"),
                ("OPEN wct /f", Handle, "Sending"),
            ],
        ),
        ("complete", RESUMING, ORDERLY, &[("STAT /f", Size(10), "AlreadyThere")]),
        ("too long", RESUMING, ORDERLY, &[("STAT /f", Size(11), "failed")]),
        ("skipped", SKIPPING, ORDERLY, &[("STAT /f", Size(3), "Left")]),
        (
            "renamed",
            RENAMING,
            ORDERLY,
            &[
                ("STAT /f", Size(3), "Looking"),
                ("STAT /f.1", NO_SUCH_FILE, "Opening"),
                ("OPEN wctx /f.1", Handle, "Closing"),
            ],
        ),
        (
            "atomic",
            ATOMIC,
            POSIX_RENAME,
            &[
                ("READLINK /f", Path("g"), "Looking"),
                ("STAT /f", Size(3), "Looking"),
                ("READLINK /g", FAILURE, "Opening"),
                ("OPEN wctx /PART", Handle, "Closing"),
                ("WRITE 0+10", Success, "Closing"),
                ("FSETSTAT", Success, "Closing"),
                ("FSTAT", Size(10), "Closing"),
                ("CLOSE", Success, "Placing"),
                ("posix-rename@openssh.com", Success, "Arrived"),
            ],
        ),
        (
            "atomic, resumed",
            RESUMING_ATOMIC,
            ORDERLY,
            &[
                ("READLINK /f", FAILURE, "Looking"),
                ("STAT /f", NO_SUCH_FILE, "LookingBeside"),
                ("LSTAT /PART", Size(3), "OpeningToCompare"),
                ("OPEN rw /PART", Handle, "Comparing"),
                ("READ 0+3", Data("012"), "Closing"),
            ],
        ),
        (
            "atomic, nothing to resume",
            RESUMING_ATOMIC,
            ORDERLY,
            &[
                ("READLINK /f", FAILURE, "Looking"),
                ("STAT /f", NO_SUCH_FILE, "LookingBeside"),
                ("LSTAT /PART", NO_SUCH_FILE, "Opening"),
            ],
        ),
        (
            "proved",
            VERIFYING,
            ORDERLY,
            &[
                ("OPEN rwct /f", Handle, "Sending"),
                ("WRITE 0+10", Success, "Proving"),
                ("READ 0+10", Data(SOURCE), "Closing"),
                ("CLOSE", Success, "Arrived"),
            ],
        ),
        (
            "proved to differ",
            VERIFYING,
            ORDERLY,
            &[
                ("OPEN rwct /f", Handle, "Sending"),
                ("WRITE 0+10", Success, "Proving"),
                ("READ 0+10", Data("0123x56789"), "failed"),
            ],
        ),
        (
            "proved after CLOSE",
            VERIFYING,
            UNKNOWN,
            &[
                ("OPEN wct /f", Handle, "Sending"),
                ("WRITE 0+10", Success, "Closing"),
                ("CLOSE", Success, "OpeningToProve"),
                ("OPEN r /f", Handle, "Proving"),
                ("READ 0+10", Data(SOURCE), "Closing"),
                ("CLOSE", Success, "Arrived"),
            ],
        ),
    ];
    for (name, options, server, steps) in stories {
        eprintln!("{name}");
        play(*options, *server, steps);
    }
}

/// The next state, for each state in which the last connection may be lost.
#[test]
fn the_state_after_a_loss() {
    const RESUMING_ATOMIC: Options = Options { atomic: true, ..RESUMING };
    const BY_SIZE: Options = Options { trusts_sizes: true, ..RESUMING };
    const IN_PARTS: Options = Options { request_bytes: Some(5), ..PLAIN };
    let stories: &[(&str, Options, Server, &[Step])] = &[
        ("Looking", RESUMING, ORDERLY, &[("STAT /f", Lost, "Looking")]),
        (
            "LookingBeside",
            RESUMING_ATOMIC,
            ORDERLY,
            &[
                ("READLINK /f", FAILURE, "Looking"),
                ("STAT /f", NO_SUCH_FILE, "LookingBeside"),
                ("LSTAT /PART", Lost, "Looking"),
            ],
        ),
        ("Opening", PLAIN, ORDERLY, &[("OPEN wct /f", Lost, "Opening"), ("OPEN wct /f", Handle, "Closing")]),
        (
            "Opening, beside the target",
            ATOMIC,
            ORDERLY,
            &[
                ("READLINK /f", FAILURE, "Looking"),
                ("STAT /f", NO_SUCH_FILE, "Opening"),
                ("OPEN wctx /PART", Lost, "Opening"),
                ("OPEN wct /PART", Handle, "Closing"),
            ],
        ),
        (
            "OpeningToCompare, Comparing",
            RESUMING,
            ORDERLY,
            &[
                ("STAT /f", Size(3), "OpeningToCompare"),
                ("OPEN rw /f", Lost, "OpeningToCompare"),
                ("OPEN rw /f", Handle, "Comparing"),
                ("READ 0+3", Lost, "OpeningToCompare"),
            ],
        ),
        (
            "OpeningToAppend, Measuring",
            BY_SIZE,
            UNKNOWN,
            &[
                ("STAT /f", Size(3), "OpeningToAppend"),
                ("OPEN w /f", Lost, "OpeningToCompare"),
                ("OPEN r /f", Handle, "Comparing"),
                ("READ 0+3", Data("012"), "OpeningToAppend"),
                ("CLOSE", Unheard, "OpeningToAppend"),
                ("OPEN w /f", Handle, "Measuring"),
                ("FSTAT", Lost, "OpeningToCompare"),
            ],
        ),
        (
            "Sending, Closing",
            IN_PARTS,
            ORDERLY,
            &[
                ("OPEN wct /f", Handle, "Closing"),
                ("WRITE 0+5", Lost, "Opening"),
                ("OPEN wct /f", Handle, "Closing"),
                ("WRITE 0+5", Success, "Closing"),
                ("WRITE 5+5", Lost, "OpeningToCompare"),
                ("OPEN rw /f", Handle, "Comparing"),
                ("READ 0+5", Data("01234"), "Closing"),
                ("WRITE 5+5", Success, "Closing"),
                ("CLOSE", Lost, "OpeningToCompare"),
            ],
        ),
        (
            "StartingOver",
            BY_SIZE,
            UNKNOWN,
            &[
                ("STAT /f", Size(3), "OpeningToAppend"),
                ("OPEN w /f", Handle, "Measuring"),
                ("FSTAT", Size(0), "StartingOver"),
                ("CLOSE", Lost, "Opening"),
                ("OPEN wct /f", Handle, "Sending"),
            ],
        ),
        (
            "Proving",
            VERIFYING,
            ORDERLY,
            &[
                ("OPEN rwct /f", Handle, "Sending"),
                ("WRITE 0+10", Success, "Proving"),
                ("READ 0+10", Lost, "OpeningToCompare"),
            ],
        ),
        (
            "OpeningToProve, Proving, Closing after CLOSE",
            VERIFYING,
            UNKNOWN,
            &[
                ("OPEN wct /f", Handle, "Sending"),
                ("WRITE 0+10", Success, "Closing"),
                ("CLOSE", Success, "OpeningToProve"),
                ("OPEN r /f", Lost, "OpeningToProve"),
                ("OPEN r /f", Handle, "Proving"),
                ("READ 0+10", Lost, "OpeningToProve"),
                ("OPEN r /f", Handle, "Proving"),
                ("READ 0+10", Data(SOURCE), "Closing"),
                ("CLOSE", Lost, "OpeningToProve"),
            ],
        ),
        (
            "Placing",
            ATOMIC,
            POSIX_RENAME,
            &[
                ("READLINK /f", FAILURE, "Looking"),
                ("STAT /f", NO_SUCH_FILE, "Opening"),
                ("OPEN wctx /PART", Handle, "Closing"),
                ("WRITE 0+10", Success, "Closing"),
                ("FSTAT", Size(10), "Closing"),
                ("CLOSE", Success, "Placing"),
                ("posix-rename@openssh.com", Lost, "Placing"),
                // The first one has done it.
                ("posix-rename@openssh.com", NO_SUCH_FILE, "Arrived"),
            ],
        ),
    ];
    for (name, options, server, steps) in stories {
        eprintln!("{name}");
        play(*options, *server, steps);
    }
}

/// Before CLOSE such a server reports the end of a file that it has not stored yet.
#[test]
fn a_file_that_reads_as_empty_until_it_is_closed_is_read_after_that() {
    let steps = [
        ("OPEN rwct /f", Handle, "Sending"),
        ("WRITE 0+10", Success, "Proving"),
        ("READ 0+10", EOF, "Closing"),
        ("CLOSE", Success, "OpeningToProve"),
        ("OPEN r /f", Handle, "Proving"),
    ];
    for (read, state) in [(Data(SOURCE), "Closing"), (EOF, "failed"), (Data("x"), "failed")] {
        play(VERIFYING, ORDERLY, &[&steps[..], &[("READ 0+10", read, state)]].concat());
    }
}

#[test]
fn a_file_that_appears_before_open_is_decided_about_once_more() {
    for (on_conflict, steps) in [
        (OnConflict::Skip, &[("STAT /f", Size(3), "Left")][..]),
        (
            OnConflict::Newer,
            &[("STAT /f", Size(3), "Opening"), ("OPEN wct /f", Handle, "Closing"), ("WRITE 0+10", Success, "Closing")],
        ),
        // This server makes each file that it refuses to open.
        (
            OnConflict::Rename,
            &[
                ("STAT /f", Size(0), "Looking"),
                ("STAT /f.1", NO_SUCH_FILE, "Opening"),
                ("OPEN wctx /f.1", FAILURE, "failed"),
            ],
        ),
        (OnConflict::Skip, &[("STAT /f", NO_SUCH_FILE, "Opening"), ("OPEN wctx /f", FAILURE, "failed")]),
    ] {
        let first = [("STAT /f", NO_SUCH_FILE, "Opening"), ("OPEN wctx /f", FAILURE, "Looking")];
        play(Options { on_conflict, ..PLAIN }, ORDERLY, &[&first, steps].concat());
    }
}

#[test]
fn a_file_of_ours_is_not_taken_for_somebody_elses_after_losses() {
    let skipping = Options { on_conflict: OnConflict::Skip, ..PLAIN };
    let steps = [
        ("STAT /f", NO_SUCH_FILE, "Opening"),
        ("OPEN wctx /f", Handle, "Closing"),
        ("WRITE 0+10", Lost, "Opening"),
        ("OPEN wct /f", Lost, "Opening"),
        ("OPEN wct /f", Handle, "Closing"),
    ];
    play(skipping, ORDERLY, &steps);
    // The server carries out the lost OPEN only after the new connection has looked.
    let steps = [
        ("STAT /f", NO_SUCH_FILE, "Opening"),
        ("OPEN wctx /f", Lost, "Looking"),
        ("STAT /f", NO_SUCH_FILE, "Opening"),
        ("OPEN wctx /f", FAILURE, "Looking"),
        ("STAT /f", Size(0), "Opening"),
        ("OPEN wct /f", Handle, "Closing"),
    ];
    play(skipping, ORDERLY, &steps);
}

/// Later WRITEs may have succeeded, and the file must not look longer than it is.
#[test]
fn a_file_that_refuses_to_be_continued_is_cut_where_it_ended() {
    let options = Options { trusts_sizes: true, ..RESUMING };
    let steps = [
        ("STAT /f", Size(3), "OpeningToAppend"),
        ("OPEN w /f", Handle, "Measuring"),
        ("FSTAT", Size(3), "Sending"),
        ("WRITE 3+7", FAILURE, "Measuring"),
        ("CLOSE", Success, "Measuring"),
        ("STAT /f", Size(10), "failed"),
        ("SETSTAT /f", Unheard, "failed"),
    ];
    play(options, UNKNOWN, &steps);
}

#[test]
fn a_file_that_can_not_be_compared_is_not_emptied() {
    let options = Options { request_bytes: Some(4), ..RESUMING };
    let steps = [
        ("STAT /f", Size(8), "OpeningToCompare"),
        ("OPEN rw /f", Handle, "Comparing"),
        ("READ 0+4", FAILURE, "Comparing"),
        ("READ 4+4", Data("xxxx"), "failed"),
    ];
    play(options, ORDERLY, &steps);
}

#[test]
fn attributes_whose_answer_was_lost_are_set_again() {
    let options = Options { preserve: true, ..RESUMING };
    let compare = [("OPEN r /f", Handle, "Comparing"), ("READ 0+10", Data(SOURCE), "Closing")];
    let look = [("STAT /f", Size(10), "OpeningToCompare")];
    let lost = [("SETSTAT /f", Lost, "OpeningToCompare")];
    let closed = [("SETSTAT /f", Success, "Closing"), ("CLOSE", Success, "Arrived")];
    let reports = play(options, UNKNOWN, &[&look[..], &compare, &lost, &compare, &closed].concat());
    assert_eq!(reports, ["finished with 10 bytes"]);
    let proved = [
        ("SETSTAT /f", Success, "Closing"),
        ("CLOSE", Success, "OpeningToProve"),
        ("OPEN r /f", Handle, "Proving"),
        ("READ 0+10", Data(SOURCE), "Closing"),
        ("CLOSE", Success, "Arrived"),
    ];
    let options = Options { verify: Verify::ByReading, ..options };
    play(options, UNKNOWN, &[&look[..], &compare, &lost, &compare, &proved].concat());
}

/// Steps of an atomic upload until it is to be placed.
const TO_THE_PLACE: [Step; 6] = [
    ("READLINK /f", FAILURE, "Looking"),
    ("STAT /f", NO_SUCH_FILE, "Opening"),
    ("OPEN wctx /PART", Handle, "Closing"),
    ("WRITE 0+10", Success, "Closing"),
    ("FSTAT", Size(10), "Closing"),
    ("CLOSE", Success, "Placing"),
];

#[test]
fn a_file_of_the_same_length_under_another_name_is_not_ours() {
    let options = Options { on_conflict: OnConflict::Rename, ..ATOMIC };
    let steps = [
        ("hardlink@openssh.com", Lost, "Placing"),
        ("hardlink@openssh.com", FAILURE, "Placing"),
        ("LSTAT /f", Size(3), "Placing"),
        ("hardlink@openssh.com", FAILURE, "Placing"),
        ("LSTAT /f.1", Size(10), "Placing"),
        ("hardlink@openssh.com", Success, "Placing"),
        ("REMOVE /PART", Success, "Arrived"),
    ];
    play(options, HARDLINK, &[&TO_THE_PLACE[..], &steps].concat());
    // At the target itself it is.
    let steps = [
        ("hardlink@openssh.com", Lost, "Placing"),
        ("hardlink@openssh.com", FAILURE, "Placing"),
        ("LSTAT /f", Size(10), "Placing"),
        ("REMOVE /PART", Success, "Arrived"),
    ];
    play(options, HARDLINK, &[&TO_THE_PLACE[..], &steps].concat());
}

#[test]
fn a_partial_file_that_went_away_is_not_placed_because_a_later_answer_was_lost() {
    let options = Options { atomic: true, ..RESUMING };
    let steps = [
        ("READLINK /f", FAILURE, "Looking"),
        ("STAT /f", NO_SUCH_FILE, "LookingBeside"),
        ("LSTAT /PART", NO_SUCH_FILE, "Opening"),
        ("OPEN wctx /PART", Handle, "Closing"),
        ("WRITE 0+10", Success, "Closing"),
        ("FSTAT", Size(10), "Closing"),
        ("CLOSE", Success, "Placing"),
        ("RENAME /PART /f", NO_SUCH_FILE, "Placing"),
        ("STAT /f", Lost, "Placing"),
        ("RENAME /PART /f", NO_SUCH_FILE, "Placing"),
        ("STAT /f", NO_SUCH_FILE, "failed"),
    ];
    play(options, ORDERLY, &steps);
}

/// An upload over two connections, when all its bytes have arrived and its handles are being closed.
fn closing_twice(directory: &std::path::Path) -> Play {
    let mut play = Play::new(Options { preserve: true, ..PLAIN }, UNKNOWN, directory);
    let other = play.bench.connect();
    play.step("OPEN wct /f", Handle);
    play.upload.spread(&mut play.bench.io.on(other));
    play.step_on(other, "OPEN w /f", Handle);
    play.step("WRITE 0+10", Success);
    assert_eq!(play.state(), "Closing");
    play
}

#[test]
fn a_file_whose_end_was_lost_with_one_of_two_connections_has_not_arrived() {
    // The second handle closes last.
    let directory = tempfile::tempdir().unwrap();
    let mut play = closing_twice(directory.path());
    play.step("FSETSTAT", Success);
    play.step("CLOSE", Success);
    play.lose(1);
    assert_eq!(play.state(), "OpeningToCompare");
    // The first handle, with which the attributes were to be set, is lost first.
    let directory = tempfile::tempdir().unwrap();
    let mut play = closing_twice(directory.path());
    let lost = play.bench.cut(0);
    assert!(play.give_back(0, lost), "it has to be resumed");
    play.step_on(1, "CLOSE", Success);
    assert_eq!(play.state(), "Sending");
}

#[test]
fn a_file_that_has_failed_ends_when_its_last_answer_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let mut play = Play::new(Options { request_bytes: Some(5), ..PLAIN }, UNKNOWN, directory.path());
    play.step("OPEN wct /f", Handle);
    play.step("WRITE 0+5", FAILURE);
    assert_eq!(play.state(), "Sending");
    play.upload.give_back(PutTag::Write { offset: 5, length: 5 });
    play.turn = Turn::MayAsk;
    play.go_on();
    assert_eq!(play.state(), "failed");
}
