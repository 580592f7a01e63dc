//! What of the command line is ssh's business, and the words that it gets.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use super::{Destination, Invocation};

/// An option that is ssh's business, in the order given: ssh takes the first value of a setting, the last of some flags.
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
    /// `-v`; three at most.
    Verbose,
    /// `-b` means `BatchMode=yes`, so that nothing is asked.
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
    /// The words that ssh gets for it.
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

/// What sftp(1) tells ssh before it comes to the user's options, so that these can't change it.
const FIXED_SSH_WORDS: [&str; 4] =
    ["-oForwardX11 no", "-oPermitLocalCommand no", "-oClearAllForwardings yes", "-oControlMaster no"];

/// What sftp(1) tells ssh after the user's options, so that these can.
const DEFAULT_SSH_WORDS: [&str; 1] = ["-oForwardAgent no"];

impl Invocation {
    /// The user's words for ssh, in the order given.
    #[must_use]
    pub fn ssh_words(&self) -> Vec<OsString> {
        self.ssh_options.iter().flat_map(SshOption::words).collect()
    }

    /// The arguments of `ssh -G`, which prints the configuration that holds for the destination.
    #[must_use]
    pub fn ssh_config_arguments(&self, destination: &Destination) -> Vec<OsString> {
        let mut words = self.login_words(destination);
        words.extend(["-G", "--", &destination.host].map(OsString::from));
        words
    }

    /// The arguments with which sftp(1) starts ssh, or what `-S` names in its place.
    #[must_use]
    pub fn ssh_program_arguments(&self, destination: &Destination) -> Vec<OsString> {
        let mut words = self.login_words(destination);
        let server = self.subsystem.clone().unwrap_or_else(|| OsString::from("sftp"));
        if !self.subsystem_is_path() {
            words.push("-s".into());
        }
        words.extend(["--".into(), OsString::from(&destination.host), server]);
        words
    }

    /// Whether `-s` names a server program on the other side and not a subsystem: it holds a slash.
    #[must_use]
    pub fn subsystem_is_path(&self) -> bool {
        self.subsystem.as_ref().is_some_and(|name| name.as_encoded_bytes().contains(&b'/'))
    }

    fn login_words(&self, destination: &Destination) -> Vec<OsString> {
        let mut words: Vec<OsString> = FIXED_SSH_WORDS.map(OsString::from).into();
        words.extend(self.ssh_words());
        words.extend(DEFAULT_SSH_WORDS.map(OsString::from));
        words.extend(self.port.map(|port| OsString::from(format!("-oPort {port}"))));
        if let Some(user) = &destination.user {
            words.extend(["-l".into(), OsString::from(user)]);
        }
        words
    }
}
