//! sftpsh, an interactive SFTP shell: a drop-in superset of OpenSSH's sftp(1) whose every operation is pipelined.
//!
//! The modules form floors, from the person down to the wire. A module knows only the floors below its own.
//! `docs/architecture.md` follows a line through them, and the test `floors` enforces this order.

// Floor 7: entry points for tests and fuzzers.
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;

// Floor 6: the session with a person or a script.
pub mod shell;

// Floor 5: what each command does, one file per command.
pub mod commands;

// Floor 4: moves files and trees.
pub mod transfer;

// Floor 3: the remote side as a person sees it: working directory, patterns, walks, listings.
pub mod remote;

// Floor 2: from a destination and options to an open SFTP session.
pub mod connect;

// Floor 1: ways to a server, and the SFTP protocol. None of the three knows another.
pub mod child;
pub mod sftp;
pub mod ssh;

// Floor 0: modules that every floor may use.
pub mod budget;
pub mod cli;
pub mod mode;
pub mod name;
pub mod os_error;
pub mod program;
pub mod sticky;
pub mod terminal;
pub mod transport;
