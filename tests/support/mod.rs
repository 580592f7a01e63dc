//! Test support: one helper builds the world of a test, a chain of calls tells the story, and all of it is removed at
//! the end.
//!
//! # A story
//!
//! ```ignore
//! Shell::on(Remote::with(["site/index.html"]))        // a remote directory with one file, served by sftp-server over -D
//!     .types("rm site")                               // one line on the program's stdin; more lines, more calls
//!     .fails_with("site: is a directory")             // some line on stderr says so, and the exit code is this mode's
//!     .remote_still_has("site/index.html");           // there, and byte for byte as it was
//! ```
//!
//! **[`Remote`]** is the remote side and its server. Its entries ([`Entry`]) are `"file"`, `"dir/"`, `("file",
//! "contents")`, `(b"raw name", b"contents")`, `Entry::sized("big", 128609)`, `Entry::link("name", "target")`, each
//! with `.mode(0o600)`. Servers: `sftp-server` on `-D` (milliseconds; the default), `.over_ssh()` (a real sshd for
//! this test, with `.sshd_config("MaxSessions 1")`, `.host_keys(&["rsa"])`, `.unknown_to_us()`),
//! `.lying("eof-at=40000")` (an SFTP server that is honest except for one lie; works with `.over_ssh()` too),
//! `.served_by(Embedded::new().password("secret"))` (russh, with `.keyboard_interactive(rounds)`, `.all_required()`,
//! `.banner(text)`, `.user(name)`; its remote directory is `/`), `.served_by_proftpd()` (a real ProFTPD, which has
//! extensions that OpenSSH lacks).
//!
//! **[`Shell`]** is the program to run: `.types(line)`, `.types_bytes(raw)`, `.here([…entries])` (local files),
//! `.with_args(["-q"])`, `.to("server:path")` (operands), `.env(k, v)`, `.as_batch()` (`-b FILE`),
//! `.as_batch_on_stdin()` (`-b -`), `.through(relay)`, `.unprivileged()` (as an ordinary user, if the tests run as
//! root), `.after("ulimit -f 8")` (started by a shell after this command). The first check runs it. **[`Outcome`]**
//! holds the checks. When it is dropped, it reports all mismatches at once, with the typed lines, stdout, stderr and
//! the server's log, in which paths are replaced by `REMOTE`, `LOCAL`, `HOME`, `WORLD` and the port by `PORT`.
//! `.then()` starts another run in the same world. `Shell::start()` returns a [`Running`] program to wait on, to
//! signal or to kill.
//!
//! **[`Terminal`]** (`Shell::at_a_terminal()`) runs the program on a pseudo terminal: `.types("ls")` waits for the
//! prompt, types and presses Enter; `.sees("mark")` waits until the screen shows the mark; `.presses(Key::Tab)`,
//! `.resizes(rows, columns)`, `.ends_with(0)`. On its screen, `.types_by_hand("ls")` presses one key after the other as
//! only people do, `.row_is("sftp> ls")` waits for the whole row of the cursor, `.row_has(Look::Dim, "-l")` for the
//! characters with a look, and `.screen_ends_with(&[…])` for the last rows.
//!
//! **[`Relay`]** is a line between client and server with delay, limited bandwidth, or a cut, stall, pause, reset or
//! half-close at byte N of either direction.
//!
//! Tests wait for marks, never for a time. Each wait has a deadline, after which the test fails and prints the output
//! so far. [`until`] waits for a condition that leaves no mark.
//!
//! `SFTPSH_UNDER_TEST=/usr/bin/sftp cargo test …` runs the tests on another program.

#![allow(clippy::wrong_self_convention, reason = "the words of a story, not conversions")]
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "a vocabulary; not every binary that includes it says every word"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a world that can't be built fails its test"
)]

mod capture;
pub mod embedded;
mod entry;
mod hostile;
mod lines_of_ssh;
mod lying;
mod outcome;
mod person;
mod process;
mod proftpd;
mod relay;
mod remote;
mod screen;
mod shell;
mod sshd;
mod terminal;
mod world;

pub use capture::Capture;
pub use embedded::{Embedded, RunningEmbedded};
pub use entry::{Entry, noise};
pub use hostile::{Hostile, Moment};
pub use lines_of_ssh::leftovers;
pub use outcome::Outcome;
pub use person::Person;
pub use process::{Finished, Running, children, detach, kill_tree, wait};
pub use proftpd::Proftpd;
pub use relay::{Fault, Relay, RunningRelay, Toward};
pub use remote::Remote;
pub use screen::Look;
pub use shell::{Mode, Shell, program};
pub use sshd::{Sshd, SshdPlan, free_port, generate_encrypted_key, generate_key};
pub use terminal::{Key, PROMPT, Terminal, UNCONNECTED};
pub use world::{World, group, sftp_server, user};

use std::time::{Duration, Instant};

/// How long any step of a test may take before it counts as hung. Generous, because the machine may be busy with
/// other tests.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The maximum time for an immediate answer on a busy machine. The faults that tests look for take minutes.
pub const SOON: Duration = Duration::from_secs(10);

/// The pause between two checks of events without notification, such as the end of a process.
const GLANCE: Duration = Duration::from_millis(2);

/// Waits for a condition that another thread or process brings about.
#[track_caller]
pub fn until(what: &str, holds: impl FnMut() -> bool) {
    assert!(comes_true(PATIENCE, holds), "waited for {what} in vain");
}

/// Waits for a condition that another thread or process may bring about. Returns whether it did within this time.
pub fn comes_true(within: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + within;
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(GLANCE);
    }
    true
}
