//! The options for clap: the source of the parser, the help, the manual page and the completions.
//!
//! Options for ssh are passed on in the order given, and the last of `-B`, `-R` and `-X` counts. So options of these
//! kinds keep all their occurrences. Of any other option, only the last occurrence counts.

use std::ffi::OsString;

use clap::{ArgAction, ValueHint};

use crate::cli::number::{counting_number, positive, scaled_number};

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
    /// Forward the agent; works only with a program named by -S
    #[arg(short = 'A', action = ArgAction::Append, num_args = 0, default_missing_value = "true")]
    pub(super) forward_agent: Vec<bool>,
    /// Resume interrupted transfers instead of starting over
    #[arg(short = 'a')]
    pub(super) resume: bool,
    /// Set the size of a read or write request [default: the server's limit]
    #[arg(short = 'B', value_name = "BYTES", allow_hyphen_values = true, action = ArgAction::Append, value_parser = buffer_bytes)]
    pub(super) buffer: Vec<u32>,
    /// Read commands from FILE, or from stdin for -; stop at the first failure and never prompt
    #[arg(short = 'b', value_name = "FILE", allow_hyphen_values = true, action = ArgAction::Append, value_hint = ValueHint::FilePath)]
    pub(super) batch: Vec<OsString>,
    /// Compress all data on the connection
    #[arg(short = 'C', action = ArgAction::Append, num_args = 0, default_missing_value = "true")]
    pub(super) compression: Vec<bool>,
    /// Use one of these ciphers
    #[arg(short = 'c', value_name = "CIPHERS", allow_hyphen_values = true, action = ArgAction::Append)]
    pub(super) cipher: Vec<OsString>,
    /// Connect to a server program on this machine, without SSH
    #[arg(short = 'D', value_name = "COMMAND", allow_hyphen_values = true, value_hint = ValueHint::CommandString)]
    pub(super) direct: Option<OsString>,
    /// Run these commands and exit; separate them with ; or a newline, and quote a ; that belongs to a name
    #[arg(short = 'e', value_name = "COMMANDS", allow_hyphen_values = true, action = ArgAction::Append)]
    pub(super) commands: Vec<OsString>,
    /// Read the ssh configuration from FILE
    #[arg(short = 'F', value_name = "FILE", allow_hyphen_values = true, action = ArgAction::Append, value_hint = ValueHint::FilePath)]
    pub(super) config: Vec<OsString>,
    /// Flush each file to disk after its transfer
    #[arg(short = 'f')]
    pub(super) fsync: bool,
    /// Authenticate with the key in FILE
    #[arg(short = 'i', value_name = "FILE", allow_hyphen_values = true, action = ArgAction::Append, value_hint = ValueHint::FilePath)]
    pub(super) identity: Vec<OsString>,
    /// Connect through these jump hosts, separated by commas
    #[arg(short = 'J', value_name = "HOSTS", allow_hyphen_values = true, action = ArgAction::Append)]
    pub(super) jump: Vec<OsString>,
    /// Limit the transfer rate to KBIT kilobits per second
    #[arg(short = 'l', value_name = "KBIT", allow_hyphen_values = true, value_parser = limit_kbit)]
    pub(super) limit_kbit: Option<u32>,
    /// Limit all transfers together to RATE bytes per second, such as 500K or 5M
    #[arg(long, value_name = "RATE", allow_hyphen_values = true, value_parser = rate)]
    pub(super) limit: Option<u64>,
    /// Print status messages even with -b or -q
    #[arg(short = 'N')]
    pub(super) not_quiet: bool,
    /// Set an option of ssh_config(5), written Keyword=value
    #[arg(short = 'o', value_name = "OPTION", allow_hyphen_values = true, action = ArgAction::Append)]
    pub(super) option: Vec<OsString>,
    /// Connect to this port
    #[arg(short = 'P', value_name = "PORT", allow_hyphen_values = true, value_parser = port)]
    pub(super) port: Option<u16>,
    /// Preserve times and permissions
    #[arg(short = 'p')]
    pub(super) preserve: bool,
    /// Print errors only, and show no progress
    #[arg(short = 'q', action = ArgAction::Append, num_args = 0, default_missing_value = "true")]
    pub(super) quiet: Vec<bool>,
    /// Keep up to REQUESTS requests in flight [default: measured]
    #[arg(short = 'R', value_name = "REQUESTS", allow_hyphen_values = true, action = ArgAction::Append, value_parser = request_count)]
    pub(super) requests: Vec<u32>,
    /// Transfer directories recursively
    #[arg(short = 'r')]
    pub(super) recursive: bool,
    /// Connect by running PROGRAM as ssh
    #[arg(short = 'S', value_name = "PROGRAM", allow_hyphen_values = true, value_hint = ValueHint::CommandName)]
    pub(super) program: Option<OsString>,
    /// Request this subsystem, or run this program on the server if the name has a slash
    #[arg(short = 's', value_name = "SUBSYSTEM", allow_hyphen_values = true)]
    pub(super) subsystem: Option<OsString>,
    /// Print debugging messages about the connection; repeat up to three times for more
    #[arg(short = 'v', action = ArgAction::Append, num_args = 0, default_missing_value = "true")]
    pub(super) verbose: Vec<bool>,
    /// Set buffer=SIZE (like -B) or nrequests=COUNT (like -R)
    #[arg(short = 'X', value_name = "OPTION", allow_hyphen_values = true, action = ArgAction::Append, value_parser = protocol_option)]
    pub(super) protocol: Vec<ProtocolOption>,
    /// Transfer over COUNT connections in parallel; you are asked for credentials only once
    #[arg(short = 'j', value_name = "COUNT", allow_hyphen_values = true, value_parser = connection_count)]
    pub(super) jobs: Option<u8>,
    /// Upload to a far server over up to COUNT channels of a connection
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true, value_parser = channel_count, default_value_t = DEFAULT_CHANNELS)]
    pub(super) channels: u8,
    /// Continue a script after failures, and exit with 1 at its end
    #[arg(long)]
    pub(super) keep_going: bool,
    /// Refuse !, lls and edit, which run local programs; less pages by itself
    #[arg(long)]
    pub(super) no_shell_escape: bool,
    /// Read the password from the first line of FILE, which must be private to you
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, value_hint = ValueHint::FilePath)]
    pub(super) password_file: Option<OsString>,
    /// Show progress in this form
    #[arg(long, value_name = "HOW", value_enum, default_value_t, hide_default_value = true)]
    pub(super) progress: ProgressMode,
    /// Use colours; auto means for a person at a terminal, unless NO_COLOR is set or CLICOLOR is 0
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, hide_default_value = true)]
    pub(super) color: ColorMode,
    /// Read this configuration file, for scripts too [default: at a prompt, ~/.config/sftpsh/config.toml]
    #[arg(long = "config", value_name = "FILE", allow_hyphen_values = true, value_hint = ValueHint::FilePath)]
    pub(super) configuration: Option<OsString>,
    /// Use no line editor and no moving meter, as with SFTPSH_PLAIN=1 in the environment
    #[arg(long)]
    pub(super) plain: bool,
    /// Reconnect up to COUNT times if the connection drops, and resume transfers [default: 3 at a prompt, 0 otherwise]
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true, value_parser = retry_count)]
    pub(super) retry: Option<u32>,
    /// Treat piped input as a batch, like -b -: stop at the first failure and never prompt
    #[arg(long)]
    pub(super) strict: bool,
    /// Give up on a server that leaves a request unanswered for SECONDS; 0 waits forever [default: 300]
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, value_parser = silence_seconds)]
    pub(super) timeout: Option<u32>,
    /// Print this help
    #[arg(long, action = ArgAction::HelpShort)]
    pub(super) help: Option<bool>,
    /// Print the version, and the versions of the libraries
    #[arg(long)]
    pub(super) version: bool,
    /// The server, and where to put a file that is fetched from it
    #[arg(value_names = ["DESTINATION", "LOCAL"], num_args = 0.., trailing_var_arg = true, value_hint = ValueHint::Hostname)]
    pub(super) operands: Vec<OsString>,
}

/// All options that the parser accepts: our options, and the letters of sftp(1) that have no effect here.
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
DESTINATION is [user@]host[:path] or sftp://[user@]host[:port][/path]. If the path is a directory, it becomes the \
working directory. Otherwise sftpsh fetches the file, to LOCAL if given, and exits. Options come before the destination. \
After -- follows one command; its words stay as they are, except that wildcards are expanded.

Environment: SSH_ASKPASS and SSH_ASKPASS_REQUIRE name a program that asks for secrets, as with ssh. \
SFTPSH_PASSWORD_COMMAND is a command that prints the password.";

/// sftp(1)'s usage with our names. A test compares its options with the definition.
pub(super) const USAGE: &str = "\
usage: sftpsh [-46AaCfNpqrv] [-B bytes] [-b batchfile] [-c ciphers]
              [-D sftp_server_command] [-e commands] [-F ssh_config]
              [-i identity_file] [-J hosts] [-j connections] [-l kbit]
              [-o ssh_option] [-P port] [-R requests] [-S program]
              [-s subsystem | sftp_server] [-X sftp_option] [--channels count]
              [--color auto|always|never] [--config file] [--keep-going]
              [--limit rate] [--no-shell-escape] [--password-file file]
              [--progress auto|plain|json|none] [--plain] [--retry count]
              [--strict] [--timeout seconds] [--help] [--version]
              destination [local | -- command ...]";

/// How transfers show how far they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgressMode {
    /// Bars on a terminal, nothing elsewhere
    #[default]
    Auto,
    /// Lines without control codes
    Plain,
    /// One JSON object per line, instead of all other output on stdout
    Json,
    /// Nothing
    None,
}

/// When output has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorMode {
    /// For a person at a terminal, unless the environment says no
    #[default]
    Auto,
    /// Always, also for programs
    Always,
    /// Never
    Never,
}

/// The value of one `-X`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProtocolOption {
    Buffer(u32),
    Requests(u32),
}

/// An invalid value of an option.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidOptionValue {
    /// sftp(1) exits with this text and more.
    #[error("{0}")]
    Fatal(String),
    /// sftp(1) prints its usage.
    #[error("{0}")]
    Usage(String),
}

/// The largest request that `-X buffer` accepts: 256 KiB.
const LONGEST_PACKET: u64 = 256 * 1024;

/// The largest number of requests that `-X nrequests` accepts.
const MOST_REQUESTS: u32 = 256 * 1024;

/// The largest number of connections that `-j` accepts. OpenSSH's server lets ten clients log in at once
/// (MaxStartups).
pub const MOST_CONNECTIONS: u8 = 16;

/// The channels of a far upload, unless the user sets their number.
pub const DEFAULT_CHANNELS: u8 = 4;

/// The most channels that `--channels` accepts. OpenSSH's server allows ten on a connection by default (MaxSessions).
pub const MOST_CHANNELS: u8 = 8;

/// The highest rate that `-l` accepts: 100 Gbit/s.
const FASTEST_KBIT: u32 = 100 * 1024 * 1024;

fn buffer_bytes(text: &str) -> Result<u32, InvalidOptionValue> {
    counting_number(text).ok_or_else(|| InvalidOptionValue::Fatal(format!("Invalid buffer size {text:?}")))
}

fn request_count(text: &str) -> Result<u32, InvalidOptionValue> {
    counting_number(text).ok_or_else(|| InvalidOptionValue::Fatal(format!("Invalid number of requests {text:?}")))
}

fn retry_count(text: &str) -> Result<u32, InvalidOptionValue> {
    let count = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    count.ok_or_else(|| InvalidOptionValue::Usage(format!("invalid number of attempts {text:?}")))
}

fn silence_seconds(text: &str) -> Result<u32, InvalidOptionValue> {
    let seconds = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    seconds.ok_or_else(|| InvalidOptionValue::Usage(format!("invalid number of seconds {text:?}")))
}

fn connection_count(text: &str) -> Result<u8, InvalidOptionValue> {
    let count = positive(text).and_then(|count| u8::try_from(count).ok()).filter(|&count| count <= MOST_CONNECTIONS);
    count.ok_or_else(|| {
        InvalidOptionValue::Usage(format!("invalid number of connections {text:?}: not from 1 to {MOST_CONNECTIONS}"))
    })
}

fn channel_count(text: &str) -> Result<u8, InvalidOptionValue> {
    let count = positive(text).and_then(|count| u8::try_from(count).ok()).filter(|&count| count <= MOST_CHANNELS);
    count.ok_or_else(|| {
        InvalidOptionValue::Usage(format!("invalid number of channels {text:?}: not from 1 to {MOST_CHANNELS}"))
    })
}

fn port(text: &str) -> Result<u16, InvalidOptionValue> {
    counting_number(text)
        .and_then(|number| u16::try_from(number).ok())
        .or_else(|| super::service::port(text))
        .ok_or_else(|| InvalidOptionValue::Fatal(format!("Bad port {text:?}")))
}

fn limit_kbit(text: &str) -> Result<u32, InvalidOptionValue> {
    counting_number(text).filter(|&kbit| kbit <= FASTEST_KBIT).ok_or_else(|| {
        InvalidOptionValue::Usage(format!("invalid limit {text:?}: not from 1 to {FASTEST_KBIT} Kbit/s"))
    })
}

fn rate(text: &str) -> Result<u64, InvalidOptionValue> {
    scaled_number(text).filter(|&rate| rate > 0).ok_or_else(|| {
        InvalidOptionValue::Usage(format!("invalid rate {text:?}: give bytes per second, such as 500K or 5M"))
    })
}

fn protocol_option(text: &str) -> Result<ProtocolOption, InvalidOptionValue> {
    if let Some(size) = text.strip_prefix("buffer=") {
        let bytes = scaled_number(size).filter(|bytes| (1..=LONGEST_PACKET).contains(bytes));
        return bytes
            .and_then(|bytes| u32::try_from(bytes).ok())
            .map(ProtocolOption::Buffer)
            .ok_or_else(|| InvalidOptionValue::Fatal(format!("Invalid buffer size {size:?}: not from 1 to 256K")));
    }
    if let Some(count) = text.strip_prefix("nrequests=") {
        return positive(count).filter(|&count| count <= MOST_REQUESTS).map(ProtocolOption::Requests).ok_or_else(
            || {
                InvalidOptionValue::Fatal(format!(
                    "Invalid number of requests {count:?}: not from 1 to {MOST_REQUESTS}"
                ))
            },
        );
    }
    Err(InvalidOptionValue::Fatal(format!("Invalid -X option {text:?}: it must be buffer=SIZE or nrequests=COUNT")))
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
