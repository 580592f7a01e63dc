//! `get` and `put` as commands: which operands are sources, which is the target, and the errors if one is missing.

use crate::support::{Entry, Remote, Shell};

fn shell() -> Shell {
    Shell::on(Remote::with(["a1", "a2", "b", "tree/x", "tree/sub/y", "into/"])).here(["l1", "l2", "ltree/z", "dir/"])
}

#[test]
fn one_operand_is_a_source_and_two_are_source_and_target() {
    shell()
        .types("get b")
        .types("get b copy")
        .types("get b dir")
        .types("get a* dir/")
        .succeeds()
        .answers(&[
            "Fetching REMOTE/b to b",
            "Fetching REMOTE/b to copy",
            "Fetching REMOTE/b to dir/b",
            "Fetching REMOTE/a1 to dir/a1",
            "Fetching REMOTE/a2 to dir/a2",
        ])
        .local_holds(&["b", "copy", "dir/", "dir/a1", "dir/a2", "dir/b", "l1", "l2", "ltree/", "ltree/z"]);
}

#[test]
fn an_empty_word_is_no_source_and_a_slash_makes_no_file() {
    shell()
        .types("put \"\" x")
        .types("put -r \"\" x")
        .types("get b new/")
        .succeeds()
        .reports("stat : No such file or directory")
        .reports("open local \"new/\": Is a directory")
        .reports_no("not a regular file")
        .local_holds(&["dir/", "l1", "l2", "ltree/", "ltree/z"])
        .remote_holds(&["a1", "a2", "b", "into/", "tree/", "tree/sub/", "tree/sub/y", "tree/x"]);
}

#[test]
fn put_does_the_same_the_other_way() {
    shell()
        .types("put l1")
        .types("put l1 copy")
        .types("put l1 into")
        .types("mput l? into/")
        .succeeds()
        .answers(&[
            "Uploading l1 to REMOTE/l1",
            "Uploading l1 to REMOTE/copy",
            "Uploading l1 to REMOTE/into/l1",
            "Uploading l1 to REMOTE/into/l1",
            "Uploading l2 to REMOTE/into/l2",
        ])
        .same("l2", "into/l2");
}

#[test]
fn of_three_operands_the_last_is_a_directory() {
    shell()
        .types("get a1 b dir")
        .types("put l1 ltree/z into")
        .types("get -o dir a2")
        .types("put l2 -o into")
        .as_batch()
        .succeeds()
        .local_has("dir/a1")
        .local_has("dir/b")
        .local_has("dir/a2")
        .remote_has("into/l1")
        .remote_has("into/z")
        .remote_has("into/l2");
}

#[test]
fn several_files_need_a_directory_and_nothing_is_moved_without() {
    for (line, complaint) in [
        ("get a* l1", "Multiple source paths, but destination \"l1\" is not a directory"),
        ("get a* gone", "Multiple source paths, but destination \"gone\" is not a directory"),
        ("get a1 b gone", "Multiple source paths, but destination \"gone\" is not a directory"),
        ("put l? b", "Multiple paths match, but destination \"REMOTE/b\" is not a directory"),
        ("put l? gone", "Multiple paths match, but destination \"REMOTE/gone\" is not a directory"),
        ("put l1 l2 gone", "Multiple paths match, but destination \"REMOTE/gone\" is not a directory"),
    ] {
        shell()
            .types(line)
            .as_batch()
            .exits(1)
            .complains(&[complaint])
            .local_holds(&["dir/", "l1", "l2", "ltree/", "ltree/z"])
            .remote_holds(&["a1", "a2", "b", "into/", "tree/", "tree/sub/", "tree/sub/y", "tree/x"])
            .remote_still_has("b");
    }
}

#[test]
fn what_is_not_there_is_named() {
    for (line, complaint) in [
        ("get gone", "File \"REMOTE/gone\" not found."),
        ("get g*", "File \"REMOTE/g*\" not found."),
        ("get {a1,gone}", "File \"REMOTE/gone\" not found."),
        ("reget gone", "File \"REMOTE/gone\" not found."),
        ("put gone", "stat gone: No such file or directory"),
        ("put g*", "stat g*: No such file or directory"),
    ] {
        shell().types(line).as_batch().exits(1).reports(complaint);
    }
    shell().types("get gone").as_batch().exits(1).complains(&["File \"REMOTE/gone\" not found."]);
}

#[test]
fn one_missing_source_keeps_no_other_back_but_fails_the_line() {
    shell().types("get gone b dir").succeeds().reports("File \"REMOTE/gone\" not found.").local_has("dir/b");
    shell().types("get gone b dir").types("lmkdir never").as_batch().exits(1).local_lacks("never");
}

#[test]
fn trees_go_into_what_is_there_and_dots_name_no_entry() {
    shell()
        .types("get -r tree dir")
        .types("put -R ltree into")
        .types("cd tree")
        .types("lcd dir")
        .types("lmkdir all")
        .types("get -r . all")
        .types("get -r .. all/up")
        .as_batch()
        .succeeds()
        .local_has("dir/tree/sub/y")
        .local_has("dir/all/sub/y")
        .local_has("dir/all/up/tree/x")
        .remote_has("into/ltree/z");
}

#[test]
fn a_directory_without_r_is_refused_with_the_way_out() {
    shell().types("get tree").as_batch().exits(1).reports("not a regular file");
    shell().types("put ltree").as_batch().exits(1).reports("not a regular file");
}

#[test]
fn flags_of_the_command_line_hold_for_each_transfer() {
    Shell::on(Remote::with([Entry::file("t/x", "1").mode(0o640)]))
        .with_args(["-r", "-p"])
        .types("get t")
        .as_batch()
        .succeeds()
        .local_mode("t/x", 0o640);
}
