//! Downloads from a server that a test plays: which request follows which answer, and in which state.

use std::fs;
use std::path::Path as LocalPlace;

use crate::transfer::connections::tag::Token;
use crate::transfer::get::*;
use crate::transfer::local::Parents;
use crate::transfer::pairs::LocalPath;
use crate::transfer::request::Options;
use crate::transfer::testing::Answer::{self, Data, Handle, Lost, Unheard};
use crate::transfer::testing::{Bench, DENIED, EOF, FAILURE, Server};

/// Contents of the remote file: ten bytes.
const SOURCE: &str = "0123456789";

/// A request, its answer, and the state after that.
type Step = (&'static str, Answer, &'static str);

/// Plays a download of ten bytes beside existing ones. Returns the local file at the end.
#[track_caller]
fn play(options: Options, existing: &str, steps: &[Step]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let local = directory.path().join("f");
    if !existing.is_empty() {
        fs::write(&local, existing).unwrap();
    }
    let server = Server { extensions: &[("statvfs@openssh.com", "2")], ..Server::default() };
    let mut bench = Bench::new(Direction::Get, options, server);
    let mut download = begin(&mut bench, &local);
    let mut turn = Turn::Waits;
    for (number, &(request, answer, state)) in steps.iter().enumerate() {
        let outcomes = bench.exchange(0, request, answer);
        if matches!(answer, Lost) {
            download.lose(0);
            outcomes.iter().for_each(|(token, _)| download.give_back(get_tag(token)));
            turn = download.resume(&mut bench.wire());
        }
        for (token, outcome) in outcomes.into_iter().filter(|_| !matches!(answer, Lost)) {
            turn = download.answer(&mut bench.wire(), get_tag(&token), outcome);
        }
        while turn == Turn::MayAsk {
            turn = download.ask(&mut bench.wire());
        }
        assert_eq!(name(&download, turn), state, "after step {number}: {request} {answer:?}");
    }
    fs::read_to_string(local).unwrap_or_default()
}

fn begin(bench: &mut Bench, local: &LocalPlace) -> Download {
    let place = Place::named(&LocalPath::named(local, local), &mut Parents::default()).ok().unwrap();
    let target = Target { asked: place.clone(), place, replaceable: Replaceable::Anything };
    let attributes = Attributes { size: Some(10), permissions: Some(0o100_644), ..Attributes::default() };
    Download::begin(0, RemotePath::new("/f").unwrap(), attributes, target, false, &mut bench.wire())
}

fn get_tag(token: &Token) -> GetTag {
    let Tag::Get(tag) = token.tag else { panic!("{token:?}") };
    tag
}

fn name(download: &Download, turn: Turn) -> &'static str {
    match &download.state {
        State::Placed => "Placed",
        _ if turn == Turn::Concluded => "failed",
        State::Opening => "Opening",
        State::Resuming(_) => "Resuming",
        State::Reading(End::Doubted(_)) => "Doubted",
        State::Reading(End::AskedAgain(_)) => "AskedAgain",
        State::Reading(End::Weighed) => "Weighed",
        State::Reading(_) => "Reading",
        State::Proving(_) => "Proving",
    }
}

/// The rows of the tables of states, as downloads that go through them.
#[test]
fn the_table_of_states() {
    let plain = Options::default();
    let resuming = Options { resume: true, ..plain };
    let proving = Options { verify: Verify::ByReading, ..plain };
    let in_parts = Options { request_bytes: Some(4), ..plain };
    let stories: &[(&str, Options, &str, &[Step])] = &[
        ("plain", plain, "", &[("OPEN r /f", Handle, "Reading"), ("READ 0+11", Data(SOURCE), "Placed")]),
        ("refused", plain, "", &[("OPEN r /f", DENIED, "failed")]),
        (
            "a short answer",
            plain,
            "",
            &[
                ("OPEN r /f", Handle, "Reading"),
                ("READ 0+11", Data("01234"), "Reading"),
                ("READ 5+6", Data("56789"), "Placed"),
            ],
        ),
        (
            "proved",
            proving,
            "",
            &[
                ("OPEN r /f", Handle, "Reading"),
                ("READ 0+11", Data(SOURCE), "Proving"),
                ("READ 0+10", Data(SOURCE), "Placed"),
            ],
        ),
        (
            "proved to differ",
            proving,
            "",
            &[
                ("OPEN r /f", Handle, "Reading"),
                ("READ 0+11", Data(SOURCE), "Proving"),
                ("READ 0+10", Data("012345678x"), "failed"),
            ],
        ),
        (
            "proved to end too early",
            proving,
            "",
            &[("OPEN r /f", Handle, "Reading"), ("READ 0+11", Data(SOURCE), "Proving"), ("READ 0+10", EOF, "failed")],
        ),
        (
            "resumed",
            resuming,
            "012",
            &[
                ("OPEN r /f", Handle, "Resuming"),
                ("READ 0+3", Data("012"), "Reading"),
                ("READ 3+8", Data("3456789"), "Placed"),
            ],
        ),
        (
            "different",
            resuming,
            "01x",
            &[
                ("OPEN r /f", Handle, "Resuming"),
                ("READ 0+3", Data("012"), "Reading"),
                ("READ 0+11", Data(SOURCE), "Placed"),
            ],
        ),
        (
            "an early end, taken back",
            plain,
            "",
            &[
                ("OPEN r /f", Handle, "Reading"),
                ("READ 0+11", EOF, "AskedAgain"),
                ("READ 0+32768", Data(SOURCE), "Reading"),
                ("READ 10+32768", EOF, "Placed"),
            ],
        ),
        (
            "lost",
            in_parts,
            "",
            &[
                ("OPEN r /f", Lost, "Opening"),
                ("OPEN r /f", Handle, "Reading"),
                ("READ 0+4", Data("0123"), "Reading"),
                ("READ 4+4", Lost, "Opening"),
                ("OPEN r /f", Handle, "Resuming"),
                ("READ 0+4", Lost, "Opening"),
                ("OPEN r /f", Handle, "Resuming"),
                ("READ 0+4", Data("0123"), "Reading"),
                ("READ 4+4", Data("4567"), "Reading"),
                ("READ 8+3", Data("89"), "Placed"),
            ],
        ),
    ];
    for (name, options, existing, steps) in stories {
        eprintln!("{name}");
        let local = play(*options, existing, steps);
        if steps.last().is_some_and(|(.., state)| *state == "Placed") {
            assert_eq!(local, SOURCE);
        }
    }
}

#[test]
fn an_end_that_is_confirmed_is_an_error() {
    let steps = [
        ("OPEN r /f", Handle, "Reading"),
        ("READ 0+11", EOF, "AskedAgain"),
        ("READ 0+32768", EOF, "AskedAgain"),
        ("READ 0+32768", EOF, "Weighed"),
    ];
    let ends = [("statvfs@openssh.com", FAILURE, "failed")];
    assert_eq!(play(Options::default(), "old", &[&steps[..], &ends].concat()), "old");
}

/// They come when the whole file is being read from its beginning.
#[test]
fn late_answers_of_a_comparison_change_nothing() {
    let options = Options { resume: true, request_bytes: Some(4), ..Options::default() };
    let steps = [
        ("OPEN r /f", Handle, "Resuming"),
        ("READ 0+4", Data("xxxx"), "Reading"),
        ("READ 4+4", Data("4567"), "Reading"),
        ("READ 0+4", Data("0123"), "Reading"),
        ("READ 4+4", Data("4567"), "Reading"),
        ("READ 8+3", Data("89"), "Placed"),
        ("CLOSE", Unheard, "Placed"),
    ];
    assert_eq!(play(options, "01234567", &steps), SOURCE);
}
