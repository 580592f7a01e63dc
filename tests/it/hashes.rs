//! Copies that are verified by the server's hashes, if it computes any.

use std::fs;

use crate::support::{Entry, Key, Outcome, Remote, Shell};

/// More than is hashed in one step.
const SIZE: usize = 1_300_000;

fn files() -> [Entry; 3] {
    [Entry::sized("f", SIZE), Entry::sized("g", 7), Entry::sized("empty", 0)]
}

/// Transfers `f` in either direction over an old file, and returns the outcome.
fn moves(line: &str, lie: &str) -> Outcome {
    let (new, old) = ([Entry::sized("f", SIZE)], [Entry::file("f", "old")]);
    let (remote, here) = if line.starts_with("put") { (old, new) } else { (new, old) };
    Shell::on(Remote::with(remote).lying(lie)).here(here).as_batch().types(line).run()
}

#[test]
fn proftpd_s_hashes_prove_what_was_moved() {
    Shell::on(Remote::with(files()).served_by_proftpd())
        .as_batch()
        .types("get --verify f g empty .")
        .types("mkdir sent")
        .types("put --verify f g empty sent")
        .types("put --atomic --verify f beside")
        .types("get --verify=read f g .")
        .succeeds()
        .reports("2 files are equal to their sources by the server's sha256")
        .reports("1 file is equal to its source by the server's sha256")
        .reports("2 files were read back and are equal to their sources")
        .same("f", "sent/f")
        .same("g", "sent/g")
        .same("empty", "sent/empty")
        .same("f", "beside");
}

#[test]
fn proftpd_s_hashes_prove_what_is_continued_and_what_may_be_removed() {
    let whole = Entry::sized("f", SIZE).contents().unwrap().1.to_vec();
    Shell::on(Remote::with([Entry::file("f", &whole[..1_000_000])]).served_by_proftpd())
        .here([Entry::sized("f", SIZE), Entry::sized("t/g", SIZE), Entry::sized("t/u/h", 9)])
        .as_batch()
        .types("put -a --verify f")
        .types("put -r --verify --remove-source t")
        .succeeds()
        .reports("1 file is equal to its source by the server's sha256")
        .reports("2 files are equal to their sources by the server's sha256")
        .same("f", "f")
        .local_holds(&["f"])
        .remote_holds(&["f", "t/", "t/g", "t/u/", "t/u/h"]);
}

#[test]
fn proftpd_finds_out_what_only_looks_complete() {
    let mut damaged = Entry::sized("f", SIZE).contents().unwrap().1.to_vec();
    damaged[1000] ^= 1;
    Shell::on(Remote::with([Entry::file("f", damaged)]).served_by_proftpd())
        .here([Entry::sized("f", SIZE)])
        .as_batch()
        .types("put -a --verify f")
        .exits(1)
        .reports("verify remote \"REMOTE/f\": it differs from its source by the server's sha256");
}

#[test]
fn a_hash_proves_in_each_form_that_servers_give_it() {
    for (lie, algorithm) in [
        ("hash", "sha256"),
        ("hash-echo", "sha256"),
        ("hash-length", "sha256"),
        ("hash-sha1", "sha1"),
        ("hash-md5", "md5"),
    ] {
        for line in ["get --verify f", "put --verify f", "put --atomic --verify f"] {
            let said = format!("1 file is equal to its source by the server's {algorithm}");
            moves(line, lie).succeeds().reports(&said).same("f", "f");
        }
    }
}

#[test]
fn what_is_proved_by_a_hash_is_not_read_back() {
    moves("put --verify f", "hash-unreadable").succeeds().reports("by the server's sha256").same("f", "f");
    moves("put --verify=read f", "hash-unreadable").exits(1).reports("read remote \"REMOTE/f\"");
}

#[test]
fn where_there_is_no_hash_of_use_the_file_is_read_back() {
    for lie in ["hash-refused", "hash-unknown", "hash-short", "hash-crc32", "hash-empty", "hash-status-ok", "none"] {
        for line in ["get --verify f", "put --verify f"] {
            moves(line, lie).succeeds().reports("1 file was read back and is equal to its source").same("f", "f");
        }
    }
    moves("get --verify=read f", "hash-wrong").succeeds().reports("1 file was read back").same("f", "f");
}

#[test]
fn a_copy_with_another_hash_has_failed_and_does_not_take_its_place() {
    moves("get --verify f", "hash-wrong")
        .exits(1)
        .reports("verify local \"f\": it differs from its source by the server's sha256")
        .local_file("f", "old");
    // With -a the partial file would be found again, but its contents are wrong.
    for line in ["put --atomic --verify f", "put -a --atomic --verify f"] {
        moves(line, "hash-wrong")
            .exits(1)
            .reports("verify remote \"REMOTE/f\": it differs from its source by the server's sha256")
            .remote_file("f", "old")
            .remote_holds(&["f"]);
    }
    moves("put --verify --remove-source f", "hash-wrong").exits(1).local_has("f");
}

#[test]
fn many_files_wait_for_their_hashes_side_by_side() {
    let names: Vec<String> = (0..300).map(|number| format!("t/{number:03}")).collect();
    for lie in ["hash", "hash-sha1", "hash-unknown"] {
        let outcome = Shell::on(Remote::empty().lying(lie))
            .here(names.iter().map(|name| Entry::sized(name, 5000)))
            .as_batch()
            .types("put -r --verify t")
            .types("lmkdir back")
            .types("get -r --verify t back")
            .succeeds();
        let said = match lie {
            "hash" => "300 files are equal to their sources by the server's sha256",
            "hash-sha1" => "300 files are equal to their sources by the server's sha1",
            _ => "300 files were read back and are equal to their sources",
        };
        outcome.reports(said).holds(|world| {
            let differs = |name: &&String| {
                fs::read(world.local().join(name)).unwrap() != fs::read(world.local().join("back").join(name)).unwrap()
            };
            names.iter().find(differs).map(|name| format!("{name} differs"))
        });
    }
}

#[test]
fn a_connection_that_breaks_while_a_hash_is_waited_for_is_made_again() {
    for line in ["put --verify f", "put --atomic --verify f", "get --verify f"] {
        let (new, old) = ([Entry::sized("f", SIZE)], [Entry::file("f", "old")]);
        let (remote, here) = if line.starts_with("put") { (old, new) } else { (new, old) };
        Shell::on(Remote::with(remote).lying("hash-dies-once").over_ssh())
            .here(here)
            .with_args(["-b", "-", "--retry", "2"])
            .types(line)
            .succeeds()
            .reports("1 file is equal to its source by the server's sha256")
            .same("f", "f")
            .holds(|world| (!world.root().join("dead").exists()).then(|| "no server has died".to_owned()));
    }
}

#[test]
fn a_hash_that_was_lost_with_one_of_several_connections_is_asked_for_on_another() {
    let files = [Entry::sized("f", 40_000_000)];
    Shell::on(Remote::with(files).lying("hash-dies-once").over_ssh())
        .with_args(["-b", "-", "-j", "2"])
        .types("get --verify f")
        .succeeds()
        // The presence of the other file at that moment depends on the machine.
        .reports("1 file is equal to its source by the server's sha256")
        .same("f", "f");
}

#[test]
fn a_server_that_never_ends_its_hash_can_be_left() {
    Shell::on(Remote::with([Entry::sized("f", SIZE)]).lying("hash-stalls"))
        .at_a_terminal()
        .types("get --verify f")
        .sees("100%")
        .presses(Key::Ctrl('c'))
        .sees("the data fetched so far is kept")
        .types("lpwd")
        .sees("Local working directory")
        .types("bye")
        .ends_with(0);
}
