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

// From a host to a channel: configuration, host keys, authentication.
pub mod ssh;

// A program at the other end of a socket pair.
pub mod child;

// The protocol: packets, attributes, sessions, extensions.
pub mod sftp;

// Floor 0: modules that every floor may use.

// Limits on the data that a server may send and make us keep.
pub mod budget;

// The command line, as data.
pub mod cli;

// Locks that survive a panic of another thread.
pub mod lock;

// Kinds of files, and permissions as people write them.
pub mod mode;

// Remote paths, and validated names of entries.
pub mod name;

// The texts of the operating system's errors.
pub mod os_error;

// Finds programs in `PATH`.
pub mod program;

// Opens local files, except for those that other users put into directories like /tmp.
pub mod sticky;

// Printable text, sizes, times, tables, prompts, output roles.
pub mod terminal;

// A full-duplex byte stream that never sleeps.
pub mod transport;
