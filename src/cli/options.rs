//! The options as clap knows them: what feeds the parser, the help, the manual page and the completions.
//!
//! What ssh gets is told in the order given, and the last of `-B`, `-R` and `-X` counts, so every option of these
//! kinds keeps all its occurrences; of all others the last one holds.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use clap::{ArgAction, ValueHint};

use super::number::{counting_number, positive, scaled_number};

/// An interactive SFTP shell: OpenSSH's sftp with every operation pipelined
#[derive(Debug, clap::Parser)]
#[command(
    name = "sftpsh",
    disable_help_flag = true,
    args_override_self = true,
    max_term_width = 100,
    after_help = AFTER_HELP,
    override_usage = "sftpsh [OPTIONS] DESTINATION [LOCAL]\n       sftpsh [OPTIONS] DESTINATION -- COMMAND [ARGUMENT]...\n       sftpsh [OPTIONS] -D COMMAND"
)]
pub(super) struct Options {
    /// Connect over IPv4 only
    #[arg(short = '4', action = ArgAction::Append, num_args = 0, default_missing_value = "true")]
    pub(super) ipv4: Vec<bool>,
    /// Connect over IPv6 only
    #[arg(short = '6', action = ArgAction::Append, num_args = 0, default_missing_value = "true")]
    pub(super) ipv6: Vec<bool>,
    /// Let ssh forward the agent; only a program named by -S does
    #[arg(short = 'A', action = ArgAction::Append, num_args = 0, default_missing_value = "true")]
    pub(super) forward_agent: Vec<bool>,
    /// Resume interrupted transfers instead of starting over
    #[arg(short = 'a')]
    pub(super) resume: bool,
    /// Bytes that one request reads or writes; the server's limit unless given
    #[arg(short = 'B', value_name = "BYTES", allow_hyphen_values = true, action = ArgAction::Append, value_parser = buffer_bytes)]
    pub(super) buffer: Vec<u32>,
    /// Read commands from FILE, or from stdin if it is -; stop at the first that fails, ask nothing
    #[arg(short = 'b', value_name = "FILE", allow_hyphen_values = true, action = ArgAction::Append, value_hint = ValueHint::FilePath)]
    pub(super) batch: Vec<OsString>,
    /// Compress what goes over the wire
    #[arg(short = 'C', action = ArgAction::Append, num_args = 0, default_missing_value = "true")]
    pub(super) compression: Vec<bool>,
    /// Encrypt with these ciphers
    #[arg(short = 'c', value_name = "CIPHERS", allow_hyphen_values = true, action = ArgAction::Append)]
    pub(super) cipher: Vec<OsString>,
    /// Talk to a server program on this machine, without ssh
    #[arg(short = 'D', value_name = "COMMAND", allow_hyphen_values = true, value_hint = ValueHint::CommandString)]
    pub(super) direct: Option<OsString>,
    /// Run these commands and end; a ; or a newline stands between two, and belongs to a name when it is quoted
    #[arg(short = 'e', value_name = "COMMANDS", allow_hyphen_values = true, action = ArgAction::Append)]
    pub(super) commands: Vec<OsString>,
    /// Read the ssh configuration from FILE
    #[arg(short = 'F', value_name = "FILE", allow_hyphen_values = true, action = ArgAction::Append, value_hint = ValueHint::FilePath)]
    pub(super) config: Vec<OsString>,
    /// Force each file to the disk when it is transferred
    #[arg(short = 'f')]
    pub(super) fsync: bool,
    /// Authenticate with the key in FILE
    #[arg(short = 'i', value_name = "FILE", allow_hyphen_values = true, action = ArgAction::Append, value_hint = ValueHint::FilePath)]
    pub(super) identity: Vec<OsString>,
    /// Connect through these hosts
    #[arg(short = 'J', value_name = "HOSTS", allow_hyphen_values = true, action = ArgAction::Append)]
    pub(super) jump: Vec<OsString>,
    /// Transfer no more than so many kilobits each second
    #[arg(short = 'l', value_name = "KBIT", allow_hyphen_values = true, value_parser = limit_kbit)]
    pub(super) limit_kbit: Option<u32>,
    /// Transfer no more than so many bytes each second, all transfers together: 500K, 5M
    #[arg(long, value_name = "RATE", allow_hyphen_values = true, value_parser = rate)]
    pub(super) limit: Option<u64>,
    /// Say what is done even under -b or -q
    #[arg(short = 'N')]
    pub(super) not_quiet: bool,
    /// Set an option of ssh_config(5), as Keyword=value
    #[arg(short = 'o', value_name = "OPTION", allow_hyphen_values = true, action = ArgAction::Append)]
    pub(super) option: Vec<OsString>,
    /// Connect to this port
    #[arg(short = 'P', value_name = "PORT", allow_hyphen_values = true, value_parser = port)]
    pub(super) port: Option<u16>,
    /// Preserve times and modes
    #[arg(short = 'p')]
    pub(super) preserve: bool,
    /// Say nothing but errors, show no progress
    #[arg(short = 'q', action = ArgAction::Append, num_args = 0, default_missing_value = "true")]
    pub(super) quiet: Vec<bool>,
    /// Keep so many requests in flight; found by measuring unless given
    #[arg(short = 'R', value_name = "REQUESTS", allow_hyphen_values = true, action = ArgAction::Append, value_parser = request_count)]
    pub(super) requests: Vec<u32>,
    /// Transfer directories with all that is in them
    #[arg(short = 'r')]
    pub(super) recursive: bool,
    /// Connect by running PROGRAM as ssh
    #[arg(short = 'S', value_name = "PROGRAM", allow_hyphen_values = true, value_hint = ValueHint::CommandName)]
    pub(super) program: Option<OsString>,
    /// Ask for this subsystem, or with a slash in it run this program on the server
    #[arg(short = 's', value_name = "SUBSYSTEM", allow_hyphen_values = true)]
    pub(super) subsystem: Option<OsString>,
    /// Say what happens on the connection; up to three times
    #[arg(short = 'v', action = ArgAction::Append, num_args = 0, default_missing_value = "true")]
    pub(super) verbose: Vec<bool>,
    /// Set buffer=SIZE as -B, or nrequests=COUNT as -R
    #[arg(short = 'X', value_name = "OPTION", allow_hyphen_values = true, action = ArgAction::Append, value_parser = protocol_option)]
    pub(super) protocol: Vec<ProtocolOption>,
    /// Move files over so many connections at once; each is logged in for itself, and nothing is asked twice
    #[arg(short = 'j', value_name = "COUNT", allow_hyphen_values = true, value_parser = connection_count)]
    pub(super) jobs: Option<u8>,
    /// Go through a whole script whatever fails, and then exit with 1
    #[arg(long)]
    pub(super) keep_going: bool,
    /// Refuse ! and lls, which run local programs
    #[arg(long)]
    pub(super) no_shell_escape: bool,
    /// Answer for a password with the first line of FILE, which nobody else may read
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, value_hint = ValueHint::FilePath)]
    pub(super) password_file: Option<OsString>,
    /// Show the progress of transfers
    #[arg(long, value_name = "HOW", value_enum, default_value_t, hide_default_value = true)]
    pub(super) progress: Progress,
    /// Read and print plain lines: no line editor, no meter that moves; SFTPSH_PLAIN in the environment does the same
    #[arg(long)]
    pub(super) plain: bool,
    /// Try so often to connect again when the connection breaks, and go on where it broke; 3 at a prompt, else 0
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true, value_parser = retry_count)]
    pub(super) retry: Option<u32>,
    /// Obey what is piped in as -b - does: stop at the first failure, ask nothing
    #[arg(long)]
    pub(super) strict: bool,
    /// Give a server up that says nothing for so long while an answer is due; 300 unless given, and 0 waits for ever
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, value_parser = silence_seconds)]
    pub(super) timeout: Option<u32>,
    /// Print this help
    #[arg(long, action = ArgAction::HelpShort)]
    pub(super) help: Option<bool>,
    /// Print the version, and those of the libraries
    #[arg(long)]
    pub(super) version: bool,
    /// Where to connect, and where to put what is fetched
    #[arg(value_names = ["DESTINATION", "LOCAL"], num_args = 0.., trailing_var_arg = true, value_hint = ValueHint::Hostname)]
    pub(super) operands: Vec<OsString>,
}

/// All that is accepted: the options, and letters that sftp(1) knows but that are of no use to anyone.
#[derive(Debug, clap::Parser)]
pub(super) struct Accepted {
    #[command(flatten)]
    pub(super) options: Options,
    /// SSH's first protocol: refused, as sftp(1) does.
    #[arg(short = '1')]
    pub(super) protocol_1: bool,
    /// SSH's second protocol: there is no other.
    #[arg(short = '2')]
    pub(super) _protocol_2: bool,
    /// The usage, as an error.
    #[arg(short = 'h')]
    pub(super) usage: bool,
}

const AFTER_HELP: &str = "\
A destination is written [user@]host[:path] or sftp://[user@]host[:port][/path]. A path that is a directory becomes the \
working directory; any other is fetched, to LOCAL if given, and the program ends. Options stand before the destination. What follows a -- \
behind it is one command that is run; its words stay as they are, but for their wildcards.

SSH_ASKPASS and SSH_ASKPASS_REQUIRE name a program that asks, as with ssh. SFTPSH_PASSWORD_COMMAND is a command that prints \
the password.";

/// sftp(1)'s usage with our names. Its options are held to the definition by a test.
pub(super) const USAGE: &str = "\
usage: sftpsh [-46AaCfNpqrv] [-B bytes] [-b batchfile] [-c ciphers]
              [-D sftp_server_command] [-e commands] [-F ssh_config]
              [-i identity_file] [-J hosts] [-j connections] [-l kbit]
              [-o ssh_option] [-P port] [-R requests] [-S program]
              [-s subsystem | sftp_server] [-X sftp_option] [--keep-going]
              [--limit rate] [--no-shell-escape] [--password-file file]
              [--progress auto|plain|json|none] [--plain] [--retry count]
              [--strict] [--timeout seconds] [--help] [--version]
              destination [local | -- command ...]";

/// How transfers show how far they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Progress {
    /// Moving bars on a terminal, nothing elsewhere
    #[default]
    Auto,
    /// Lines without control codes
    Plain,
    /// JSON objects, one on a line, in place of all other lines on stdout
    Json,
    /// Nothing
    None,
}

/// One `-X`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProtocolOption {
    Buffer(u32),
    Requests(u32),
}

/// A value that an option can't take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnfitValue {
    /// sftp(1) dies of it, with this text and more.
    #[error("{0}")]
    Fatal(String),
    /// sftp(1) answers with its usage.
    #[error("{0}")]
    Usage(String),
}

/// The largest request that `-X buffer` may name: 256 KiB.
const LONGEST_PACKET: u64 = 256 * 1024;

/// The most requests that `-X nrequests` may name.
const MOST_REQUESTS: u32 = 256 * 1024;

/// The most connections that `-j` may name. OpenSSH's server lets ten log in at the same time (MaxStartups).
pub const MOST_CONNECTIONS: u8 = 16;

/// The fastest that `-l` may name: 100 Gbit/s.
const FASTEST_KBIT: u32 = 100 * 1024 * 1024;

fn buffer_bytes(text: &str) -> Result<u32, UnfitValue> {
    counting_number(text).ok_or_else(|| UnfitValue::Fatal(format!("Invalid buffer size {text:?}")))
}

fn request_count(text: &str) -> Result<u32, UnfitValue> {
    counting_number(text).ok_or_else(|| UnfitValue::Fatal(format!("Invalid number of requests {text:?}")))
}

fn retry_count(text: &str) -> Result<u32, UnfitValue> {
    let count = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    count.ok_or_else(|| UnfitValue::Usage(format!("invalid number of attempts {text:?}")))
}

fn silence_seconds(text: &str) -> Result<u32, UnfitValue> {
    let seconds = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    seconds.ok_or_else(|| UnfitValue::Usage(format!("invalid number of seconds {text:?}")))
}

fn connection_count(text: &str) -> Result<u8, UnfitValue> {
    let count = positive(text).and_then(|count| u8::try_from(count).ok()).filter(|&count| count <= MOST_CONNECTIONS);
    count.ok_or_else(|| {
        UnfitValue::Usage(format!("invalid number of connections {text:?}: not from 1 to {MOST_CONNECTIONS}"))
    })
}

fn port(text: &str) -> Result<u16, UnfitValue> {
    counting_number(text)
        .and_then(|number| u16::try_from(number).ok())
        .or_else(|| super::service::port(text))
        .ok_or_else(|| UnfitValue::Fatal(format!("Bad port {text:?}")))
}

fn limit_kbit(text: &str) -> Result<u32, UnfitValue> {
    counting_number(text)
        .filter(|&kbit| kbit <= FASTEST_KBIT)
        .ok_or_else(|| UnfitValue::Usage(format!("invalid limit {text:?}: not from 1 to {FASTEST_KBIT} Kbit/s")))
}

fn rate(text: &str) -> Result<u64, UnfitValue> {
    scaled_number(text)
        .filter(|&rate| rate > 0)
        .ok_or_else(|| UnfitValue::Usage(format!("invalid rate {text:?}: it is bytes each second, such as 500K or 5M")))
}

fn protocol_option(text: &str) -> Result<ProtocolOption, UnfitValue> {
    if let Some(size) = text.strip_prefix("buffer=") {
        let bytes = scaled_number(size).filter(|bytes| (1..=LONGEST_PACKET).contains(bytes));
        return bytes
            .and_then(|bytes| u32::try_from(bytes).ok())
            .map(ProtocolOption::Buffer)
            .ok_or_else(|| UnfitValue::Fatal(format!("Invalid buffer size {size:?}: not from 1 to 256K")));
    }
    if let Some(count) = text.strip_prefix("nrequests=") {
        return positive(count).filter(|&count| count <= MOST_REQUESTS).map(ProtocolOption::Requests).ok_or_else(
            || UnfitValue::Fatal(format!("Invalid number of requests {count:?}: not from 1 to {MOST_REQUESTS}")),
        );
    }
    Err(UnfitValue::Fatal(format!("Invalid -X option {text:?}: it is buffer=SIZE or nrequests=COUNT")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Accepted::command().debug_assert();
        Options::command().debug_assert();
    }

    #[test]
    fn the_usage_names_every_option() {
        let flags = USAGE.split(['[', ']']).nth(1).unwrap();
        let mut command = Options::command();
        command.build();
        for arg in command.get_arguments().filter(|arg| !arg.is_positional()) {
            let with_value = arg.get_num_args().unwrap().takes_values();
            let named = match (arg.get_short(), arg.get_long()) {
                (Some(short), _) if with_value => USAGE.contains(&format!("[-{short} ")),
                (Some(short), _) => flags.contains(short),
                (None, Some(long)) => USAGE.contains(&format!("[--{long}")),
                (None, None) => false,
            };
            assert!(named, "{} is missing", arg.get_id());
        }
    }
}
