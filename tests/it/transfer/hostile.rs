//! Servers that lie, and servers that are merely odd.

use std::fs;

use super::site::{PLAIN, RECURSIVE, Site, names};
use crate::support::{Entry, Remote};

const SIZE: usize = 300_000;

fn lying(lie: &str) -> Site {
    Site::on(Remote::with([Entry::sized("f", SIZE), Entry::sized("g", 10)]).lying(lie))
}

// fault: a short read, then the end
// fault: every read is short
// fault: answers in another order
#[test]
fn odd_but_honest_answers_make_whole_files() {
    for lie in ["cap-reads=10000", "cap-reads=1", "gap-then-eof=100000", "reorder", "no-attributes", "no-extensions"] {
        if lie == "cap-reads=1" {
            let site = Site::on(Remote::with([Entry::sized("g", 10)]).lying(lie));
            site.get(&["g"], PLAIN).succeeds();
            site.same("g");
            continue;
        }
        let site = lying(lie);
        let told = site.get(&["f", "g"], PLAIN);
        assert!(told.report.is_success(), "{lie}: {:#?}", told.lines);
        site.same("f");
        site.same("g");
        assert_eq!(site.local_names(), ["f", "g"], "{lie}");
    }
}

// fault: an early end of file
// fault: a file that shrinks
// difference: cut-short
#[test]
fn an_early_end_is_never_taken_for_the_whole_file() {
    for (lie, message) in [
        ("eof-at=40000", "read remote \"REMOTE/f\" : it ended at byte 40000 of 300000"),
        ("size=1000000", "read remote \"REMOTE/f\" : it ended at byte 300000 of 1000000"),
    ] {
        let site = Site::with_local(Remote::with([Entry::sized("f", SIZE)]).lying(lie), &[Entry::file("f", "old")]);
        site.get(&["f"], PLAIN).fails_with(&[message]);
        assert_eq!(fs::read(site.local("f")).unwrap(), b"old", "{lie}");
        assert_eq!(site.local_names(), ["f"], "{lie}");
        site.lives();
    }
}

// difference: cut-short
#[test]
fn where_nothing_is_stored_a_file_ends_where_reading_ends() {
    for lie in ["made-up=4096", "made-up=1000000"] {
        let site = Site::on(Remote::with([Entry::sized("g", 10)]).lying(lie));
        site.get(&["g"], PLAIN).succeeds();
        site.same("g");
        assert_eq!(site.local_names(), ["g"], "{lie}");
    }
}

/// Files that the kernel generates report the size of one page. sftp(1) transfers them, and scripts rely on that.
// difference: cut-short
#[test]
fn made_up_files_of_the_system_go_both_ways() {
    let candidates =
        ["/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/profiling", "/sys/kernel/uevent_seqnum"];
    let is_made_up = |path: &&str| {
        let length = fs::read(path).map_or(0, |contents| contents.len() as u64);
        length > 0 && fs::metadata(path).is_ok_and(|about| about.len() > length)
    };
    // Not every system has such files.
    let Some(path) = candidates.into_iter().find(is_made_up) else { return };
    let contents = fs::read(path).unwrap();
    let site = Site::on(Remote::empty());
    let link = |at| std::os::unix::fs::symlink(path, at).unwrap();
    link(site.remote("there"));
    link(site.local("here"));
    site.get(&["there"], PLAIN).succeeds();
    assert_eq!(fs::read(site.local("there")).unwrap(), contents);
    site.put(&["here"], PLAIN).succeeds();
    assert_eq!(fs::read(site.remote("here")).unwrap(), contents);
}

// fault: data after the announced size
#[test]
fn a_file_that_is_longer_than_was_said_is_read_to_its_end() {
    for lie in ["size=0", "size=10", "size=65536"] {
        let site = lying(lie);
        site.get(&["f"], PLAIN).succeeds();
        site.same("f");
    }
}

#[test]
fn one_read_that_fails_fails_one_file() {
    let site = lying("read-fails-at=100000");
    site.get(&["f", "g"], PLAIN).fails_with(&["read remote \"REMOTE/f\" : Failure (server: Input/output error)"]);
    site.same("g");
    assert_eq!(site.local_names(), ["g"]);
    site.lives();
}

// fault: data without bytes
// fault: more data than asked for
// difference: broken-protocol
#[test]
fn a_broken_protocol_ends_the_job_with_one_failure() {
    for lie in ["too-much-data", "empty-data", "huge-handle", "flood"] {
        let site = lying(lie);
        let told = site.get(&["f", "g"], PLAIN);
        assert!(told.report.lost.is_some(), "{lie}: {:#?}", told.lines);
        assert_eq!(told.report.failures.len(), 1, "{lie}: {:#?}", told.lines);
    }
}

// fault: a full remote disk
#[test]
fn a_write_that_fails_is_remembered_and_leaves_no_hole() {
    let site =
        Site::with_local(Remote::empty().lying("enospc-at=100000"), &[Entry::sized("f", SIZE), Entry::sized("g", 10)]);
    let told = site.put(&["f", "g"], PLAIN);
    told.fails_with(&["write remote \"REMOTE/f\": Failure (server: No space left on device)"]);
    site.same("g");
    site.lives();
    let there = fs::read(site.remote("f")).unwrap();
    assert!(there.len() <= 100_000, "{}", there.len());
    assert!(fs::read(site.local("f")).unwrap().starts_with(&there));
}

#[test]
fn writes_that_go_well_behind_one_that_failed_leave_no_hole() {
    let site = Site::with_local(Remote::empty().lying("write-fails-at=100000"), &[Entry::sized("f", SIZE)]);
    let told = site.put(&["f"], PLAIN);
    told.fails_with(&["write remote \"REMOTE/f\": Failure (server: Input/output error)"]);
    site.lives();
    let there = fs::read(site.remote("f")).unwrap();
    assert!(there.len() <= 100_000, "{}", there.len());
    assert!(fs::read(site.local("f")).unwrap().starts_with(&there));
}

// fault: CLOSE fails
#[test]
fn a_close_that_fails_fails_an_upload() {
    let site = Site::with_local(Remote::empty().lying("close-fails"), &[Entry::sized("f", 100)]);
    let told = site.put(&["f"], PLAIN);
    assert_eq!(told.report.failures.len(), 1, "{:#?}", told.lines);
    assert!(told.lines.iter().any(|line| line.starts_with("failed: close remote: ")), "{:#?}", told.lines);
}

#[test]
fn few_handles_are_enough() {
    let entries: Vec<_> = (0..200).map(|number| Entry::sized(format!("n{number}"), 50_000)).collect();
    let names: Vec<String> = (0..200).map(|number| format!("n{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let site = Site::on(Remote::with(entries).lying("max-handles=40"));
    site.get(&names, PLAIN).succeeds();
}

#[test]
fn names_that_lead_elsewhere_are_left_out_and_said() {
    // There is a file at the place to which such a name leads.
    let site = Site::on(Remote::with(["t/f", "evil"]).lying("names"));
    let told = site.get(&["t"], RECURSIVE);
    assert!(!told.report.is_success());
    // One with a leading slash, two with a slash inside, and an empty one; `.` and `..` are part of every listing.
    let suspects = told.lines.iter().filter(|line| line.starts_with("failed: Server sent suspect path"));
    assert_eq!(suspects.count(), 4, "{:#?}", told.lines);
    for name in names(&site.local("t")) {
        assert!(!name.contains("evil"), "{name}");
    }
    assert_eq!(site.local_names(), ["t"]);
    assert!(!site.world.root().join("evil").exists());
}

#[test]
fn a_tree_without_bottom_is_left_at_64_levels() {
    let site = Site::on(Remote::with(["t/f"]).lying("abyss"));
    let told = site.get(&["t"], RECURSIVE);
    assert!(!told.report.is_success());
    let entered = told.lines.iter().filter(|line| line.starts_with("entered")).count();
    assert_eq!(entered, 65, "{:#?}", told.lines);
}

#[test]
fn a_listing_that_fails_in_the_middle_is_no_success() {
    let entries: Vec<_> = (0..300).map(|number| Entry::sized(format!("t/n{number}"), 1)).collect();
    let site = Site::on(Remote::with(entries).lying("list-fails"));
    assert!(!site.get(&["t"], RECURSIVE).report.is_success());
    site.lives();
}

#[test]
fn what_a_server_says_twice_is_fetched_once() {
    let site = Site::on(Remote::with(["f", "g"]).lying("twice"));
    let mut pair = site.get_pair(b".");
    pair.local = sftpsh::transfer::LocalPath::named(site.local("t"), "t");
    let told = site.told(site.start(sftpsh::transfer::Pairs::get([pair]), RECURSIVE));
    told.succeeds();
    assert_eq!(told.report.files, 2);
}
