//! The transfer engine as a library, with a real server over a socket pair, and with one that lies.

mod hostile;
mod interrupted;
mod resume;
mod silence;
mod site;
mod targets;
mod trees;

use sftpsh::transfer::Options;

use self::site::{PLAIN, Site};
use crate::support::{Entry, Remote};

/// Returns file sizes around every limit where an off-by-one error is possible.
fn sizes() -> Vec<usize> {
    vec![0, 1, 4096, 32767, 32768, 32769, 65536, 65537, 300_000]
}

fn sized() -> Vec<Entry> {
    sizes().into_iter().map(|size| Entry::sized(format!("f{size:06}"), size)).collect()
}

fn sized_names() -> Vec<String> {
    sizes().into_iter().map(|size| format!("f{size:06}")).collect()
}

#[test]
fn files_of_all_sizes_arrive_both_ways() {
    let names = sized_names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for options in [PLAIN, Options { request_bytes: Some(1000), ..PLAIN }, Options { requests: Some(1), ..PLAIN }] {
        let down = Site::on(Remote::with(sized()));
        down.get(&names, options).succeeds();
        let up = Site::with_local(Remote::empty(), &sized());
        up.put(&names, options).succeeds();
        for name in &names {
            down.same(name);
            up.same(name);
        }
        assert_eq!(down.local_names(), names);
    }
}

#[test]
fn news_comes_file_by_file_in_order_whatever_ends_first() {
    let site = Site::on(Remote::with([Entry::sized("a", 1 << 20), Entry::sized("b", 10), Entry::sized("c", 0)]));
    let told = site.get(&["a", "missing", "b", "c"], PLAIN);
    let expected = [
        "Fetching REMOTE/a to a",
        "started a at 0",
        "finished a of 1048576",
        "Fetching REMOTE/missing to missing",
        "failed: stat remote: No such file or directory: \"REMOTE/missing\"",
        "Fetching REMOTE/b to b",
        "started b at 0",
        "finished b of 10",
        "Fetching REMOTE/c to c",
        "started c at 0",
        "finished c of 0",
    ];
    assert_eq!(told.lines, expected);
    assert_eq!((told.report.files, told.report.bytes), (3, 1_048_586));
}

#[test]
fn thousands_of_small_files_are_in_flight_at_once() {
    let names: Vec<String> = (0..3000).map(|number| format!("n{number:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let entries = || names.iter().map(|name| Entry::sized(name, 100)).collect::<Vec<_>>();
    let down = Site::on(Remote::with(entries()));
    let told = down.get(&names, PLAIN);
    told.succeeds();
    assert_eq!(told.report.files, 3000);
    let up = Site::with_local(Remote::empty(), &entries());
    up.put(&names, PLAIN).succeeds();
    for name in names {
        down.same(name);
        up.same(name);
    }
}

#[test]
fn jobs_run_side_by_side_on_one_session() {
    let site = Site::with_local(Remote::with([Entry::sized("down", 5 << 20)]), &[Entry::sized("up", 5 << 20)]);
    let (get, put) = (site.start_get(&["down"], PLAIN), site.start_put(&["up"], PLAIN));
    site.told(get).succeeds();
    site.told(put).succeeds();
    site.same("down");
    site.same("up");
}

#[test]
fn of_several_sources_with_one_target_the_last_wins() {
    // The first one takes many round trips, the second one few.
    let site = Site::on(Remote::with([Entry::sized("a", 100_000), Entry::sized("b", 10)]).lying("cap-reads=1000"));
    let mut pairs = vec![site.get_pair(b"a"), site.get_pair(b"b")];
    pairs[1].local = pairs[0].local.clone();
    site.told(site.start(sftpsh::transfer::Pairs::get(pairs), PLAIN)).succeeds();
    assert_eq!(std::fs::read(site.local("a")).unwrap(), std::fs::read(site.remote("b")).unwrap());
}

#[test]
fn of_several_files_and_trees_sent_to_one_target_the_last_wins_whole() {
    let (first, second) = (Entry::sized("x/f", 20_000_000), Entry::sized("y/f", 10));
    let up = Site::with_local(Remote::empty(), &[first, second]);
    let flat = |name: &[u8]| sftpsh::transfer::PutPair { remote: up.remote_path(b"f"), ..up.put_pair(name) };
    up.told(up.start(sftpsh::transfer::Pairs::put([flat(b"x/f"), flat(b"y/f")]), PLAIN)).succeeds();
    let tree = |name: &[u8]| sftpsh::transfer::PutPair { remote: up.remote_path(b"t"), ..up.put_pair(name) };
    up.told(up.start(sftpsh::transfer::Pairs::put([tree(b"x"), tree(b"y")]), site::RECURSIVE)).succeeds();
    let last = std::fs::read(up.local("y/f")).unwrap();
    for name in ["f", "t/f"] {
        assert!(std::fs::read(up.remote(name)).unwrap() == last, "{name}");
    }
}

#[test]
fn of_several_trees_fetched_to_one_target_the_last_wins() {
    let entries = [Entry::sized("x/f", 100_000), Entry::sized("y/f", 10)];
    let down = Site::on(Remote::with(entries).lying("cap-reads=1000"));
    let mut pairs = vec![down.get_pair(b"x"), down.get_pair(b"y")];
    pairs[1].local = pairs[0].local.clone();
    down.told(down.start(sftpsh::transfer::Pairs::get(pairs), site::RECURSIVE)).succeeds();
    assert_eq!(std::fs::read(down.local("x/f")).unwrap(), std::fs::read(down.remote("y/f")).unwrap());
}

#[test]
fn a_name_of_any_bytes_goes_both_ways() {
    let odd: [&[u8]; 4] = [b"caf\xe9", b"new\nline", b"*?[a]", b" -rf "];
    let entries = || odd.map(|name| Entry::file(name, name.to_vec()));
    let down = Site::on(Remote::with(entries()));
    let pairs = odd.iter().map(|name| down.get_pair(name));
    down.told(down.start(sftpsh::transfer::Pairs::get(pairs), PLAIN)).succeeds();
    let up = Site::with_local(Remote::empty(), &entries());
    let pairs = odd.iter().map(|name| up.put_pair(name));
    up.told(up.start(sftpsh::transfer::Pairs::put(pairs), PLAIN)).succeeds();
    for name in odd {
        assert_eq!(std::fs::read(down.local(name)).unwrap(), name);
        assert_eq!(std::fs::read(up.remote(name)).unwrap(), name);
    }
}

#[test]
fn what_is_no_regular_file_is_said_and_stops_nothing() {
    let site = Site::with_local(Remote::with(["d/x", "f"]), &[Entry::directory("e"), Entry::file("g", "")]);
    let told = site.get(&["d", "f"], PLAIN);
    told.fails_with(&["download REMOTE/d: not a regular file (it is a directory)"]);
    site.same("f");
    let told = site.put(&["e", "none", "g"], PLAIN);
    told.fails_with(&["local \"e\" is not a regular file (it is a directory)", "stat none: No such file or directory"]);
    site.same("g");
    site.get(&["/dev/null"], PLAIN).fails_with(&["download /dev/null: not a regular file"]);
}
