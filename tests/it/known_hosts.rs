//! Generated known_hosts files, each with every policy, for our program and the machine's ssh: is the host accepted,
//! may a password be sent, and what do the files contain afterwards?
//!
//! We never accept a host that ssh refuses. If we refuse one that ssh accepts, [`excuse`] names the key of
//! `docs/differences.md` that explains it.

use crate::support::{Sshd, SshdPlan, detach, generate_key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sftpsh::ssh::{self, Config, Error, HostKeyError, Notice, Questions, Request, Start, StrictHostKeyChecking};
use sha1::Sha1;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tempfile::TempDir;
use zeroize::Zeroizing;

/// The number of generated files; each is tried with four policies.
const FILES: usize = 320;

/// The number of parallel trials, each of which mostly waits for the other side.
const WORKERS: usize = 6;

const POLICIES: [(&str, StrictHostKeyChecking); 4] = [
    ("yes", StrictHostKeyChecking::Yes),
    ("ask", StrictHostKeyChecking::Ask),
    ("accept-new", StrictHostKeyChecking::AcceptNew),
    ("no", StrictHostKeyChecking::No),
];

/// The host keys of each server. The last server also has a certificate.
const SERVERS: [&[&str]; 5] = [&["ed25519", "ecdsa", "rsa"], &["rsa"], &["ecdsa"], &["ed25519"], &["ed25519"]];

/// A client's reaction to one host.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    let_in: bool,
    /// True if it would have sent a password.
    password: bool,
    /// The user's file after the trial.
    file: Vec<u8>,
    /// The messages, for a failure.
    said: String,
    /// The reason why a host that ssh accepts may be refused.
    excuse: Option<&'static str>,
}

#[test]
fn no_generated_file_lets_a_host_in_that_ssh_refuses() {
    let range = Range::new();
    let next = AtomicUsize::new(0);
    let tally: Mutex<BTreeMap<String, usize>> = Mutex::default();
    let wrong: Mutex<Vec<String>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|case| *case < FILES) {
                    let case = range.case(case);
                    for policy in POLICIES {
                        let (theirs, ours) = (range.ssh(&case, policy.0), range.us(&case, policy));
                        let outcome = format!("{} {} {}", policy.0, theirs.let_in, theirs.password);
                        *tally.lock().unwrap().entry(outcome).or_default() += 1;
                        if let Err(what) = compare(&case, &theirs, &ours) {
                            wrong.lock().unwrap().push(format!("{what}\n{}", case.told(policy.0, &theirs, &ours)));
                        }
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    let first = wrong.iter().take(3).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(wrong.is_empty(), "{} of {} differ; the first of them:\n{first}", wrong.len(), FILES * POLICIES.len());
    // A generator with no known hosts, or with known hosts only, would prove nothing.
    let tally = tally.into_inner().unwrap();
    for outcome in ["yes true true", "yes false false", "ask true true", "ask false false", "accept-new true true"] {
        assert!(tally.get(outcome).is_some_and(|count| *count >= FILES / 10), "{outcome}: {tally:?}");
    }
    for outcome in ["accept-new false false", "no true false", "no true true"] {
        assert!(tally.get(outcome).is_some_and(|count| *count >= FILES / 10), "{outcome}: {tally:?}");
    }
}

fn compare(case: &Case, theirs: &Seen, ours: &Seen) -> Result<(), String> {
    match (theirs.let_in, ours.let_in) {
        (false, true) => Err("ssh refuses the host, and we let it in".into()),
        (true, false) if ours.excuse.is_none() => Err("ssh lets the host in, and we refuse it".into()),
        (true, false) if ours.file != case.user => Err("a host that is refused is stored".into()),
        (true, false) => Ok(()),
        // ssh trusts the certificate; for us, the plain key has changed.
        _ if theirs.password && !ours.password && case.has_certificate() => Ok(()),
        _ if theirs.password != ours.password => Err("a password may be given to one and not to the other".into()),
        _ if case.with_ssh_s_addition(&theirs.file) != ours.file => Err("the files differ afterwards".into()),
        _ => Ok(()),
    }
}

/// Returns the key of `docs/differences.md` for a host that we refuse and ssh accepts.
fn excuse(case: &Case, error: &HostKeyError) -> Option<&'static str> {
    match error {
        HostKeyError::Revoked { .. } => Some("revoked-keys"),
        HostKeyError::Changed { .. } | HostKeyError::Unknown { .. } | HostKeyError::Declined { .. }
            if case.has_certificate() =>
        {
            Some("host-certificates")
        }
        _ => None,
    }
}

// difference: revoked-keys
#[test]
fn every_excuse_is_among_the_differences() {
    let page = include_str!("../../docs/differences.md");
    for key in ["revoked-keys", "host-certificates", "known-hosts-newline"] {
        assert!(page.contains(&format!("\n- `{key}`: ")), "{key}");
    }
}

/// One or two generated files, and the server they are about.
struct Case {
    number: usize,
    server: usize,
    name: Name,
    user: Vec<u8>,
    global: Vec<u8>,
}

/// The names of the host.
#[derive(Clone, Debug)]
struct Name {
    /// The name to which clients connect.
    host: &'static str,
    alias: Option<&'static str>,
    /// The name in known_hosts.
    written: String,
    /// The name without its port.
    bare: String,
}

impl Case {
    /// Returns whether the server has a certificate, which ssh checks and we ignore.
    fn has_certificate(&self) -> bool {
        self.server == SERVERS.len() - 1
    }

    /// Returns the file with ssh's additions on lines of their own: ssh appends to a last line without a newline
    /// (`known-hosts-newline`).
    fn with_ssh_s_addition(&self, file: &[u8]) -> Vec<u8> {
        match file.strip_prefix(&self.user[..]) {
            Some(added) if !added.is_empty() && !self.user.is_empty() && !self.user.ends_with(b"\n") => {
                [&self.user[..], b"\n", added].concat()
            }
            _ => file.to_vec(),
        }
    }

    fn told(&self, policy: &str, theirs: &Seen, ours: &Seen) -> String {
        let tell = |seen: &Seen| {
            format!("let in {}, password {}, file:\n{}\n{}", seen.let_in, seen.password, shown(&seen.file), seen.said)
        };
        format!(
            "case {} policy {policy} for {:?} on a server of {:?}\n--- user's file\n{}\n--- global file\n{}\n--- ssh: {}\n--- we: {}",
            self.number,
            self.name,
            SERVERS[self.server],
            shown(&self.user),
            shown(&self.global),
            tell(theirs),
            tell(ours)
        )
    }
}

fn shown(text: &[u8]) -> String {
    text.escape_ascii().to_string().replace("\\n", "\\n\n")
}

/// The servers, and keys that belong to none of them.
struct Range {
    servers: Vec<Sshd>,
    keys: Vec<String>,
    strangers: Vec<String>,
    config: Config,
    directory: TempDir,
}

impl Range {
    fn new() -> Range {
        let directory = tempfile::Builder::new().prefix("sftpsh-test-").tempdir().unwrap();
        let root = directory.path();
        let user = root.join("user");
        generate_key(&user, "ed25519");
        let strangers = ["ed25519", "ecdsa", "rsa"].map(|kind| {
            let file = root.join(format!("stranger_{kind}"));
            generate_key(&file, kind);
            key_in(&file.with_extension("pub"))
        });
        let servers: Vec<Sshd> = SERVERS
            .iter()
            .enumerate()
            .map(|(number, kinds)| {
                let home = root.join(format!("sshd{number}"));
                let mut lines = vec!["PasswordAuthentication yes".to_owned()];
                if number == SERVERS.len() - 1 {
                    lines.extend(certified_key(&home, &root.join("stranger_ed25519")));
                }
                let host_keys = if lines.len() > 1 { &[][..] } else { kinds };
                let host_keys = host_keys.iter().map(ToString::to_string).collect();
                let plan = SshdPlan { lines, host_keys, known: false };
                Sshd::start(&plan, &home, &user.with_extension("pub"), "internal-sftp")
            })
            .collect();
        let keys: Vec<String> = servers
            .iter()
            .flat_map(|server| server.host_keys())
            .filter(|key| !key.contains("-cert-"))
            .map(|key| key.split(' ').take(2).collect::<Vec<_>>().join(" "))
            .collect();
        let config = configuration();
        Range { servers, keys, strangers: strangers.into(), config, directory }
    }

    fn case(&self, number: usize) -> Case {
        let mut dice = Dice::new(number);
        // Half of all servers have all key types, like most real ones.
        let server = if dice.one_in(2) { 0 } else { dice.below(SERVERS.len()) };
        let port = self.servers[server].port();
        let name = match dice.below(5) {
            0 => Name {
                host: "127.0.0.1",
                alias: Some("h.example"),
                written: "h.example".into(),
                bare: "h.example".into(),
            },
            1 => Name {
                host: "127.0.0.1",
                alias: Some("H.Example"),
                written: "h.example".into(),
                bare: "h.example".into(),
            },
            2 => Name {
                host: "localhost",
                alias: None,
                written: format!("[localhost]:{port}"),
                bare: "localhost".into(),
            },
            _ => Name {
                host: "127.0.0.1",
                alias: None,
                written: format!("[127.0.0.1]:{port}"),
                bare: "127.0.0.1".into(),
            },
        };
        let shown: Vec<&String> = {
            let of_server = self.servers[server].host_keys();
            self.keys.iter().filter(|key| of_server.iter().any(|own| own.starts_with(*key))).collect()
        };
        let lines = dice.below(5) + usize::from(!dice.one_in(12));
        let mut files = [Vec::new(), Vec::new()];
        let split = dice.one_in(4);
        for _ in 0..lines {
            let file = usize::from(split && dice.one_in(2));
            files[file].extend(line(&mut dice, &name, &shown, &self.strangers));
        }
        let [mut user, global] = files;
        if dice.one_in(6) && user.ends_with(b"\n") {
            user.pop();
        }
        Case { number, server, name, user, global }
    }

    /// Writes the files for one client.
    fn files(&self, case: &Case, who: &str) -> [PathBuf; 2] {
        let file = |kind: &str| self.directory.path().join(format!("{kind}-{}-{who}", case.number));
        let files = [file("user"), file("global")];
        fs::write(&files[0], &case.user).unwrap();
        fs::write(&files[1], &case.global).unwrap();
        files
    }

    /// Runs the machine's ssh, which sends no password but reports when it would.
    fn ssh(&self, case: &Case, policy: &str) -> Seen {
        let [user, global] = self.files(case, &format!("ssh-{policy}"));
        let mut command = Command::new("ssh");
        command.args(["-v", "-F", "/dev/null", "-4", "-l", "nobody-here", "-p"]);
        command.arg(self.servers[case.server].port().to_string());
        for option in ["PreferredAuthentications=password", "NumberOfPasswordPrompts=0", "ConnectTimeout=60"] {
            command.arg(format!("-o{option}"));
        }
        // The fastest one, because there are many runs.
        command.args(["-oKexAlgorithms=curve25519-sha256", "-oUpdateHostKeys=no"]);
        command.arg(format!("-oUserKnownHostsFile={}", user.display()));
        command.arg(format!("-oGlobalKnownHostsFile={}", global.display()));
        command.arg(format!("-oStrictHostKeyChecking={policy}"));
        command.args(case.name.alias.map(|alias| format!("-oHostKeyAlias={alias}")));
        command.args(["--", case.name.host, "true"]);
        command.env_remove("SSH_ASKPASS").env_remove("DISPLAY").env_remove("SSH_ASKPASS_REQUIRE").stdin(Stdio::null());
        detach(&mut command);
        let said = String::from_utf8_lossy(&command.output().unwrap().stderr).into_owned();
        let let_in = said.contains("Permission denied (");
        assert!(
            let_in || said.contains("Host key verification failed."),
            "case {}: ssh ends otherwise:\n{said}",
            case.number
        );
        let password = said.contains("Next authentication method: password");
        let said = said.lines().filter(|line| !line.starts_with("debug1:")).collect::<Vec<_>>().join("\n");
        Seen { let_in, password, file: fs::read(user).unwrap(), said, excuse: None }
    }

    /// Runs our client.
    fn us(&self, case: &Case, policy: (&str, StrictHostKeyChecking)) -> Seen {
        let [user, global] = self.files(case, &format!("us-{}", policy.0));
        let config = Config {
            host: case.name.host.to_owned(),
            port: self.servers[case.server].port(),
            host_key_alias: case.name.alias.map(str::to_owned),
            user_known_hosts: vec![user.clone()],
            global_known_hosts: vec![global],
            strict_host_key_checking: policy.1,
            ..self.config.clone()
        };
        let mut nobody = Reluctant::default();
        let start = Start::Subsystem("sftp".to_owned());
        let opened = ssh::dial(&config).and_then(|socket| ssh::open(&config, socket, &start, &mut None, &mut nobody));
        let error = opened.expect_err("no password was given");
        let mut seen = Seen {
            let_in: matches!(error, Error::PermissionDenied { .. }),
            password: nobody.wanted_password,
            file: fs::read(user).unwrap(),
            said: format!("{}\n{error}", nobody.shown.join("\n")),
            excuse: None,
        };
        match &error {
            Error::HostKey(error) => seen.excuse = excuse(case, error),
            error => assert!(seen.let_in, "case {}: we end otherwise: {error}", case.number),
        }
        seen
    }
}

/// Answers no, gives no password, and records that one was wanted.
#[derive(Default)]
struct Reluctant {
    wanted_password: bool,
    shown: Vec<String>,
}

impl Questions for Reluctant {
    fn can_ask(&self) -> bool {
        true
    }

    fn ask(&mut self, _question: &str) -> Option<String> {
        Some("no".to_owned())
    }

    fn secret(&mut self, _question: &str) -> Option<Zeroizing<String>> {
        self.wanted_password = true;
        None
    }

    fn show(&mut self, notice: Notice) {
        if let Notice::Information(line) | Notice::Warning(line) = notice {
            self.shown.push(line);
        }
    }
}

/// Returns our configuration without the settings of a case.
fn configuration() -> Config {
    let words = ["-4", "-oUser=nobody-here", "-oPreferredAuthentications=password", "-oNumberOfPasswordPrompts=1"];
    let mut arguments: Vec<OsString> = vec!["-F".into(), "/dev/null".into()];
    arguments.extend(words.into_iter().chain(["-oIdentityAgent=none", "-G", "--", "127.0.0.1"]).map(OsString::from));
    let request = Request { arguments: &arguments, host: "127.0.0.1" };
    Config::resolve(request, &mut Reluctant::default()).unwrap()
}

fn key_in(file: &Path) -> String {
    fs::read_to_string(file).unwrap().split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Creates a host key with a certificate of `authority` for all our names. Returns the server's configuration lines
/// for it.
fn certified_key(directory: &Path, authority: &Path) -> [String; 2] {
    fs::create_dir_all(directory).unwrap();
    let key = directory.join("host_certified");
    generate_key(&key, "ed25519");
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-h", "-I", "host", "-n", "127.0.0.1,localhost,h.example", "-s"])
        .args([authority, &key.with_extension("pub")])
        .status();
    assert!(signed.unwrap().success());
    [format!("HostKey {}", key.display()), format!("HostCertificate {}-cert.pub", key.display())]
}

/// Random numbers that are equal in each run.
struct Dice(u64);

impl Dice {
    fn new(number: usize) -> Dice {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (number as u64).wrapping_mul(0xbf58_476d_1ce4_e5b9));
        dice.below(2);
        dice
    }

    /// Splitmix64.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }
}

/// Generates a line, including its end.
fn line(dice: &mut Dice, name: &Name, shown: &[&String], strangers: &[String]) -> Vec<u8> {
    let end = if dice.one_in(6) { "\r\n" } else { "\n" };
    if dice.one_in(10) {
        let scrap = *dice.of(&[
            "# a comment",
            "",
            "   ",
            "\t#",
            "garbage",
            "a b",
            "h.example ssh-ed25519",
            "@revoked",
            "@ x y z",
        ]);
        return format!("{scrap}{end}").into_bytes();
    }
    let marker = match dice.below(24) {
        0..=2 => "@revoked ",
        3 | 4 => "@cert-authority ",
        5 => *dice.of(&["@revoked\t", "@REVOKED ", "@revoked @revoked ", "@other ", "@"]),
        _ => "",
    };
    let separator = *dice.of(&[" ", " ", " ", "\t", "  ", " \t "]);
    let comment = *dice.of(&["", "", " me@here", "\ta comment of words", " #", "\r"]);
    let indent = if dice.one_in(8) { *dice.of(&[" ", "\t", "\r", "\x0b"]) } else { "" };
    let key = key(dice, shown, strangers).replacen(' ', separator, 1);
    let mut line = format!("{indent}{marker}{}{separator}{key}{comment}{end}", hosts(dice, name)).into_bytes();
    if dice.one_in(30) {
        let at = dice.below(line.len());
        line.insert(at, *dice.of(&[0, 0x0b, 0x0c, b'\r', 0xff, b' ', b'=']));
    }
    line
}

fn key(dice: &mut Dice, shown: &[&String], strangers: &[String]) -> String {
    let good = match dice.below(10) {
        0..=4 => (*dice.of(shown)).clone(),
        _ => dice.of(strangers).clone(),
    };
    if !dice.one_in(7) {
        return good;
    }
    let (kind, blob) = good.split_once(' ').unwrap();
    let bytes = STANDARD.decode(blob).unwrap();
    match dice.below(8) {
        0 => format!("{kind} {}", &blob[..blob.len() - 1 - dice.below(4)]),
        1 => format!("{kind} {}", STANDARD.encode([&bytes[..], b"more"].concat())),
        2 => format!("{kind} {}", STANDARD.encode(&bytes[..bytes.len() - 1])),
        3 => {
            format!("{} {blob}", dice.of(&["ssh-ed25519", "ssh-rsa", "rsa-sha2-512", "rsa-sha2-256", "ssh-foo", "RSA"]))
        }
        4 => format!("{kind} {}\r{}", &blob[..10], &blob[10..]),
        5 => {
            format!("ssh-foo {}", STANDARD.encode([&7u32.to_be_bytes()[..], b"ssh-foo", &0u32.to_be_bytes()].concat()))
        }
        6 => format!("{kind} {}", blob.to_ascii_lowercase()),
        _ => format!("{kind}-cert-v01@openssh.com {blob}"),
    }
}

fn hosts(dice: &mut Dice, name: &Name) -> String {
    let Name { written, bare, .. } = name;
    let one = if dice.one_in(4) { bare } else { written };
    let most = &one[..one.len() - 1];
    let last = &one[one.len() - 1..];
    match dice.below(26) {
        0..=7 => one.clone(),
        8 => one.to_ascii_uppercase(),
        9 => format!("{most}?"),
        10 => format!("{most}*"),
        11 => format!("*{last}"),
        12 => {
            dice.of(&["*", "[*]:*", "?*", "**", "[127.0.0.*]:*", "127.0.0.*", "h.*", "localhost,127.0.0.1"]).to_string()
        }
        13 => format!("!{one},*"),
        14 => format!("*,!{one}"),
        15 => format!("!other.example,{one}"),
        16 => format!("!!{one},*"),
        17 => format!(",{one},,"),
        18 => format!("other.example,{one}"),
        19 | 20 => hashed(one, 20),
        21 => match dice.below(6) {
            0 => hashed(one, 19),
            1 => hashed(one, 21),
            2 => hashed(&one.to_ascii_uppercase(), 20),
            3 => hashed(one, 20).replace("|1|", "|2|"),
            4 => hashed(one, 20).trim_end_matches('=').to_owned(),
            _ => format!("{},{one}", hashed("other.example", 20)),
        },
        22 => format!("{one},{}", "x".repeat(*dice.of(&[1022, 1023, 2000]))),
        23 => format!("!{},{one}", "*".repeat(*dice.of(&[1022, 1023]))),
        24 => "other.example".to_owned(),
        _ => format!("{one}{}", dice.of(&["\x0b", ".", "x", "\u{e9}", "'", "\""])),
    }
}

fn hashed(name: &str, salt_bytes: usize) -> String {
    let salt = vec![7; salt_bytes];
    let mut mac = Hmac::<Sha1>::new_from_slice(&salt).unwrap();
    mac.update(name.as_bytes());
    format!("|1|{}|{}", STANDARD.encode(&salt), STANDARD.encode(mac.finalize().into_bytes()))
}
