//! Sources of a password: a file, a command, an askpass program, the user, or none of them.

use crate::support::embedded::Round;
use crate::support::{Embedded, Key, Relay, Remote, Shell, World, generate_encrypted_key};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const QUESTION: &str = "joe@127.0.0.1's password: ";
const DENIED: &str = "joe@127.0.0.1: Permission denied (password).";

fn served_by(embedded: Embedded) -> Shell {
    Shell::on(Remote::empty().served_by(embedded)).with_args(["-oUser=joe"])
}

fn shell() -> Shell {
    served_by(Embedded::new().password("two words"))
}

fn file(path: &Path, mode: u32, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Uses a password file with this content.
fn with_password(shell: Shell, mode: u32, text: &str) -> Shell {
    shell.prepare(|world| file(&world.local().join("secret"), mode, text)).with_args(["--password-file", "secret"])
}

/// Uses an askpass program that records the question and prints this answer.
fn with_askpass(shell: Shell, answer: &str) -> Shell {
    let program = shell.world().home().join("asker");
    let script = format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >> \"$HOME/asked\"\n{answer}\n");
    // Another test that starts its program at this moment must not keep this file open for writing.
    file(&program, 0o700, "#!/bin/sh\nexec /bin/sh \"$0.text\" \"$@\"\n");
    file(&program.with_extension("text"), 0o600, &script);
    shell.env("SSH_ASKPASS", program)
}

// difference: password-givers
#[test]
fn a_file_answers_even_in_a_batch() {
    for text in ["two words\n", "two words", "two words\r\nmore\n"] {
        with_password(shell(), 0o600, text).types("mkdir a").as_batch().succeeds().stderr_is("").remote_has("a");
    }
    with_password(shell(), 0o400, "two words").types("mkdir a").succeeds().remote_has("a");
}

#[test]
fn a_file_answers_the_servers_own_question_for_a_password_and_no_other() {
    let asks = |question: &str| {
        let prompts = vec![(question.to_owned(), false, "two words".to_owned())];
        served_by(Embedded::new().keyboard_interactive([Round { prompts, ..Round::default() }]))
    };
    with_password(asks("Password: "), 0o600, "two words").types("mkdir a").as_batch().succeeds().remote_has("a");
    with_password(asks("One-time code: "), 0o600, "two words").as_batch().exits(255);
}

#[test]
fn a_wrong_password_is_given_once() {
    let outcome = with_password(shell(), 0o600, "wrong").as_batch().exits(255);
    outcome.complains(&[DENIED]);
    with_password(shell(), 0o600, "wrong")
        .at_a_terminal()
        .answers(QUESTION, "two words")
        .types("bye")
        .ends_with(0)
        .prints("Permission denied, please try again.");
}

#[test]
fn a_file_that_others_may_read_is_refused_before_anything_is_connected() {
    for mode in [0o644, 0o640, 0o602] {
        with_password(shell(), mode, "two words")
            .exits(255)
            .stdout_is("")
            .stderr_is(&format!("--password-file secret: its permissions 0{mode:o} are too open\n"));
    }
    with_password(shell(), 0o600, "\n").exits(255).stderr_is("--password-file secret: its first line is empty\n");
    let missing = shell().with_args(["--password-file", "nothing"]).exits(255);
    missing.stderr_is("--password-file nothing: No such file or directory\n");
}

// difference: password-givers
#[test]
fn a_command_prints_the_password() {
    let command = |line: &str| shell().env("SFTPSH_PASSWORD_COMMAND", line);
    command("printf '%s\\n' 'two words'").types("mkdir a").as_batch_on_stdin().succeeds().remote_has("a");
    command("sh -c 'echo two words; cat'").types("mkdir a").as_batch_on_stdin().succeeds().remote_has("a");
    command("sh -c 'echo two words; exit 1'")
        .as_batch()
        .exits(255)
        .complains(&["SFTPSH_PASSWORD_COMMAND: the command failed", DENIED]);
}

#[test]
fn a_program_asks_where_no_terminal_is() {
    let asked = |display: &str| with_askpass(shell(), "echo two words; cat").env("DISPLAY", display).types("mkdir a");
    let outcome = asked(":0").succeeds().remote_has("a");
    let question = fs::read_to_string(outcome.the_world().home().join("asked")).unwrap();
    assert_eq!(question, format!("{QUESTION}\n"));
    asked("").exits(255).remote_lacks("a");
    asked("").env("SSH_ASKPASS_REQUIRE", "force").succeeds().remote_has("a");
    asked(":0").env("SSH_ASKPASS_REQUIRE", "never").exits(255);
    // A batch never asks.
    let outcome = asked(":0").as_batch().exits(255);
    assert!(!outcome.the_world().home().join("asked").exists());
    let lines = |world: &World| fs::write(world.local().join("lines"), "mkdir b\n").unwrap();
    asked(":0").prepare(lines).with_args(["-oBatchMode=no", "-b", "lines"]).succeeds().remote_has("b");
    with_askpass(shell(), "exit 1").env("DISPLAY", ":0").exits(255).complains(&[DENIED]);
    shell()
        .env("DISPLAY", ":0")
        .env("SSH_ASKPASS", "/no/such")
        .exits(255)
        .reports("ssh_askpass: exec(/no/such): No such file or directory\n");
}

#[test]
fn a_program_is_preferred_to_the_terminal_when_that_is_required() {
    let terminal = with_askpass(shell(), "echo two words").env("SSH_ASKPASS_REQUIRE", "force").at_a_terminal();
    terminal.at_the_prompt().types("bye").ends_with(0);
    let asker = |require: &str| {
        with_askpass(shell(), "echo two words").env("DISPLAY", ":0").env("SSH_ASKPASS_REQUIRE", require)
    };
    asker("prefer").at_a_terminal().at_the_prompt().types("bye").ends_with(0);
    // Without a display, its question would be invisible.
    let terminal = asker("prefer").env("DISPLAY", "").at_a_terminal();
    terminal.answers(QUESTION, "two words").types("bye").ends_with(0);
    for require in ["", "never"] {
        asker(require).at_a_terminal().answers(QUESTION, "two words").types("bye").ends_with(0);
    }
}

#[test]
fn questions_go_to_the_terminal_wherever_stdin_and_stderr_go() {
    let piped = |options: &[&str]| {
        let shell = shell().prepare(|world| fs::write(world.local().join("lines"), "mkdir a\n").unwrap());
        shell.after("exec <lines 2>said").with_args(options).at_a_terminal()
    };
    piped(&[]).answers(QUESTION, "two words").ends_with(0).remote_has("a");
    piped(&["-oBatchMode=no", "-b", "-"]).answers(QUESTION, "two words").ends_with(0).remote_has("a");
    for options in [&["-b", "-"][..], &["--strict"], &["-b", "-", "-oBatchMode=no"]] {
        piped(options).ends_with(255).stdout_is("").remote_lacks("a");
    }
}

#[test]
fn a_program_is_asked_about_an_unknown_host() {
    let shell = Shell::on(Remote::empty().over_ssh().unknown_to_us());
    let outcome = with_askpass(shell, "echo yes").env("DISPLAY", ":0").types("mkdir a").succeeds().remote_has("a");
    let question = fs::read_to_string(outcome.the_world().home().join("asked")).unwrap();
    assert!(question.starts_with("The authenticity of host '[127.0.0.1]:"), "{question}");
    assert!(
        question.ends_with("\nAre you sure you want to continue connecting (yes/no/[fingerprint])? \n"),
        "{question}"
    );
}

#[test]
fn a_batch_asks_at_no_terminal_unless_batch_mode_was_switched_off_before() {
    let at_a_terminal = |options: &[&str]| {
        let shell = shell().prepare(|world| fs::write(world.local().join("lines"), "mkdir a\n").unwrap());
        shell.with_args(options).at_a_terminal()
    };
    at_a_terminal(&["-b", "lines"]).ends_with(255).prints(DENIED).remote_lacks("a");
    // ssh takes the first value of a setting.
    at_a_terminal(&["-b", "lines", "-oBatchMode=no"]).ends_with(255).prints(DENIED);
    at_a_terminal(&["-oBatchMode=no", "-b", "lines"]).answers(QUESTION, "two words").ends_with(0).remote_has("a");
}

#[test]
fn input_that_ends_inside_a_question_is_no_answer() {
    shell().at_a_terminal().line_is(QUESTION).presses(Key::Ctrl('d')).ends_with(255).prints(DENIED);
    let unknown = Shell::on(Remote::empty().over_ssh().unknown_to_us()).at_a_terminal();
    unknown
        .line_is("Are you sure you want to continue connecting (yes/no/[fingerprint])? ")
        .presses(Key::Ctrl('d'))
        .ends_with(255)
        .prints("Host key verification failed.");
}

#[test]
fn ctrl_c_at_a_question_is_an_interruption_and_no_refusal() {
    let asks = |prompt: &str, echo| {
        let round = Round { prompts: vec![(prompt.to_owned(), echo, "123".to_owned())], ..Round::default() };
        served_by(Embedded::new().keyboard_interactive([round]).password("two words"))
    };
    let encrypted = Shell::on(Remote::empty().over_ssh());
    let key = encrypted.world().root().join("encrypted");
    let identity = format!("-oIdentityFile={}", key.display());
    let encrypted = encrypted.with_args([identity]).prepare(move |world| {
        generate_encrypted_key(&key, "ed25519", "phrase");
        fs::copy(key.with_extension("pub"), world.root().join("sshd/authorized_keys")).unwrap();
    });
    let questions = [
        (shell(), QUESTION),
        (asks("Code: ", false), "Code: "),
        (asks("Name: ", true), "Name: "),
        (Shell::on(Remote::empty().over_ssh().unknown_to_us()), "(yes/no/[fingerprint])? "),
        (encrypted, "Enter passphrase for key "),
    ];
    for (shell, question) in questions {
        let outcome = shell.at_a_terminal().sees(question).presses(Key::Ctrl('c')).ends_with(1).prints("Interrupted");
        let outcome = outcome.prints_no("denied").prints_no("failed").prints_no("Connection closed");
        assert_eq!(outcome.stdout().matches(question).count(), 1, "{}", outcome.stdout());
    }
}

#[test]
fn ctrl_c_at_a_question_of_a_later_log_in_leaves_the_person_at_the_prompt() {
    let embedded = Embedded::new().password("two words").lets_in_once();
    let at = served_by(embedded).through(Relay::plain()).at_a_terminal().answers(QUESTION, "two words").at_the_prompt();
    at.world().line().cut();
    let at = at.types("ls").sees("Connecting again (1 of 3)").line_is(QUESTION).presses(Key::Ctrl('c'));
    let at = at.sees("Interrupted").at_the_prompt().types("lpwd").sees("Local working directory: ");
    at.types("bye").ends_with(0);
}

/// Creates programs that leave a trace when they are run, under names that are looked up in PATH.
fn traps(world: &World) {
    for place in [world.local(), world.local().join("bin")] {
        fs::create_dir_all(&place).unwrap();
        for name in ["ssh", "ssh-askpass", "sh", "trap"] {
            file(&place.join(name), 0o755, "#!/bin/sh\n: > \"$HOME/ran\"\necho two words\n");
        }
    }
}

#[test]
fn nothing_in_the_current_directory_is_run_because_of_its_name() {
    for element in ["", ".", "bin", "../local"] {
        let path = format!("{element}:{}", std::env::var("PATH").unwrap());
        let shell = |variable: &str, value: &str| {
            shell().prepare(traps).env("PATH", &path).env("DISPLAY", ":0").env(variable, value)
        };
        for shell in [
            // ssh-askpass, and ssh for the configuration.
            shell("SSH_ASKPASS", ""),
            shell("SSH_ASKPASS", "trap"),
            shell("SFTPSH_PASSWORD_COMMAND", "trap"),
            with_password(shell("SHELL", "sh"), 0o600, "two words").types("!:").types("lls"),
            shell("LANG", "C").with_args(["-S", "trap"]),
            shell("LANG", "C").with_args(["-oProxyJump=elsewhere"]),
        ] {
            let outcome = shell.run();
            assert!(!outcome.the_world().home().join("ran").exists(), "{element:?}: {}", outcome.stderr());
        }
    }
}
