//! Uploads must not damage other files, and must be what they claim to be.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{Entry, Fault, Relay, Remote, Shell, Toward, World};

const SIZE: usize = 200_000;

/// The partial file on the server.
fn part(world: &World) -> Option<PathBuf> {
    let mut paths = fs::read_dir(world.remote()).unwrap().map(|entry| entry.unwrap().path());
    paths.find(|path| path.to_string_lossy().ends_with(".sftpsh-part"))
}

#[test]
fn a_new_name_is_never_that_of_another_file_of_the_job() {
    Shell::on(Remote::with([Entry::file("x", "there")]))
        .here([Entry::file("x", "new x"), Entry::file("x.1", "new x.1")])
        .types("put --on-conflict=rename x*")
        .succeeds()
        .holds(|world| {
            let all: Vec<_> = fs::read_dir(world.remote())
                .unwrap()
                .map(|e| {
                    let p = e.unwrap().path();
                    (p.file_name().unwrap().to_owned(), fs::read_to_string(&p).unwrap())
                })
                .collect();
            (all.len() != 3).then(|| format!("{all:?}"))
        });
}

#[test]
fn what_is_continued_by_its_size_can_be_read_back() {
    Shell::on(Remote::empty())
        .here([Entry::sized("f", SIZE)])
        .prepare(|world| {
            fs::write(world.remote().join("f"), &fs::read(world.local().join("f")).unwrap()[..1000]).unwrap()
        })
        .types("put --resume=size --verify f")
        .succeeds()
        .same("f", "f")
        .reports("1 file was read back");
}

#[test]
fn a_file_sent_over_several_connections_can_be_read_back() {
    Shell::on(Remote::empty().over_ssh())
        .here([Entry::sized("large", 128 << 20)])
        .with_args(["-j", "3"])
        // It goes there and back again, in a debug build.
        .patience(Duration::from_secs(120))
        .types("put --verify large")
        .succeeds()
        .same("large", "large")
        .reports("1 file was read back");
}

#[test]
fn a_link_under_the_name_of_a_part_is_not_followed() {
    let line = Relay::plain().at(Toward::Server, 60_000, Fault::Cut).only_first(1);
    Shell::on(Remote::with([Entry::file("victim", "precious"), Entry::file("f", "old")]).over_ssh())
        .here([Entry::sized("f", 3_000_000)])
        .through(line)
        .as_batch()
        .types("put -a --atomic f")
        .exits(255)
        .holds(|world| {
            let Some(part) = part(world) else { return Some("no part".into()) };
            fs::remove_file(&part).unwrap();
            symlink(world.remote().join("victim"), part).unwrap();
            None
        })
        .then()
        .as_batch()
        .types("put -a --atomic f")
        .succeeds()
        .remote_file("victim", "precious");
}

#[test]
fn an_atomic_resume_replaces_a_larger_target() {
    Shell::on(Remote::with([Entry::sized("f", SIZE + 1)]))
        .here([Entry::sized("f", SIZE)])
        .types("put -a --atomic f")
        .succeeds()
        .same("f", "f");
}

#[test]
fn an_empty_file_is_not_counted_as_read_back() {
    let files = || [Entry::sized("f", SIZE), Entry::sized("empty", 0)];
    Shell::on(Remote::empty()).here(files()).types("put --verify *").succeeds().reports("1 file was read back");
}

#[test]
fn what_cannot_be_looked_at_is_not_taken_for_missing() {
    Shell::on(Remote::with([Entry::file("f", "old")]).server_words(&["-P", "stat"]))
        .here([Entry::file("f", "new")])
        .as_batch()
        .types("put --on-conflict=skip f")
        .exits(1)
        .reports("stat remote: Permission denied: \"REMOTE/f\"\n")
        .remote_file("f", "old");
}

#[test]
fn the_part_of_a_private_target_is_private() {
    let line = Relay::plain().at(Toward::Server, 1_000_000, Fault::Cut).only_first(1);
    Shell::on(Remote::with([Entry::file("f", "old").mode(0o600)]).over_ssh())
        .here([Entry::sized("f", 3_000_000).mode(0o644)])
        .through(line)
        .as_batch()
        .types("put -a --atomic f")
        .exits(255)
        .holds(|world| {
            let mode = part(world).map(|part| part.metadata().unwrap().permissions().mode() & 0o777);
            (mode != Some(0o600)).then(|| format!("{mode:?}"))
        });
}

#[test]
fn a_part_that_differs_is_not_kept() {
    Shell::on(Remote::empty().lying("bad-byte=70000"))
        .here([Entry::sized("f", SIZE)])
        .as_batch()
        .types("put -a --atomic --verify f")
        .exits(1)
        .holds(|world| part(world).map(|p| format!("left: {} bytes", fs::metadata(p).unwrap().len())));
}

#[test]
fn an_atomic_upload_follows_a_link_and_replaces_what_it_leads_to() {
    let there = || {
        [
            Entry::file("d/aim", "old").mode(0o640),
            Entry::link("d/second", "aim"),
            Entry::link("link", "d/second"),
            Entry::link("dangling", "d/new"),
            Entry::link("t/link", "../d/aim"),
        ]
    };
    let links_stay = |world: &World| {
        ["link", "d/second", "dangling", "t/link"]
            .iter()
            .find(|name| !world.remote().join(name).is_symlink())
            .map(|name| format!("{name} is no link any more"))
    };
    for flags in ["--atomic", "--atomic -a", "--atomic --verify", "--atomic --on-conflict=overwrite"] {
        Shell::on(Remote::with(there()))
            .here([Entry::sized("f", SIZE), Entry::file("t/link", "from a tree")])
            .as_batch()
            .types(&format!("put {flags} f link"))
            .types(&format!("put {flags} f dangling"))
            .succeeds()
            .same("f", "d/aim")
            .same("f", "d/new")
            .remote_mode("d/aim", 0o640)
            .holds(links_stay)
            .holds(|world| (fs::read_dir(world.remote().join("d")).unwrap().count() != 3).then(|| "parts".to_owned()))
            .then()
            .as_batch()
            .types("put --atomic -r t")
            .succeeds()
            .remote_file("d/aim", "from a tree")
            .holds(links_stay);
    }
}

#[test]
fn where_nothing_may_be_made_beside_what_a_link_leads_to_the_way_out_is_told() {
    let there = [Entry::file("d/aim", "old"), Entry::link("link", "d/aim"), Entry::directory("d").mode(0o555)];
    Shell::on(Remote::with(there))
        .here([Entry::file("f", "new")])
        .unprivileged()
        .types("put --atomic f link")
        .reports("dest open \"REMOTE/link\": Permission denied")
        .remote_file("d/aim", "old");
}

#[test]
fn a_file_whose_making_was_not_answered_is_not_taken_for_somebody_elses() {
    for policy in ["skip", "newer", "rename"] {
        Shell::on(Remote::empty().lying("dies-making"))
            .here([Entry::sized("f", SIZE)])
            .with_args(["-b", "-", "--retry", "2"])
            .types(&format!("put --on-conflict={policy} f"))
            .succeeds()
            .same("f", "f")
            .remote_holds(&["f"]);
    }
    Shell::on(Remote::with([("f", "old")]).lying("dies-making"))
        .here([Entry::sized("f", SIZE)])
        .with_args(["-b", "-", "--retry", "2"])
        .types("put --atomic f")
        .succeeds()
        .same("f", "f")
        .remote_holds(&["f"]);
}

#[test]
fn what_a_lost_connection_leaves_beside_a_target_is_named() {
    for line in ["put --atomic f", "put -a --atomic f"] {
        Shell::on(Remote::with([Entry::file("f", "old")]).over_ssh())
            .here([Entry::sized("f", 3_000_000)])
            .through(Relay::plain().at(Toward::Server, 1_000_000, Fault::Cut).only_first(1))
            .as_batch()
            .types(line)
            .exits(255)
            .remote_file("f", "old")
            .reports("REMOTE/f: the data sent so far is kept in REMOTE/.f.");
    }
}
