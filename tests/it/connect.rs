//! From the command line to a session, or to one clear line and exit code 255.

use crate::support::{Embedded, Fault, Key, Relay, Remote, Shell, Toward, free_port, generate_key, sftp_server};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;

/// Listens on a loopback port and calls `meet` with each connection.
pub(super) fn listener(meet: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().flatten().for_each(meet));
    port
}

/// The program, configured for a port on which none of our worlds listens.
pub(super) fn led_to(port: u16) -> Shell {
    Shell::on(Remote::empty().over_ssh())
        .with_args(["-oConnectTimeout=1", "-P", &port.to_string()])
        .to(["127.0.0.1"])
        .types("pwd")
}

// fault: nobody listens
#[test]
fn nobody_listens() {
    led_to(free_port()).exits(255).complains(&["connect to host 127.0.0.1 port PORT: Connection refused"]);
}

#[test]
fn a_name_has_no_address() {
    Shell::on(Remote::empty().over_ssh())
        .to(["no-such-host.invalid"])
        .exits(255)
        .reports("Could not resolve hostname no-such-host.invalid: ")
        .stdout_is("");
}

#[test]
fn a_name_has_no_address_of_the_family_asked_for() {
    Shell::on(Remote::empty().over_ssh())
        .with_args(["-6"])
        .exits(255)
        .complains(&["Could not resolve hostname 127.0.0.1: no address of the family asked for"]);
}

// fault: another protocol
#[test]
fn another_server_than_ssh_is_told_by_what_it_says() {
    let port = listener(|mut stream| {
        let _ = stream.read(&mut [0; 64]);
        let _ = stream.write_all(b"HTTP/1.1 400 \x1b[31mBad Request\r\n");
    });
    led_to(port)
        .exits(255)
        .complains(&[r#"127.0.0.1 port PORT is not an SSH server: it says "HTTP/1.1 400 \033[31mBad Request""#]);
}

#[test]
fn a_server_that_takes_no_more_connections_is_an_ssh_server() {
    for words in ["Exceeded MaxStartups", "Not allowed at this time"] {
        let port = listener(move |mut stream| {
            let _ = stream.write_all(format!("{words}\r\n").as_bytes());
        });
        led_to(port)
            .exits(255)
            .complains(&[&format!("127.0.0.1 port PORT takes no more connections now: it says \"{words}\"")]);
    }
}

// fault: a server without a greeting
#[test]
fn a_server_that_says_nothing_is_not_waited_for_for_ever() {
    let port = listener(std::mem::forget);
    led_to(port).exits(255).complains(&["Connection to 127.0.0.1 port PORT timed out during the key exchange"]);
}

// fault: endless lines before the greeting
#[test]
fn a_server_that_never_comes_to_the_point_is_not_waited_for_for_ever() {
    let port = listener(|mut stream| while stream.write_all(b"Welcome, welcome, welcome\r\n").is_ok() {});
    led_to(port).exits(255).reports("127.0.0.1 port PORT");
}

#[test]
fn a_server_hangs_up_at_once() {
    let port = listener(drop);
    led_to(port).exits(255).complains(&["Connection closed by 127.0.0.1 port PORT during the key exchange"]);
}

// fault: reset after the greeting
// fault: cut in the key exchange
// fault: cut in the login
#[test]
fn a_line_that_breaks_at_any_point_is_one_line_of_complaint() {
    for byte in [10, 300, 1500, 2500] {
        for fault in [Fault::Cut, Fault::Reset] {
            Shell::on(Remote::empty().over_ssh())
                .through(Relay::plain().at(Toward::Client, byte, fault))
                .types("pwd")
                .exits(255)
                .reports("Connection closed")
                .reports_no("panicked")
                .stdout_is("");
        }
    }
}

#[test]
fn a_bad_configuration_is_told_in_the_words_of_ssh() {
    Shell::on(Remote::empty().over_ssh())
        .with_args(["-oFoo=bar"])
        .exits(255)
        .complains(&["command-line: line 0: Bad configuration option: foo"]);
    Shell::on(Remote::empty().over_ssh())
        .with_args(["-F", "/nowhere/config"])
        .exits(255)
        .complains(&["Can't open user config file /nowhere/config: No such file or directory"]);
}

// difference: own-connection
#[test]
fn what_is_not_honoured_is_refused_with_the_way_out() {
    Shell::on(Remote::empty().over_ssh())
        .with_args(["-oRevokedHostKeys=/etc/krl"])
        .exits(255)
        .complains(&["RevokedHostKeys is not supported here: /etc/krl"]);
    Shell::on(Remote::empty().over_ssh())
        .with_args(["-c", "3des-cbc"])
        .exits(255)
        .complains(&["Ciphers allows nothing that is supported here: 3des-cbc"]);
}

#[test]
fn algorithms_are_chosen_as_asked() {
    for words in [
        ["-oCiphers=aes128-gcm@openssh.com", "-oCompression=no"],
        ["-oCiphers=aes256-ctr", "-oMACs=hmac-sha2-512-etm@openssh.com"],
        ["-oKexAlgorithms=ecdh-sha2-nistp256", "-C"],
        ["-oCiphers=aes128-ctr,aes256-ctr", "-oHostKeyAlgorithms=ssh-ed25519"],
    ] {
        Shell::on(Remote::empty().over_ssh()).with_args(words).types("pwd").succeeds().quietly();
    }
}

#[test]
fn a_server_without_anything_in_common_is_told_so() {
    let remote = Remote::empty().sshd_config("Ciphers 3des-cbc,aes128-cbc").sshd_config("MACs hmac-sha1");
    Shell::on(remote).exits(255).complains(&[
        "Unable to negotiate with 127.0.0.1 port PORT: no matching cipher found. Their offer: 3des-cbc,aes128-cbc",
    ]);
}

#[test]
fn the_program_of_s_is_run_as_ssh_would_be() {
    Shell::on(Remote::empty().over_ssh())
        .with_args(["-S", "ssh"])
        .types("pwd")
        .succeeds()
        .prints_line("Remote working directory: REMOTE");
    let shell = Shell::on(Remote::empty().over_ssh());
    let program = shell.world().root().join("as-ssh");
    fs::write(&program, "#!/bin/sh\nprintf '%s\\n' \"$@\" >&2\nexit 3\n").unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let program = program.display().to_string();
    shell.with_args(["-S", &program, "-P", "22", "-oX=Y"]).to(["me@host"]).exits(255).reports(
        "-oForwardX11 no\n-oPermitLocalCommand no\n-oClearAllForwardings yes\n-oControlMaster no\n-F\nWORLD/ssh_config\n\
         -o\nX=Y\n-oForwardAgent no\n-oPort 22\n-l\nme\n-s\n--\nhost\nsftp\n",
    );
}

#[test]
fn a_program_that_is_not_there_is_named() {
    Shell::on(Remote::empty().over_ssh())
        .with_args(["-S", "/nowhere/ssh"])
        .exits(255)
        .complains(&["cannot run /nowhere/ssh: No such file or directory"]);
    Shell::on(Remote::empty().over_ssh())
        .with_args(["-D", "/nowhere/sftp-server -e"])
        .exits(255)
        .complains(&["cannot run /nowhere/sftp-server: No such file or directory"]);
}

#[test]
fn a_subsystem_may_have_another_name_or_be_a_path() {
    Shell::on(Remote::empty().over_ssh())
        .with_args(["-s", sftp_server()])
        .types("version")
        .succeeds()
        .prints_line("SFTP protocol version 3");
    Shell::on(Remote::empty().over_ssh())
        .with_args(["-s", "nosuch"])
        .exits(255)
        .complains(&["subsystem request failed on 127.0.0.1: refused by the server"]);
}

#[test]
fn the_way_may_lead_through_a_program_or_another_host() {
    let shell = Shell::on(Remote::empty().over_ssh());
    let config = shell.world().ssh_config().display().to_string();
    let proxy = format!("-oProxyCommand=ssh -F {config} -W %h:%p server");
    shell.with_args([proxy]).types("pwd").succeeds().quietly();

    let shell = Shell::on(Remote::empty().over_ssh());
    let port = shell.sshd().port();
    let shell = shell.prepare(|world| {
        let inner = format!("Host inner\n    HostName 127.0.0.1\n    Port {port}\n");
        let config = inner + &fs::read_to_string(world.ssh_config()).unwrap();
        fs::write(world.ssh_config(), config).unwrap();
    });
    shell.with_args(["-J", "server"]).to(["inner"]).types("pwd").succeeds().quietly();

    Shell::on(Remote::empty().over_ssh())
        .with_args(["-oProxyCommand=false"])
        .exits(255)
        .complains(&["Connection closed by 127.0.0.1 port PORT during the key exchange"]);
}

#[test]
fn a_banner_cannot_speak_to_the_terminal() {
    let server = Embedded::new().takes_keys().banner("Beware\r\n\x1b]0;title\x07\r\n");
    Shell::on(Remote::empty().served_by(server)).types("pwd").succeeds().complains(&["Beware", "\\033]0;title\\007"]);
    let server = Embedded::new().takes_keys().banner("Beware");
    Shell::on(Remote::empty().served_by(server)).with_args(["-q"]).types("pwd").succeeds().stderr_is("");
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let server = Embedded::new().password("secret");
    Shell::on(Remote::empty().served_by(server)).types("secret").exits(255).stdout_is("");
    let key = "this key is for nobody";
    Shell::on(Remote::empty().unknown_to_us()).types(key).exits(255).stdout_is("").reports(
        "No ED25519 host key is known for [127.0.0.1]:PORT and sftpsh can't prompt for it\nHost key verification failed.\n",
    );
}

#[test]
fn a_missing_key_is_named_and_the_end_says_who_was_refused() {
    let shell = Shell::on(Remote::empty().over_ssh()).prepare(|world| {
        let key = world.home().join(".ssh/id_ed25519");
        for file in [&key, &key.with_extension("pub")] {
            fs::remove_file(file).unwrap();
        }
        generate_key(&key, "ed25519");
    });
    let user = crate::support::user();
    shell.with_args(["-i", "/nowhere/key"]).exits(255).complains(&[
        "Warning: Identity file /nowhere/key not accessible: No such file or directory.",
        &format!("{user}@127.0.0.1: Permission denied (publickey)."),
    ]);
}

#[test]
fn a_person_answers_at_the_terminal_and_no_secret_is_shown() {
    let server = Embedded::new().password("open sesame");
    let terminal = Shell::on(Remote::empty().served_by(server))
        .at_a_terminal()
        .answers("@127.0.0.1's password: ", "wrong")
        .sees("Permission denied, please try again.")
        .answers("@127.0.0.1's password: ", "open sesame")
        .types("pwd")
        .sees("Remote working directory: /");
    assert!(!terminal.roll().contains("sesame"));
    terminal.types("bye").ends_with(0);
}

#[test]
fn a_person_decides_about_an_unknown_host() {
    let terminal = Shell::on(Remote::empty().unknown_to_us())
        .at_a_terminal()
        .sees("The authenticity of host '[127.0.0.1]:")
        .sees("ED25519 key fingerprint is SHA256:")
        .answers("Are you sure you want to continue connecting (yes/no/[fingerprint])? ", "maybe")
        .answers("Please type 'yes', 'no' or the fingerprint: ", "yes")
        .sees("Warning: Permanently added '[127.0.0.1]:")
        .types("pwd")
        .sees("Remote working directory: ");
    terminal.types("bye").ends_with(0);
    Shell::on(Remote::empty().unknown_to_us())
        .at_a_terminal()
        .sees("(yes/no/[fingerprint])? ")
        .presses(Key::Ctrl('c'))
        .sees("Interrupted")
        .ends_with(1);
}

#[test]
fn what_the_program_on_the_other_side_complains_of_is_shown() {
    // sshd passes this on for a command, but not for a subsystem.
    let shell = Shell::on(Remote::empty().over_ssh()).prepare(|world| {
        let script = format!("#!/bin/sh\nprintf 'quota is \\033[2J\\nlow' >&2\nexec {}\n", sftp_server());
        fs::write(world.root().join("server"), script).unwrap();
    });
    let server = format!("sh {}", shell.world().root().join("server").display());
    let outcome = shell.with_args(["-s", &server]).types("version").succeeds();
    outcome.prints("SFTP protocol version 3").reports("quota is \\033[2J\n").reports("low\n");
    let outcome = Shell::on(Remote::empty().over_ssh()).with_args(["-s", "/no/such/server"]).exits(255);
    outcome.reports("/no/such/server: ").reports("Connection closed: the server program ended with status 127\n");
}

#[test]
fn openssh_is_asked_where_it_starts_before_it_has_told_its_version() {
    // INIT, REALPATH of "." and the query for limits are 9, 14 and 31 bytes: the server answers nothing until all
    // have arrived.
    let shell = Shell::on(Remote::empty().over_ssh()).prepare(|world| {
        let first = world.root().join("first");
        let first = first.display();
        let script = format!("dd bs=1 count=54 of={first} 2>/dev/null\ncat {first} - | {}\n", sftp_server());
        fs::write(world.root().join("server"), script).unwrap();
    });
    let server = format!("sh {}", shell.world().root().join("server").display());
    shell.with_args(["-s", &server]).types("pwd").succeeds().prints("Remote working directory: /");
}

#[test]
fn a_link_leads_to_its_target_in_whichever_order_the_server_reads() {
    let servers = [None, Some("AsyncSSH_2.10.1"), Some("Erlang/5.1.4"), Some("libssh_0.11.1")];
    for software in servers {
        let embedded = Embedded::new().password("secret");
        let embedded = software.into_iter().fold(embedded, Embedded::calling_itself);
        let shell = Shell::on(Remote::empty().served_by(embedded)).env("SFTPSH_PASSWORD_COMMAND", "echo secret");
        let outcome = shell.types("mkdir place").types("ln -s place link").succeeds();
        let link = outcome.the_world().remote().join("link");
        assert_eq!(fs::read_link(link).unwrap(), Path::new("place"), "{software:?}");
    }
}

#[test]
fn a_server_that_only_writes_to_its_standard_error_is_not_alive() {
    // It sends a greeting, and then nothing that is SFTP.
    let greeting = r"printf '\0\0\0\5\2\0\0\0\3'; ";
    for chatter in ["yes >&2", "while :; do echo here >&2; sleep 0.1; done"] {
        let shell = Shell::on(Remote::empty().over_ssh());
        let program = shell.world().root().join("talker");
        fs::write(&program, format!("{greeting}{chatter}\n")).unwrap();
        let command = format!("/bin/sh {}", program.display());
        let outcome = shell.with_args(["-s", &command, "--timeout", "1"]).types("ls").exits(255);
        outcome.reports("Connection timed out: the server was silent for 1 s");
    }
}

#[test]
fn a_limit_that_was_asked_for_holds_for_the_greeting_too() {
    let shell = Shell::on(Remote::empty().over_ssh()).with_args(["-s", "/bin/cat >/dev/null", "--timeout", "1"]);
    shell.types("ls").exits(255).reports("Connection timed out: the server was silent for 1 s");
    let shell = Shell::on(Remote::empty().over_ssh()).with_args(["-S", "ssh", "-s", "/bin/cat >/dev/null"]);
    let shell = shell.with_args(["--timeout", "1"]).types("ls").as_batch();
    shell.exits(255).reports("Connection timed out: the server was silent for 1 s");
}
