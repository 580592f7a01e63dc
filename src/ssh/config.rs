//! The settings for reaching a server and trusting it: the user's ssh configuration, as checked values.
//!
//! [`crate::ssh::resolve`] gathers the settings; this module turns them into a [`Config`]. If sftpsh doesn't support
//! a setting and leaving it out would make the connection less safe or lead elsewhere, it refuses the setting by
//! name. Other unsupported settings are reported under `-v`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ssh::error::{Error, LoginOptions};
use crate::ssh::keepalive::Patience;
use crate::ssh::settings::{Origin, Settings, default_files, files_on_line};
use crate::ssh::tokens::{Account, Tokens, expand_host_name};

/// The kinds of addresses that may be used (`-4`, `-6`, AddressFamily).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressFamily {
    /// IPv4 or IPv6.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// How to treat a host whose key is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StrictHostKeyChecking {
    /// Refuse it.
    Yes,
    /// Add an unknown key; refuse a changed one.
    AcceptNew,
    /// Ask the user, or refuse the key if that is not possible.
    #[default]
    Ask,
    /// Add an unknown key. Go on if a key has changed, with a warning and without sending secrets.
    No,
}

/// A connection that sftpsh doesn't make by TCP itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// A command for the user's shell, with its tokens expanded (ProxyCommand).
    Command(String),
    /// Hosts to jump through, separated by commas (ProxyJump).
    Jump(String),
}

/// The address of the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IdentityAgent {
    /// The path in SSH_AUTH_SOCK.
    #[default]
    Environment,
    /// No agent is used.
    None,
    /// This path.
    Socket(PathBuf),
}

/// All settings of a connection.
#[derive(Clone, Debug)]
pub struct Config {
    /// The host as the user typed it.
    pub typed_host: String,
    /// The name or address to connect to.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
    /// The name of the user who logs in.
    pub user: String,
    /// The name under which to look up the host's key, instead of the host's own name.
    pub host_key_alias: Option<String>,
    /// The kinds of addresses that may be used.
    pub address_family: AddressFamily,
    /// Limit for connecting, and for the key exchange.
    pub connect_timeout: Option<Duration>,
    /// How many times to try all addresses.
    pub connection_attempts: u32,
    /// True if the system probes an idle connection.
    pub tcp_keep_alive: bool,
    /// When to ask a silent server whether it is still there; `None` means never.
    pub server_alive: Option<Patience>,
    /// The proxy to connect through.
    pub proxy: Option<Proxy>,
    /// How to treat an unknown host key.
    pub strict_host_key_checking: StrictHostKeyChecking,
    /// The user's known_hosts files. New keys are added to the first one.
    pub user_known_hosts: Vec<PathBuf>,
    /// The system's known_hosts files.
    pub global_known_hosts: Vec<PathBuf>,
    /// True if the connection must end when forwarding is disabled for an untrusted host. We have no forwarding, but
    /// ssh ends the connection in this case.
    pub exit_on_forward_failure: bool,
    /// True if names are hashed when they are added.
    pub hash_known_hosts: bool,
    /// Fewest bits that an RSA key may have.
    pub required_rsa_bits: usize,
    /// Host key algorithms in the user's order; `None` means ours.
    pub host_key_algorithms: Option<Vec<String>>,
    /// Ciphers in the user's order; `None` means ours.
    pub ciphers: Option<Vec<String>>,
    /// MACs in the user's order; `None` means ours.
    pub macs: Option<Vec<String>>,
    /// Key exchange methods in the user's order; `None` means libssh2's.
    pub kex_algorithms: Option<Vec<String>>,
    /// Signature algorithms allowed for logging in; `None` means all.
    pub pubkey_algorithms: Option<Vec<String>>,
    /// True if the connection is compressed.
    pub compression: bool,
    /// True if the user must not be prompted.
    pub batch: bool,
    /// Private keys to try, in order.
    pub identity_files: Vec<PathBuf>,
    /// True if the user named the identity files, so that a missing one is reported.
    pub identities_named: bool,
    /// Certificates for the private keys.
    pub certificate_files: Vec<PathBuf>,
    /// True if the agent's keys are used only if they are among the identity files.
    pub identities_only: bool,
    /// The address of the agent.
    pub identity_agent: IdentityAgent,
    /// The user's order of authentication methods; `None` means ssh's.
    pub preferred_authentications: Option<Vec<String>>,
    /// True if public keys may be used.
    pub pubkey_authentication: bool,
    /// True if a password may be used.
    pub password_authentication: bool,
    /// True if the server may ask questions.
    pub kbd_interactive_authentication: bool,
    /// How many times to prompt for a password or passphrase.
    pub password_prompts: u32,
}

/// Keywords that are refused if they are set, each with the value that means "not set".
const REFUSED: [(&str, &str); 7] = [
    ("BindAddress", ""),
    ("BindInterface", ""),
    ("CheckHostIP", "no"),
    ("KnownHostsCommand", "none"),
    ("RevokedHostKeys", "none"),
    ("ProxyUseFdpass", "no"),
    ("PKCS11Provider", "none"),
];

/// Keywords that are refused if they are set and there is no ssh program to apply them.
const REFUSED_IN_FILES: [(&str, &str); 1] = [("CanonicalizeHostname", "no")];

/// Keywords that have no effect here. `-v` reports those that are set.
const UNHEEDED: [&str; 10] = [
    "ControlPath",
    "FingerprintHash",
    "ForwardAgent",
    "GSSAPIDelegateCredentials",
    "HostbasedAuthentication",
    "NoHostAuthenticationForLocalhost",
    "RekeyLimit",
    "SetEnv",
    "VerifyHostKeyDNS",
    "VisualHostKey",
];

impl Config {
    /// Returns the settings that hints about a failed login refer to.
    pub(super) fn given(&self) -> LoginOptions {
        let identity = self.identity_files.first().filter(|_| self.identities_named).cloned();
        LoginOptions { port: self.port, identity, identities_only: self.identities_only }
    }

    /// Turns settings into values. `defaults` are the settings of a user without a configuration: a value equal to
    /// its default counts as not set.
    pub(super) fn from_settings(
        typed_host: &str,
        settings: &Settings,
        defaults: &Settings,
        account: &Account,
    ) -> Result<Config, Error> {
        refuse(settings, defaults)?;
        let values = Values { settings, defaults };
        let host = match settings.text("hostname")? {
            Some(name) if settings.origin() == Origin::Files => expand_host_name(name, typed_host)?,
            name => name.unwrap_or(typed_host).to_owned(),
        };
        let port = values.number("port", 22_u16)?;
        let user = settings.text("user")?.or(account.name.as_deref()).map(str::to_owned).ok_or_else(|| {
            Error::configuration(String::from("the user is missing, and your own name is unknown: use user@host"))
        })?;
        refuse_unsafe_names(&host, &user)?;
        let host_key_alias = settings.text("hostkeyalias")?.map(str::to_owned);
        let tokens = Tokens {
            account,
            typed_host,
            host: &host,
            port,
            user: &user,
            host_key_alias: host_key_alias.as_deref(),
            jump: settings.text("proxyjump")?.filter(|jump| *jump != "none"),
        };
        Ok(Config {
            typed_host: typed_host.to_owned(),
            address_family: values.address_family()?,
            connect_timeout: values.seconds("connecttimeout")?,
            connection_attempts: values.number("connectionattempts", 1)?,
            tcp_keep_alive: values.flag("tcpkeepalive", true)?,
            server_alive: values.patience()?,
            proxy: values.proxy(&tokens)?,
            strict_host_key_checking: values.strict()?,
            user_known_hosts: values.user_known_hosts(&tokens)?,
            global_known_hosts: values.global_known_hosts(&tokens)?,
            exit_on_forward_failure: values.flag("exitonforwardfailure", false)?,
            hash_known_hosts: values.flag("hashknownhosts", false)?,
            required_rsa_bits: values.rsa_bits()?,
            host_key_algorithms: values.list("hostkeyalgorithms")?,
            ciphers: values.list("ciphers")?,
            macs: values.list("macs")?,
            kex_algorithms: values.list("kexalgorithms")?,
            pubkey_algorithms: values.list("pubkeyacceptedalgorithms")?,
            compression: values.flag("compression", false)?,
            batch: values.flag("batchmode", false)?,
            identity_files: values.paths("IdentityFile", &tokens)?,
            identities_named: settings.sets("identityfile", defaults),
            certificate_files: values.paths("CertificateFile", &tokens)?,
            identities_only: values.flag("identitiesonly", false)?,
            identity_agent: values.agent(&tokens)?,
            preferred_authentications: values.list("preferredauthentications")?,
            pubkey_authentication: values.flag("pubkeyauthentication", true)?,
            password_authentication: values.flag("passwordauthentication", true)?,
            kbd_interactive_authentication: values.flag("kbdinteractiveauthentication", true)?,
            password_prompts: values.number("numberofpasswordprompts", 3)?,
            host,
            port,
            user,
            host_key_alias,
        })
    }
}

fn refuse(settings: &Settings, defaults: &Settings) -> Result<(), Error> {
    let in_files = REFUSED_IN_FILES.iter().filter(|_| settings.origin() == Origin::Files);
    for (keyword, unset) in REFUSED.iter().chain(in_files) {
        let name = keyword.to_ascii_lowercase();
        let Some(value) = settings.raw(&name) else { continue };
        if !value.eq_ignore_ascii_case(unset.as_bytes()) && settings.sets(&name, defaults) {
            let value = String::from_utf8_lossy(value).into_owned();
            return Err(Error::NotHonoured { keyword: (*keyword).to_owned(), value });
        }
    }
    Ok(())
}

/// Refuses names that could be dangerous. Host and user end up on a shell's command line (ProxyCommand) and on ssh's
/// own, and a name from a link must not be able to add anything to either.
fn refuse_unsafe_names(host: &str, user: &str) -> Result<(), Error> {
    let control = |name: &str| name.chars().any(char::is_control);
    let spoken = |name: &str, special: &str| name.chars().any(|character| special.contains(character));
    let bad_host = control(host) || host.contains(char::is_whitespace) || spoken(host, "'`\"$\\;&<>|(){},");
    if host.is_empty() || host.starts_with('-') || bad_host {
        return Err(Error::configuration(format!("hostname contains invalid characters: {}", host.escape_debug())));
    }
    let bad_user = control(user) || user.contains(" -") || user.ends_with('\\') || spoken(user, "'`\";&<>|(){}");
    if user.is_empty() || user.starts_with('-') || bad_user {
        return Err(Error::configuration(format!(
            "remote username contains invalid characters: {}",
            user.escape_debug()
        )));
    }
    Ok(())
}

/// Returns a note for each keyword that is set but has no effect here.
pub(super) fn unheeded(settings: &Settings, defaults: &Settings) -> Vec<String> {
    UNHEEDED
        .iter()
        .filter(|keyword| settings.sets(&keyword.to_ascii_lowercase(), defaults))
        .map(|keyword| format!("{keyword} makes no difference here"))
        .collect()
}

/// Settings, read as values of a type.
struct Values<'a> {
    settings: &'a Settings,
    defaults: &'a Settings,
}

impl Values<'_> {
    fn bad(keyword: &str, value: &str) -> Error {
        Error::configuration(format!("unsupported value for {keyword}: {value}"))
    }

    fn number<N: std::str::FromStr>(&self, keyword: &str, default: N) -> Result<N, Error> {
        match self.settings.text(keyword)? {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| Self::bad(keyword, value)),
        }
    }

    /// Returns the user's setting, or 2048, which is considered safe today and is more than ssh's own default.
    fn rsa_bits(&self) -> Result<usize, Error> {
        if self.settings.sets("requiredrsasize", self.defaults) {
            self.number("requiredrsasize", 2048)
        } else {
            Ok(2048)
        }
    }

    fn flag(&self, keyword: &str, default: bool) -> Result<bool, Error> {
        let Some(value) = self.settings.text(keyword)? else {
            return Ok(default);
        };
        match value.to_ascii_lowercase().as_str() {
            // PubkeyAuthentication has two more values for a restricted "yes".
            "yes" | "true" | "unbound" | "host-bound" => Ok(true),
            "no" | "false" => Ok(false),
            _ => Err(Self::bad(keyword, value)),
        }
    }

    /// Reads a time in seconds, as `ssh -G` prints it, or in the form `1h30m` of ssh_config(5).
    fn seconds(&self, keyword: &str) -> Result<Option<Duration>, Error> {
        let Some(value) = self.settings.text(keyword)?.filter(|value| *value != "none") else {
            return Ok(None);
        };
        let seconds = parse_time(value).ok_or_else(|| Self::bad(keyword, value))?;
        Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
    }

    fn patience(&self) -> Result<Option<Patience>, Error> {
        let most_unanswered = self.number("serveralivecountmax", 3)?;
        Ok(self.seconds("serveraliveinterval")?.map(|interval| Patience { interval, most_unanswered }))
    }

    fn strict(&self) -> Result<StrictHostKeyChecking, Error> {
        let value = self.settings.text("stricthostkeychecking")?.unwrap_or("ask");
        match value.to_ascii_lowercase().as_str() {
            "ask" => Ok(StrictHostKeyChecking::Ask),
            "yes" | "true" => Ok(StrictHostKeyChecking::Yes),
            "no" | "false" | "off" => Ok(StrictHostKeyChecking::No),
            "accept-new" => Ok(StrictHostKeyChecking::AcceptNew),
            _ => Err(Self::bad("StrictHostKeyChecking", value)),
        }
    }

    fn address_family(&self) -> Result<AddressFamily, Error> {
        let value = self.settings.text("addressfamily")?.unwrap_or("any");
        match value.to_ascii_lowercase().as_str() {
            "any" => Ok(AddressFamily::Any),
            "inet" => Ok(AddressFamily::V4),
            "inet6" => Ok(AddressFamily::V6),
            _ => Err(Self::bad("AddressFamily", value)),
        }
    }

    fn proxy(&self, tokens: &Tokens) -> Result<Option<Proxy>, Error> {
        let set = |keyword| {
            let value = self.settings.text(keyword)?;
            Ok::<_, Error>(value.filter(|value| !value.eq_ignore_ascii_case("none")))
        };
        // ssh uses the one that comes first. `ProxyCommand none` counts as one; `ProxyJump none` doesn't.
        let jump = match self.settings.first_of(&["proxycommand", "proxyjump"]) {
            Some("proxyjump") => set("proxyjump")?,
            _ => None,
        };
        match (jump, set("proxycommand")?) {
            (Some(jump), _) => Ok(Some(Proxy::Jump(tokens.expand_command("ProxyJump", jump)?))),
            (None, Some(command)) => Ok(Some(Proxy::Command(tokens.expand_command("ProxyCommand", command)?))),
            (None, None) => Ok(None),
        }
    }

    fn agent(&self, tokens: &Tokens) -> Result<IdentityAgent, Error> {
        Ok(match self.settings.raw("identityagent") {
            None | Some(b"SSH_AUTH_SOCK") => IdentityAgent::Environment,
            Some(value) if value.eq_ignore_ascii_case(b"none") => IdentityAgent::None,
            Some([b'$', variable @ ..]) if !variable.starts_with(b"{") => std::env::var_os(OsStr::from_bytes(variable))
                .map_or(IdentityAgent::None, |path| IdentityAgent::Socket(PathBuf::from(path))),
            Some(path) => IdentityAgent::Socket(match self.settings.origin() {
                // ssh has already expanded it.
                Origin::Ssh => path_of(path),
                Origin::Files => tokens.expand_path("IdentityAgent", path)?,
            }),
        })
    }

    /// Returns a list of algorithms or methods, or `None` if it is the default.
    fn list(&self, keyword: &str) -> Result<Option<Vec<String>>, Error> {
        let value = self.settings.text(keyword)?.filter(|_| self.settings.sets(keyword, self.defaults));
        let names = |value: &str| value.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Ok(value.map(names))
    }

    fn user_known_hosts(&self, tokens: &Tokens) -> Result<Vec<PathBuf>, Error> {
        let defaults: [&[u8]; 2] = [b"~/.ssh/known_hosts", b"~/.ssh/known_hosts2"];
        let line = self.settings.raw("userknownhostsfile").unwrap_or_default();
        match (self.settings.origin(), default_files(line, &tokens.account.home)) {
            (Origin::Ssh, Some(files)) => Ok(files),
            // `ssh -G` has expanded the names, except for a tilde that came from a variable.
            (Origin::Ssh, None) => self.files("UserKnownHostsFile", &defaults, &|word| tokens.expand_home(word)),
            (Origin::Files, _) => {
                self.files("UserKnownHostsFile", &defaults, &|word| tokens.expand_path("UserKnownHostsFile", word))
            }
        }
    }

    fn global_known_hosts(&self, tokens: &Tokens) -> Result<Vec<PathBuf>, Error> {
        let defaults: [&[u8]; 2] = [b"/etc/ssh/ssh_known_hosts", b"/etc/ssh/ssh_known_hosts2"];
        // ssh expands no tokens in this one.
        self.files("GlobalKnownHostsFile", &defaults, &|word| tokens.expand_home(word))
    }

    /// Reads several files from one line. `path` turns each word into a path.
    fn files(
        &self,
        keyword: &str,
        defaults: &[&[u8]],
        path: &dyn Fn(&[u8]) -> Result<PathBuf, Error>,
    ) -> Result<Vec<PathBuf>, Error> {
        let name = keyword.to_ascii_lowercase();
        let words: Vec<Vec<u8>> = match (self.settings.raw(&name), self.settings.origin()) {
            (None, _) => defaults.iter().map(|word| word.to_vec()).collect(),
            (Some(_), Origin::Files) => self.settings.all(&name).map(<[u8]>::to_vec).collect(),
            (Some(line), Origin::Ssh) => {
                let is_file = |word: &[u8]| path(word).is_ok_and(|path| path.is_file());
                files_on_line(line, &is_file).ok_or_else(|| Error::NotHonoured {
                    keyword: format!("a blank in {keyword} that may or may not end a file's name"),
                    value: String::from_utf8_lossy(line).into_owned(),
                })?
            }
        };
        words.iter().filter(|word| !word.eq_ignore_ascii_case(b"none")).map(|word| path(word)).collect()
    }

    /// Reads files that have a line each. `ssh -G` prints them unexpanded.
    fn paths(&self, keyword: &str, tokens: &Tokens) -> Result<Vec<PathBuf>, Error> {
        let name = keyword.to_ascii_lowercase();
        let values = self.settings.all(&name).filter(|value| !value.eq_ignore_ascii_case(b"none"));
        values.map(|value| tokens.expand_path(keyword, value)).collect()
    }
}

fn path_of(bytes: &[u8]) -> PathBuf {
    Path::new(OsStr::from_bytes(bytes)).to_owned()
}

/// Reads a time such as `90`, `1m30s` or `2h` in seconds (sshd_config(5), "TIME FORMATS").
fn parse_time(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut number = String::new();
    for character in text.chars().chain(Some('s')) {
        if character.is_ascii_digit() {
            number.push(character);
            continue;
        }
        if number.is_empty() {
            // The unit that the loop appends comes after one that the user wrote.
            continue;
        }
        let unit = match character.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = number.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(total)?;
        number.clear();
    }
    text.starts_with(|first: char| first.is_ascii_digit()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part of the output of `ssh -G` for a user without a configuration.
    const DEFAULTS: &str = "host h\nuser me\nhostname h\nport 22\nbatchmode no\nciphers aes128-ctr\nmacs hmac-sha2-256\n\
        identityfile ~/.ssh/id_rsa\nidentityfile ~/.ssh/id_ed25519\nstricthostkeychecking ask\nrequiredrsasize 1024\n\
        userknownhostsfile /home/me/.ssh/known_hosts /home/me/.ssh/known_hosts2\nproxyusefdpass no\n\
        connecttimeout none\npubkeyauthentication true\nrekeylimit 0 0\nverifyhostkeydns false\n";

    fn defaults() -> Settings {
        Settings::from_answer(DEFAULTS.as_bytes()).unwrap()
    }

    /// Returns the defaults, with other values for the keywords in `lines`.
    fn settings(lines: impl AsRef<[u8]>) -> Settings {
        let lines = lines.as_ref();
        let keyword = |line: &[u8]| line.split(|&byte| byte == b' ').next().unwrap_or_default().to_vec();
        let set: Vec<_> = lines.split(|&byte| byte == b'\n').map(keyword).collect();
        let rest = DEFAULTS.lines().filter(|line| !set.contains(&keyword(line.as_bytes())));
        Settings::from_answer(&[lines, b"\n", rest.collect::<Vec<_>>().join("\n").as_bytes()].concat()).unwrap()
    }

    /// Returns the configuration of a user who has set `lines`.
    fn config(lines: impl AsRef<[u8]>) -> Result<Config, Error> {
        let account = Account { name: Some(String::from("me")), home: PathBuf::from("/home/me") };
        Config::from_settings("h", &settings(lines), &defaults(), &account)
    }

    fn refusal(lines: &str) -> String {
        config(lines).expect_err(lines).to_string()
    }

    #[test]
    fn paths_are_bytes_and_what_is_no_path_is_text() {
        let config =
            config(b"identityfile /k \xff%%\ncertificatefile ~/c \nuserknownhostsfile /h\xff\nidentityagent /\xff")
                .unwrap();
        assert_eq!(config.identity_files, [path_of(b"/k \xff%")]);
        assert_eq!(config.certificate_files, [PathBuf::from("/home/me/c ")]);
        assert_eq!(config.user_known_hosts, [path_of(b"/h\xff")]);
        assert_eq!(config.identity_agent, IdentityAgent::Socket(path_of(b"/\xff")));
        for keyword in ["hostname", "user", "hostkeyalias", "proxycommand", "proxyjump", "preferredauthentications"] {
            let error = super::tests::config([keyword.as_bytes(), b" \xff"].concat()).unwrap_err().to_string();
            assert_eq!(error, format!("a value for {keyword} that is not UTF-8 is not supported here: \\xff"));
        }
    }

    // difference: blanks-in-paths
    #[test]
    fn a_blank_that_could_end_a_name_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known");
        std::fs::write(&file, "").unwrap();
        for keyword in ["UserKnownHostsFile", "GlobalKnownHostsFile"] {
            let error = refusal(&format!("{} {} hosts", keyword.to_ascii_lowercase(), file.display()));
            let start = format!("a blank in {keyword} that may or may not end a file's name is not supported here: ");
            assert!(error.starts_with(&start), "{error}");
        }
    }

    #[test]
    fn without_ssh_all_is_expanded_here_and_the_first_value_counts() {
        let setting = |line: &str| crate::ssh::config_file::setting(line.as_bytes()).unwrap().unwrap();
        let config = |lines: &[&str]| {
            let settings = Settings::from_files(lines.iter().map(|line| setting(line)));
            let account = Account { name: Some(String::from("me")), home: PathBuf::from("/home/me") };
            Config::from_settings("h", &settings, &Settings::default(), &account)
        };
        let all = config(&[
            "HostName %h.example",
            "PasswordAuthentication NO",
            "PasswordAuthentication yes",
            "StrictHostKeyChecking Yes",
            "UserKnownHostsFile ~/%r \"/a b\"",
            "GlobalKnownHostsFile ~/%r",
            "IdentityAgent /run/%r",
            "RevokedHostKeys None",
        ])
        .unwrap();
        assert_eq!((all.host.as_str(), all.user.as_str(), all.password_authentication), ("h.example", "me", false));
        assert_eq!(all.strict_host_key_checking, StrictHostKeyChecking::Yes);
        assert_eq!(all.user_known_hosts, [PathBuf::from("/home/me/me"), PathBuf::from("/a b")]);
        assert_eq!(all.global_known_hosts, [PathBuf::from("/home/me/%r")]);
        assert_eq!(all.identity_agent, IdentityAgent::Socket(PathBuf::from("/run/me")));
        let error = config(&["CanonicalizeHostname always"]).unwrap_err().to_string();
        assert_eq!(error, "CanonicalizeHostname is not supported here: always");
        assert!(config(&["CanonicalizeHostname no"]).is_ok());
        assert_eq!(config(&[]).unwrap().user_known_hosts[0], PathBuf::from("/home/me/.ssh/known_hosts"));
    }

    #[test]
    fn mere_defaults_ask_for_nothing() {
        let config = config("").unwrap();
        assert_eq!((config.host.as_str(), config.port, config.user.as_str()), ("h", 22, "me"));
        assert_eq!((config.ciphers, config.macs, config.preferred_authentications), (None, None, None));
        assert_eq!(config.strict_host_key_checking, StrictHostKeyChecking::Ask);
        assert_eq!(config.required_rsa_bits, 2048, "more than ssh's own default");
        assert_eq!(config.identity_files[0], PathBuf::from("/home/me/.ssh/id_rsa"));
        assert_eq!(config.user_known_hosts.len(), 2);
        assert_eq!((config.connect_timeout, config.batch, config.identities_named), (None, false, false));
    }

    #[test]
    fn what_is_set_is_honoured() {
        let config = config(
            "hostname real.example\nport 2222\nuser you\nhostkeyalias alias\nconnecttimeout 1m30\nbatchmode yes\n\
             serveraliveinterval 15\nserveralivecountmax 4\n\
             stricthostkeychecking accept-new\nciphers a,b\nnumberofpasswordprompts 1\naddressfamily inet6\n\
             preferredauthentications password,publickey\nidentitiesonly yes\nidentityagent /run/%r.sock\n\
             userknownhostsfile ~/kh /with blank/%h\nglobalknownhostsfile /%h\nrequiredrsasize 1024\nproxycommand nc %h %p\nidentityfile /k",
        )
        .unwrap();
        assert_eq!((config.host.as_str(), config.port, config.user.as_str()), ("real.example", 2222, "you"));
        assert_eq!(config.host_key_alias.as_deref(), Some("alias"));
        assert_eq!(config.connect_timeout, Some(Duration::from_secs(90)));
        assert_eq!(config.server_alive, Some(Patience { interval: Duration::from_secs(15), most_unanswered: 4 }));
        assert_eq!(config.strict_host_key_checking, StrictHostKeyChecking::AcceptNew);
        assert_eq!(config.ciphers.unwrap(), ["a", "b"]);
        assert_eq!(config.preferred_authentications.unwrap(), ["password", "publickey"]);
        assert_eq!((config.batch, config.identities_only, config.password_prompts), (true, true, 1));
        assert_eq!(config.identity_agent, IdentityAgent::Socket(PathBuf::from("/run/%r.sock")));
        assert_eq!(config.user_known_hosts, [PathBuf::from("/home/me/kh"), PathBuf::from("/with blank/%h")]);
        assert_eq!(config.global_known_hosts, [PathBuf::from("/%h")]);
        assert_eq!(config.address_family, AddressFamily::V6);
        assert_eq!(config.proxy, Some(Proxy::Command(String::from("nc real.example 2222"))));
        assert!(config.identities_named);
    }

    // difference: host-key-options
    #[test]
    fn what_cannot_be_honoured_is_refused_by_its_name() {
        for (lines, text) in [
            ("bindaddress 10.0.0.1", "BindAddress is not supported here: 10.0.0.1"),
            ("bindinterface eth0", "BindInterface is not supported here: eth0"),
            ("checkhostip yes", "CheckHostIP is not supported here: yes"),
            ("knownhostscommand /bin/x", "KnownHostsCommand is not supported here: /bin/x"),
            ("revokedhostkeys /etc/krl", "RevokedHostKeys is not supported here: /etc/krl"),
            ("proxyusefdpass yes", "ProxyUseFdpass is not supported here: yes"),
            ("pkcs11provider /lib/p11.so", "PKCS11Provider is not supported here: /lib/p11.so"),
        ] {
            assert_eq!(refusal(lines), text);
            assert!(config(lines).unwrap_err().hint().unwrap().contains("-S ssh"), "{lines}");
        }
        assert!(config("revokedhostkeys none\npkcs11provider none").is_ok());
        assert!(refusal("revokedhostkeys /\u{e9}").starts_with("RevokedHostKeys is not supported here: "));
        let unheeded = unheeded(&settings("rekeylimit 1 2"), &defaults());
        assert_eq!(unheeded, ["RekeyLimit makes no difference here"]);
    }

    #[test]
    fn values_that_make_no_sense_are_errors() {
        for (lines, text) in [
            ("port many", "unsupported value for port: many"),
            ("batchmode perhaps", "unsupported value for batchmode: perhaps"),
            ("connecttimeout 5 minutes", "unsupported value for connecttimeout: 5 minutes"),
            ("stricthostkeychecking maybe", "unsupported value for StrictHostKeyChecking: maybe"),
            ("hostname -oProxyCommand=x", "hostname contains invalid characters: -oProxyCommand=x"),
            ("hostname a;b", "hostname contains invalid characters: a;b"),
            ("user a`id`", "remote username contains invalid characters: a`id`"),
            (
                "identityfile /k/%z",
                "vdollar_percent_expand: unknown key %z; percent_dollar_expand: failed: IdentityFile /k/%z",
            ),
        ] {
            assert_eq!(refusal(lines), text);
        }
    }

    #[test]
    fn times_are_read_as_ssh_reads_them() {
        for (text, seconds) in [
            ("90", Some(90)),
            ("1m30s", Some(90)),
            ("2h", Some(7200)),
            ("1D", Some(86_400)),
            ("0", Some(0)),
            ("", None),
            ("s", None),
            ("1x", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_time(text), seconds, "{text}");
        }
    }
}
