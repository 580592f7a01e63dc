//! Logging in takes as many requests as ssh needs in the same situation: servers count them, and hang up after a few.

use super::auth::{TestAgent, USER, authorize, connect, hide_key, refusal, rsa_key, served_by};
use crate::support::embedded::Round;
use crate::support::{Embedded, Person, Remote, World, generate_encrypted_key, generate_key};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The line that an sshd logs when a connection has passed its login or ends during it.
const END: &str = "monitor_read_log: child log fd closed";

/// Starts an sshd that logs each request and also offers passwords, but accepts none.
fn sshd(line: &str) -> World {
    let remote = ["LogLevel DEBUG", "PasswordAuthentication yes", line].into_iter().filter(|line| !line.is_empty());
    World::build(remote.fold(Remote::empty(), Remote::sshd_config), &[])
}

/// Returns the server's log of one login.
fn log_of(world: &World, log_in: impl FnOnce()) -> String {
    let before = world.log();
    log_in();
    if before.contains("listening") {
        let ends = before.matches(END).count();
        let over = |log: &[u8]| String::from_utf8_lossy(log).matches(END).count() > ends;
        assert!(world.sshd().log().wait_until(Duration::from_secs(60), over), "the log-in does not end");
    }
    world.log().split_off(before.len())
}

/// Returns the methods of the requests of one login.
fn requests(world: &World, log_in: impl FnOnce()) -> Vec<String> {
    let log = log_of(world, log_in);
    let method = |line: &str| {
        let rest = line.split_once("ssh-connection method ").or_else(|| line.split_once("Request "))?.1;
        // ssh binds a signature to the host key if it can; that is the same method.
        rest.split(' ').next().map(|name| name.trim_end_matches("-hostbound-v00@openssh.com").to_owned())
    };
    log.lines().filter_map(method).collect()
}

/// Returns the keys and certificates that one login offered or used to sign, each with its algorithm.
fn offers(world: &World, log_in: impl FnOnce()) -> Vec<String> {
    let log = log_of(world, log_in);
    let offer = |line: &str| Some(line.split_once(" pkalg ")?.1.trim_end_matches(" [preauth]").to_owned());
    log.lines().filter_map(offer).collect()
}

/// Logs in with ssh, with the same words and an askpass program that gives the same answer to every question.
fn ssh(world: &World, words: &[&str], answer: &str) {
    let asker = world.root().join("asker");
    // Another test that starts its program at this moment must not keep this file open for writing.
    fs::write(&asker, "#!/bin/sh\nexec /bin/sh \"$0.text\"\n").unwrap();
    fs::write(asker.with_extension("text"), "printf '%s\\n' \"$ANSWER\"\n").unwrap();
    fs::set_permissions(&asker, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = world.command(Path::new("ssh"));
    command.args(words).arg("-F").arg(world.ssh_config()).args(["-oIdentityAgent=none", "-s", "server", "sftp"]);
    command.env("SSH_ASKPASS", asker).env("SSH_ASKPASS_REQUIRE", "force").env("ANSWER", answer);
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
}

/// Returns the number of our requests and of ssh's.
fn counts(world: &World, words: &[&str]) -> (usize, usize) {
    let ours = requests(world, || drop(connect(world, words, &mut Person::absent())));
    (ours.len(), requests(world, || ssh(world, words, "")).len())
}

/// Checks that both log in with the same requests.
#[track_caller]
fn same(name: &str, world: &World, words: &[&str], answer: &str) -> Vec<String> {
    let theirs = requests(world, || ssh(world, words, answer));
    let ours = requests(world, || drop(connect(world, words, &mut Person::answering(vec![answer; 20]))));
    assert_eq!(ours, theirs, "{name}");
    ours
}

/// Checks that both log in and offer the same keys in the same order.
#[track_caller]
fn offers_the_same(name: &str, world: &World, words: &[&str]) -> Vec<String> {
    let theirs = offers(world, || ssh(world, words, "phrase"));
    let ours = offers(world, || drop(connect(world, words, &mut Person::answering(["phrase"; 3]))));
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

    let world = sshd("AuthenticationMethods publickey,publickey");
    let first = identity(&hide_key(&world));
    let second = world.root().join("second");
    generate_key(&second, "ecdsa");
    let second_word = identity(&second);
    let words = [&*first, &*second_word];
    // ssh starts again with all keys, although sshd accepts none of them twice.
    let retried = |ours: usize| (ours, ours + 1);
    assert_eq!(counts(&world, &words), retried(5), "the second key is unknown");
    assert_eq!(counts(&world, &words[..1]), retried(4), "one key of two");
    let known = world.root().join("sshd/authorized_keys");
    let both = [fs::read(&known).unwrap(), fs::read(second.with_extension("pub")).unwrap()].concat();
    fs::write(known, both).unwrap();
    assert_eq!(same("two keys", &world, &words, "").len(), 5);
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
    let other = world.root().join("other");
    generate_key(&other, "ed25519");
    let words = [&*agent_word, &right_word, "-oPasswordAuthentication=no"];
    assert_eq!(same("too many keys before the right one in a file", &world, &words, "wrong").len(), 5);
    let words = [&*agent_word, &identity(&other), "-oIdentitiesOnly=yes"];
    assert_eq!(same("none of the agent's many keys is wanted", &world, &words, "wrong").len(), 5);
    agent.holds(&right);
    assert_eq!(same("the right one first", &world, &[&agent_word, &right_word], "wrong").len(), 3);
    let words = [&agent_word, &right_word, "-oIdentitiesOnly=yes"];
    assert_eq!(same("the right one alone", &world, &words, "wrong").len(), 3);
}

/// Returns one question that has this answer.
fn round(answer: &str) -> Round {
    Round { prompts: vec![("Code: ".to_owned(), false, answer.to_owned())], ..Round::default() }
}

#[test]
fn questions_and_passwords_cost_as_many_requests_as_with_ssh() {
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

/// The server accepts our key first; it does not count the key's requests.
#[test]
fn what_follows_a_key_costs_as_many_requests_as_with_ssh() {
    let key = || Embedded::new().takes_keys().all_required();
    let answers = |answer| key().keyboard_interactive([round(answer)]);
    for (name, server, answer, count) in [
        ("the right password", key().password("right"), "right", 2),
        ("wrong passwords", key().password("right"), "wrong", 4),
        ("the right answer", answers("right"), "right", 2),
        ("wrong answers", answers("right"), "wrong", 4),
        ("both", answers("right").password("right"), "right", 3),
        ("wrong answers, then the right password", answers("other").password("right"), "right", 5),
        ("both wrong", answers("right").password("right"), "wrong", 7),
    ] {
        assert_eq!(same(name, &served_by(server), &[USER], answer).len(), count, "{name}");
    }
}

/// Signs the public half of `key`, and returns the path of the certificate.
fn certify(authority: &Path, key: &Path, kind: &[&str]) -> PathBuf {
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-I", "me", "-n", &crate::support::user()]).args(kind).arg("-s").arg(authority);
    assert!(sign.arg(key.with_extension("pub")).status().unwrap().success());
    key.with_file_name(format!("{}-cert.pub", key.file_name().unwrap().display()))
}

/// Starts an sshd that trusts an authority, and returns the authority's key.
fn trusting_sshd(directory: &Path) -> (World, PathBuf) {
    let authority = directory.join("ca");
    generate_key(&authority, "ed25519");
    let world = sshd(&format!("TrustedUserCAKeys {}", authority.with_extension("pub").display()));
    hide_key(&world);
    (world, authority)
}

#[test]
fn certificates_are_offered_as_ssh_offers_them() {
    let directory = tempfile::tempdir().unwrap();
    let (world, authority) = trusting_sshd(directory.path());
    let keys = ["one", "two", "host"].map(|name| world.root().join(name));
    keys.iter().for_each(|key| generate_key(key, "ed25519"));
    let [one, two, host] = &keys;
    let beside = certify(&authority, one, &[]);
    certify(&authority, host, &["-h"]);
    let named = world.root().join("named.pub");
    fs::rename(certify(&authority, two, &[]), &named).unwrap();
    let stale = world.root().join("stale.pub");
    fs::rename(certify(&authority, one, &["-V", "19990101:19990102"]), &stale).unwrap();
    let beside_again = certify(&authority, one, &[]);
    assert_eq!(beside, beside_again);
    let agent = TestAgent::start(&world);
    agent.holds(two);
    let certificate = |file: &Path| format!("-oCertificateFile={}", file.display());
    let agent_word = agent.word();
    for (name, words, count) in [
        ("beside its key", vec![identity(one)], 2),
        ("of a host", vec![identity(host)], 2),
        ("named, another beside the key", vec![identity(one), certificate(&stale)], 3),
        ("named, for the second key", vec![identity(one), identity(two), certificate(&named)], 1),
        ("named, with its key in the agent", vec![agent_word.clone(), certificate(&named)], 1),
        ("two keys, one in the agent", vec![agent_word.clone(), identity(one), identity(two)], 3),
        ("without the plain keys", vec![identity(one), accepted("ssh-ed25519-cert-v01@openssh.com")], 1),
        ("without certificates", vec![identity(one), accepted("ssh-ed25519")], 2),
    ] {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(offers_the_same(name, &world, &words).len(), count, "{name}");
    }
    agent.holds(one);
    let words = [agent_word, identity(one), identity(two)];
    let words = words.each_ref().map(String::as_str);
    assert_eq!(offers_the_same("all in the agent, in another order", &world, &words).len(), 3);
}

fn accepted(algorithms: &str) -> String {
    format!("-oPubkeyAcceptedAlgorithms={algorithms}")
}

#[test]
fn a_certificate_over_a_short_rsa_key_is_not_offered() {
    let directory = tempfile::tempdir().unwrap();
    let (world, authority) = trusting_sshd(directory.path());
    let agent = TestAgent::start(&world);
    let certified = |name: &str, form: &str, phrase: &str| {
        let key = rsa_key(&world, name, "1024", form, phrase);
        (certify(&authority, &key, &[]), key)
    };
    let (_, held) = certified("held", "RFC4716", "");
    agent.holds(&held);
    let (_, plain) = certified("plain", "RFC4716", "");
    let (certificate, bare) = certified("bare", "PEM", "phrase");
    fs::remove_file(bare.with_extension("pub")).unwrap();
    let named = format!("-oCertificateFile={}", certificate.display());
    // ssh signs with such a key without a query, so the key itself must not be offered.
    let only = accepted("rsa-sha2-512-cert-v01@openssh.com");
    for (name, words, accepted) in [
        ("in a file", vec![identity(&plain)], 2),
        ("beside a key that tells nothing of itself", vec![identity(&bare), only.clone()], 1),
        ("named", vec![identity(&bare), named, only], 1),
        ("in the agent", vec![agent.word()], 2),
    ] {
        // ssh's default is 1024, ours is not, and the output of ssh -G does not reveal who set it.
        for (size, count) in [("2048", 0), ("1023", accepted)] {
            let size = format!("-oRequiredRSASize={size}");
            let words: Vec<&str> = words.iter().chain([&size]).map(String::as_str).collect();
            let offers = offers_the_same(name, &world, &words);
            assert_eq!(offers.iter().filter(|offer| offer.contains("RSA")).count(), count, "{name}: {offers:?}");
        }
    }
}
