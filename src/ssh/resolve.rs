//! Gathers the settings for a destination. The user's own `ssh -G` does that, because it reads every `Match` and
//! `Include` exactly as ssh does. Without an ssh program, we read the files ourselves.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use crate::program;
use crate::ssh::config::{Config, unheeded};
use crate::ssh::config_file::{Owner, Reader, Setting, is_keyword, setting};
use crate::ssh::error::Error;
use crate::ssh::settings::Settings;
use crate::ssh::tokens::{Account, control_in_variable, holds_control};
use crate::ssh::{Notice, Questions};
use crate::terminal::Printable;

/// The name of the ssh program.
const SSH: &str = "ssh";

/// Private keys that ssh tries if the user names none.
const DEFAULT_IDENTITIES: [&str; 3] = ["~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519"];

/// The part of the command line that concerns a connection.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The arguments of `ssh -G`: `-F`, `file`, `-oPort 2222`, `-l`, `user`, `-G`, `--`, `host`.
    pub arguments: &'a [OsString],
    /// The host as the user typed it.
    pub host: &'a str,
}

impl Config {
    /// Resolves a request with the user's configuration. Shows warnings on the way.
    ///
    /// # Errors
    /// The configuration can't be read, or sets an option that can't be left out.
    pub fn resolve(request: Request<'_>, questions: &mut dyn Questions) -> Result<Config, Error> {
        refuse_control(request)?;
        let account = Account::ours();
        let (settings, defaults) = match ask_ssh(request, questions) {
            Err(error) if error.kind() == ErrorKind::NotFound => read_files(request, &account)?,
            Err(error) => return Err(Error::Local { what: "cannot run ssh -G", error }),
            Ok(answers) => answers?,
        };
        for note in unheeded(&settings, &defaults) {
            questions.show(Notice::Verbose(note));
        }
        Config::from_settings(request.host, &settings, &defaults, &account)
    }
}

/// Refuses control characters in the words: `ssh -G` quotes nothing, so a line break would make a setting of its own.
fn refuse_control(request: Request<'_>) -> Result<(), Error> {
    let words = request.arguments.iter().map(OsString::as_os_str).chain([OsStr::new(request.host)]);
    match words.into_iter().find(|word| holds_control(word.as_bytes())) {
        Some(word) => {
            let shown = word.as_bytes().escape_ascii();
            Err(Error::configuration(format!("an option for ssh holds a control character: {shown}")))
        }
        None => Ok(()),
    }
}

type Answers = Result<(Settings, Settings), Error>;

/// Runs `ssh -G` twice in parallel: with the user's configuration, and with none to learn the defaults.
fn ask_ssh(request: Request<'_>, questions: &mut dyn Questions) -> io::Result<Answers> {
    let invalid = invalid_variables();
    let asked = |arguments: &[OsString]| {
        let mut command = program::command(SSH)?;
        command.envs(invalid.iter().map(|name| (name, OsString::from_vec(mark(name)))));
        // Without -T, ssh complains that its stdin is no terminal.
        command.arg("-T").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    };
    let defaults = asked(&["-F", "/dev/null", "-G", "--", request.host].map(OsString::from))?;
    let settings = asked(request.arguments)?;
    let defaults = defaults.wait_with_output()?;
    let settings = settings.wait_with_output()?;
    if settings.status.success() {
        for line in words_of(&settings) {
            questions.show(Notice::Warning(line));
        }
    }
    Ok(understand(&settings, &invalid).and_then(|settings| Ok((settings, understand(&defaults, &[])?))))
}

/// Returns the variables that ssh must not see unchanged: it would expand `${NAME}` to a line break, and so to a
/// setting. Instead it gets a mark, which shows where the variable is used.
fn invalid_variables() -> Vec<OsString> {
    env::vars_os().filter(|(_, value)| holds_control(value.as_bytes())).map(|(name, _)| name).collect()
}

/// Returns the value that ssh gets for such a variable.
fn mark(name: &OsStr) -> Vec<u8> {
    [b"invalid-variable-", name.as_bytes(), b"."].concat()
}

fn understand(answer: &Output, invalid: &[OsString]) -> Result<Settings, Error> {
    if !answer.status.success() {
        let said = words_of(answer);
        return Err(Error::Configuration(if said.is_empty() { vec![String::from("ssh -G failed")] } else { said }));
    }
    let settings = Settings::from_answer(&answer.stdout)?;
    for name in invalid {
        if let Some(keyword) = settings.keyword_that_holds(&mark(name)) {
            return Err(control_in_variable(keyword, name));
        }
    }
    Ok(settings)
}

/// Returns ssh's messages, without the lines that `-v` adds.
fn words_of(answer: &Output) -> Vec<String> {
    let idle = |line: &[u8]| line.is_empty() || line.starts_with(b"debug") || line.starts_with(b"OpenSSH_");
    let lines = answer.stderr.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !idle(line)).map(|line| Printable(line).to_string()).collect()
}

/// Reads the files that ssh would read, as far as that is possible without it.
fn read_files(request: Request<'_>, account: &Account) -> Answers {
    let (mut settings, file) = read_words(request.arguments)?;
    let reader = Reader { host: request.host, home: &account.home };
    match file {
        Some(file) if file.as_os_str().eq_ignore_ascii_case("none") => {}
        Some(file) => settings.extend(reader.read(&file, Owner::Named)?.ok_or_else(|| {
            // ssh's words.
            Error::configuration(format!("Can't open user config file {}: No such file or directory", file.display()))
        })?),
        None => {
            let user = reader.read(&account.home.join(".ssh/config"), Owner::User)?;
            let system = reader.read(Path::new("/etc/ssh/ssh_config"), Owner::System)?;
            settings.extend(user.into_iter().chain(system).flatten());
        }
    }
    let mut settings = Settings::from_files(settings);
    let mut defaults = Settings::from_files([]);
    for identity in DEFAULT_IDENTITIES {
        defaults.default_to("identityfile", identity);
    }
    if settings.raw("identityfile").is_none() {
        for identity in DEFAULT_IDENTITIES {
            settings.default_to("identityfile", identity);
        }
    }
    Ok((settings, defaults))
}

/// Reads the option words as ssh does. Returns their settings and the file that `-F` names.
fn read_words(words: &[OsString]) -> Result<(Vec<Setting>, Option<PathBuf>), Error> {
    let mut settings = Vec::new();
    let mut file = None;
    // The host and the words after it are no options.
    let mut words = words.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let [b'-', letters @ ..] = word.as_bytes() else { continue };
        for (at, letter) in letters.iter().enumerate() {
            let mut set = |keyword: &str, value: &[u8]| settings.push((keyword.to_owned(), vec![value.to_vec()]));
            match letter {
                b'4' => set("addressfamily", b"inet"),
                b'6' => set("addressfamily", b"inet6"),
                b'C' => set("compression", b"yes"),
                b'A' => set("forwardagent", b"yes"),
                b'F' | b'J' | b'c' | b'i' | b'l' | b'o' | b'p' => {
                    let rest = &letters[at + 1..];
                    let value =
                        if rest.is_empty() { words.next().map_or(&b""[..], |word| word.as_bytes()) } else { rest };
                    match letter {
                        b'F' => file = Some(PathBuf::from(OsStr::from_bytes(value))),
                        b'J' => set("proxyjump", value),
                        b'c' => set("ciphers", value),
                        b'i' => set("identityfile", value),
                        b'l' => set("user", value),
                        b'p' => set("port", value),
                        _ => settings.push(option(value)?),
                    }
                    break;
                }
                _ => {}
            }
        }
    }
    Ok((settings, file))
}

/// Reads the value of `-o`.
fn option(value: &[u8]) -> Result<Setting, Error> {
    let wrong = |what| Error::configuration(format!("command-line line 0: {what}"));
    let (keyword, words) =
        setting(value).map_err(wrong)?.ok_or_else(|| wrong(String::from("Bad configuration option: ")))?;
    if !is_keyword(&keyword) {
        return Err(wrong(format!("Bad configuration option: {keyword}")));
    }
    Ok((keyword, words))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        shlex::split(line).unwrap().into_iter().map(OsString::from).collect()
    }

    #[test]
    fn option_words_are_read_as_ssh_reads_them() {
        let line = "-oForwardX11=no -4C -i key -vikey2 -o 'Port 1' -oUser=me -lyou -F cfg -J a,b -c x -o 'User = \"b c\"' -G -- -p";
        let (settings, file) = read_words(&words(line)).unwrap();
        let expected = "forwardx11 no\naddressfamily inet\ncompression yes\nidentityfile key\nidentityfile key2\nport 1\n\
            user me\nuser you\nproxyjump a,b\nciphers x\nuser b c";
        let shown = |(keyword, words): &Setting| format!("{keyword} {}", String::from_utf8_lossy(&words.join(&b'|')));
        assert_eq!(settings.iter().map(shown).collect::<Vec<_>>().join("\n"), expected);
        assert_eq!(file, Some(PathBuf::from("cfg")));
        assert!(read_words(&words("-oPort")).is_err());
        for unknown in ["-o =x", "-oFoo=bar", "-o ''", "-oHost=h", "-oInclude=f"] {
            assert!(read_words(&words(unknown)).is_err(), "{unknown}");
        }
    }

    #[test]
    fn without_ssh_the_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config");
        fs::write(
            &file,
            "Host other\n Port 1\nHost h\n HostName %h.example\n Port 2222\n User me\n IdentityFile /k\n\
             StrictHostKeyChecking accept-new\n UserKnownHostsFile /kh\n BatchMode yes\n HostKeyAlias alias\n\
             PasswordAuthentication no\n PasswordAuthentication yes\nHost *\n Port 3\n PasswordAuthentication yes\n",
        )
        .unwrap();
        let arguments = words(&format!("-F {} -oUser=you -G -- h", file.display()));
        let account = Account::ours();
        let (settings, defaults) = read_files(Request { arguments: &arguments, host: "h" }, &account).unwrap();
        let config = Config::from_settings("h", &settings, &defaults, &account).unwrap();
        assert_eq!((config.host.as_str(), config.port, config.user.as_str()), ("h.example", 2222, "you"));
        assert_eq!(config.identity_files, [PathBuf::from("/k")]);
        assert_eq!(config.user_known_hosts, [PathBuf::from("/kh")]);
        assert_eq!((config.batch, config.host_key_alias.as_deref()), (true, Some("alias")));
        assert_eq!((config.ciphers, config.password_authentication), (None, false));
        let arguments = words("-F /nowhere/config -G -- h");
        let missing = read_files(Request { arguments: &arguments, host: "h" }, &account).unwrap_err().to_string();
        assert_eq!(missing, "Can't open user config file /nowhere/config: No such file or directory");
    }

    struct Nobody;
    impl Questions for Nobody {
        fn can_ask(&self) -> bool {
            false
        }
        fn ask(&mut self, _: &str) -> Option<String> {
            None
        }
        fn secret(&mut self, _: &str) -> Option<zeroize::Zeroizing<String>> {
            None
        }
        fn show(&mut self, _: Notice) {}
    }

    /// Settings in every form that ssh accepts or refuses, and some that only look like settings.
    const LINES: &[&str] = &[
        "Host *",
        "Host h",
        "Host other",
        "Host !h *",
        "Host o* h",
        "Host \"h\" x",
        "Host h,x",
        "Host H",
        "Host ? # h",
        "Match all",
        "Include DIR/one",
        "Include DIR/t*",
        "Include DIR/none DIR/one",
        "Include \"DIR/a b\"",
        "Port 1022",
        "Port=1023",
        "Port  =  1024",
        "\tport\t1025 # why",
        "Port \"1026\"",
        "Port 1027\r",
        "PORT 1028 \x0c",
        "User one",
        "User \"t w o\"",
        "User three#",
        "User=f=our",
        "User 'fi've",
        "User \\\"six",
        "User ~",
        "User a b",
        "User",
        "HostName other",
        "HostName %h.example",
        "HostName a%%b",
        "HostName %n",
        "HostKeyAlias alias",
        "HostKeyAlias %h",
        "ProxyJump j1,j2:22",
        "ProxyJump none",
        "ProxyJump=u@j3",
        "ProxyCommand nc %h %p # x",
        "ProxyCommand none",
        "ProxyCommand=\"/bin/my nc\" %%h '%r'",
        "ProxyCommand   nc  two   blanks ",
        "IdentityFile /k1",
        "IdentityFile \"/k 2\"",
        "IdentityFile ~/k3",
        "IdentityFile %d/%u/%h-%p-%r",
        "IdentityFile none",
        "IdentityFile /k\\ 4",
        "CertificateFile /c1",
        "CertificateFile '/c 2'",
        "IdentityAgent /agent-%h",
        "IdentityAgent none",
        "IdentityAgent SSH_AUTH_SOCK",
        "IdentityAgent $AGENT",
        "IdentitiesOnly yes",
        "IdentitiesOnly NO",
        "IdentitiesOnly maybe",
        "UserKnownHostsFile /u1 /u2",
        "UserKnownHostsFile ~/u3",
        "UserKnownHostsFile /u-%h-%k",
        "UserKnownHostsFile none",
        "GlobalKnownHostsFile /g1 /g2",
        "GlobalKnownHostsFile none",
        "UserKnownHostsFile /u4 # /u5",
        "StrictHostKeyChecking yes",
        "StrictHostKeyChecking accept-new",
        "StrictHostKeyChecking OFF",
        "StrictHostKeyChecking ask",
        "StrictHostKeyChecking true",
        "StrictHostKeyChecking some",
        "PasswordAuthentication no",
        "PasswordAuthentication yes",
        "PubkeyAuthentication no",
        "PubkeyAuthentication host-bound",
        "KbdInteractiveAuthentication no",
        "ChallengeResponseAuthentication yes",
        "ChallengeResponseAuthentication no",
        "PreferredAuthentications password",
        "PreferredAuthentications publickey,password",
        "NumberOfPasswordPrompts 1",
        "NumberOfPasswordPrompts 2",
        "BatchMode yes",
        "BatchMode no",
        "Compression yes",
        "HashKnownHosts yes",
        "TCPKeepAlive no",
        "KeepAlive yes",
        "ServerAliveInterval 10",
        "ServerAliveInterval 1m",
        "ServerAliveCountMax 7",
        "ConnectTimeout 5",
        "ConnectTimeout 1m30s",
        "ConnectTimeout none",
        "ConnectTimeout NONE",
        "ConnectTimeout 0",
        "ServerAliveInterval none",
        "Match ALL",
        "Match All all",
        "Match !all",
        "ConnectionAttempts 3",
        "AddressFamily inet",
        "AddressFamily INET6",
        "AddressFamily 4",
        "RequiredRSASize 3072",
        "Ciphers aes128-ctr,aes256-ctr",
        "MACs hmac-sha2-512",
        "KexAlgorithms curve25519-sha256",
        "HostKeyAlgorithms ssh-ed25519,rsa-sha2-512",
        "PubkeyAcceptedKeyTypes ssh-ed25519",
        "ExitOnForwardFailure yes",
        "IgnoreUnknown Foo*,protocol",
        "FooBar 1",
        "Protocol 2",
        "UseRoaming no",
        "Cipher 3des",
        "RSAAuthentication yes",
        "RhostsRSAAuthentication no",
        "UsePrivilegedPort no",
        "CompressionLevel 6",
        "FallBackToRsh no",
        "SendEnv LANG LC_*",
        "SetEnv A=b",
        "LogLevel QUIET",
        "RekeyLimit 1G 1h",
        "VisualHostKey no",
        "ForwardX11 no",
        "LocalForward 1 h:2",
        "GSSAPIAuthentication yes",
        "EscapeChar none",
        "# Port 1",
        "",
        "   ",
        "Port",
        "Port \"22",
        "Port 1 2",
    ];

    /// Returns the configuration as text, or why there is none.
    fn seen(answers: Answers, account: &Account) -> Result<String, Error> {
        let (settings, defaults) = answers?;
        let mut config = Config::from_settings("h", &settings, &defaults, account)?;
        // These depend on the version of ssh: its default keys, and Debian's default interval with BatchMode.
        if !config.identities_named {
            config.identity_files.clear();
        }
        config.server_alive = config.server_alive.filter(|patience| patience.interval.as_secs() != 300);
        Ok(format!("{config:#?}"))
    }

    /// Returns the lines in which two answers differ.
    fn difference(theirs: Result<String, Error>, ours: Result<String, Error>) -> String {
        let [theirs, ours] = [theirs, ours].map(|seen| seen.unwrap_or_else(|error| error.to_string()));
        let only_in = |one: &str, other: &str, whose: &str| -> String {
            let odd = one.lines().filter(|line| other.lines().all(|other| other != *line));
            odd.map(|line| format!("{whose}: {}\n", line.trim())).collect()
        };
        only_in(&theirs, &ours, "ssh") + &only_in(&ours, &theirs, "we")
    }

    #[test]
    fn without_ssh_generated_files_mean_what_they_mean_to_ssh() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().display().to_string();
        for (name, text) in
            [("one", "Port 1\nUser one\n"), ("two", "Host x\nUser two\nHost h\nBatchMode yes\n"), ("a b", "User ab\n")]
        {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let file = directory.path().join("config");
        let account = Account::ours();
        let mut random = 1_u64;
        let mut below = |limit: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap() % limit
        };
        // Each line alone, and then twelve at a time of those that ssh accepts.
        const GENERATED: usize = 200;
        let mut files: Vec<Vec<&str>> = LINES.iter().map(|line| vec![*line]).collect();
        let mut good = Vec::new();
        let mut agreed = 0;
        let mut faults = Vec::new();
        while let Some(lines) = files.pop() {
            let text = lines.join("\n").replace("DIR", &root);
            fs::write(&file, format!("{text}\n")).unwrap();
            let arguments = words(&format!("-F {} -G -- h", file.display()));
            let request = Request { arguments: &arguments, host: "h" };
            let theirs = seen(ask_ssh(request, &mut Nobody).unwrap(), &account);
            let ours = seen(read_files(request, &account), &account);
            if lines.len() == 1 && theirs.is_ok() {
                good.push(lines[0]);
            }
            match (&theirs, &ours) {
                (Ok(theirs), Ok(ours)) if theirs == ours => agreed += 1,
                (Err(_), Err(_)) => {}
                _ => faults.push(format!("{text}\n\n{}", difference(theirs, ours))),
            }
            if files.is_empty() && agreed < GENERATED {
                files.push((0..12).map(|_| good[below(good.len())]).collect());
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    }

    #[test]
    fn no_word_for_ssh_may_hold_a_line_break() {
        let kinds: [&[&str]; 8] = [
            &["-i", "key\nproxycommand touch x"],
            &["-ikey\nproxycommand touch x"],
            &["-o", "HostName=\"h\nstricthostkeychecking no\""],
            &["-F", "/dev/null\n"],
            &["-J", "a\rb"],
            &["-c", "aes128-ctr\nmacs none"],
            &["-l", "me\x1b"],
            &["-p", "22\x7f"],
        ];
        for kind in kinds {
            let arguments: Vec<OsString> = kind.iter().chain(&["-G", "--", "h"]).map(OsString::from).collect();
            let error = Config::resolve(Request { arguments: &arguments, host: "h" }, &mut Nobody).unwrap_err();
            assert!(
                error.to_string().starts_with("an option for ssh holds a control character: "),
                "{kind:?}: {error}"
            );
        }
        let arguments = words("-F /dev/null -G -- h");
        assert!(Config::resolve(Request { arguments: &arguments, host: "h\nport 1" }, &mut Nobody).is_err());
        assert!(Config::resolve(Request { arguments: &arguments, host: "h" }, &mut Nobody).is_ok());
    }
}
