//! `ls`: the selection, order and layout of its output.

use crate::support::{Entry, Remote, Shell};
use std::fs::File;
use std::time::{Duration, SystemTime};

fn world() -> Remote {
    Remote::with([
        Entry::file("b.txt", vec![b'x'; 3000]).mode(0o644),
        Entry::file("a.txt", "12345").mode(0o600),
        Entry::file(".hidden", "").mode(0o644),
        Entry::file("sub/inner", "1").mode(0o644),
        Entry::link("to-sub", "sub"),
        Entry::link("to-a", "a.txt"),
        Entry::link("nowhere", "gone"),
    ])
}

/// The world with fixed times.
fn shell() -> Shell {
    Shell::on(world()).prepare(|world| {
        for (name, hours) in [("a.txt", 1), ("b.txt", 2), (".hidden", 3), ("sub/inner", 4)] {
            let file = File::open(world.remote().join(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(hours * 3600)).unwrap();
        }
    })
}

/// A path begins with the argument as it was typed, as in find(1) and du(1).
#[test]
fn find_and_du_show_paths_as_the_argument_was_given() {
    for (line, path) in [
        ("find -name inner", "sub/inner"),
        ("find . -name inner", "./sub/inner"),
        ("find sub/ -name inner", "sub/inner"),
        ("find ./sub -name inner", "./sub/inner"),
        ("find ../remote/sub -name inner", "../remote/sub/inner"),
        ("find su? -name inner", "sub/inner"),
        ("find REMOTE -name inner", "REMOTE/sub/inner"),
        ("find REMOTE/sub/ -name inner", "REMOTE/sub/inner"),
        ("find REMOTE/su? -name inner", "REMOTE/sub/inner"),
        ("du -b sub/inner", "1\tsub/inner"),
        ("du -bs sub/", "1\tsub/"),
        ("du -bs su?", "1\tsub"),
        ("du -bs REMOTE/sub", "1\tREMOTE/sub"),
        ("du -b REMOTE/su?/inner", "1\tREMOTE/sub/inner"),
    ] {
        let shell = shell();
        let line = line.replace("REMOTE", &shell.world().remote().to_string_lossy());
        shell.types(&line).succeeds().answers(&[path]);
    }
}

#[test]
fn names_are_shown_as_the_argument_was_given() {
    for (line, answer) in [
        ("ls", &["a.txt     b.txt     nowhere   sub       to-a      to-sub    "][..]),
        ("ls -1", &["a.txt", "b.txt", "nowhere", "sub", "to-a", "to-sub"]),
        ("ls -1a sub", &["sub/.", "sub/..", "sub/inner"]),
        ("ls -1 .", &["./a.txt", "./b.txt", "./nowhere", "./sub", "./to-a", "./to-sub"]),
        ("ls sub", &["sub/inner  "]),
        ("ls sub/", &["sub/inner  "]),
        ("ls -1 to-sub", &["to-sub/inner"]),
        ("dir -1 *.txt", &["a.txt", "b.txt"]),
        ("ls -1 sub*", &["sub/inner"]),
        ("ls -1 *sub", &["sub/", "to-sub/"]),
        ("ls -1 {b,a}.txt", &["a.txt", "b.txt"]),
        ("ls -1 '{b,a}.txt' a.txt", &["a.txt"]),
        ("ls -1 a.txt sub", &["a.txt", "sub/"]),
        ("ls a.txt -1", &["a.txt"]),
        ("ls -1 ../remote/*.txt", &["../remote/a.txt", "../remote/b.txt"]),
        ("ls -1 nowhere", &["nowhere"]),
        ("ls -1 .h*", &[".hidden"]),
    ] {
        shell().types(line).succeeds().answers(answer);
    }
}

#[test]
fn absolute_arguments_give_absolute_names() {
    let session = shell();
    let line = format!("ls -1 {}/sub {}/*.txt", session.world().remote().display(), session.world().remote().display());
    session.types(&line).types("cd /").succeeds().answers(&["REMOTE/a.txt", "REMOTE/b.txt", "REMOTE/sub/"]);
}

#[test]
fn order_is_by_name_time_or_size() {
    for (line, first) in [
        ("ls -1", "a.txt b.txt"),
        ("ls -1r", "b.txt a.txt"),
        ("ls -1t", "b.txt a.txt"),
        ("ls -1tr", "a.txt b.txt"),
        ("ls -1S", "b.txt a.txt"),
        ("ls -1Sr", "a.txt b.txt"),
        ("ls -1tS", "b.txt a.txt"),
    ] {
        let answer: Vec<&str> = first.split(' ').collect();
        shell().types(&format!("{line} *.txt")).succeeds().answers(&answer);
    }
}

// difference: blanks-in-owners
#[test]
fn long_lines_keep_nine_columns_whatever_owners_are_called() {
    let outcome = Shell::on(Remote::with(["a"]).lying("owners")).types("ls -l a").succeeds();
    let line = outcome.stdout().lines().find(|line| line.starts_with('-')).unwrap_or_default().to_owned();
    let columns: Vec<&str> = line.split_whitespace().collect();
    let group = format!("g\\040{}\\040is\\040it", rustix::process::getegid().as_raw());
    let user = format!("u{}", rustix::process::geteuid().as_raw());
    assert_eq!((columns.len(), columns[2], columns[3], columns[4], columns[8]), (9, &*user, &*group, "11", "a"));
}

#[test]
fn long_lines_show_what_the_protocol_tells() {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let line = |mode: &str, size: &str, date: &str, name: &str| {
        format!("{mode}    ? {user:<8} {group:<8} {size:>8} {date} {name}")
    };
    for (typed, answer) in [
        ("ls -n a.txt", line("-rw-------", "5", "Jan  1  1970", "a.txt")),
        ("ls -nh b.txt", line("-rw-r--r--", "2.9K", "Jan  1  1970", "b.txt")),
        ("ls -n1h b.txt", "b.txt".to_owned()),
        ("ls -1n sub", line("-rw-r--r--", "1", "Jan  1  1970", "sub/inner")),
        ("ls -n to-a", line("-rw-------", "5", "Jan  1  1970", "to-a")),
    ] {
        shell().types(typed).succeeds().answers(&[&answer]);
    }
    shell().types("ls -n nowhere").succeeds().prints("lrwxrwxrwx    ? ");
}

#[test]
#[ignore = "needs root: its name and number are the same everywhere"]
fn needs_root_owners_have_names_where_the_server_tells_them_and_its_own_lines_where_not() {
    let line = "-rw-r--r--    ? root     root            1 Jan  1  1970 ";
    shell().types("ls -l sub").succeeds().prints(&format!("{line}sub/inner"));
    let world = world().server_words(&["-P", "users-groups-by-id"]);
    Shell::on(world)
        .types("ls -l sub")
        .types("ls -l a.txt")
        .succeeds()
        .prints("-rw-r--r--    1 root     root            1 ")
        .prints("-rw-------    ? 0        0               5 ");
}

#[test]
fn what_is_not_there_fails_the_command() {
    for (line, complaint) in [
        ("ls gone", "Can't ls: \"REMOTE/gone\" not found"),
        ("ls go*", "Can't ls: \"REMOTE/go*\" not found"),
        ("ls /no/where", "Can't ls: \"/no/where\" not found"),
        ("ls {gone,lost}", "Can't ls: \"REMOTE/{gone,lost}\" not found"),
    ] {
        shell().types(line).as_batch().exits(1).reports(complaint);
    }
    shell().types("ls gone a.txt").as_batch().exits(1).prints("a.txt").reports("Can't ls: \"REMOTE/gone\" not found");
}

#[test]
fn a_directory_that_may_not_be_read_fails_with_and_without_a_name() {
    let world = || Remote::with([Entry::from("shut/x"), Entry::directory("shut").mode(0o300)]);
    // Like sftp(1): with a slash where the user typed one.
    for (lines, complaint) in [
        ("ls shut", "remote readdir(\"REMOTE/shut/\"): Permission denied"),
        ("cd shut\nls", "remote readdir(\"REMOTE/shut\"): Permission denied"),
    ] {
        Shell::on(world()).unprivileged().types(lines).as_batch().exits(1).complains(&[complaint]);
    }
}

// difference: control-characters
#[test]
fn a_name_can_neither_forge_a_line_nor_move_the_terminal() {
    Shell::on(Remote::with([Entry::file(b"a\nb", ""), Entry::file(b"c\x1b[2Kd", ""), Entry::file(b"e\tf\rg", "")]))
        .types("ls -1")
        .types("ls -n")
        .succeeds()
        .prints_line("a\\012b")
        .prints_line("c\\033[2Kd")
        .prints_line("e\\011f\\015g")
        .prints(" a\\012b\n");
}

// difference: utf-8
#[test]
fn names_in_utf_8_are_shown_in_every_locale() {
    for locale in ["C", "POSIX", "C.UTF-8", ""] {
        Shell::on(Remote::with([Entry::file("caf\u{e9}", ""), Entry::file("a\u{202e}b\u{200b}c", "")]))
            .env("LC_ALL", locale)
            .env("LANG", "")
            .types("ls -1")
            .types("get \u{e9}")
            .succeeds()
            .answers(&["a\\342\\200\\256b\\342\\200\\213c", "caf\u{e9}"])
            .reports("File \"REMOTE/\u{e9}\" not found.");
    }
}

// difference: listings-for-programs
#[test]
fn programs_get_exact_bytes_and_objects() {
    let odd =
        || Shell::on(Remote::with([Entry::file(b"caf\xe9", "1"), Entry::file(b"a\nb", "22"), Entry::directory("sub")]));
    let outcome = odd().types("@ls -0").succeeds();
    assert_eq!(outcome.raw_stdout(), b"a\nb\0caf\xe9\0sub\0");
    let outcome = odd().types("@ls -0 *").succeeds();
    assert_eq!(outcome.raw_stdout(), b"a\nb\0caf\xe9\0sub\0");
    let outcome = odd().types("@ls --json").succeeds();
    let lines: Vec<&str> = outcome.stdout().lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[0].starts_with(r#"{"name":"a\nb","path":"REMOTE/a\nb","type":"file","size":2,"mode":"0"#),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("{\"name\":\"caf\u{fffd}\",\"name_base64\":\"Y2Fm6Q==\",\"path\":\"REMOTE/"),
        "{lines:?}"
    );
    assert!(lines[2].contains(r#""type":"directory","#) && !lines[2].contains(r#""owner":null"#), "{lines:?}");
    let outcome = odd().types("@ls -n --json a*").succeeds();
    assert!(outcome.stdout().contains(r#""owner":null,"group":null,"mtime":"#));
    // Of contradicting flags, the last one counts.
    odd().types("@ls -1 --json -0 sub/..").succeeds().prints("sub/../sub\0");
    odd().types("@ls -l -1 sub/..").succeeds().prints_line("sub/../sub");
    shell().types("@ls --json to-*").succeeds().prints(r#""type":"symlink""#).prints_no(r#""type":"directory""#);
}

#[test]
fn flags_beyond_those_of_sftp_mark_sort_and_list_trees() {
    for (line, answer) in [
        ("ls -1F", &["a.txt", "b.txt", "nowhere@", "sub/", "to-a@", "to-sub@"][..]),
        ("ls -1F a.txt sub to-a", &["a.txt", "sub/", "to-a"]),
        ("ls -1d", &["./"]),
        ("ls -1d sub", &["sub/"]),
        ("ls -1dF sub/ a.txt", &["a.txt", "sub/"]),
        ("ls -1 --sort=size -r *.txt", &["a.txt", "b.txt"]),
        ("ls -1 -S --sort time *.txt", &["b.txt", "a.txt"]),
        ("ls -1 --sort time -S *.txt", &["b.txt", "a.txt"]),
        ("ls -1r --sort ext", &["b.txt", "a.txt", "to-sub", "to-a", "sub", "nowhere"]),
        ("ls -1R", &[".:", "a.txt", "b.txt", "nowhere", "sub", "to-a", "to-sub", "", "./sub:", "inner"]),
        ("ls -1R sub", &["sub:", "inner"]),
        ("ls -1R sub b.txt to-sub", &["b.txt", "", "sub:", "inner", "", "to-sub:", "inner"]),
        ("ls -1R REMOTE/sub", &["REMOTE/sub:", "inner"]),
    ] {
        let shell = shell();
        let line = line.replace("REMOTE", &shell.world().remote().to_string_lossy());
        shell.types(&line).succeeds().answers(answer);
    }
}

#[test]
fn a_tree_shows_hidden_directories_only_if_asked_and_goes_on_after_one_that_cannot_be_read() {
    let tree = || {
        Shell::on(Remote::with([
            Entry::file("t/.git/config", ""),
            Entry::file("t/b/c/deep", ""),
            Entry::file("t/a/one", ""),
            Entry::link("t/a/up", ".."),
        ]))
    };
    let shell = tree();
    shell
        .types("ls -1R t")
        .succeeds()
        .answers(&["t:", "a", "b", "", "t/a:", "one", "up", "", "t/b:", "c", "", "t/b/c:", "deep"]);
    let shell = tree();
    shell.types("ls -1Ra t").succeeds().answers(&[
        "t:", ".git", "a", "b", "", "t/.git:", "config", "", "t/a:", "one", "up", "", "t/b:", "c", "", "t/b/c:", "deep",
    ]);
    let shell = tree();
    let outcome = shell.types("ls -R --json t/b").succeeds();
    assert_eq!(outcome.stdout().lines().count(), 3, "{}", outcome.stdout());
    outcome.prints(r#""path":"REMOTE/t/b/c/deep""#);
}

#[test]
fn classified_long_lines_show_where_links_lead() {
    shell().types("ls -lF to-sub nowhere").succeeds().prints(" nowhere -> gone\n");
    let outcome = shell().types("ls -lF").succeeds();
    for end in ["a.txt\n", "nowhere -> gone\n", "sub/\n", "to-a -> a.txt\n", "to-sub -> sub\n"] {
        assert!(outcome.stdout().contains(&format!(" {end}")), "{end}: {}", outcome.stdout());
    }
    // Programs parse plain long lines.
    shell().types("ls -l").succeeds().prints_no("->");
}

#[test]
fn colours_come_only_if_asked_where_no_person_reads() {
    let colored = shell().with_args(["--color=always"]).env("LS_COLORS", "di=34:ln=36:*.txt=32").types("ls -1");
    colored.succeeds().answers(&[
        "\x1b[32ma.txt\x1b[0m",
        "\x1b[32mb.txt\x1b[0m",
        "\x1b[36mnowhere\x1b[0m",
        "\x1b[34msub\x1b[0m",
        "\x1b[36mto-a\x1b[0m",
        "\x1b[36mto-sub\x1b[0m",
    ]);
    shell().env("LS_COLORS", "di=34").types("ls -1d sub").succeeds().answers(&["sub/"]);
}

#[test]
fn a_person_at_a_terminal_sees_colours_and_where_links_lead() {
    let at = shell().env("LS_COLORS", "di=34:ln=36").at_a_terminal().types("ls -1").types("ls -l nowhere sub");
    let at = at.types("ls -l").sees("nowhere -> gone").types("bye");
    let heard = String::from_utf8_lossy(&at.raw()).into_owned();
    assert!(heard.contains("\x1b[34msub\x1b[0m"), "{heard}");
    assert!(heard.contains("\x1b[36mnowhere\x1b[0m -> gone"), "{heard}");
    at.ends_with(0);
    for (variable, value) in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")] {
        let at = shell().env(variable, value).at_a_terminal().types("ls -l").sees("sub").types("bye");
        let heard = String::from_utf8_lossy(&at.raw()).into_owned();
        assert!(!heard.contains("\x1b[01;34m"), "{variable}: {heard}");
        at.ends_with(0);
    }
}

fn searched() -> Shell {
    Shell::on(Remote::with([
        Entry::file("top.log", "1"),
        Entry::file("a/one.log", "1"),
        Entry::file("a/two.tmp", ""),
        Entry::file("a/b/three.tmp", "123"),
        Entry::directory("empty"),
        Entry::link("link", "a"),
    ]))
    .prepare(|world| {
        for (name, seconds) in [("a/one.log", 1_000_000), ("a/two.tmp", 2_000_000)] {
            let file = File::open(world.remote().join(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        }
    })
}

#[test]
fn find_takes_conditions_as_find_1_does() {
    for (line, found) in [
        ("find -empty", &["a/two.tmp", "empty"][..]),
        ("find -empty -type d", &["empty"]),
        ("find . -maxdepth 1 -empty", &["./empty"]),
        ("find a -empty -o -name '*.log'", &["a/one.log", "a/two.tmp"]),
        ("find -name '*.log' -or -type l -print", &["a/one.log", "link", "top.log"]),
        ("find -not -type f", &["a", "a/b", "empty", "link"]),
        ("find -type f -not -name '*.tmp'", &["a/one.log", "top.log"]),
        ("find a -name '*.tmp' -not -empty -o -name 'o*'", &["a/b/three.tmp", "a/one.log"]),
        ("find a -not -not -name b", &["a/b"]),
        ("find a -maxdepth 1 -newer a/one.log -name '*.tmp'", &["a/two.tmp"]),
        ("find a -maxdepth 1 -newer a/two.tmp -type f", &[]),
        ("find a -type f -not -newer-than 2000-01-01", &["a/one.log", "a/two.tmp"]),
    ] {
        searched().types(line).succeeds().answers(found);
    }
    for (line, complaint) in [
        ("find -o -name x", "find: -o needs a condition on each side"),
        ("find -name x -o", "find: -o needs a condition on each side"),
        ("find -name x -not", "find: -not needs a condition after it"),
        ("find -newer gone", "stat remote: No such file or directory: \"REMOTE/gone\""),
        ("find -delete", "find: -delete needs a condition or a path"),
    ] {
        searched().types(line).complains(&[complaint]);
    }
}

#[test]
fn find_deletes_what_it_finds_and_directories_after_their_contents() {
    let outcome = searched().types("find -name '*.tmp' -delete").succeeds();
    outcome.remote_has("a/one.log").remote_lacks("a/two.tmp").remote_lacks("a/b/three.tmp").remote_has("top.log");
    let outcome = searched().types("find a -delete").succeeds();
    outcome.remote_lacks("a/b").remote_has("a").remote_has("top.log");
    let outcome = searched().types("find -name b -delete").reports("remote rmdir \"REMOTE/a/b\": Failure");
    outcome.remote_has("a/b/three.tmp");
    searched().types("find -type l -delete").succeeds().remote_lacks("link").remote_has("a/one.log");
    searched().types("find -empty -delete").succeeds().remote_lacks("empty").remote_has("a/b/three.tmp");
}
