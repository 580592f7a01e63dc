//! Trust in a host: the questions, the remembered keys, and the cases that are always refused.

use super::auth::connect;
use crate::support::embedded::Round;
use crate::support::{Embedded, Person, Remote, World, detach, generate_key, leftovers, program};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const QUESTION: &str = "Are you sure you want to continue connecting (yes/no/[fingerprint])? ";

/// A server with keys of these types, none of which is in our known_hosts yet.
fn server(types: &[&str]) -> World {
    World::build(Remote::empty().host_keys(types).unknown_to_us(), &[])
}

fn known_hosts(world: &World) -> PathBuf {
    world.home().join(".ssh/known_hosts")
}

fn refusal(world: &World, words: &[&str], person: &mut Person) -> (String, String) {
    let error = connect(world, words, person).expect_err("it was let in");
    (world.plain(&error.lines().join("\n")), world.plain(&error.hint().unwrap_or_default()))
}

/// Returns the server's line in known_hosts, without its newline.
fn line_of(world: &World, kind: &str) -> String {
    let lines = world.sshd().known_hosts();
    lines.lines().find(|line| line.contains(kind)).expect("the server has such a key").to_owned()
}

fn fingerprint(world: &World, kind: &str) -> String {
    let file = world.root().join(format!("sshd/host_{kind}.pub"));
    let output = Command::new("ssh-keygen").arg("-lf").arg(file).output().unwrap();
    String::from_utf8_lossy(&output.stdout).split(' ').nth(1).unwrap().to_owned()
}

/// Returns another key of the type, as type and key.
fn other_key(world: &World, kind: &str) -> String {
    let file = world.root().join(format!("other_key_{kind}"));
    let _ = fs::remove_file(&file);
    generate_key(&file, kind);
    let line = fs::read_to_string(file.with_extension("pub")).unwrap();
    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn fills_known_hosts(world: &World, text: &str) {
    fs::write(known_hosts(world), text).unwrap();
}

#[test]
fn an_unknown_host_is_refused_where_nobody_may_or_can_be_asked() {
    let world = server(&["ed25519"]);
    let shown = fingerprint(&world, "ed25519");
    let way_out = format!(
        "the key shown is {shown}; if that is right, add it with: \
         ssh-keyscan -p PORT 127.0.0.1 >> HOME/.ssh/known_hosts"
    );
    let cases = [
        (&["-oStrictHostKeyChecking=yes"][..], Person::answering(["yes"]), "you have requested strict checking."),
        (&[], Person::absent(), "sftpsh can't prompt for it"),
        (&["-oBatchMode=yes"], Person::answering(["yes"]), "sftpsh can't prompt for it"),
    ];
    for (words, mut person, reason) in cases {
        let (message, hint) = refusal(&world, words, &mut person);
        let expected = "No ED25519 host key is known for [127.0.0.1]:PORT and ";
        assert_eq!((message, hint), (format!("{expected}{reason}\nHost key verification failed."), way_out.clone()));
        assert_eq!(person.asked(), Vec::<&str>::new());
    }
    assert!(!known_hosts(&world).exists());
}

#[test]
fn who_says_yes_or_types_the_fingerprint_is_asked_only_once() {
    for by_fingerprint in [false, true] {
        let world = server(&["ed25519"]);
        let shown = fingerprint(&world, "ed25519");
        let answer = if by_fingerprint { shown.as_str() } else { "yes" };
        let mut person = Person::answering([answer]);
        connect(&world, &[], &mut person).unwrap();
        assert_eq!(person.asked(), [QUESTION]);
        let lines: Vec<String> = person.shown().iter().map(|line| world.plain(line)).collect();
        assert_eq!(
            lines,
            [
                "The authenticity of host '[127.0.0.1]:PORT ([127.0.0.1]:PORT)' can't be established.",
                &format!("ED25519 key fingerprint is {shown}."),
                "This key is not known by any other names.",
                "Warning: Permanently added '[127.0.0.1]:PORT' (ED25519) to the list of known hosts.",
            ]
        );
        assert_eq!(fs::read_to_string(known_hosts(&world)).unwrap(), line_of(&world, "ed25519").replace(" test", "\n"));
        connect(&world, &["-oStrictHostKeyChecking=yes"], &mut Person::absent()).unwrap();
    }
}

#[test]
fn no_answer_but_yes_or_the_right_fingerprint_is_taken() {
    let world = server(&["ed25519"]);
    let mut person = Person::answering(["SHA256:somebodyelse", "y", "no"]);
    let (message, _) = refusal(&world, &[], &mut person);
    assert_eq!(message, "Host key verification failed.");
    let again = "Please type 'yes', 'no' or the fingerprint: ";
    assert_eq!(person.asked(), [QUESTION, again, again]);
    let mut person = Person::answering(Vec::<String>::new());
    refusal(&world, &[], &mut person);
    assert_eq!(person.asked(), [QUESTION]);
    assert!(!known_hosts(&world).exists());
}

#[test]
fn accept_new_and_no_add_a_host_without_a_question() {
    for policy in ["accept-new", "no"] {
        let world = server(&["ed25519"]);
        fills_known_hosts(&world, "# no newline at the end");
        let policy = format!("-oStrictHostKeyChecking={policy}");
        connect(&world, &[&policy, "-oHashKnownHosts=yes"], &mut Person::absent()).unwrap();
        let text = fs::read_to_string(known_hosts(&world)).unwrap();
        assert!(text.starts_with("# no newline at the end\n|1|"), "{text}");
        connect(&world, &["-oStrictHostKeyChecking=yes"], &mut Person::absent()).unwrap();
        assert_eq!(fs::read_to_string(known_hosts(&world)).unwrap(), text, "added twice");
    }
}

#[test]
fn a_changed_key_is_refused_in_all_but_the_policy_no() {
    let world = server(&["ed25519"]);
    let host = line_of(&world, "ed25519").split(' ').next().unwrap().to_owned();
    // A key of another type than the known one counts as changed too.
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let known = format!("# first\n{host} {}\n", other_key(&world, kind));
        fills_known_hosts(&world, &known);
        for policy in ["yes", "ask", "accept-new"] {
            let mut person = Person::answering(["yes"]);
            let (message, hint) = refusal(&world, &[&format!("-oStrictHostKeyChecking={policy}")], &mut person);
            assert_eq!(
                message,
                "Host key for [127.0.0.1]:PORT has changed and you have requested strict checking.\n\
                 Host key verification failed."
            );
            assert!(hint.contains("ssh-keygen -f HOME/.ssh/known_hosts -R '[127.0.0.1]:PORT'"), "{hint}");
            assert_eq!(person.asked(), Vec::<&str>::new());
            let shown = world.plain(&person.shown().join("\n"));
            assert!(shown.contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "{shown}");
            let offending = format!("Offending {} key in HOME/.ssh/known_hosts:2", kind.to_uppercase());
            assert!(shown.contains(&offending), "{shown}");
        }
        let mut person = Person::answering(["secret"]);
        connect(&world, &["-oStrictHostKeyChecking=no"], &mut person).unwrap();
        assert!(person.shown().iter().any(|line| line.starts_with("Password authentication is disabled")));
        assert_eq!(fs::read_to_string(known_hosts(&world)).unwrap(), known, "nothing is stored");
    }
}

#[test]
fn a_host_whose_key_has_changed_gets_no_password_and_no_answer() {
    let round = Round { prompts: vec![("Code: ".to_owned(), true, "secret".to_owned())], ..Round::default() };
    let server = Embedded::new().password("secret").keyboard_interactive([round]);
    let world = World::build(Remote::empty().served_by(server), &[]);
    let host = fs::read_to_string(known_hosts(&world)).unwrap().split(' ').next().unwrap().to_owned();
    fills_known_hosts(&world, &format!("{host} {}\n", other_key(&world, "rsa")));
    let mut person = Person::answering(["secret", "secret"]);
    connect(&world, &["-oStrictHostKeyChecking=no"], &mut person).expect_err("it was let in");
    assert_eq!(person.asked(), Vec::<&str>::new());
    let words = ["-oStrictHostKeyChecking=no", "-oExitOnForwardFailure=yes"];
    let (message, _) = refusal(&world, &words, &mut Person::absent());
    assert_eq!(message, "Error: forwarding disabled due to host key check failure");
}

// difference: revoked-keys
#[test]
fn a_revoked_key_is_refused_whatever_the_policy() {
    let world = server(&["ed25519"]);
    let line = line_of(&world, "ed25519");
    let key = line.split_once(' ').unwrap().1;
    fills_known_hosts(&world, &format!("{line}\n@revoked * {key}\n"));
    for policy in ["yes", "ask", "accept-new", "no"] {
        let mut person = Person::answering(["yes"]);
        let (message, _) = refusal(&world, &[&format!("-oStrictHostKeyChecking={policy}")], &mut person);
        let reason = match policy {
            "no" => "StrictHostKeyChecking=no does not let it pass",
            _ => "you have requested strict checking.",
        };
        assert_eq!(
            message,
            format!("ED25519 host key for [127.0.0.1]:PORT was revoked and {reason}\nHost key verification failed.")
        );
        let last = person.shown().last().map(|line| world.plain(line));
        assert_eq!(last.as_deref(), Some("Offending ED25519 key in HOME/.ssh/known_hosts:2"));
    }
}

#[test]
fn a_host_that_is_refused_never_hears_who_we_are() {
    let world = World::build(Remote::empty().served_by(Embedded::new().asks_nothing()), &[]);
    let known = fs::read_to_string(known_hosts(&world)).unwrap();
    let (host, other) = (known.split(' ').next().unwrap(), other_key(&world, "ed25519"));
    for (what, known) in [
        ("unknown", String::new()),
        ("changed", format!("{host} {other}\n")),
        ("revoked", format!("{known}@revoked {known}")),
    ] {
        fills_known_hosts(&world, &known);
        refusal(&world, &["-oStrictHostKeyChecking=yes"], &mut Person::absent());
        assert_eq!(world.log(), "", "{what}");
    }
    fills_known_hosts(&world, &known);
    connect(&world, &["-oStrictHostKeyChecking=yes"], &mut Person::absent()).unwrap();
    assert_eq!(world.log(), "Request none\n");
}

#[test]
fn a_host_known_by_one_type_is_asked_for_that_type() {
    for kind in ["ecdsa", "rsa"] {
        let world = server(&["ed25519", "ecdsa", "rsa"]);
        fills_known_hosts(&world, &line_of(&world, if kind == "rsa" { "ssh-rsa" } else { kind }));
        for policy in ["ask", "yes"] {
            let mut person = Person::absent();
            connect(&world, &[&format!("-oStrictHostKeyChecking={policy}")], &mut person).unwrap();
            assert_eq!(person.shown(), Vec::<String>::new());
        }
    }
}

#[test]
fn a_question_tells_the_other_names_of_the_key() {
    let world = server(&["ed25519"]);
    let key = line_of(&world, "ed25519").split_once(' ').unwrap().1.to_owned();
    let names: String = (1..=10).map(|number| format!("host{number} {key}\n")).collect();
    fills_known_hosts(&world, &names);
    let mut person = Person::answering(["no"]);
    refusal(&world, &[], &mut person);
    let shown: Vec<String> = person.shown().iter().map(|line| world.plain(line)).collect();
    assert_eq!(shown[2], "This host key is known by the following other names/addresses:");
    assert_eq!(shown[3], "    HOME/.ssh/known_hosts:1: host1");
    assert_eq!(shown[10..], ["    HOME/.ssh/known_hosts:8: host8", "    (2 additional names omitted)"]);
}

// difference: host-key-patterns
#[test]
fn a_host_that_cannot_be_remembered_is_not_let_in() {
    let world = server(&["ed25519"]);
    for policy in ["yes", "ask", "accept-new", "no"] {
        let words = [&format!("-oStrictHostKeyChecking={policy}"), "-oUserKnownHostsFile=none"];
        let (message, _) = refusal(&world, &words, &mut Person::answering(["yes"]));
        assert!(message.contains("and there is no file to add it to\n"), "{message}");
        let words = [words[0], "-oHostKeyAlias=*"];
        let (message, _) = refusal(&world, &words, &mut Person::answering(["yes"]));
        let reason = match policy {
            "yes" => "and you have requested strict checking.\n",
            _ => "and the name would be a pattern in known_hosts\n",
        };
        assert!(message.contains(reason), "{message}");
    }
    assert!(!known_hosts(&world).exists());
}

/// Lines that we may add: ssh gives no reason if no user can be asked, and names no file for a revoked key.
const OURS: [&str; 2] = ["No ED25519 host key is known for ", "Offending ED25519 key in "];

/// Runs a program like sftp, with this text in known_hosts and this answer to all questions.
fn said_by(program: &Path, world: &World, known: &str, words: &[&str], answer: Option<&str>) -> (Option<i32>, String) {
    fills_known_hosts(world, known);
    let mut command = world.command(program);
    command.arg("-F").arg(world.ssh_config()).args(words).arg("server").stdin(Stdio::null());
    if let Some(answer) = answer {
        let askpass = world.root().join("askpass");
        fs::write(&askpass, format!("#!/bin/sh\necho {answer}\n")).unwrap();
        fs::set_permissions(&askpass, fs::Permissions::from_mode(0o755)).unwrap();
        command.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force");
    }
    detach(&mut command);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).replace('\r', ""))
}

// difference: host-key-reasons
#[test]
fn what_sftp_says_about_a_host_key_we_say_too_line_by_line() {
    let world = server(&["ed25519"]);
    let short = server(&["rsa"]);
    let line = line_of(&world, "ed25519");
    let (host, key) = line.split_once(' ').unwrap();
    fs::write(world.home().join("file"), "").unwrap();
    let unwritable = format!("-oUserKnownHostsFile={}/file/known_hosts", world.home().display());
    let changed = ["ed25519", "ecdsa", "rsa"].map(|kind| format!("{host} {}\n", other_key(&world, kind)));
    let revoked = format!("{line}\n@revoked * {key}\n");
    let mut situations: Vec<(&World, &str, Vec<&str>, Option<&str>)> =
        vec![(&world, "", vec!["-oBatchMode=yes"], None), (&world, &changed[0], vec!["-oBatchMode=yes"], None)];
    let policies = ["yes", "ask", "accept-new", "no"].map(|policy| format!("-oStrictHostKeyChecking={policy}"));
    for strict in policies.iter().map(String::as_str) {
        for answer in [None, Some("no"), Some("yes")] {
            situations.push((&world, "", vec![strict], answer));
        }
        situations.push((&world, "", vec![strict, "-oUserKnownHostsFile=/dev/null"], None));
        situations.push((&world, "", vec![strict, "-oUserKnownHostsFile=none"], None));
        situations.push((&world, "", vec![strict, "-oHashKnownHosts=yes"], None));
        situations.push((&world, "", vec![strict, &unwritable], None));
        situations.push((&world, &line, vec![strict], None));
        situations.extend(changed.iter().map(|known| (&world, known.as_str(), vec![strict], None)));
        situations.push((&world, &changed[0], vec![strict, "-oKbdInteractiveAuthentication=no"], None));
        situations.push((&world, &changed[0], vec![strict, "-oExitOnForwardFailure=yes"], None));
        situations.push((&short, "", vec![strict, "-oRequiredRSASize=8192"], None));
        // With "no", ssh accepts a revoked key.
        situations.extend(Some((&world, revoked.as_str(), vec![strict], None)).filter(|_| !strict.ends_with("=no")));
    }
    for (world, known, words, answer) in situations {
        let (their_code, theirs) = said_by(Path::new("sftp"), world, known, &words, answer);
        let (our_code, ours) = said_by(&program(), world, known, &words, answer);
        let seen = format!("{words:?}, {answer:?} with {known:?}\nsftp:\n{theirs}\nwe:\n{ours}");
        assert_eq!(leftovers(&theirs, &ours, &OURS), Vec::<&str>::new(), "{seen}");
        assert_eq!(our_code, their_code, "{seen}");
    }
}

// difference: host-certificates
#[test]
fn a_server_with_a_certificate_is_known_by_its_plain_key() {
    let world = server(&["ed25519"]);
    drop(world);
    let directory = tempfile::tempdir().unwrap();
    let authority = directory.path().join("ca");
    generate_key(&authority, "ed25519");
    let certified = certified_host_key(directory.path(), &authority);
    let remote = Remote::empty()
        .sshd_config(format!("HostKey {}", certified.display()))
        .sshd_config(format!("HostCertificate {}-cert.pub", certified.display()))
        .host_keys(&[])
        .unknown_to_us();
    let world = World::build(remote, &[]);
    let key = fs::read_to_string(certified.with_extension("pub")).unwrap();
    fills_known_hosts(&world, &format!("[127.0.0.1]:{} {key}", world.sshd().port()));
    let mut person = Person::absent();
    connect(&world, &["-oStrictHostKeyChecking=yes"], &mut person).unwrap();
    assert_eq!(person.shown(), Vec::<String>::new());
}

/// Creates a host key with a certificate of an untrusted authority, for another name.
fn certified_host_key(directory: &Path, authority: &Path) -> PathBuf {
    let key = directory.join("host_certified");
    generate_key(&key, "ed25519");
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-h", "-I", "host", "-n", "elsewhere.example", "-s"])
        .args([authority, &key.with_extension("pub")])
        .status();
    assert!(signed.unwrap().success());
    key
}

#[test]
fn an_alias_is_looked_up_in_place_of_the_host() {
    let world = server(&["ed25519"]);
    let key = line_of(&world, "ed25519").split_once(' ').unwrap().1.to_owned();
    fills_known_hosts(&world, &format!("my-alias {key}\n"));
    let words = ["-oStrictHostKeyChecking=yes", "-oHostKeyAlias=my-alias"];
    connect(&world, &words, &mut Person::absent()).unwrap();
    refusal(&world, &words[..1], &mut Person::absent());
}

// fault: known_hosts can't be written
#[test]
fn a_file_that_cannot_be_written_costs_a_warning_only() {
    let world = server(&["ed25519"]);
    fs::write(world.home().join("file"), "").unwrap();
    let file = world.home().join("file/known_hosts");
    let mut person = Person::absent();
    let file = format!("-oUserKnownHostsFile={}", file.display());
    connect(&world, &[&file, "-oStrictHostKeyChecking=accept-new"], &mut person).unwrap();
    let shown: Vec<String> = person.shown().iter().map(|line| world.plain(line)).collect();
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(shown[0].starts_with("Failed to add the host to the list of known hosts (HOME/file/known_hosts). "));
}

// difference: rsa-bits
#[test]
fn a_short_rsa_key_is_refused() {
    let world = server(&["rsa"]);
    let words = ["-oStrictHostKeyChecking=accept-new", "-oRequiredRSASize=8192"];
    let (message, _) = refusal(&world, &words, &mut Person::absent());
    assert_eq!(
        message,
        "Bad server host key: Invalid key length: the RSA key of [127.0.0.1]:PORT has 3072 bits; RequiredRSASize is 8192"
    );
}
