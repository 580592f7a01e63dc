//! Servers that stop answering, for longer and shorter than the limit.

use std::fs;
use std::time::{Duration, Instant};

use super::site::{PLAIN, Site};
use crate::support::{Entry, Remote, SOON};

const SIZE: usize = 1 << 20;

/// The time for which a server may be silent in these tests.
const LIMIT: Duration = Duration::from_secs(1);

fn site(lie: &str, remote: &[Entry], local: &[Entry]) -> Site {
    Site::patient_for(LIMIT, Remote::with(remote.iter().cloned()).lying(lie), local)
}

// fault: a stall of a download beyond the limit
#[test]
fn a_download_that_stalls_is_given_up_and_goes_on_from_what_was_kept() {
    let site = site("stall-at=500000", &[Entry::sized("f", SIZE)], &[Entry::file("f", "old")]);
    let began = Instant::now();
    let told = site.get(&["f"], PLAIN);
    assert!(began.elapsed() < LIMIT + SOON, "{:?}", began.elapsed());
    assert!(told.report.lost.is_some() && told.report.failures.len() == 1, "{:#?}", told.lines);
    assert_eq!(fs::read(site.local("f")).unwrap(), b"old");
    let again = site.again();
    again.get(&["f"], super::site::RESUME).succeeds();
    again.same("f");
    assert_eq!(again.local_names(), ["f"]);
}

// fault: a stall of an upload beyond the limit
#[test]
fn an_upload_that_stalls_is_given_up_and_goes_on_from_what_was_kept() {
    let site = site("stall-at=500000", &[], &[Entry::sized("f", SIZE)]);
    let began = Instant::now();
    let told = site.put(&["f"], PLAIN);
    assert!(began.elapsed() < LIMIT + SOON, "{:?}", began.elapsed());
    assert!(told.report.lost.is_some() && told.report.failures.len() == 1, "{:#?}", told.lines);
    let again = site.again();
    again.put(&["f"], super::site::RESUME).succeeds();
    again.same("f");
}

// fault: an OPEN that is answered too late
#[test]
fn an_answer_that_comes_too_late_is_never_taken_for_another() {
    let site = site("slow-open=2500", &[Entry::sized("f", SIZE), Entry::sized("g", 10)], &[]);
    let began = Instant::now();
    assert!(site.get(&["f"], PLAIN).report.lost.is_some());
    assert!(site.get(&["g"], PLAIN).report.lost.is_some(), "the session is at its end");
    assert!(began.elapsed() < LIMIT + SOON, "{:?}", began.elapsed());
    assert_eq!(site.local_names(), [""; 0]);
}

// fault: a stall below the limit
#[test]
fn a_silence_below_the_limit_is_waited_for() {
    let site = site("slow-open=600", &[Entry::sized("f", SIZE), Entry::sized("g", 10)], &[Entry::sized("h", SIZE)]);
    site.get(&["f"], PLAIN).succeeds();
    site.get(&["g"], PLAIN).succeeds();
    site.put(&["h"], PLAIN).succeeds();
    for name in ["f", "g", "h"] {
        site.same(name);
    }
}

// fault: CLOSE is never answered
#[test]
fn an_upload_whose_close_is_never_answered_has_failed() {
    let site = site("close-stalls", &[], &[Entry::sized("f", SIZE)]);
    let began = Instant::now();
    let told = site.put(&["f"], PLAIN);
    assert!(began.elapsed() < LIMIT + SOON, "{:?}", began.elapsed());
    assert!(told.report.lost.is_some() && told.report.files == 0, "{:#?}", told.lines);
}
