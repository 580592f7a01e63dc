//! The options that are passed on to ssh, and the words for them.

use std::ffi::OsString;

use clap::ArgMatches;

use super::occurrences::occurrences;

/// The highest level of ssh(1)'s messages is `debug3`.
pub(super) const MOST_VERBOSE: u8 = 3;

/// An option that is passed on to ssh. Their order matters: ssh uses the first value of a setting, but the last of
/// some flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SshOption {
    /// `-4`.
    Ipv4,
    /// `-6`.
    Ipv6,
    /// `-A`.
    ForwardAgent,
    /// `-C`.
    Compression,
    /// `-q`.
    Quiet,
    /// `-v`, at most three times.
    Verbose,
    /// `-b`, which means `BatchMode=yes`, so that ssh never prompts.
    BatchMode,
    /// `-c`.
    Ciphers(OsString),
    /// `-F`.
    ConfigFile(OsString),
    /// `-i`.
    Identity(OsString),
    /// `-J`.
    Jump(OsString),
    /// `-o`, as given: `Keyword=value` or `Keyword value`.
    Setting(OsString),
}

impl SshOption {
    /// Returns the options of a command line that are passed on, in the order given.
    pub(super) fn all_in(matches: &ArgMatches) -> Vec<SshOption> {
        let mut options: Vec<(usize, SshOption)> = Vec::new();
        for (id, option) in [
            ("ipv4", SshOption::Ipv4),
            ("ipv6", SshOption::Ipv6),
            ("forward_agent", SshOption::ForwardAgent),
            ("compression", SshOption::Compression),
            ("quiet", SshOption::Quiet),
        ] {
            options.extend(occurrences::<bool>(matches, id).map(|(place, _)| (place, option.clone())));
        }
        let loud = occurrences::<bool>(matches, "verbose").take(MOST_VERBOSE.into());
        options.extend(loud.map(|(place, _)| (place, SshOption::Verbose)));
        options.extend(occurrences::<OsString>(matches, "batch").map(|(place, _)| (place, SshOption::BatchMode)));
        let mut with_value = |id, option: fn(OsString) -> SshOption| {
            options.extend(occurrences::<OsString>(matches, id).map(|(place, value)| (place, option(value.clone()))));
        };
        with_value("cipher", SshOption::Ciphers);
        with_value("config", SshOption::ConfigFile);
        with_value("identity", SshOption::Identity);
        with_value("jump", SshOption::Jump);
        with_value("option", SshOption::Setting);
        options.sort_by_key(|&(place, _)| place);
        options.into_iter().map(|(_, option)| option).collect()
    }

    /// Returns the words for ssh.
    #[must_use]
    pub fn words(&self) -> Vec<OsString> {
        let (flag, value) = match self {
            SshOption::Ipv4 => ("-4", None),
            SshOption::Ipv6 => ("-6", None),
            SshOption::ForwardAgent => ("-A", None),
            SshOption::Compression => ("-C", None),
            SshOption::Quiet => ("-q", None),
            SshOption::Verbose => ("-v", None),
            SshOption::BatchMode => ("-obatchmode yes", None),
            SshOption::Ciphers(value) => ("-c", Some(value)),
            SshOption::ConfigFile(value) => ("-F", Some(value)),
            SshOption::Identity(value) => ("-i", Some(value)),
            SshOption::Jump(value) => ("-J", Some(value)),
            SshOption::Setting(value) => ("-o", Some(value)),
        };
        [OsString::from(flag)].into_iter().chain(value.cloned()).collect()
    }
}
