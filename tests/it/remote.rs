//! The remote side as a library: patterns, listings, walks, the working directory.

use std::process::Command;

use sftpsh::child::ChildTransport;
use sftpsh::name::RemotePath;
use sftpsh::remote::{self, Error, Expansion, Found, Links, Longnames, Pattern};
use sftpsh::sftp::{FileType, Options, Session, StatusCode};

use crate::support::{Entry, Remote, World, until};

/// A session of the library with a world's server.
struct Place {
    world: World,
    remote: remote::Remote,
}

impl Place {
    fn of(remote: Remote) -> Place {
        let world = World::build(remote, &[]);
        let words = world.connecting_words().0.pop().unwrap().into_string().unwrap();
        let words: Vec<&str> = words.split(' ').collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(world.remote());
        let transport = ChildTransport::spawn(&command).unwrap();
        let session = Session::open(Box::new(transport), Options::default()).unwrap();
        Place { remote: remote::Remote::open(session).unwrap(), world }
    }

    fn expand(&self, glob: &str) -> Expansion {
        self.remote.expand(&Pattern::parse(glob.as_bytes())).unwrap()
    }

    /// Returns the matches, relative to the working directory.
    fn matches(&self, glob: &str) -> Vec<String> {
        let matches = self.expand(glob).matches;
        matches.iter().map(|found| text(self.remote.relative(found.path.as_bytes()))).collect()
    }

    /// Returns a walk as lines: `dir/`, `file`, `-dir`, and failures with their text.
    fn walk(&self, top: &str, links: Links) -> Vec<String> {
        let names = |directory: &remote::Directory| {
            let names = directory.names().into_iter().map(|name| text(name.as_bytes()) + "/");
            names.collect::<String>()
        };
        let line = |found| match found {
            Found::Directory(directory) => format!("{}:", names(&directory)),
            Found::Entry { directory, entry } => names(&directory) + &text(entry.name.as_bytes()),
            Found::Left(directory) => format!("-{}", names(&directory)),
            Found::Failure(error) => self.world.plain(&error.to_string()),
        };
        self.remote
            .walk(&if top.is_empty() { self.remote.home().clone() } else { path(top) }, links)
            .map(line)
            .collect()
    }

    fn requests(&self) -> u64 {
        self.remote.session().statistics().requests
    }

    /// Checks that the session still works and that the server has closed all handles.
    #[track_caller]
    fn is_sound(&self) {
        assert!(self.remote.session().stat(&RemotePath::dot()).is_ok(), "{:?}", self.remote.session().end());
    }
}

fn path(text: &str) -> RemotePath {
    RemotePath::new(text).unwrap()
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[test]
fn a_pattern_finds_what_matches_sorted_and_nothing_else() {
    let place =
        Place::of(Remote::with(["b.txt", "a.txt", ".a.txt", "sub/c.txt", "sub/deep/d.txt", "s u/e*.txt", "B.txt"]));
    for (glob, expected) in [
        ("*.txt", vec!["B.txt", "a.txt", "b.txt"]),
        (".*", vec![".a.txt"]),
        ("*/*.txt", vec!["s u/e*.txt", "sub/c.txt"]),
        ("sub//*", vec!["sub//c.txt", "sub//deep"]),
        ("s*/", vec!["s u/", "sub/"]),
        ("a.txt", vec!["a.txt"]),
        ("a.txt/", vec![]),
        (r"s\ u/e\*.txt", vec!["s u/e*.txt"]),
        ("none", vec![]),
        ("none/*", vec![]),
        ("*/none", vec![]),
        ("a.txt/*", vec![]),
        ("./sub/../*.txt", vec!["./sub/../B.txt", "./sub/../a.txt", "./sub/../b.txt"]),
        ("**/*.txt", vec!["B.txt", "a.txt", "b.txt", "s u/e*.txt", "sub/c.txt", "sub/deep/d.txt"]),
        ("**/d.txt", vec!["sub/deep/d.txt"]),
        ("sub/**", vec!["sub/c.txt", "sub/deep", "sub/deep/d.txt"]),
        ("**/deep/", vec!["sub/deep/"]),
    ] {
        let expansion = place.expand(glob);
        assert_eq!(place.matches(glob), expected, "{glob}");
        assert!(expansion.failures.is_empty(), "{glob}: {:?}", expansion.failures);
    }
    let absolute = format!("{}/su*/*.txt", place.world.remote().display());
    assert_eq!(place.matches(&absolute), ["sub/c.txt"]);
}

#[test]
fn a_pattern_in_a_directory_with_metacharacters_is_relative_to_that_directory() {
    let mut place = Place::of(Remote::with(["[a]*/x1", "a/x2"]));
    place.remote.change_directory(&path("[a]*")).unwrap();
    assert_eq!(place.matches("x*"), ["x1"]);
    place.remote.change_directory(&path("/")).unwrap();
    assert!(place.matches("etc*").iter().any(|found| found == "etc"));
}

#[test]
fn names_that_are_not_utf8_are_found_byte_by_byte() {
    let place = Place::of(Remote::with([Entry::file(b"caf\xe9", "x"), Entry::file("caf\u{e9}".as_bytes(), "x")]));
    assert_eq!(place.matches("caf?").len(), 2);
    let found = place.remote.expand(&Pattern::parse(b"caf\xe9")).unwrap();
    assert_eq!(found.matches.len(), 1);
}

#[test]
fn links_are_followed_for_their_attributes_and_dangling_ones_are_found_too() {
    let place = Place::of(Remote::with([
        Entry::file("dir/f", "x"),
        Entry::link("to-dir", "dir"),
        Entry::link("to-file", "dir/f"),
        Entry::link("to-nothing", "nowhere"),
    ]));
    for glob in ["to-*", "to-dir"] {
        let expansion = place.expand(glob);
        let first = expansion.matches.get(0);
        assert!(first.attributes.is_dir(), "{glob}");
        assert_eq!(first.attributes.itself.file_type(), Some(FileType::Symlink), "{glob}");
    }
    let matches = place.expand("to-*").matches;
    assert_eq!(matches.get(1).attributes.followed().file_type(), Some(FileType::Regular));
    assert_eq!(matches.get(2).attributes.target, None);
    assert_eq!(place.matches("to-*/"), ["to-dir/"]);
    assert_eq!(place.matches("*/f"), ["dir/f", "to-dir/f"]);
    assert_eq!(place.matches("**/f"), ["dir/f"]);
}

#[test]
fn literal_paths_cost_a_question_each_and_only_wildcards_a_listing() {
    let place = Place::of(Remote::with(["a", "sub/b", "sub/c"]));
    let before = place.requests();
    place.expand("a");
    assert_eq!(place.requests() - before, 1);
    let patterns = ["a", "sub/b", "none"].map(|glob| Pattern::parse(glob.as_bytes()));
    let before = place.requests();
    let found: Vec<_> = place.remote.expand_all(&patterns).unwrap().iter().map(|each| each.matches.len()).collect();
    assert_eq!((found, place.requests() - before), (vec![1, 1, 0], 3));
    let before = place.requests();
    place.expand("sub/*");
    place.is_sound();
    // OPENDIR, two READDIRs, CLOSE, and the query that all is well.
    assert_eq!(place.requests() - before, 5);
}

#[test]
fn a_literal_needs_lstat_as_sftp_does() {
    let place = Place::of(Remote::with(["a"]).server_words(&["-P", "lstat"]));
    let expansion = place.expand("a");
    assert!(expansion.matches.is_empty());
    assert_eq!(expansion.failures[0].status_code(), Some(StatusCode::PERMISSION_DENIED));
}

#[test]
fn a_listing_gives_all_entries_of_a_large_directory_in_the_server_s_order() {
    let files = || Remote::empty().and((0..2500).map(|number| format!("f{number}")));
    // An answer that comes late is still put in its place.
    for place in [Place::of(files()), Place::of(files().lying("reorder"))] {
        let listing = place.remote.list(&RemotePath::dot(), Longnames::Kept).unwrap();
        let names: Vec<_> = listing.entries.iter().map(|entry| text(entry.name.as_bytes())).collect();
        let served = std::fs::read_dir(place.world.remote()).unwrap();
        let served: Vec<_> = served.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(names, served);
        assert_eq!((listing.dots.len(), listing.suspects.len()), (2, 0));
        assert!(text(listing.entries.longname(0).unwrap()).starts_with("-rw"));
    }
}

#[test]
fn a_refused_close_does_not_spoil_a_listing_and_a_refused_readdir_does() {
    let listing =
        Place::of(Remote::with(["a"]).server_words(&["-P", "close"])).remote.list(&RemotePath::dot(), Longnames::Kept);
    assert_eq!(listing.unwrap().entries.len(), 1);
    for (request, words) in [
        ("opendir", "remote readdir(\"REMOTE/.\"): Permission denied"),
        ("readdir", "Couldn't read directory: Permission denied: \"REMOTE/.\""),
    ] {
        let place = Place::of(Remote::with(["a"]).server_words(&["-P", request]));
        let error = place.remote.list(&RemotePath::dot(), Longnames::Kept).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{request}: {error:?}");
        assert_eq!(place.world.plain(&error.to_string()), words);
    }
}

#[test]
fn what_fails_in_the_middle_of_a_listing_leaves_no_half_listing() {
    let place = Place::of(Remote::with(["a"]).lying("list-fails"));
    let error = place.remote.list(&RemotePath::dot(), Longnames::Kept).unwrap_err();
    assert!(error.to_string().contains(": Failure (server: Input/output error)"), "{error}");
    place.is_sound();
}

#[test]
fn replies_without_names_end_a_listing() {
    let place = Place::of(Remote::with(["a"]).lying("empty-listing-reply"));
    assert!(place.remote.list(&RemotePath::dot(), Longnames::Kept).is_ok());
    place.is_sound();
}

// difference: suspect-names
#[test]
fn names_that_lead_elsewhere_are_left_out_and_told() {
    for lie in ["names", "nul-name"] {
        let place = Place::of(Remote::with(["a"]).lying(lie));
        let listing = place.remote.list(&RemotePath::dot(), Longnames::Kept).unwrap();
        assert!(!listing.suspects.is_empty(), "{lie}");
        for glob in ["*", ".*", "**"] {
            let expansion = place.expand(glob);
            let inside =
                |found: remote::Match| found.path.parent().is_some_and(|parent| parent == *place.remote.home());
            assert!(expansion.matches.iter().all(inside), "{lie}: {glob}: {:?}", expansion.matches);
            assert!(expansion.failures.iter().any(|error| matches!(error, Error::Suspect { .. })), "{lie}: {glob}");
        }
        assert!(place.walk(".", Links::Kept).iter().any(|line| line.starts_with("Server sent suspect path")), "{lie}");
    }
}

#[test]
fn what_nobody_asked_for_is_matched_on_our_side() {
    let place = Place::of(Remote::with(["a.txt"]).lying("unasked"));
    assert_eq!(place.matches("*.txt"), ["a.txt"]);
}

#[test]
fn an_endless_listing_ends_by_ctrl_c_and_the_session_stays() {
    let place = Place::of(Remote::with(["a"]).lying("endless-listing"));
    let before = place.requests();
    let listed = std::thread::scope(|scope| {
        scope.spawn(|| {
            until("the listing to begin", || place.requests() > before + 10);
            place.remote.interrupt().press();
        });
        place.remote.list(&RemotePath::dot(), Longnames::Kept)
    });
    assert_eq!(listed.err(), Some(Error::Interrupted));
    place.remote.interrupt().clear();
    place.is_sound();
}

#[test]
fn a_walk_goes_top_down_and_sorted_whatever_is_read_ahead() {
    let place = Place::of(Remote::with(["b/2", "b/1", "b/sub/x", "a", "c/", ".hidden/h"]));
    let all = [
        ":",
        ".hidden/:",
        ".hidden/h",
        "-.hidden/",
        "a",
        "b/:",
        "b/1",
        "b/2",
        "b/sub/:",
        "b/sub/x",
        "-b/sub/",
        "-b/",
        "c/:",
        "-c/",
        "-",
    ];
    assert_eq!(place.walk(".", Links::Kept), all);
    assert_eq!(place.walk("b/sub", Links::Kept), [":", "x", "-"]);
    place.is_sound();
}

#[test]
fn a_walk_through_many_directories_finds_all_in_order() {
    let files = (0..300).map(|number| format!("d{:02}/e{}/f{number}", number % 30, number % 7));
    let place = Place::of(Remote::empty().and(files));
    let walk = place.remote.walk(&RemotePath::dot(), Links::Kept);
    let mut paths = Vec::new();
    for found in walk {
        match found {
            Found::Entry { directory, entry } => paths.push(directory.path.join(&entry.name)),
            Found::Failure(error) => panic!("{error}"),
            Found::Directory(_) | Found::Left(_) => {}
        }
    }
    assert_eq!(paths.len(), 300);
    assert!(paths.is_sorted(), "{paths:?}");
}

#[test]
fn a_walk_tells_what_it_cannot_read_and_goes_on() {
    let place = Place::of(Remote::with(["a/x", "b"]).lying("list-fails"));
    let failure = "Couldn't read directory: Failure (server: Input/output error): \"REMOTE\"";
    assert_eq!(place.walk("", Links::Kept), [":", failure, "-"]);
    // Root may read everything.
    if !rustix::process::getuid().is_root() {
        let place = Place::of(Remote::with([Entry::directory("b").mode(0), Entry::file("c/y", "")]));
        let failure = "remote readdir(\"REMOTE/b\"): Permission denied";
        assert_eq!(place.walk("", Links::Kept), [":", "b/:", failure, "-b/", "c/:", "c/y", "-c/", "-"]);
    }
}

#[test]
fn a_walk_keeps_links_or_follows_them_but_never_round_a_loop() {
    let place = Place::of(Remote::with([
        Entry::file("a/x", ""),
        Entry::link("a/up", ".."),
        Entry::link("b", "a"),
        Entry::link("f", "a/x"),
        Entry::link("z", "nowhere"),
    ]));
    assert_eq!(place.walk(".", Links::Kept), [":", "a/:", "a/up", "a/x", "-a/", "b", "f", "z", "-"]);
    let followed = place.walk(".", Links::Followed);
    let looped = |name: &str| format!("\"REMOTE/./{name}/up\" leads back to a directory above it");
    let expected = [":", "a/:", &looped("a"), "a/x", "-a/", "b/:", &looped("b"), "b/x", "-b/", "f", "z", "-"];
    assert_eq!(followed, expected);
}

#[test]
fn a_walk_into_an_abyss_ends_at_its_depth() {
    let place = Place::of(Remote::empty().lying("abyss"));
    let lines = place.walk(".", Links::Kept);
    let failures: Vec<_> = lines.iter().filter(|line| line.starts_with("Maximum directory depth")).collect();
    assert_eq!(failures.len(), 1, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.ends_with(':')).count(), remote::MAX_DEPTH + 1);
    let expansion = place.expand("**");
    assert!(matches!(expansion.failures[..], [Error::TooDeep { .. }]), "{:?}", expansion.failures);
}

// difference: named-twice
#[test]
fn a_walk_yields_a_name_that_is_listed_twice_once() {
    let place = Place::of(Remote::with(["a", "b/x"]).lying("twice"));
    let lines = place.walk(".", Links::Kept);
    assert_eq!(lines.iter().filter(|line| *line == "a").count(), 1, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| *line == "b/:").count(), 1, "{lines:?}");
}

#[test]
fn a_server_that_reorders_its_answers_or_has_few_handles_is_walked_all_the_same() {
    let files: Vec<String> = (0..60).map(|number| format!("d{number:02}/f")).collect();
    for lie in ["reorder", "max-handles=3"] {
        let place = Place::of(Remote::with(files.clone()).lying(lie));
        let lines = place.walk(".", Links::Kept);
        assert_eq!(lines.iter().filter(|line| line.ends_with("/f")).count(), 60, "{lie}: {lines:?}");
        assert_eq!(place.matches("*/f"), files, "{lie}");
    }
}

#[test]
fn a_walk_that_nobody_finishes_closes_what_it_opened() {
    let files: Vec<String> = (0..60).map(|number| format!("d{number:02}/f")).collect();
    let place = Place::of(Remote::with(files).lying("max-handles=40"));
    for _ in 0..20 {
        assert_eq!(place.remote.walk(&RemotePath::dot(), Links::Kept).take(5).count(), 5);
    }
    let lines = place.walk(".", Links::Kept);
    assert_eq!(lines.iter().filter(|line| line.ends_with("/f")).count(), 60, "{lines:?}");
}

#[test]
fn the_working_directory_is_canonical_and_must_be_a_directory() {
    let mut place = Place::of(Remote::with([Entry::file("dir/sub/f", "x"), Entry::link("link", "dir/sub")]));
    place.remote.change_directory(&path("link/..")).unwrap();
    assert_eq!(place.remote.relative(place.remote.resolve(&path("sub")).as_bytes()), b"sub");
    assert!(place.remote.working_directory().as_bytes().ends_with(b"/remote/dir"));
    let wrong = place.remote.change_directory(&path("sub/f")).unwrap_err();
    assert_eq!(place.world.plain(&wrong.to_string()), "\"REMOTE/dir/sub/f\" is not a directory");
    let missing = place.remote.change_directory(&path("none")).unwrap_err();
    assert!(missing.is_no_such_file(), "{missing}");
    assert!(place.remote.working_directory().as_bytes().ends_with(b"/remote/dir"));
    let home = place.remote.home().clone();
    place.remote.change_directory(&home).unwrap();
    assert_eq!(place.remote.working_directory(), &home);
}

#[test]
fn names_of_owners_are_asked_for_once() {
    let place = Place::of(Remote::with(["a"]));
    let names = place.remote.owner_names([0, 4_000_000_000], [0]).unwrap();
    assert_eq!((names.user(0), names.user(4_000_000_000)), (Some(&b"root"[..]), None));
    assert!(names.group(0).is_some());
    let before = place.requests();
    place.remote.owner_names([0, 4_000_000_000], [0]).unwrap();
    assert_eq!(place.requests(), before);
    let without = Place::of(Remote::with(["a"]).lying("no-extensions"));
    assert_eq!(without.remote.owner_names([0], [0]).unwrap().user(0), None);
}
