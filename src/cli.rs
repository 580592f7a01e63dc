//! The command line as data: sftp(1)'s options to the letter, and a few of our own.
//!
//! clap parses it and writes the help. Otherwise the rules of sftp(1)'s getopt hold: options end at the first
//! operand, may be clustered and repeated, and take the next word as their value whatever it looks like. This module
//! opens and connects nothing, except that it reads the system's table of services for named ports.

mod destination;
mod fault;
mod invocation;
mod number;
mod operands;
mod options;
mod service;
mod ssh_option;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use operands::Operands;
use options::{Accepted, Options, ProtocolOption, USAGE};

pub use destination::{Destination, InvalidDestination};
pub use fault::CliError;
pub use invocation::{Batch, Commands, Invocation, Server, TransferDefaults};
pub use number::scaled_number;
pub use options::{ColorMode, DEFAULT_CHANNELS, MOST_CHANNELS, MOST_CONNECTIONS, ProgressMode};
pub use ssh_option::SshOption;

/// The result of parsing a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// Start a session.
    Session(Box<Invocation>),
    /// Print this help on stdout, and exit with 0.
    Help(String),
    /// Print the version, and exit with 0.
    Version,
}

/// Returns the definition from which the help, the manual page and the completions are made. It leaves out the
/// options that only exist for compatibility.
#[must_use]
pub fn command() -> clap::Command {
    Options::command()
}

/// Reads a command line, whose first word is the program's name.
///
/// # Errors
/// [`CliError`] holds the message, the exit code and perhaps a hint.
pub fn parse(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<CommandLine, CliError> {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let parsed = Accepted::command()
        .try_get_matches_from(&args)
        .and_then(|matches| Accepted::from_arg_matches(&matches).map(|accepted| (matches, accepted)));
    match parsed {
        Ok((_, accepted)) if accepted.options.version => Ok(CommandLine::Version),
        Ok((matches, accepted)) => {
            invocation(&matches, accepted, &args).map(|session| CommandLine::Session(Box::new(session)))
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            Ok(CommandLine::Help(command().render_help().to_string()))
        }
        Err(error) => Err(fault::explained(&error)),
    }
}

fn invocation(matches: &ArgMatches, accepted: Accepted, args: &[OsString]) -> Result<Invocation, CliError> {
    let options = accepted.options;
    if accepted.protocol_1 {
        return Err(CliError::value("SSH protocol v.1 is no longer supported"));
    }
    if options.batch.len() > 1 {
        return Err(CliError::value("Batch file already specified."));
    }
    if accepted.usage || (options.operands.is_empty() && options.direct.is_none()) {
        return Err(CliError::Usage { message: USAGE.to_owned(), hint: None });
    }
    let ssh_options = ssh_options(matches);
    let (request_bytes, requests) = protocol_options(matches);
    let batch = options.batch.into_iter().next().map(|file| match file.to_str() {
        Some("-") => Batch::StandardInput,
        _ => Batch::File(file.into()),
    });
    let silent = !options.quiet.is_empty();
    let unwatched = silent || batch.is_some();
    let Operands { server, local, words } = match options.direct {
        Some(command) => Operands::beside_a_server(command, options.operands, args),
        None => Operands::of(options.operands)?,
    };
    let commands = operands::commands(options.commands, words, batch.is_some(), local.as_ref())?;
    if let (Some(_), Server::Program(_), _) | (Some(_), _, Some(_)) =
        (&options.password_file, &server, &options.program)
    {
        return Err(CliError::usage(
            "--password-file has no effect with -D and -S, which don't log in through sftpsh",
            "SSH_ASKPASS names a program that answers ssh",
        ));
    }
    let port = match &server {
        Server::Ssh(Destination { port: Some(port), .. }) => Some(*port),
        _ => options.port,
    };
    Ok(Invocation {
        port,
        port_option: options.port,
        password_server: (server.clone(), port),
        server,
        local,
        batch,
        commands,
        strict: options.strict,
        keep_going: options.keep_going,
        shell_escape: !options.no_shell_escape,
        password_file: options.password_file.map(PathBuf::from),
        quiet: unwatched && !options.not_quiet,
        silent: silent && !options.not_quiet,
        verbosity: u8::try_from(options.verbose.len()).map_or(MOST_VERBOSE, |count| count.min(MOST_VERBOSE)),
        progress: match options.progress {
            ProgressMode::Auto if unwatched => ProgressMode::None,
            progress => progress,
        },
        color: options.color,
        configuration: options.configuration.map(PathBuf::from),
        plain: options.plain,
        transfers: TransferDefaults {
            recursive: options.recursive,
            preserve: options.preserve,
            resume: options.resume,
            fsync: options.fsync,
            request_bytes,
            requests,
        },
        bytes_per_second: bytes_per_second(options.limit_kbit, options.limit),
        jobs: options.jobs.unwrap_or(1),
        channels: options.channels,
        retries: options.retry,
        silence_limit: options.timeout.map(|seconds| Duration::from_secs(seconds.into())),
        ssh_program: options.program,
        subsystem: options.subsystem,
        ssh_options,
        not_quiet: options.not_quiet,
    })
}

/// Returns the limit in bytes per second. A kilobit has 1024 bits in sftp(1).
fn bytes_per_second(kbit: Option<u32>, rate: Option<u64>) -> Option<u64> {
    let rates = [kbit.map(|kbit| u64::from(kbit) * 1024 / 8), rate];
    rates.into_iter().flatten().min()
}

/// The highest level of ssh(1)'s messages is `debug3`.
const MOST_VERBOSE: u8 = 3;

/// Returns the occurrences of an option, each with its place on the command line.
fn given<'a, T: Clone + Send + Sync + 'static>(
    matches: &'a ArgMatches,
    id: &str,
) -> impl Iterator<Item = (usize, &'a T)> + use<'a, T> {
    let places = matches.indices_of(id).into_iter().flatten();
    places.zip(matches.get_many::<T>(id).into_iter().flatten())
}

fn ssh_options(matches: &ArgMatches) -> Vec<SshOption> {
    let mut options: Vec<(usize, SshOption)> = Vec::new();
    for (id, option) in [
        ("ipv4", SshOption::Ipv4),
        ("ipv6", SshOption::Ipv6),
        ("forward_agent", SshOption::ForwardAgent),
        ("compression", SshOption::Compression),
        ("quiet", SshOption::Quiet),
    ] {
        options.extend(given::<bool>(matches, id).map(|(place, _)| (place, option.clone())));
    }
    let loud = given::<bool>(matches, "verbose").take(MOST_VERBOSE.into());
    options.extend(loud.map(|(place, _)| (place, SshOption::Verbose)));
    options.extend(given::<OsString>(matches, "batch").map(|(place, _)| (place, SshOption::BatchMode)));
    let mut with_value = |id, option: fn(OsString) -> SshOption| {
        options.extend(given::<OsString>(matches, id).map(|(place, value)| (place, option(value.clone()))));
    };
    with_value("cipher", SshOption::Ciphers);
    with_value("config", SshOption::ConfigFile);
    with_value("identity", SshOption::Identity);
    with_value("jump", SshOption::Jump);
    with_value("option", SshOption::Setting);
    options.sort_by_key(|&(place, _)| place);
    options.into_iter().map(|(_, option)| option).collect()
}

/// Returns the bytes of a request and the requests in flight, each from its last option.
fn protocol_options(matches: &ArgMatches) -> (Option<u32>, Option<u32>) {
    let mut options: Vec<(usize, ProtocolOption)> = Vec::new();
    options.extend(given(matches, "buffer").map(|(place, &bytes)| (place, ProtocolOption::Buffer(bytes))));
    options.extend(given(matches, "requests").map(|(place, &count)| (place, ProtocolOption::Requests(count))));
    options.extend(given(matches, "protocol").map(|(place, &option)| (place, option)));
    options.sort_by_key(|&(place, _)| place);
    options.into_iter().fold((None, None), |(buffer, requests), (_, option)| match option {
        ProtocolOption::Buffer(bytes) => (Some(bytes), requests),
        ProtocolOption::Requests(count) => (buffer, Some(count)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    fn session(line: &str) -> Invocation {
        match parse_line(line) {
            Ok(CommandLine::Session(session)) => *session,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn parse_line(line: &str) -> Result<CommandLine, CliError> {
        parse(shlex::split(&format!("sftpsh {line}")).unwrap())
    }

    fn words(words: &[OsString]) -> Vec<String> {
        words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    /// sftp(1)'s exit code for it.
    fn exit_code(error: &CliError) -> u8 {
        match error {
            CliError::Usage { .. } => 1,
            CliError::Value { .. } => 255,
        }
    }

    #[test]
    fn options_are_read_as_getopt_reads_them() {
        let plain = session("host");
        for (line, check) in [
            (
                "-vvvb - host",
                (|s| s.verbosity == 3 && s.batch == Some(Batch::StandardInput)) as fn(&Invocation) -> bool,
            ),
            ("-vvvvv host", |s| s.verbosity == 3 && s.ssh_words().len() == 3),
            ("-b file host", |s| s.batch == Some(Batch::File("file".into()))),
            ("-bfile host", |s| s.batch == Some(Batch::File("file".into()))),
            ("-P22 host", |s| s.port == Some(22)),
            ("-P 22 -P 2222 host", |s| s.port == Some(2222)),
            ("-P ' +22' -B ' 5' -R +3 -l ' 7' host", |s| {
                (s.port, s.transfers.request_bytes, s.transfers.requests, s.bytes_per_second)
                    == (Some(22), Some(5), Some(3), Some(896))
            }),
            ("-P 22 sftp://host:2222", |s| s.port == Some(2222)),
            ("-P 22 sftp://host", |s| s.port == Some(22)),
            ("-rpaf host", |s| {
                s.transfers.recursive && s.transfers.preserve && s.transfers.resume && s.transfers.fsync
            }),
            ("-r -r -2 host", |s| s.transfers.recursive),
            ("-S -x host", |s| s.ssh_program == Some("-x".into())),
            ("-s /usr/lib/sftp-server host", Invocation::subsystem_is_path),
            ("-s sftp host", |s| !s.subsystem_is_path()),
            ("-B 1000 host", |s| s.transfers.request_bytes == Some(1000)),
            ("-B 1000 -X buffer=64K host", |s| s.transfers.request_bytes == Some(65_536)),
            ("-X buffer=64K -B 1000 -R3 host", |s| {
                s.transfers.request_bytes == Some(1000) && s.transfers.requests == Some(3)
            }),
            ("-R 3 -X nrequests=7 host", |s| s.transfers.requests == Some(7) && s.transfers.request_bytes.is_none()),
            ("-l 100 host", |s| s.bytes_per_second == Some(12_800)),
            ("--limit 1.5M host", |s| s.bytes_per_second == Some(1_572_864)),
            ("-l 100 --limit 10K host", |s| s.bytes_per_second == Some(10_240)),
            ("--progress plain host", |s| s.progress == ProgressMode::Plain),
            ("--progress json host", |s| s.progress == ProgressMode::Json),
            ("--progress=none host", |s| s.progress == ProgressMode::None),
            ("--color never host", |s| s.color == ColorMode::Never),
            ("--config my.toml host", |s| s.configuration == Some("my.toml".into())),
            ("--plain host", |s| s.plain),
            ("-- host", |s| s.server == session("host").server),
            ("host -v", |s| s.local == Some("-v".into()) && s.verbosity == 0),
            ("host:x --help", |s| s.local == Some("--help".into())),
            ("-j 4 --retry 7 host", |s| s.jobs == 4 && s.retries == Some(7) && s.may_connect_again()),
            ("--timeout 20 host", |s| s.silence_limit == Some(Duration::from_secs(20))),
            ("--timeout 0 host", |s| s.silence_limit == Some(Duration::ZERO)),
            ("--retry 0 host", |s| s.jobs == 1 && s.retries == Some(0) && !s.may_connect_again()),
            ("--keep-going --strict --no-shell-escape host", |s| s.keep_going && s.strict && !s.shell_escape),
            ("-b - host", |s| !s.keep_going && !s.strict && s.shell_escape && s.commands.is_none()),
            ("--password-file=-x host", |s| s.password_file == Some("-x".into())),
            ("-e 'a;b' -epwd host", |s| s.commands == Some(Commands::Scripts(vec!["a;b".into(), "pwd".into()]))),
            ("host -- ls -l '/a b'", |s| {
                s.commands == Some(Commands::Words(["ls", "-l", "/a b"].map(OsString::from).into()))
                    && s.local.is_none()
            }),
            ("-- host -- ls", |s| s.commands == Some(Commands::Words(vec!["ls".into()]))),
            ("-D server -- ls -l", |s| s.commands == Some(Commands::Words(vec!["ls".into(), "-l".into()]))),
            ("-D server ls -- -l", |s| s.commands.is_none()),
            ("-r host -- ", |s| s.local == Some("--".into())),
        ] {
            assert!(check(&session(line)), "{line}: {:?}", session(line));
        }
        assert_eq!((plain.quiet, plain.silent, plain.progress), (false, false, ProgressMode::Auto));
        assert_eq!(
            (plain.ssh_words(), plain.transfers.request_bytes, plain.transfers.requests, plain.batch),
            (vec![], None, None, None)
        );
    }

    #[test]
    fn a_server_program_leaves_no_use_for_operands() {
        for line in ["-D '/usr/lib/sftp-server -e'", "-D '/usr/lib/sftp-server -e' a b c"] {
            let session = session(line);
            assert_eq!((session.server, session.local), (Server::Program("/usr/lib/sftp-server -e".into()), None));
        }
    }

    #[test]
    fn batch_and_quiet_drop_lines_and_the_meter() {
        for (line, quiet, silent, progress) in [
            ("-b - host", true, false, ProgressMode::None),
            ("-q host", true, true, ProgressMode::None),
            ("-b - -N host", false, false, ProgressMode::None),
            ("-N -q host", false, false, ProgressMode::None),
            ("-b - --progress plain host", true, false, ProgressMode::Plain),
        ] {
            let session = session(line);
            assert_eq!((session.quiet, session.silent, session.progress), (quiet, silent, progress), "{line}");
        }
    }

    #[test]
    fn what_is_piped_in_is_a_batch_under_strict() {
        for options in ["", "-N", "-q", "-r --progress plain", "-oBatchMode=no"] {
            let piped = session(&format!("{options} --strict host"));
            let batch = session(&format!("{options} --strict -b - host"));
            assert_eq!(piped.with_piped_batch(), batch, "{options}");
        }
    }

    #[test]
    fn ssh_gets_its_words_in_the_order_given() {
        let line = "-o User=x -4C -i key -vo 'Port 1' -b - -qF cfg -6 -A -c aes128-ctr -J a,b -oX=Y host";
        assert_eq!(
            words(&session(line).ssh_words()).join("|"),
            "-o|User=x|-4|-C|-i|key|-v|-o|Port 1|-obatchmode yes|-q|-F|cfg|-6|-A|-c|aes128-ctr|-J|a,b|-o|X=Y"
        );
    }

    #[test]
    fn ssh_is_started_as_sftp_starts_it() {
        for (line, arguments) in [
            (
                "-S ssh -P 22 -v u@host",
                "-oForwardX11 no|-oPermitLocalCommand no|-oClearAllForwardings yes|-oControlMaster no|-v|\
                 -oForwardAgent no|-oPort 22|-l|u|-s|--|host|sftp",
            ),
            (
                "-S ssh -s /lib/sftp-server [::1]:x",
                "-oForwardX11 no|-oPermitLocalCommand no|-oClearAllForwardings yes|-oControlMaster no|\
                 -oForwardAgent no|--|::1|/lib/sftp-server",
            ),
        ] {
            let session = session(line);
            let Server::Ssh(destination) = &session.server else { panic!("{line}") };
            assert_eq!(words(&session.ssh_program_arguments(destination)).join("|"), arguments);
            let config = words(&session.ssh_config_arguments(destination));
            assert!(config.ends_with(&["-G".into(), "--".into(), destination.host.clone()]), "{config:?}");
        }
    }

    #[test]
    fn what_cannot_be_followed_says_so_with_the_exit_code_of_sftp() {
        for (line, code, message, hint) in [
            ("-P 0 host", 255, "Bad port \"0\"", ""),
            ("-P 65536 host", 255, "Bad port \"65536\"", ""),
            ("-P no-such-service host", 255, "Bad port \"no-such-service\"", ""),
            ("-P '' host", 255, "Bad port \"\"", ""),
            ("-B x host", 255, "Invalid buffer size \"x\"", ""),
            ("-B 0 host", 255, "Invalid buffer size \"0\"", ""),
            ("-B '5 ' host", 255, "Invalid buffer size \"5 \"", ""),
            ("-B ++5 host", 255, "Invalid buffer size \"++5\"", ""),
            ("-B -1 host", 255, "Invalid buffer size \"-1\"", ""),
            ("-R 1k host", 255, "Invalid number of requests \"1k\"", ""),
            ("-X foo=1 host", 255, "Invalid -X option \"foo=1\": it must be buffer=SIZE or nrequests=COUNT", ""),
            ("-X buffer=257K host", 255, "Invalid buffer size \"257K\": not from 1 to 256K", ""),
            ("-X nrequests=0 host", 255, "Invalid number of requests \"0\": not from 1 to 262144", ""),
            ("-b a -b b host", 255, "Batch file already specified.", ""),
            ("-1 host", 255, "SSH protocol v.1 is no longer supported", ""),
            ("--progress fancy host", 255, "invalid --progress \"fancy\"", "it must be one of auto, plain, json, none"),
            (
                "-oProxyCommand=x -- -oProxyCommand=id",
                255,
                "hostname contains invalid characters: \"-oProxyCommand=id\"",
                "",
            ),
            ("'u|v@host'", 255, "remote username contains invalid characters: \"u|v\"", ""),
            ("-l 0 host", 1, "invalid limit \"0\": not from 1 to 104857600 Kbit/s", ""),
            ("", 1, USAGE, ""),
            ("-v", 1, USAGE, ""),
            ("-h host", 1, USAGE, ""),
            ("-P", 1, "option requires an argument -- P", "sftpsh --help lists the options"),
            ("-vb", 1, "option requires an argument -- b", "sftpsh --help lists the options"),
            ("--progress", 1, "option requires an argument -- progress", "sftpsh --help lists the options"),
            ("-Z host", 1, "unknown option -- Z", "sftpsh --help lists the options"),
            ("-V", 1, "unknown option -- V", "the nearest option is --version; sftpsh --help lists the options"),
            ("-vx host", 1, "unknown option -- x", "the nearest option is -X; sftpsh --help lists the options"),
            (
                "--progres plain host",
                1,
                "unknown option -- progres",
                "the nearest option is --progress; sftpsh --help lists the options",
            ),
            (
                "--versoin",
                1,
                "unknown option -- versoin",
                "the nearest option is --version; sftpsh --help lists the options",
            ),
            ("--frobnicate host", 1, "unknown option -- frobnicate", "sftpsh --help lists the options"),
            (
                "--port 22 host",
                1,
                "unknown option -- port",
                "the nearest option is -P; sftpsh --help lists the options",
            ),
            (
                "a b c",
                1,
                "too many operands: \"c\"",
                "a destination and one local name are all; one command follows --: sftpsh a -- b c",
            ),
            (
                "host -P 22",
                1,
                "\"-P\" is after the destination, where options have no effect",
                "options come first: sftpsh -P 22 host",
            ),
            (
                "host --strict",
                1,
                "\"--strict\" is after the destination, where options have no effect",
                "options come first: sftpsh --strict host",
            ),
            (
                "host --password-file=x",
                1,
                "\"--password-file=x\" is after the destination, where options have no effect",
                "options come first: sftpsh '--password-file=x' host",
            ),
            ("-e pwd -b - host", 1, "-b can't be combined with commands on the command line", "give one of them"),
            ("-e pwd host -- ls", 1, "-e can't be combined with a command after --", "give one of them"),
            (
                "-e pwd host local",
                1,
                "nothing is fetched to \"local\": commands are given",
                "a get among the commands names its own target",
            ),
            (
                "--password-file x -S ssh host",
                1,
                "--password-file has no effect with -D and -S, which don't log in through sftpsh",
                "SSH_ASKPASS names a program that answers ssh",
            ),
            ("u@::1", 1, "Missing hostname", "write an IPv6 address in brackets: user@[::1]:path"),
            ("sftp://h%00@x/", 1, "invalid address \"sftp://h%00@x/\": %00 is not allowed", ""),
            (
                "host/dir",
                255,
                "hostname contains invalid characters: \"host/dir\"",
                "write a path after a colon: host:dir",
            ),
        ] {
            let error = parse_line(line).expect_err(line);
            let seen = (exit_code(&error), error.to_string(), error.hint().unwrap_or_default().to_owned());
            assert_eq!(seen, (code, message.to_owned(), hint.to_owned()), "{line}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_pass_where_names_stand() {
        let bytes = |text: &[u8]| std::ffi::OsStr::from_bytes(text).to_owned();
        let args = [&b"sftpsh"[..], b"-i", b"k\xff", b"-oX=\xff", b"-b\xff", b"h:\xff", b"\xfe"].map(bytes);
        let Ok(CommandLine::Session(session)) = parse(args) else { panic!("refused") };
        assert_eq!(session.ssh_words()[..4], [&b"-i"[..], b"k\xff", b"-o", b"X=\xff"].map(bytes));
        assert_eq!(session.batch, Some(Batch::File(bytes(b"\xff").into())));
        assert_eq!(session.local, Some(bytes(b"\xfe")));
        assert_eq!(exit_code(&parse([&b"sftpsh"[..], b"-P\xff"].map(bytes)).unwrap_err()), 255);
        assert_eq!(exit_code(&parse([&b"sftpsh"[..], b"-\xff"].map(bytes)).unwrap_err()), 1);
    }

    #[test]
    fn help_and_version_need_no_destination() {
        assert_eq!(parse_line("--version"), Ok(CommandLine::Version));
        let Ok(CommandLine::Help(help)) = parse_line("-v --help") else { panic!("no help") };
        assert!(help.starts_with("An interactive SFTP shell"), "{help}");
        for option in command().get_arguments().filter(|option| !option.is_positional()) {
            let long = || format!("--{}", option.get_long().unwrap());
            let name = option.get_short().map_or_else(long, |short| format!("-{short}"));
            assert!(help.contains(&name), "{name} is missing in\n{help}");
        }
        assert!(!help.contains("\n  -1") && !help.contains("\n  -h"), "{help}");
        assert!(!help.contains('\u{1b}'));
    }
}
