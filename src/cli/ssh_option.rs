//! The options that are passed on to ssh, and the words for them.

use std::ffi::OsString;

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
