//! Whole trees, in both directions.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::site::{PLAIN, PRESERVE, RECURSIVE, RESUME, Site, mode_of, names};
use crate::support::{Entry, Remote};
use sftpsh::transfer::Options;

fn tree() -> Vec<Entry> {
    let mut entries = vec![
        Entry::sized("t/a/deep/er/file", 70_000),
        Entry::sized("t/a/x", 1),
        Entry::sized("t/b", 5000),
        Entry::directory("t/empty"),
        Entry::sized("t/.hidden/.file", 3),
    ];
    entries.extend((0..50).map(|number| Entry::sized(format!("t/many{number}/n"), number)));
    entries
}

#[track_caller]
fn same_trees(site: &Site, name: &str) {
    let output = Command::new("diff").arg("-rN").args([site.remote(name), site.local(name)]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_tree_arrives_both_ways_and_over_one_that_is_there() {
    let down = Site::on(Remote::with(tree()));
    let told = down.get(&["t"], RECURSIVE);
    told.succeeds();
    same_trees(&down, "t");
    assert_eq!(
        &told.lines[..4],
        ["Fetching REMOTE/t to t", "entered REMOTE/t", "entered REMOTE/t/.hidden", "started .file at 0"]
    );
    down.get(&["t"], RECURSIVE).succeeds();
    same_trees(&down, "t");
    let up = Site::with_local(Remote::empty(), &tree());
    let told = up.put(&["t"], RECURSIVE);
    told.succeeds();
    same_trees(&up, "t");
    assert_eq!(&told.lines[..4], ["Uploading t to REMOTE/t", "entered t", "entered t/.hidden", "started .file at 0"]);
    up.put(&["t"], RECURSIVE).succeeds();
    same_trees(&up, "t");
}

#[test]
fn a_server_that_answers_in_another_order_gets_a_whole_tree() {
    let site = Site::with_local(Remote::empty().lying("reorder"), &tree());
    site.put(&["t"], RECURSIVE).succeeds();
    same_trees(&site, "t");
    let site = Site::on(Remote::with(tree()).lying("reorder"));
    site.get(&["t"], RECURSIVE).succeeds();
    same_trees(&site, "t");
}

#[test]
fn links_in_a_tree_are_skipped_and_a_named_one_is_followed() {
    let entries = || [Entry::file("t/f", "f"), Entry::link("t/link", "f"), Entry::link("top", "t")];
    let down = Site::on(Remote::with(entries()));
    let told = down.get(&["top"], RECURSIVE);
    told.succeeds().says("noted: download \"REMOTE/t/link\": not a regular file");
    assert_eq!(names(&down.local("top")), ["f"]);
    let up = Site::with_local(Remote::empty(), &entries());
    up.put(&["top"], RECURSIVE).succeeds().says("noted: link: not a regular file");
    assert_eq!(names(&up.remote("top")), ["f"]);
}

#[test]
fn closed_directories_are_filled_and_closed_again() {
    let entries = || [Entry::file("t/closed/f", "f"), Entry::directory("t/closed").mode(0o555)];
    let down = Site::on(Remote::with(entries()));
    down.get(&["t"], RECURSIVE).succeeds();
    let up = Site::with_local(Remote::empty(), &entries());
    up.put(&["t"], RECURSIVE).succeeds();
    for closed in [down.local("t/closed"), up.remote("t/closed")] {
        assert_eq!(mode_of(&closed), 0o555);
        assert_eq!(fs::read(closed.join("f")).unwrap(), b"f");
    }
}

#[test]
fn modes_and_times_of_a_tree_are_kept_when_asked() {
    let entries = || {
        [Entry::file("t/f", "f").mode(0o4640), Entry::directory("t").mode(0o2705), Entry::file("ro", "r").mode(0o444)]
    };
    let old = |path: &std::path::Path| {
        let status = Command::new("touch").args(["-h", "-d", "2001-02-03 04:05:06 UTC"]).arg(path).status().unwrap();
        assert!(status.success());
    };
    let modified = |path: std::path::PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    let down = Site::on(Remote::with(entries()));
    ["t/f", "t", "ro"].iter().for_each(|name| old(&down.remote(name)));
    down.get(&["t", "ro"], PRESERVE).succeeds();
    let up = Site::with_local(Remote::empty(), &entries());
    ["t/f", "t", "ro"].iter().for_each(|name| old(&up.local(name)));
    up.put(&["t", "ro"], PRESERVE).succeeds();
    for name in ["t/f", "t", "ro"] {
        assert_eq!(modified(down.local(name)), modified(down.remote(name)), "{name}");
        assert_eq!(modified(up.local(name)), modified(up.remote(name)), "{name}");
        let expected = [("t/f", 0o640), ("t", 0o705), ("ro", 0o444)].into_iter().find(|(of, _)| *of == name).unwrap().1;
        assert_eq!(mode_of(&down.local(name)), expected, "{name} fetched");
        assert_eq!(mode_of(&up.remote(name)), expected, "{name} sent");
    }
}

#[test]
fn a_directory_that_stands_in_the_way_fails_its_subtree_only() {
    let up = Site::with_local(Remote::with(["t/a"]), &[Entry::file("t/a/f", "f"), Entry::file("t/b/f", "f")]);
    let told = up.put(&["t"], RECURSIVE);
    told.fails_with(&["\"REMOTE/t/a\" exists but is not a directory"]);
    up.same("t/b/f");
    let down = Site::with_local(Remote::with(["t/a/f", "t/b/f"]), &[Entry::file("t/a", "")]);
    let told = down.get(&["t"], RECURSIVE);
    told.fails_with(&["mkdir t/a: Not a directory"]);
    down.same("t/b/f");
}

#[test]
fn parents_that_are_missing_on_the_server_are_made() {
    let site = Site::with_local(Remote::empty(), &[Entry::file("t/f", "f")]);
    let mut pair = site.put_pair(b"t");
    pair.remote = site.remote_path(b"no/where/t");
    let told = site.told(site.start(sftpsh::transfer::Pairs::put([pair]), RECURSIVE));
    told.succeeds();
    assert!(site.remote("no/where/t/f").is_file());
}

#[test]
fn a_resumed_tree_completes_what_is_missing() {
    let site = Site::with_local(Remote::with(tree()), &[]);
    site.get(&["t"], RECURSIVE).succeeds();
    fs::remove_file(site.local("t/b")).unwrap();
    let half = fs::read(site.local("t/a/deep/er/file")).unwrap()[..40_000].to_vec();
    fs::write(site.local("t/a/deep/er/file"), half).unwrap();
    let told = site.get(&["t"], Options { recursive: true, ..RESUME });
    told.succeeds().says("started file at 40000").says("started b at 0").says("noted: File \"t/a/x\" was not modified");
    same_trees(&site, "t");
    assert_eq!(told.report.bytes, 35_000);
}

#[test]
fn a_link_that_stands_where_a_directory_shall_be_is_not_followed() {
    let site = Site::on(Remote::with(["t/sub/f", "t/g"]));
    let elsewhere = site.world.root().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::create_dir(site.local("t")).unwrap();
    symlink(&elsewhere, site.local("t/sub")).unwrap();
    symlink(elsewhere.join("g"), site.local("t/g")).unwrap();
    site.get(&["t"], RECURSIVE).fails_with(&["mkdir t/sub: Not a directory"]);
    assert!(names(&elsewhere).is_empty());
    assert!(fs::symlink_metadata(site.local("t/g")).unwrap().is_file(), "the link was replaced");
    // The user's own link to a directory is followed.
    fs::remove_dir_all(site.local("t")).unwrap();
    symlink(&elsewhere, site.local("t")).unwrap();
    site.get(&["t"], RECURSIVE).succeeds();
    assert_eq!(names(&elsewhere), ["g", "sub"]);
}

#[test]
fn a_tree_without_r_moves_nothing() {
    let site = Site::on(Remote::with(["t/f"]));
    site.get(&["t"], PLAIN);
    assert!(site.local_names().is_empty());
}
