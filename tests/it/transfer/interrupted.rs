//! Jobs that are stopped, and connections that end.

use std::fs;

use super::site::{PLAIN, RECURSIVE, Site};
use crate::support::{Entry, Remote};
use sftpsh::transfer::Event;

const SIZE: usize = 8 << 20;

/// Waits until bytes have moved.
fn until_it_moves(job: &sftpsh::transfer::Job) {
    for event in job.events().iter().flatten() {
        if let Event::Started(_) | Event::Advanced { .. } = event {
            return;
        }
    }
    panic!("it ended before it moved");
}

#[test]
fn a_stopped_download_keeps_the_session_and_its_partial() {
    let site =
        Site::with_local(Remote::with([Entry::sized("f", SIZE), Entry::sized("g", 10)]), &[Entry::file("f", "old")]);
    let job = site.start_get(&["f", "g"], PLAIN);
    until_it_moves(&job);
    job.canceller().cancel();
    let told = site.told(job);
    assert!(told.report.cancelled && told.report.failures.is_empty(), "{:?}", told.report);
    site.lives();
    assert_eq!(fs::read(site.local("f")).unwrap(), b"old");
    for name in site.local_names() {
        let is_partial = name.starts_with(".f.") && name.ends_with(".sftpsh-part");
        assert!(name == "f" || name == "g" || is_partial, "{name}");
    }
    site.get(&["f"], PLAIN).succeeds();
    site.same("f");
}

#[test]
fn a_stopped_upload_keeps_the_session_and_a_beginning() {
    let site = Site::with_local(Remote::empty(), &[Entry::sized("f", SIZE)]);
    let job = site.start_put(&["f"], PLAIN);
    until_it_moves(&job);
    job.canceller().cancel();
    assert!(site.told(job).report.cancelled);
    site.lives();
    let there = fs::read(site.remote("f")).unwrap();
    assert!(fs::read(site.local("f")).unwrap().starts_with(&there));
}

#[test]
fn a_job_that_is_dropped_stops_and_leaves_the_session() {
    let site = Site::on(Remote::with([Entry::sized("f", SIZE)]));
    drop(site.start_get(&["f"], PLAIN));
    site.lives();
}

#[test]
fn a_lost_connection_is_one_failure_whatever_it_takes_along() {
    let entries: Vec<_> = (0..100).map(|number| Entry::sized(format!("t/n{number:02}"), 100_000)).collect();
    let site = Site::on(Remote::with(entries).lying("die-at=50000"));
    let told = site.get(&["t"], RECURSIVE);
    assert!(told.report.lost.is_some());
    assert_eq!(told.report.failures.len(), 1);
    assert!(told.report.failures[0].is_fatal());
}

#[test]
fn a_source_that_shrinks_while_it_is_sent_is_an_error() {
    // /proc gives a size of 0 and more bytes than that; a sparse file that is cut is the other way round.
    let site = Site::with_local(Remote::empty(), &[]);
    let source = fs::File::create(site.local("f")).unwrap();
    source.set_len(1 << 30).unwrap();
    let job = site.start_put(&["f"], PLAIN);
    until_it_moves(&job);
    source.set_len(1000).unwrap();
    let told = site.told(job);
    assert_eq!(told.report.failures.len(), 1, "{:#?}", told.lines);
    assert!(
        told.lines.iter().any(|line| line.starts_with("failed: read local \"f\": it ended at byte")),
        "{:#?}",
        told.lines
    );
    site.lives();
}
