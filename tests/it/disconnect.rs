//! A server that ends the connection with a reason, or breaks the protocol before encryption starts: the user sees
//! the reason, in ssh's words.

use crate::connect::{led_to, listener};
use crate::support::{
    Embedded, Entry, Hostile, Key, Moment, Outcome, Person, Remote, Shell, Terminal, World, generate_key,
};
use sftpsh::ssh::{self, Config, Request, Start};
use sftpsh::transport::{Inbox, Outbox, Step, Transport};
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::sync::mpsc::channel;

/// Builds ssh's lines for this reason.
macro_rules! lines {
    ($code:literal, $description:literal) => {
        [
            concat!("Received disconnect from 127.0.0.1 port PORT:", $code, ": ", $description),
            "Disconnected from 127.0.0.1 port PORT",
        ]
    };
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// Returns the payload of a DISCONNECT.
fn disconnect(code: u32, description: &[u8]) -> Vec<u8> {
    [&[1][..], &code.to_be_bytes(), &string(description), &string(b"")].concat()
}

/// Returns a packet without encryption.
fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 4 + (8 - (5 + payload.len() + 4) % 8) % 8;
    let length = u32::try_from(1 + payload.len() + padding).unwrap().to_be_bytes();
    [&length[..], &[u8::try_from(padding).unwrap()], payload, &vec![0; padding]].concat()
}

/// Runs the program with a server that sends these bytes, and then leaves the connection open or closes it at once.
fn told(bytes: &[u8], stays: bool) -> Outcome {
    let bytes = bytes.to_vec();
    let port = listener(move |mut stream| {
        let _ = stream.write_all(&bytes);
        if stays {
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    led_to(port).with_args(["-oConnectTimeout=20"]).exits(255)
}

/// Runs the program with a server that sends `payload` at `moment`.
fn sent(moment: Moment, payload: &[u8]) -> Outcome {
    let server = Hostile::sending(moment, payload);
    let shell = led_to(server.port()).prepare(|world| {
        fs::write(world.home().join(".ssh/known_hosts"), server.known_hosts()).unwrap();
    });
    shell.with_args(["-oConnectTimeout=20"]).exits(255)
}

#[test]
fn a_reason_before_the_keys_is_told_whether_the_server_stays_or_goes() {
    let reason = packet(&disconnect(12, b"too many connections from your address"));
    for before in [&b""[..], b"Welcome\r\n"] {
        for stays in [true, false] {
            let bytes = [before, b"SSH-2.0-x\r\n", &reason].concat();
            told(&bytes, stays).complains(&lines!(12, "too many connections from your address"));
        }
    }
}

#[test]
fn a_reason_is_told_at_each_stage() {
    let reason = disconnect(2, b"Too many authentication failures");
    for moment in [Moment::KeyExchange, Moment::Login] {
        sent(moment, &reason).complains(&lines!(2, "Too many authentication failures"));
    }
    let [received, disconnected] = lines!(11, "idle for too long");
    let session = sent(Moment::Session, &disconnect(11, b"idle for too long"));
    session.complains(&[received, disconnected, "Connection closed: the server hung up"]);
}

#[test]
fn a_server_that_has_had_enough_is_told_in_its_words() {
    let shell = Shell::on(Remote::empty().sshd_config("MaxAuthTries 1")).prepare(|world| {
        let key = world.home().join(".ssh/id_ed25519");
        for file in [&key, &key.with_extension("pub")] {
            fs::remove_file(file).unwrap();
        }
        generate_key(&key, "ed25519");
    });
    shell.exits(255).complains(&lines!(2, "Too many authentication failures"));
}

#[test]
fn a_reason_is_one_line_printable_and_short() {
    let description = [&b"a\x1b[31m\nb\xff"[..], &[b'x'; 5000]].concat();
    let line = format!(
        "Received disconnect from 127.0.0.1 port PORT:4294967295: a\\033[31m\\012b\\377{}…",
        "x".repeat(1000 - 9)
    );
    for moment in [Moment::KeyExchange, Moment::Login, Moment::Session] {
        let outcome = sent(moment, &disconnect(u32::MAX, &description));
        assert!(outcome.stderr().lines().any(|told| told == line), "{moment:?}: {}", outcome.stderr());
    }
}

/// Starts a session at a terminal, and makes the server shut down with `reason` once the screen shows `mark`.
fn sees_shutdown(shell: Shell, command: Option<&str>, mark: &str, reason: &str) -> Terminal {
    let terminal = shell.at_a_terminal().at_the_prompt();
    let terminal = command.into_iter().fold(terminal, Terminal::types).sees(mark);
    terminal.world().embedded().shut_down(reason);
    terminal.sees(&format!(":11: {reason}")).sees("Disconnected from 127.0.0.1 port ")
}

#[test]
fn a_shutdown_is_told_while_nothing_runs() {
    let remote = Remote::empty().served_by(Embedded::new().asks_nothing());
    let terminal = sees_shutdown(Shell::on(remote).with_args(["--retry", "0"]), None, "sftp> ", "down for an hour");
    terminal.keys_in("ls").presses(Key::Enter).sees("Connection closed").ends_with(255);
}

#[test]
fn a_shutdown_is_told_while_a_transfer_runs() {
    let remote = Remote::with([Entry::sized("big", 4 << 20)]).served_by(Embedded::new().asks_nothing());
    let shell = Shell::on(remote).with_args(["--retry", "0", "-l", "800"]);
    sees_shutdown(shell, Some("get big"), "KB/s", "down for an hour").sees("Connection closed").ends_with(255);
}

#[test]
fn a_reason_is_found_by_who_can_no_longer_send() {
    let (server, hang_up) = Hostile::hanging_up(&disconnect(11, b"down for an hour"));
    let port = format!("-oPort={}", server.port());
    let world = World::build(Remote::empty(), &[]);
    fs::create_dir_all(world.home().join(".ssh")).unwrap();
    fs::write(world.home().join(".ssh/known_hosts"), server.known_hosts()).unwrap();
    let known = format!("-oUserKnownHostsFile={}", world.home().join(".ssh/known_hosts").display());
    let arguments = ["-F", "none", &port, &known, "-G", "--", "127.0.0.1"].map(OsString::from);
    let request = Request { arguments: &arguments, host: "127.0.0.1" };
    let config = Config::resolve(request, &mut Person::absent()).unwrap();
    let start = Start::Subsystem(String::from("sftp"));
    let socket = ssh::dial(&config).unwrap();
    let mut transport = ssh::open(&config, socket, &start, &mut None, &mut Person::absent()).unwrap();
    let (hear, heard) = channel();
    transport.set_stderr_sink(move || {
        let hear = hear.clone();
        Box::new(move |bytes| hear.send(bytes.to_vec()).unwrap())
    });
    let (mut out, mut inbox) = (Outbox::default(), Inbox::default());
    out.push(&vec![0; 64 << 20]);
    while transport.step(&mut out, &mut inbox).unwrap() == Step::Moved {}
    hang_up();
    assert!(transport.step(&mut out, &mut inbox).is_err());
    let told = String::from_utf8(heard.try_iter().flatten().collect()).unwrap();
    let lines = lines!(11, "down for an hour").join("\n") + "\n";
    assert_eq!(told, lines.replace("PORT", &server.port().to_string()));
}

// difference: broken-ssh
#[test]
fn what_breaks_the_protocol_before_the_keys_is_named() {
    let head = |length: u32, padding: u8| [&length.to_be_bytes()[..], &[padding], &[20; 60]].concat();
    let false_list = [&[20; 17][..], &5000_u32.to_be_bytes(), b"curve25519-sha256", &[0; 60]].concat();
    for (greeting, packet, words) in [
        ("SSH-2.0-x", head(0, 0), "Bad packet length 0."),
        ("SSH-2.0-x", head(1, 0), "Bad packet length 1."),
        ("SSH-2.0-x", head(u32::MAX, 4), "Bad packet length 4294967295."),
        ("SSH-2.0-x", head(12, 200), "Bad padding length 200."),
        ("SSH-2.0-x", packet(&false_list), "Bad KEXINIT: incomplete message"),
        ("SSH-2.0-x", packet(&[20, 1, 2, 3]), "Bad KEXINIT: incomplete message"),
        ("SSH-2.0-x", packet(&[0, 1, 2, 3]), "Bad message number 0."),
        ("SSH-1.5-x", vec![], "Protocol major versions differ: 2 vs. 1"),
        ("SSH-3.0-x", vec![], "Protocol major versions differ: 2 vs. 3"),
        ("SSH-x", vec![], "Bad remote protocol version identification: 'SSH-x'"),
    ] {
        let outcome = told(&[greeting.as_bytes(), b"\r\n", &packet].concat(), true);
        outcome.complains(&[words, "Connection to 127.0.0.1 port PORT closed: protocol error"]);
    }
}
