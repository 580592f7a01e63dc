//! Login: which methods are tried, in which order, which questions are asked, and when it stops.

use crate::support::embedded::Round;
use crate::support::{Embedded, Person, Remote, Shell, World, generate_encrypted_key, generate_key, kill_tree, until};
use base64::Engine;
use sftpsh::sftp::{Options, Session};
use sftpsh::ssh::{self, Config, Error, Request, Start};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(super) fn served_by(embedded: Embedded) -> World {
    World::build(Remote::empty().served_by(embedded), &[])
}

pub(super) fn over_sshd() -> World {
    World::build(Remote::empty().over_ssh(), &[])
}

/// Connects with additional words for ssh, and checks that SFTP works.
pub(super) fn connect(world: &World, words: &[&str], person: &mut Person) -> Result<(), Error> {
    let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
    // After the test's own words, because ssh takes the first value of each setting.
    arguments.extend(["-F".into(), world.ssh_config().into(), "-oIdentityAgent=none".into()]);
    arguments.extend(["-G", "--", "server"].map(OsString::from));
    let config = Config::resolve(Request { arguments: &arguments, host: "server" }, person)?;
    let transport = ssh::open(&config, ssh::dial(&config)?, &Start::Subsystem("sftp".to_owned()), &mut None, person)?;
    let session = Session::open(Box::new(transport), Options::default()).unwrap();
    assert_eq!(session.version(), 3);
    Ok(())
}

pub(super) fn refusal(world: &World, words: &[&str], person: &mut Person) -> (String, String) {
    let error = connect(world, words, person).expect_err("it was let in");
    (world.plain(&error.to_string()), error.hint().unwrap_or_default())
}

/// Moves the key that the world accepts out of the way, and returns its new path.
pub(super) fn hide_key(world: &World) -> PathBuf {
    let (key, hidden) = (world.home().join(".ssh/id_ed25519"), world.root().join("hidden"));
    fs::rename(&key, &hidden).unwrap();
    fs::rename(key.with_extension("pub"), hidden.with_extension("pub")).unwrap();
    generate_key(&key, "ed25519");
    hidden
}

pub(super) fn authorize(world: &World, key: &Path) {
    fs::copy(key.with_extension("pub"), world.root().join("sshd/authorized_keys")).unwrap();
}

pub(super) const USER: &str = "-oUser=me";
const PASSWORD: &str = "secret: me@127.0.0.1's password: ";

#[test]
fn the_right_password_gets_in_whatever_it_is_made_of() {
    for password in ["secret", "%\"\\ü $(id)", " blanks "] {
        let world = served_by(Embedded::new().password(password));
        let mut person = Person::answering([password]);
        connect(&world, &[USER], &mut person).unwrap();
        assert_eq!(person.asked(), [PASSWORD]);
    }
}

#[test]
fn a_password_is_asked_for_three_times_at_most() {
    let world = served_by(Embedded::new().password("secret"));
    let mut person = Person::answering(["wrong", "Secret", "secret"]);
    connect(&world, &[USER], &mut person).unwrap();
    assert_eq!(person.asked(), [PASSWORD; 3]);
    assert_eq!(person.shown(), ["Permission denied, please try again."; 2]);

    let mut person = Person::answering(["1", "2", "3", "secret"]);
    let (message, _) = refusal(&world, &[USER], &mut person);
    assert_eq!(message, "me@127.0.0.1: Permission denied (password).");
    assert_eq!(person.asked(), [PASSWORD; 3]);

    let mut person = Person::answering(["1", "secret"]);
    refusal(&world, &[USER, "-oNumberOfPasswordPrompts=1"], &mut person);
    assert_eq!(person.asked(), [PASSWORD]);
}

#[test]
fn who_gives_no_answer_is_not_asked_again() {
    let world = served_by(Embedded::new().password("secret"));
    let mut person = Person::answering(Vec::<String>::new());
    refusal(&world, &[USER], &mut person);
    assert_eq!(person.asked(), [PASSWORD]);
}

#[test]
fn nothing_is_asked_in_a_batch_or_where_nobody_is() {
    let rounds = [Round { prompts: vec![("Code: ".to_owned(), false, "7".to_owned())], ..Round::default() }];
    let world = served_by(Embedded::new().password("secret").keyboard_interactive(rounds).takes_keys());
    hide_key(&world);
    let encrypted = world.root().join("encrypted");
    generate_encrypted_key(&encrypted, "ed25519", "phrase");
    let identity = format!("-oIdentityFile={}", encrypted.display());
    let cases =
        [(vec![USER, "-oBatchMode=yes", &identity], Person::answering(["secret"])), (vec![USER], Person::absent())];
    for (words, mut person) in cases {
        let (message, hint) = refusal(&world, &words, &mut person);
        assert_eq!(message, "me@127.0.0.1: Permission denied (publickey,password,keyboard-interactive).");
        assert!(hint.contains("sftpsh could not prompt"), "{hint}");
        assert_eq!(person.asked(), Vec::<&str>::new());
    }
}

#[test]
fn a_server_asks_its_own_questions_and_each_says_who_asks() {
    let rounds = [
        Round {
            instructions: "Two questions\nfor you".to_owned(),
            prompts: vec![
                ("Name: ".to_owned(), true, "Ann".to_owned()),
                ("root@elsewhere's\npassword: ".to_owned(), false, "xyz".to_owned()),
            ],
            ..Round::default()
        },
        Round::default(),
        Round { prompts: vec![("\x1b[31mCode: ".to_owned(), false, "7".to_owned())], ..Round::default() },
    ];
    let world = served_by(Embedded::new().keyboard_interactive(rounds));
    let mut person = Person::answering(["Ann", "xyz", "7"]);
    connect(&world, &[USER], &mut person).unwrap();
    assert_eq!(
        person.asked(),
        [
            "(me@127.0.0.1) Name: ",
            "secret: (me@127.0.0.1) password: ",
            // The caller makes it printable before printing it.
            "secret: (me@127.0.0.1) \x1b[31mCode: ",
        ]
    );
    assert_eq!(
        person.shown(),
        ["(me@127.0.0.1) Two questions", "(me@127.0.0.1) for you", "(me@127.0.0.1) root@elsewhere's",]
    );
}

#[test]
fn a_server_that_asks_without_end_is_given_up() {
    let prompts = vec![("More? ".to_owned(), true, "no".to_owned()); 1000];
    let world = served_by(Embedded::new().keyboard_interactive([Round { prompts, ..Round::default() }]));
    let mut person = Person::answering(vec!["no"; 1000]);
    refusal(&world, &[USER], &mut person);
    assert_eq!(person.asked(), Vec::<&str>::new());
}

#[test]
fn a_server_that_asks_round_after_round_is_given_up_whoever_answers() {
    let endless = |prompts: Vec<(String, bool, String)>| {
        Embedded::new().keyboard_interactive([Round { prompts, ..Round::default() }]).endless()
    };
    let asks = |text: &str, echo| endless(vec![(text.to_owned(), echo, String::new())]);
    let message = "me@127.0.0.1: the server's questions do not end";
    for server in [endless(Vec::new()), asks("More? ", true), asks("Password: ", false)] {
        let mut person = Person::answering(vec!["no"; 100]);
        assert_eq!(refusal(&served_by(server), &[USER], &mut person).0, message);
        assert!(person.asked().len() <= 30, "{:?}", person.asked());
    }
    // The password is sent once; after that no answer is left.
    let denied = "me@127.0.0.1: Permission denied (keyboard-interactive).";
    for (server, message) in [(endless(Vec::new()), message), (asks("Password: ", false), denied)] {
        let shell = Shell::on(Remote::empty().served_by(server)).with_args([USER, "--password-file", "secret"]);
        let secret = shell.world().local().join("secret");
        fs::write(&secret, "secret").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        shell.as_batch().exits(255).complains(&[message]);
    }
}

#[test]
fn a_server_that_asks_for_nothing_lets_in() {
    let mut person = Person::absent();
    connect(&served_by(Embedded::new().asks_nothing()), &[USER], &mut person).unwrap();
    assert_eq!(person.asked(), Vec::<&str>::new());
}

#[test]
fn a_server_may_want_one_thing_after_the_other() {
    let round = Round { prompts: vec![("Code: ".to_owned(), false, "7".to_owned())], ..Round::default() };
    let embedded = Embedded::new().takes_keys().password("secret").keyboard_interactive([round]).all_required();
    let world = served_by(embedded);
    let mut person = Person::answering(["7", "wrong", "secret"]);
    connect(&world, &[USER, "-v"], &mut person).unwrap();
    assert_eq!(person.asked(), ["secret: (me@127.0.0.1) Code: ", PASSWORD, PASSWORD]);
    assert_eq!(person.details().matches("with partial success").count(), 2, "{}", person.details());
}

#[test]
fn the_order_is_the_users_or_else_sshs() {
    let round = Round { prompts: vec![("Code: ".to_owned(), false, "7".to_owned())], ..Round::default() };
    let world = served_by(Embedded::new().password("secret").keyboard_interactive([round]));
    let mut person = Person::answering(["7"]);
    connect(&world, &[USER], &mut person).unwrap();
    let mut person = Person::answering(["secret"]);
    connect(&world, &[USER, "-oPreferredAuthentications=x,password,keyboard-interactive"], &mut person).unwrap();
    let mut person = Person::answering(["secret"]);
    connect(&world, &[USER, "-oKbdInteractiveAuthentication=no"], &mut person).unwrap();
    let mut person = Person::answering(["7"]);
    connect(&world, &[USER, "-oPasswordAuthentication=no"], &mut person).unwrap();
}

#[test]
fn a_banner_is_handed_on_as_it_came() {
    let world = served_by(Embedded::new().takes_keys().banner("Beware\n\x1b]0;title\x07\n"));
    let mut person = Person::absent();
    connect(&world, &[], &mut person).unwrap();
    assert_eq!(person.shown(), ["Beware\n\x1b]0;title\x07\n"]);
}

#[test]
fn every_type_and_form_of_key_gets_in() {
    let world = over_sshd();
    for (kind, form, phrase) in [
        ("ed25519", "", ""),
        ("ed25519", "", "phrase"),
        ("ed25519", "-Zaes256-gcm@openssh.com", "phrase"),
        ("ed25519", "-Zchacha20-poly1305@openssh.com", "phrase"),
        ("ecdsa", "-mPEM", "phrase"),
        ("ecdsa", "", "phrase"),
        ("rsa", "-mPEM", "phrase"),
        ("rsa", "-mPKCS8", "phrase"),
        ("rsa", "", ""),
    ] {
        let key = world.root().join(format!("{kind}_{form}_{phrase}").replace('.', "_"));
        generate_encrypted_key(&key, kind, phrase);
        if !form.is_empty() {
            let words = ["-q", "-p", form, "-P", phrase, "-N", phrase, "-f"];
            assert!(Command::new("ssh-keygen").args(words).arg(&key).stdout(Stdio::null()).status().unwrap().success());
        }
        authorize(&world, &key);
        let identity = format!("-oIdentityFile={}", key.display());
        let mut person = Person::answering([phrase]);
        connect(&world, &[&identity], &mut person).unwrap_or_else(|error| panic!("{kind} {form}: {error}"));
        assert_eq!(person.asked().len(), usize::from(!phrase.is_empty()), "{kind} {form}");
    }
}

#[test]
fn a_passphrase_is_asked_for_three_times_and_only_if_the_key_is_welcome() {
    let world = over_sshd();
    hide_key(&world);
    let key = world.root().join("key");
    generate_encrypted_key(&key, "ed25519", "phrase");
    let identity = format!("-oIdentityFile={}", key.display());
    let mut person = Person::answering(["phrase"]);
    refusal(&world, &[&identity], &mut person);
    assert_eq!(person.asked(), Vec::<&str>::new(), "the server does not know the key");

    authorize(&world, &key);
    let question = format!("secret: Enter passphrase for key '{}': ", key.display());
    let mut person = Person::answering(["wrong", "Phrase", "phrase"]);
    connect(&world, &[&identity], &mut person).unwrap();
    assert_eq!(person.asked(), [&question; 3]);

    let mut person = Person::answering(["1", "2", "3", "phrase"]);
    refusal(&world, &[&identity], &mut person);
    assert_eq!(person.asked(), [&question; 3]);
    assert!(person.shown()[0].ends_with("incorrect passphrase supplied to decrypt private key"));

    // An encrypted key before a plain one that works does no harm in a batch.
    let plain = world.root().join("plain");
    generate_key(&plain, "ed25519");
    authorize(&world, &plain);
    let second = format!("-oIdentityFile={}", plain.display());
    connect(&world, &[&identity, &second, "-oBatchMode=yes"], &mut Person::absent()).unwrap();
}

#[test]
fn a_file_that_is_no_key_is_named_and_passed_over() {
    let world = over_sshd();
    let bad = world.root().join("bad");
    let missing = world.root().join("missing");
    for (contents, complaint) in [
        ("not a key", format!("Load key \"{}\": invalid format", bad.display())),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
            format!("Load key \"{}\": it can't be used: invalid format or type", bad.display()),
        ),
    ] {
        fs::write(&bad, contents).unwrap();
        fs::set_permissions(&bad, fs::Permissions::from_mode(0o600)).unwrap();
        let mut person = Person::absent();
        connect(&world, &[&format!("-oIdentityFile={}", bad.display())], &mut person).unwrap();
        assert_eq!(person.shown(), [complaint]);
    }
    let mut person = Person::absent();
    connect(&world, &[&format!("-oIdentityFile={}", missing.display())], &mut person).unwrap();
    // The configuration's own key follows it.
    let complaint = format!("no such identity: {}: No such file or directory", missing.display());
    assert_eq!(person.shown(), [complaint]);
}

#[test]
fn a_key_of_an_unknown_type_is_passed_over() {
    let world = over_sshd();
    let unknown = world.root().join("unknown");
    let kind = "ssh-mldsa44-ed25519@openssh.com";
    let mut key = b"openssh-key-v1\0".to_vec();
    let string = |text: &[u8]| [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat();
    for part in ["none", "none", ""] {
        key.extend(string(part.as_bytes()));
    }
    key.extend(1_u32.to_be_bytes());
    key.extend(string(&string(kind.as_bytes())));
    key.extend(string(&[0; 64]));
    let key = base64::engine::general_purpose::STANDARD.encode(key);
    let header = ["-----BEGIN", "-----END"].map(|end| format!("{end} OPENSSH PRIVATE KEY-----\n"));
    fs::write(&unknown, format!("{}{key}\n{}", header[0], header[1])).unwrap();
    fs::set_permissions(&unknown, fs::Permissions::from_mode(0o600)).unwrap();
    let mut person = Person::absent();
    connect(&world, &[&format!("-oIdentityFile={}", unknown.display())], &mut person).unwrap();
    assert_eq!(person.shown(), Vec::<String>::new());
    assert!(person.details().contains("Skipping a key of type ssh-mldsa44-ed25519@openssh.com"));
}

/// An agent that the test controls.
pub(super) struct TestAgent {
    child: Child,
    socket: PathBuf,
}

impl TestAgent {
    pub(super) fn start(world: &World) -> Self {
        let socket = world.root().join("agent");
        let child = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        // The socket exists before the agent listens on it.
        until("the agent to listen", || UnixStream::connect(&socket).is_ok());
        Self { child, socket }
    }

    pub(super) fn holds(&self, key: &Path) {
        let mut add = Command::new("ssh-add");
        add.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket).stdin(Stdio::null());
        assert!(add.status().unwrap().success());
    }

    pub(super) fn word(&self) -> String {
        format!("-oIdentityAgent={}", self.socket.display())
    }
}

impl Drop for TestAgent {
    fn drop(&mut self) {
        kill_tree(self.child.id());
        let _ = self.child.wait();
    }
}

#[test]
fn the_agent_signs_with_every_type_of_key() {
    let world = over_sshd();
    hide_key(&world);
    let agent = TestAgent::start(&world);
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let key = world.root().join(kind);
        generate_key(&key, kind);
        agent.holds(&key);
        authorize(&world, &key);
        connect(&world, &[&agent.word()], &mut Person::absent()).unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

#[test]
fn the_agent_signs_with_certificates_and_so_do_files() {
    let directory = tempfile::tempdir().unwrap();
    let authority = directory.path().join("ca");
    generate_key(&authority, "ed25519");
    let trusted = format!("TrustedUserCAKeys {}", authority.with_extension("pub").display());
    let world = World::build(Remote::empty().sshd_config(trusted), &[]);
    hide_key(&world);
    let agent = TestAgent::start(&world);
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let key = world.root().join(kind);
        generate_key(&key, kind);
        let user = crate::support::user();
        let sign = ["-q", "-I", "me", "-n", &user, "-s"];
        let signed = Command::new("ssh-keygen").args(sign).args([&authority, &key.with_extension("pub")]).status();
        assert!(signed.unwrap().success());
        let identity = format!("-oIdentityFile={}", key.display());
        connect(&world, &[&identity], &mut Person::absent()).unwrap_or_else(|error| panic!("file {kind}: {error}"));
        agent.holds(&key);
        fs::remove_file(&key).unwrap();
        connect(&world, &[&agent.word()], &mut Person::absent())
            .unwrap_or_else(|error| panic!("agent {kind}: {error}"));
    }
}

#[test]
fn too_many_keys_of_the_agent_are_the_servers_word_and_identities_only_is_the_way_out() {
    let world = over_sshd();
    let right = hide_key(&world);
    let agent = TestAgent::start(&world);
    for number in 0..7 {
        let key = world.root().join(format!("wrong{number}"));
        generate_key(&key, "ed25519");
        agent.holds(&key);
    }
    let (message, hint) = refusal(&world, &[&agent.word()], &mut Person::absent());
    assert_eq!(message, format!("{}@127.0.0.1: Too many authentication failures", crate::support::user()));
    assert!(hint.contains("IdentitiesOnly=yes"), "{hint}");
    let identity = format!("-oIdentityFile={}", right.display());
    connect(&world, &[&agent.word(), &identity, "-oIdentitiesOnly=yes"], &mut Person::absent()).unwrap();
    // The agent's keys that are named in the configuration are tried before its other keys.
    agent.holds(&right);
    connect(&world, &[&agent.word(), &identity], &mut Person::absent()).unwrap();
}

#[test]
fn an_agent_that_is_gone_is_no_obstacle() {
    let world = over_sshd();
    let mut person = Person::absent();
    connect(&world, &["-oIdentityAgent=/nowhere/agent"], &mut person).unwrap();
    assert_eq!(person.shown(), Vec::<String>::new());
    assert!(person.details().contains("The agent can't be reached: No such file or directory"));
}

/// Creates an RSA key pair with the given number of bits in the given format.
pub(super) fn rsa_key(world: &World, name: &str, bits: &str, form: &str, phrase: &str) -> PathBuf {
    let key = world.root().join(name);
    let mut make = Command::new("ssh-keygen");
    make.args(["-q", "-t", "rsa", "-b", bits, "-m", form, "-N", phrase, "-f"]).arg(&key);
    assert!(make.status().unwrap().success());
    key
}

#[test]
fn an_rsa_key_signs_by_the_algorithms_that_are_accepted_and_never_with_sha_1() {
    let world = World::build(Remote::empty().sshd_config("LogLevel DEBUG"), &[]);
    hide_key(&world);
    let agent = TestAgent::start(&world);
    let key = rsa_key(&world, "key", "2048", "RFC4716", "");
    agent.holds(&key);
    authorize(&world, &key);
    let identity = format!("-oIdentityFile={}", key.display());
    for (words, accepted, algorithm) in [
        ([agent.word(), String::new()], "", Some("rsa-sha2-512")),
        ([agent.word(), String::new()], "-oPubkeyAcceptedAlgorithms=rsa-sha2-256", Some("rsa-sha2-256")),
        ([identity.clone(), String::new()], "-oPubkeyAcceptedAlgorithms=rsa-sha2-256", Some("rsa-sha2-256")),
        (
            [identity.clone(), agent.word()],
            "-oPubkeyAcceptedAlgorithms=rsa-sha2-256,rsa-sha2-512",
            Some("rsa-sha2-256"),
        ),
        ([agent.word(), identity.clone()], "-oPubkeyAcceptedAlgorithms=ssh-rsa", None),
    ] {
        let before = world.log().len();
        let words: Vec<&str> =
            words.iter().map(String::as_str).chain([accepted]).filter(|word| !word.is_empty()).collect();
        let outcome = connect(&world, &words, &mut Person::absent());
        assert_eq!(outcome.is_ok(), algorithm.is_some(), "{words:?}");
        let log = world.log().split_off(before);
        let used: Vec<_> = log.split("pkalg ").skip(1).filter_map(|rest| rest.split(' ').next()).collect();
        assert!(used.iter().all(|used| Some(*used) == algorithm || used.contains("ed25519")), "{words:?}: {used:?}");
    }
}

#[test]
fn a_short_rsa_key_is_passed_over_whatever_it_lies_in() {
    let world = over_sshd();
    hide_key(&world);
    let agent = TestAgent::start(&world);
    let held = rsa_key(&world, "held", "2048", "RFC4716", "");
    agent.holds(&held);
    let bare = |name: &str, form: &str, phrase: &str| {
        let key = rsa_key(&world, name, "2048", form, phrase);
        authorize(&world, &key);
        fs::copy(key.with_extension("pub"), world.root().join(format!("{name}.authorized"))).unwrap();
        fs::remove_file(key.with_extension("pub")).unwrap();
        format!("-oIdentityFile={}", key.display())
    };
    let cases = [
        ("held", agent.word()),
        ("plain", bare("plain", "PEM", "")),
        ("wrapped", bare("wrapped", "PKCS8", "phrase")),
        ("new", bare("new", "RFC4716", "phrase")),
    ];
    for (name, word) in &cases {
        let public = world.root().join(format!("{name}.{}", if *name == "held" { "pub" } else { "authorized" }));
        fs::copy(public, world.root().join("sshd/authorized_keys")).unwrap();
        let mut person = Person::answering(["phrase"]);
        connect(&world, &[word], &mut person).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut person = Person::answering(["phrase"]);
        refusal(&world, &[word, "-oRequiredRSASize=3072"], &mut person);
        assert!(person.details().contains("RequiredRSASize is 3072"), "{name}: {}", person.details());
    }
}
