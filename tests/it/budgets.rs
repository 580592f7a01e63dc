//! Limits on the data that a hostile server can make the program receive and keep. Honest servers stay far below
//! them.

use crate::support::{Entry, Finished, Hostile, Moment, Remote, Shell};
use std::fs;
use std::time::Duration;

/// More than the program ever needs, but less than a flood causes within a second.
const MOST_MEMORY_BYTES: u64 = 200 << 20;

/// Payloads that a server may send at any time, or must not. No request asked for any of them.
const FLOODS: &[(&str, &[u8])] = &[
    ("IGNORE", &[2; 32_000]),
    ("DEBUG", &[4; 32_000]),
    ("an unknown type", &[192; 32_000]),
    ("an unknown type, small", &[192; 4]),
    ("CHANNEL_DATA for nobody", &[94; 32_000]),
    ("REQUEST_FAILURE", &[82]),
    ("GLOBAL_REQUEST", b"\x50\0\0\0\x01x\0 and so on, without end"),
    ("WINDOW_ADJUST", &[93, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("USERAUTH_BANNER", b"\x35\0\0\x00\x10Come in, come in\0\0\0\0"),
];

/// Returns the end of a session with a server that floods, reached with `words` and through the host `server`.
fn flooded(moment: Moment, payload: &[u8], words: impl Fn(&str) -> Vec<String>) -> Finished {
    let server = Hostile::flooding(moment, payload);
    let shell = Shell::on(Remote::empty().over_ssh()).prepare(|world| {
        let known = world.home().join(".ssh/known_hosts");
        // The sshd on the way is known too.
        fs::write(&known, fs::read_to_string(&known).unwrap() + &server.known_hosts()).unwrap();
        let hosts = format!(
            "Host hostile\n    HostName 127.0.0.1\n    Port {}\n{}",
            server.port(),
            fs::read_to_string(world.ssh_config()).unwrap()
        );
        fs::write(world.ssh_config(), hosts).unwrap();
    });
    let config = shell.world().ssh_config().display().to_string();
    let (running, _world) = shell.with_args(words(&config)).to(["hostile"]).types("pwd").start();
    running.finish_measured()
}

#[track_caller]
fn ends(what: &str, finished: &Finished, reasons: &[&str]) {
    let stderr = String::from_utf8_lossy(&finished.stderr);
    assert!(!finished.hung && finished.code == 255, "{what}: it ends with {}: {stderr}", finished.code);
    assert!(reasons.iter().any(|reason| stderr.contains(reason)), "{what}: {stderr}");
    assert!(finished.peak_bytes < MOST_MEMORY_BYTES, "{what}: {} MiB", finished.peak_bytes >> 20);
}

// difference: budgets
#[test]
fn a_flood_before_the_keys_are_settled_ends_within_256_kib() {
    for (what, payload) in FLOODS {
        let finished = flooded(Moment::KeyExchange, payload, |_| Vec::new());
        ends(what, &finished, &["the server sent more than 256 KiB before the keys were settled"]);
    }
}

#[test]
fn a_flood_before_the_login_is_done_ends_within_4_mib() {
    for (what, payload) in FLOODS {
        let finished = flooded(Moment::Login, payload, |_| Vec::new());
        ends(what, &finished, &["the server sent more than 4 MiB before the login was done", "takes more than 8 MiB"]);
    }
}

#[test]
fn a_flood_beside_the_session_ends_within_the_window_and_16_mib() {
    for (what, payload) in FLOODS {
        let finished = flooded(Moment::Session, payload, |_| Vec::new());
        // Many small packets take more memory than their total length.
        let reasons = ["the server sent more than 18 MiB outside of the session's data", "takes more than 24 MiB"];
        ends(what, &finished, &reasons);
    }
}

#[test]
fn a_flood_through_a_program_or_another_host_ends_as_well() {
    for (moment, reason) in [
        (Moment::KeyExchange, "the server sent more than 256 KiB before the keys were settled"),
        (Moment::Login, "the server sent more than 4 MiB before the login was done"),
        (Moment::Session, "the server sent more than 18 MiB outside of the session's data"),
    ] {
        let command = |config: &str| vec![format!("-oProxyCommand=ssh -F {config} -W %h:%p server")];
        ends("ProxyCommand", &flooded(moment, &[2; 32_000], command), &[reason]);
        let jump = |_: &str| vec!["-J".to_owned(), "server".to_owned()];
        ends("ProxyJump", &flooded(moment, &[2; 32_000], jump), &[reason]);
    }
}

#[test]
fn a_compressed_flood_ends_by_the_memory_that_it_takes() {
    let compressed = |_: &str| vec![String::from("-C")];
    for (what, payload) in [
        ("an unknown type", &[192; 32_000][..]),
        ("KEXDH_REPLY", &[31; 32_000]),
        ("CHANNEL_SUCCESS", &[99; 32_000]),
        ("an unknown type, small", &[192; 4]),
    ] {
        let finished = flooded(Moment::Login, payload, compressed);
        let reasons = ["the server's data takes more than 8 MiB of memory", "4 MiB before the login was done"];
        ends(what, &finished, &reasons);
        let finished = flooded(Moment::Session, payload, compressed);
        ends(what, &finished, &["the server's data takes more than 24 MiB of memory"]);
    }
}

/// Endless listings, and the commands that read them: some keep little of it, others all.
const ENDLESS: &[(&str, &str)] = &[
    ("list-endless-padding", "ls -l"),
    ("list-endless-dots", "ls -la"),
    ("list-endless-lines", "ls -l"),
    ("list-endless-lines", "du"),
    ("list-endless-long-names", "ls d*"),
    ("list-endless-names", "get -r d"),
    ("list-endless-names", "ls *"),
    ("list-endless-slashes", "ls"),
    ("list-endless-directories", "find"),
];

/// A listing may contain 256 MiB; memory for its processing is not counted.
const MOST_LISTED_BYTES: u64 = 600 << 20;

// difference: budgets
#[test]
fn a_listing_without_end_fails_at_its_budget_and_the_session_goes_on() {
    for (lie, line) in ENDLESS {
        let (mut running, _world) =
            Shell::on(Remote::with(["d/"]).lying(lie)).patience(Duration::from_secs(180)).start();
        running.types(line).types("pwd").prints("Remote working directory: ");
        let finished = running.finish_measured();
        let stderr = String::from_utf8_lossy(&finished.stderr);
        assert!(stderr.contains("more entries than memory should hold"), "{lie}: {line}: {stderr}");
        assert!(!finished.hung && finished.code == 0, "{lie}: {line}: it ends with {}", finished.code);
        assert!(finished.peak_bytes < MOST_LISTED_BYTES, "{lie}: {line}: {} MiB", finished.peak_bytes >> 20);
    }
}

#[test]
fn honest_listings_may_be_padded_and_come_in_one_packet() {
    let names: Vec<String> = (0..300).map(|number| format!("n{number:07}")).collect();
    Shell::on(Remote::with(names.iter().map(String::as_str)).lying("list-padded"))
        .types("ls -1")
        .succeeds()
        .answers(&names.iter().map(String::as_str).collect::<Vec<_>>());
    // 40,000 entries with their long names take 3.9 MiB.
    let outcome = Shell::on(Remote::empty().lying("list-in-one=40000")).types("ls -1").succeeds();
    assert_eq!(outcome.stdout().lines().filter(|line| line.starts_with('n')).count(), 40_000);
    Shell::on(Remote::empty().lying("list-in-one=50000")).types("ls -1").exits(255).reports("a packet of 4");
}

#[test]
fn a_million_entries_are_no_flood() {
    let outcome =
        Shell::on(Remote::empty().lying("list-million")).patience(Duration::from_secs(180)).types("ls -l").succeeds();
    assert_eq!(outcome.stdout().lines().filter(|line| line.ends_with("00")).count(), 10_000);
}

#[test]
fn an_absurd_size_or_count_is_the_fault_of_one_entry() {
    let suspect = "Server sent suspect size 18446744073709551615 of \"bigger\" during readdir of";
    for (lie, line, words) in [
        ("list-absurd-sizes", "ls", suspect),
        ("list-absurd-sizes", "ls -l", suspect),
        ("list-absurd-sizes", "get -r .", suspect),
        ("list-absurd-sizes", "du", suspect),
        (
            "size=18446744073709551615",
            "get f",
            "the server's answer makes no sense: a file of 18446744073709551615 bytes",
        ),
        (
            "size=9223372036854775808",
            "ls -l f",
            "the server's answer makes no sense: a file of 9223372036854775808 bytes",
        ),
        ("absurd-attributes", "ls -l f", "the server's answer makes no sense: 4294967295 elements"),
        ("bad-count", "ls", "the server's answer makes no sense: 4294967295 elements"),
        ("status-ok", "get f", "the server's answer makes no sense: success without the requested data"),
        ("open-ok", "get f", "the server's answer makes no sense: success without the requested data"),
        ("read-ok", "get f", "the server's answer makes no sense: success without the requested data"),
        ("list-ok", "ls", "the server's answer makes no sense: success without the requested data"),
    ] {
        let remote = || Remote::with([Entry::sized("f", 1000)]).lying(lie);
        Shell::on(remote()).as_batch().types(line).exits(1).reports(words);
        Shell::on(remote()).types(line).types("pwd").prints("Remote working directory: ").exits(0);
    }
}

#[test]
fn the_last_and_the_first_second_of_the_protocol_are_times_like_any_other() {
    let outcome = Shell::on(Remote::empty().lying("list-absurd-times")).types("ls -ln").succeeds();
    assert!(outcome.stdout().contains("Feb  7  2106 late"), "{}", outcome.stdout());
    assert!(outcome.stdout().contains("Jan  1  1970 early"), "{}", outcome.stdout());
}
