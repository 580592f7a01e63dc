//! Resuming partial files.

use std::fs;

use super::site::{PLAIN, RESUME, Site};
use crate::support::{Entry, Remote};

const SIZE: usize = 500_000;

/// A source of [`SIZE`] bytes, the beginning of which has been downloaded.
fn download(there: usize) -> Site {
    let source = Entry::sized("f", SIZE);
    let beginning = source.contents().unwrap().1[..there].to_vec();
    Site::with_local(Remote::with([source]), &[Entry::file("f", beginning)])
}

fn upload(there: usize) -> Site {
    let source = Entry::sized("f", SIZE);
    let beginning = source.contents().unwrap().1[..there].to_vec();
    Site::with_local(Remote::with([Entry::file("f", beginning)]), &[source])
}

#[test]
fn only_what_is_missing_is_moved() {
    for there in [1, 1000, 65_536, 300_000, SIZE - 1] {
        for site in [download(there), upload(there)] {
            let is_upload = fs::metadata(site.remote("f")).unwrap().len() < SIZE as u64;
            let told = if is_upload { site.put(&["f"], RESUME) } else { site.get(&["f"], RESUME) };
            told.succeeds().says(&format!("started f at {there}")).says(&format!("finished f of {SIZE}"));
            assert_eq!(told.report.bytes, (SIZE - there) as u64);
            site.same("f");
        }
    }
}

#[test]
fn what_is_complete_is_left_alone_and_that_is_a_success() {
    let down = download(SIZE);
    down.get(&["f"], RESUME).succeeds().says("noted: File \"f\" was not modified");
    let up = upload(SIZE);
    up.put(&["f"], RESUME).succeeds().says("noted: File \"REMOTE/f\" was not modified");
}

#[test]
fn what_is_missing_is_moved_as_a_whole() {
    let down = Site::on(Remote::with([Entry::sized("f", SIZE)]));
    down.get(&["f"], RESUME).succeeds().says("Resuming REMOTE/f to f").says("started f at 0");
    down.same("f");
    let up = Site::with_local(Remote::empty(), &[Entry::sized("f", SIZE)]);
    up.put(&["f"], RESUME).succeeds().says("Resuming upload of f to REMOTE/f");
    up.same("f");
}

#[test]
fn what_is_larger_than_its_source_is_not_touched() {
    let down = Site::with_local(Remote::with([Entry::sized("f", 10)]), &[Entry::file("f", "longer than ten")]);
    let told = down.get(&["f"], RESUME);
    told.fails_with(&["Unable to resume download of \"f\": local file is larger than remote"]);
    assert_eq!(fs::read(down.local("f")).unwrap(), b"longer than ten");
    let up = Site::with_local(Remote::with([("f", "longer than ten")]), &[Entry::sized("f", 10)]);
    up.put(&["f"], RESUME).fails_with(&["resume \"f\": destination file same size or larger"]);
}

#[test]
fn what_is_something_else_is_not_continued() {
    let down = Site::with_local(Remote::with([Entry::sized("f", SIZE)]), &[Entry::file("f", vec![b'x'; 100_000])]);
    let told = down.get(&["f"], RESUME);
    told.succeeds().says("noted: f: the existing file differs from the source; starting over").says("started f at 0");
    down.same("f");
    let up = Site::with_local(Remote::with([("f", "x".repeat(100_000))]), &[Entry::sized("f", SIZE)]);
    let told = up.put(&["f"], RESUME);
    told.succeeds().says("noted: REMOTE/f: the existing file differs from the source; starting over");
    up.same("f");
}

#[test]
fn our_own_partial_comes_first_and_the_old_target_stays_until_the_end() {
    let site = Site::with_local(Remote::with([Entry::sized("f", SIZE)]), &[Entry::file("f", "old")]);
    let job = site.start_get(&["f"], PLAIN);
    drop(job);
    // The dropped job may have come any distance; a server that dies in the middle leaves a partial for certain.
    let broken = Site::on(Remote::with([Entry::sized("f", SIZE)]).lying("die-at=200000"));
    broken.get(&["f"], PLAIN);
    let name = broken.local_names().remove(0);
    assert!(name.starts_with(".f.") && name.ends_with(".sftpsh-part"), "{name}");
    let length = fs::metadata(broken.local(&name)).unwrap().len();
    assert!(length > 0 && length <= 200_000, "{length}");
}

#[test]
fn an_interrupted_download_goes_on_from_its_partial() {
    // The world is served first by a server that dies, then by one that does not.
    let dying = Site::on(Remote::with([Entry::sized("f", SIZE)]).lying("die-at=300000"));
    let told = dying.get(&["f"], PLAIN);
    assert!(told.report.lost.is_some() && told.report.failures.len() == 1, "{:?}", told.report);
    let partial = dying.local_names().remove(0);
    told.says(&format!("noted: f: the data fetched so far is kept in {partial}"));
    let reached = fs::metadata(dying.local(&partial)).unwrap().len();
    let again = dying.again();
    let told = again.get(&["f"], RESUME);
    told.succeeds().says(&format!("started f at {reached}"));
    again.same("f");
    assert_eq!(again.local_names(), ["f"]);
}

#[test]
fn a_source_that_changed_meanwhile_is_fetched_anew() {
    let dying = Site::on(Remote::with([Entry::sized("f", SIZE)]).lying("die-at=300000"));
    dying.get(&["f"], PLAIN);
    fs::write(dying.remote("f"), vec![b'n'; SIZE + 1]).unwrap();
    let again = dying.again();
    again.get(&["f"], RESUME).succeeds().says("started f at 0");
    again.same("f");
}
