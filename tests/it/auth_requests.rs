//! As many requests as ssh makes in the same situation, and no more: servers count them, and hang up after a few.

use super::auth::{TestAgent, USER, authorize, connect, hide_key, refusal, served_by};
use crate::support::embedded::Round;
use crate::support::{Embedded, Person, Remote, World, generate_encrypted_key, generate_key};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// What an sshd logs when a connection is past its log-in, or ends in it.
const END: &str = "monitor_read_log: child log fd closed";

/// An sshd that logs each request, and takes passwords too; nobody's is right.
fn sshd(line: &str) -> World {
    let remote = ["LogLevel DEBUG", "PasswordAuthentication yes", line].into_iter().filter(|line| !line.is_empty());
    World::build(remote.fold(Remote::empty(), Remote::sshd_config), &[])
}

/// The methods of the requests that one log-in made.
fn requests(world: &World, log_in: impl FnOnce()) -> Vec<String> {
    let before = world.log();
    log_in();
    if before.contains("listening") {
        let ends = before.matches(END).count();
        let over = |log: &[u8]| String::from_utf8_lossy(log).matches(END).count() > ends;
        assert!(world.sshd().log().wait_until(Duration::from_secs(60), over), "the log-in does not end");
    }
    let log = world.log().split_off(before.len());
    let method = |line: &str| {
        let rest = line.split_once("ssh-connection method ").or_else(|| line.split_once("Request "))?.1;
        // ssh binds a signature to the host's key where it can; that is the same method.
        rest.split(' ').next().map(|name| name.trim_end_matches("-hostbound-v00@openssh.com").to_owned())
    };
    log.lines().filter_map(method).collect()
}

/// Logs in as ssh does it, with the same words and a program that gives the same answer to everything.
fn ssh(world: &World, words: &[&str], answer: &str) {
    let asker = world.root().join("asker");
    // Another test that starts its program at this moment must not hold ours open for writing.
    fs::write(&asker, "#!/bin/sh\nexec /bin/sh \"$0.text\"\n").unwrap();
    fs::write(asker.with_extension("text"), "printf '%s\\n' \"$ANSWER\"\n").unwrap();
    fs::set_permissions(&asker, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = world.command(Path::new("ssh"));
    command.args(words).arg("-F").arg(world.ssh_config()).args(["-oIdentityAgent=none", "-s", "server", "sftp"]);
    command.env("SSH_ASKPASS", asker).env("SSH_ASKPASS_REQUIRE", "force").env("ANSWER", answer);
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
}

/// Both log in, and make the same requests.
#[track_caller]
fn same(name: &str, world: &World, words: &[&str], answer: &str) -> Vec<String> {
    let theirs = requests(world, || ssh(world, words, answer));
    let ours = requests(world, || drop(connect(world, words, &mut Person::answering(vec![answer; 20]))));
    assert_eq!(ours, theirs, "{name}");
    ours
}

fn identity(key: &Path) -> String {
    format!("-oIdentityFile={}", key.display())
}

#[test]
fn keys_cost_as_many_requests_as_with_ssh() {
    let world = sshd("");
    let right = hide_key(&world);
    let wrong = world.root().join("wrong");
    generate_key(&wrong, "ecdsa");
    let locked = world.root().join("locked");
    generate_encrypted_key(&locked, "ed25519", "phrase");
    let (right, wrong, locked) = (identity(&right), identity(&wrong), identity(&locked));
    let no_password = "-oPasswordAuthentication=no";
    for (name, words, count) in [
        ("the right key", vec![&*right], 3),
        ("the right key behind a wrong one", vec![&*wrong, &*right], 4),
        ("wrong keys", vec![&*wrong, &*locked, no_password], 4),
    ] {
        assert_eq!(same(name, &world, &words, "phrase").len(), count, "{name}");
    }
    authorize(&world, &world.root().join("locked"));
    assert_eq!(same("a locked key", &world, &[&locked], "phrase").len(), 3);
    assert_eq!(same("a locked key that stays so", &world, &[&locked, no_password], "wrong").len(), 3);
    assert_eq!(same("a key after a locked one", &world, &[&locked, &wrong, no_password], "wrong").len(), 4);
}

#[test]
fn three_wrong_passwords_end_as_with_ssh() {
    let world = sshd("");
    hide_key(&world);
    let four = ["none", "password", "password", "password"];
    let words = ["-oPubkeyAuthentication=no"];
    assert_eq!(same("wrong passwords", &world, &words, "wrong"), four);
    requests(&world, || {
        let (message, _) = refusal(&world, &[], &mut Person::answering(["1", "2", "3", "4"]));
        assert_eq!(message, format!("{}@127.0.0.1: Permission denied (publickey,password).", crate::support::user()));
    });
    assert_eq!(same("a wrong key and wrong passwords", &world, &[], "wrong").len(), 5);
    let words = ["-oPubkeyAuthentication=no", "-oNumberOfPasswordPrompts=5"];
    assert_eq!(same("five wrong passwords", &world, &words, "wrong").len(), 6);
}

#[test]
fn a_partial_success_costs_no_request_of_its_own() {
    let world = sshd("AuthenticationMethods publickey,password");
    let mut person = Person::answering(["1", "2", "3", "4"]);
    requests(&world, || {
        let (message, _) = refusal(&world, &[], &mut person);
        assert!(message.ends_with("Permission denied (password)."), "{message}");
    });
    assert!(person.details().contains("Authenticated using \"publickey\" with partial success."));
    let expected = ["none", "publickey", "publickey", "password", "password", "password"];
    assert_eq!(same("a key, then wrong passwords", &world, &[], "wrong"), expected);
}

#[test]
fn the_agents_keys_cost_as_many_requests_as_with_ssh() {
    let world = sshd("MaxAuthTries 4");
    let right = hide_key(&world);
    let agent = TestAgent::start(&world);
    for number in 0..6 {
        let key = world.root().join(format!("wrong{number}"));
        generate_key(&key, "ed25519");
        agent.holds(&key);
    }
    let agent_word = agent.word();
    assert_eq!(same("too many keys", &world, &[&agent_word], "wrong").len(), 5);
    let right_word = identity(&right);
    agent.holds(&right);
    assert_eq!(same("the right one first", &world, &[&agent_word, &right_word], "wrong").len(), 3);
    let words = [&agent_word, &right_word, "-oIdentitiesOnly=yes"];
    assert_eq!(same("the right one alone", &world, &words, "wrong").len(), 3);
}

#[test]
fn questions_and_passwords_cost_as_many_requests_as_with_ssh() {
    let round =
        |answer: &str| Round { prompts: vec![("Code: ".to_owned(), false, answer.to_owned())], ..Round::default() };
    let embedded = || Embedded::new();
    for (name, server, answer, count) in [
        ("nothing is asked", embedded().asks_nothing(), "x", 1),
        ("the right password", embedded().password("right"), "right", 2),
        ("wrong passwords", embedded().password("right"), "wrong", 4),
        ("the right answer", embedded().keyboard_interactive([round("right")]), "right", 2),
        ("wrong answers", embedded().keyboard_interactive([round("right")]), "wrong", 4),
        ("no questions at all", embedded().keyboard_interactive([Round::default(), round("right")]), "wrong", 4),
        ("both wrong", embedded().password("right").keyboard_interactive([round("right")]), "wrong", 7),
        ("both", embedded().password("right").keyboard_interactive([round("right")]).all_required(), "right", 3),
        ("half", embedded().password("right").keyboard_interactive([round("other")]).all_required(), "right", 5),
    ] {
        let world = served_by(server);
        let words = [USER, "-oPubkeyAuthentication=no"];
        assert_eq!(same(name, &world, &words, answer).len(), count, "{name}");
    }
}
