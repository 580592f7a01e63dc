//! The user's ssh configuration as we read it: from the machine's `ssh -G`, whose output has no quotes, and without
//! an ssh program.

use crate::support::{Embedded, Entry, Remote, Shell, World, detach, generate_key, leftovers, program};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

/// Inserts a line before all others in our configuration.
fn configure(world: &World, line: &[u8]) {
    let before = fs::read(world.ssh_config()).unwrap();
    fs::write(world.ssh_config(), [line, b"\n", &before].concat()).unwrap();
}

/// A server that is known with another key, in a file of this name in our home directory.
fn known_wrongly_in(name: &OsStr) -> Shell {
    Shell::on(Remote::empty().over_ssh().unknown_to_us()).prepare(|world| {
        let stranger = world.root().join("stranger");
        generate_key(&stranger, "ed25519");
        let key = fs::read_to_string(stranger.with_extension("pub")).unwrap();
        let file = world.home().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, format!("[127.0.0.1]:{} {key}", world.sshd().port())).unwrap();
    })
}

/// Names that `ssh -G` prints in an ambiguous form.
const ODD_NAMES: [&[u8]; 6] = [b"a b/known hosts", b"ends with one ", b"two  blanks", b"\xff\xfe", b"100%h", b"~"];

// difference: blanks-in-paths
#[test]
fn known_hosts_are_found_whatever_the_file_is_called() {
    for name in ODD_NAMES {
        // Both through a variable, whose value ssh takes literally, and directly, with percent signs doubled.
        for by_variable in [true, false] {
            let name = OsStr::from_bytes(name);
            let shell = known_wrongly_in(name);
            let file = shell.world().home().join(name);
            let written = if by_variable { b"${ODD}".to_vec() } else { doubled_percent(file.as_os_str().as_bytes()) };
            shell
                .prepare(|world| configure(world, &[b"UserKnownHostsFile \"", &written[..], b"\""].concat()))
                .env("ODD", file)
                .with_args(["-oStrictHostKeyChecking=accept-new"])
                .types("pwd")
                .exits(255)
                .stdout_is("")
                .reports("WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!");
        }
    }
}

fn doubled_percent(name: &[u8]) -> Vec<u8> {
    name.iter().flat_map(|&byte| [byte].repeat(if byte == b'%' { 2 } else { 1 })).collect()
}

#[test]
fn a_new_key_goes_to_the_file_that_is_named() {
    let shell = Shell::on(Remote::empty().over_ssh().unknown_to_us());
    let file = shell.world().home().join("a b/known hosts");
    let option = format!("-oUserKnownHostsFile=\"{}\"", file.display());
    let outcome = shell.with_args(["-oStrictHostKeyChecking=accept-new", &option]).types("pwd").succeeds();
    assert!(fs::read_to_string(&file).is_ok_and(|text| text.contains("ssh-ed25519")));
    outcome.reports("Warning: Permanently added '[127.0.0.1]:PORT' (ED25519) to the list of known hosts.");
}

/// Runs with an ssh configuration that would run a command or disable the check of host keys, and checks that it is
/// refused first.
fn refused_before_anything_happens(shell: Shell, said: &str) {
    let touched = shell.world().root().join("touched");
    shell.types("pwd").exits(255).stdout_is("").reports(said);
    assert!(!touched.exists());
}

// difference: control-characters-for-ssh
#[test]
fn a_line_break_never_becomes_a_setting() {
    let touch = |shell: &Shell| format!("x\nproxycommand touch {}", shell.world().root().join("touched").display());
    for flag in ["-i", "-c", "-J", "-oIdentityFile=", "-oHostKeyAlias=", "-oUserKnownHostsFile="] {
        let shell = Shell::on(Remote::empty().over_ssh());
        let word = format!("{flag}{}", touch(&shell));
        refused_before_anything_happens(shell.with_args([word]), "an option for ssh holds a control character: ");
    }
    let shell = Shell::on(Remote::empty().over_ssh().unknown_to_us());
    let word = "-oHostName=\"127.0.0.1\nstricthostkeychecking no\"";
    refused_before_anything_happens(shell.with_args([word]), "an option for ssh holds a control character: ");
    for keyword in ["UserKnownHostsFile", "IdentityAgent", "ControlPath", "IdentityFile", "CertificateFile"] {
        let shell = Shell::on(Remote::empty().over_ssh());
        let value = touch(&shell);
        let shell = shell.with_args([format!("-o{keyword}=${{ODD}}")]).env("ODD", value);
        // We expand what ssh does not expand itself.
        let keyword = if keyword.ends_with("File") && !keyword.starts_with("User") { keyword } else { &lower(keyword) };
        let said = format!(
            "{keyword} in the ssh configuration uses ${{ODD}}, but the variable ODD holds a line break or another control \
             character: set it to a value without one\n"
        );
        refused_before_anything_happens(shell, &said);
    }
}

/// Returns the keyword as `ssh -G` prints it, in lower case.
fn lower(keyword: &str) -> String {
    keyword.to_ascii_lowercase()
}

/// Options with missing, unprotected or invalid keys, and with tokens and variables in file names.
const KEYS_AND_TOKENS: &[&[&str]] = &[
    &["-i", "missing", "-i", "good"],
    &["-i", "50%home"],
    &["-i", "50%home", "-i", "good"],
    &["-i", "%z", "-i", "good"],
    &["-i", "x%%y", "-i", "good"],
    &["-i", "${ODD}/x", "-i", "good"],
    &["-i", "~no-such-user/x", "-i", "good"],
    &["-i", "", "-i", "good"],
    &["-i", "open", "-i", "good"],
    &["-oIdentityFile=missing"],
    &["-oIdentityFile=missing", "-oIdentityFile=good"],
    &["-oIdentityFile=good", "-oIdentityFile=missing"],
    &["-oIdentityFile=good", "-oIdentityFile=garbage"],
    &["-oIdentityFile=good", "-oIdentityFile=open"],
    &["-oIdentityFile=missing", "-oPubkeyAuthentication=no"],
    &["-oIdentityFile=~no-such-user/x"],
    &["-oIdentityFile=%z"],
    &["-oIdentityFile=x%"],
    &["-oIdentityFile=${UNSET}/x"],
    &["-oIdentityFile=${HOME"],
    &["-oCertificateFile=%z"],
    &["-oIdentityAgent=%z"],
    &["-oIdentityAgent=${UNSET}"],
    &["-oUserKnownHostsFile=${UNSET}/x"],
    &["-oProxyCommand=nc %z"],
    &["-oProxyCommand=nc %"],
    &["-oHostName=%z"],
    &["-oUser=%z", "-i", "good"],
];

/// Creates the local files named in `KEYS_AND_TOKENS`. The configuration has no key.
fn lay_out_keys(world: &World) {
    fs::set_permissions(world.local().join("garbage"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::copy(world.home().join(".ssh/id_ed25519"), world.local().join("good")).unwrap();
    fs::copy(world.home().join(".ssh/id_ed25519"), world.local().join("open")).unwrap();
    fs::set_permissions(world.local().join("open"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(world.local().join("good"), fs::Permissions::from_mode(0o600)).unwrap();
    // An existing file, but under a name other than its expanded one.
    fs::copy(world.local().join("good"), world.local().join("50%home")).unwrap();
    let config = fs::read_to_string(world.ssh_config()).unwrap().replace("IdentityFile", "#");
    fs::write(world.ssh_config(), config).unwrap();
}

/// Returns the exit code and then the lines of stderr of a program that must not ask.
fn said_by(program: &Path, world: &World, words: &[&str]) -> (Option<i32>, String) {
    let mut command = world.command(program);
    command.arg("-F").arg(world.ssh_config()).arg("-oBatchMode=yes").args(words).arg("server");
    command.stdin(Stdio::null());
    detach(&mut command);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).replace('\r', ""))
}

#[test]
fn what_ssh_says_about_keys_and_tokens_we_say_too_line_by_line() {
    let world = World::build(Remote::empty().over_ssh(), &["garbage", "open", "a%home"].map(Entry::from));
    lay_out_keys(&world);
    for words in KEYS_AND_TOKENS {
        let (their_code, theirs) = said_by(Path::new("sftp"), &world, words);
        let (our_code, ours) = said_by(&program(), &world, words);
        let seen = format!("{words:?}\nsftp:\n{theirs}\nwe:\n{ours}");
        assert_eq!(leftovers(&theirs, &ours, &[]), Vec::<&str>::new(), "{seen}");
        assert_eq!(our_code, their_code, "{seen}");
    }
}

/// A machine without an ssh program.
fn without_ssh(shell: Shell) -> Shell {
    let empty = shell.world().root().join("empty");
    fs::create_dir(&empty).unwrap();
    shell.env("PATH", empty)
}

/// A server that accepts a password, which is in a file.
fn with_a_password() -> Shell {
    let shell = Shell::on(Remote::empty().served_by(Embedded::new().password("secret")));
    let file = shell.world().root().join("password");
    fs::write(&file, "secret\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    shell.with_args([OsString::from("--password-file"), file.into()])
}

#[test]
fn without_ssh_the_first_value_counts() {
    without_ssh(with_a_password()).types("pwd").succeeds();
    let shell = with_a_password().prepare(|world| {
        configure(world, b"Host *\nPasswordAuthentication no\nPasswordAuthentication yes\nHost *");
    });
    without_ssh(shell).types("pwd").exits(255).reports("Permission denied");
}

// difference: without-ssh
#[test]
fn without_ssh_what_only_ssh_could_do_is_refused() {
    for (line, said) in [
        ("CanonicalizeHostname yes", "CanonicalizeHostname is not supported here: yes"),
        ("Match exec true", "line 1: Match takes an ssh program, and there is none in PATH"),
        ("RevokedHostKeys /etc/krl", "RevokedHostKeys is not supported here: /etc/krl"),
        ("FooBar yes", "line 1: Bad configuration option: foobar"),
    ] {
        let shell = Shell::on(Remote::empty().over_ssh()).prepare(|world| configure(world, line.as_bytes()));
        without_ssh(shell).types("pwd").exits(255).stdout_is("").reports(said);
    }
}

#[test]
fn without_ssh_a_known_host_and_a_key_are_enough() {
    let shell = without_ssh(Shell::on(Remote::empty().over_ssh()));
    shell.types("pwd").succeeds().quietly();
    let shell = without_ssh(known_wrongly_in(OsStr::new("a b")));
    let option = format!("-oUserKnownHostsFile=\"{}\"", shell.world().home().join("a b").display());
    shell.with_args([option]).exits(255).reports("WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!");
}
