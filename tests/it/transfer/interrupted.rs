//! Jobs that are stopped, and connections that end.

use std::fs;
use std::path::Path;

use super::site::{PLAIN, RECURSIVE, Site};
use crate::support::{Entry, Remote, until};
use sftpsh::sftp::{Attributes, OpenFlags};
use sftpsh::transfer::{self, Event, Hold, Job, Limit, Pairs, Request};

const SIZE: usize = 8 << 20;

/// A rate at which a file of `SIZE` bytes takes longer than any test.
const SLOW: u64 = 64 << 10;

/// Waits until data has been transferred.
fn until_it_moves(job: &Job) {
    let moves = |event: &Event| matches!(event, Event::Advanced { .. });
    assert!(job.events().iter().flatten().any(|event| moves(&event)), "it ended before it moved");
}

/// Starts a transfer that will not finish before it is stopped.
fn start_slowly(site: &Site, pairs: Pairs) -> Job {
    let request = Request { limit: Limit::new(Some(SLOW)), ..site.request(pairs, PLAIN) };
    let job = transfer::start(&site.session, request, Hold::default());
    until_it_moves(&job);
    job
}

/// Stops a transfer.
fn stop(site: &Site, job: Job) {
    job.canceller().cancel();
    let told = site.told(job);
    assert!(told.report.cancelled && told.report.failures.is_empty(), "{:?}", told.report);
    site.lives();
}

/// Fails unless `part` is a beginning of `whole`, neither empty nor complete.
#[track_caller]
fn begins(part: &Path, whole: &Path) {
    let (part, whole) = (fs::read(part).unwrap(), fs::read(whole).unwrap());
    assert!((1..whole.len()).contains(&part.len()), "{} bytes of {}", part.len(), whole.len());
    assert!(whole.starts_with(&part));
}

// difference: many-at-once
#[test]
fn a_stopped_download_keeps_the_session_and_its_partial() {
    let site = Site::with_local(Remote::with([Entry::sized("f", SIZE)]), &[Entry::file("f", "old")]);
    stop(&site, start_slowly(&site, Pairs::get([site.get_pair(b"f")])));
    assert_eq!(fs::read(site.local("f")).unwrap(), b"old");
    let names = site.local_names();
    let [partial, _] = &names[..] else { panic!("{names:?}") };
    assert!(partial.starts_with(".f.") && partial.ends_with(".sftpsh-part"), "{partial}");
    begins(&site.local(partial), &site.remote("f"));
    site.get(&["f"], PLAIN).succeeds();
    site.same("f");
}

#[test]
fn a_stopped_upload_keeps_the_session_and_a_beginning() {
    let site = Site::with_local(Remote::empty(), &[Entry::sized("f", SIZE)]);
    stop(&site, start_slowly(&site, Pairs::put([site.put_pair(b"f")])));
    begins(&site.remote("f"), &site.local("f"));
}

#[test]
fn a_job_that_is_dropped_stops_and_leaves_the_session() {
    let site = Site::on(Remote::with([Entry::sized("f", SIZE)]).lying("max-handles=1"));
    let can_open = || site.session.open_file(&site.remote_path(b"f"), OpenFlags::READ, Attributes::default()).is_ok();
    let job = start_slowly(&site, Pairs::get([site.get_pair(b"f")]));
    assert!(!can_open(), "the job should have the server's only handle");
    drop(job);
    until("the job to close its handle", can_open);
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
    // A file in /proc has size 0 but contents; a sparse file that is truncated is the opposite.
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
