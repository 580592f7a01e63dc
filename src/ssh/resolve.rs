//! Gathers the settings for a destination: by the user's own `ssh -G`, which reads every `Match` and `Include` exactly as
//! ssh does, or else, where there is no ssh program, by reading the files.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use ssh2_config::{Algorithms, HostParams, ParseRule, SshConfig};

use crate::program;
use crate::ssh::config::{Config, Settings, unheeded};
use crate::ssh::error::{Error, cause};
use crate::ssh::tokens::local_user;
use crate::ssh::{Notice, Questions};

/// The name of the program that is asked.
const SSH: &str = "ssh";

/// Private keys that ssh tries where none is named.
const DEFAULT_IDENTITIES: [&str; 3] = ["~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519"];

/// What the command line says about a connection.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The arguments of `ssh -G`: `-F`, `file`, `-oPort 2222`, `-l`, `user`, `-G`, `--`, `host`.
    pub arguments: &'a [OsString],
    /// The host as it was typed.
    pub host: &'a str,
}

impl Config {
    /// Resolves a request with the user's configuration. What is worth a word on the way is shown.
    ///
    /// # Errors
    /// The configuration can't be read, or asks for something that must not be left out.
    pub fn resolve(request: Request<'_>, questions: &mut dyn Questions) -> Result<Config, Error> {
        let (settings, defaults) = match ask_ssh(request, questions) {
            Err(error) if error.kind() == ErrorKind::NotFound => read_files(request)?,
            Err(error) => return Err(Error::Local { what: "cannot run ssh -G", error }),
            Ok(answers) => answers?,
        };
        for note in unheeded(&settings, &defaults) {
            questions.show(Notice::Verbose(note));
        }
        Config::from_settings(request.host, &settings, &defaults)
    }
}

type Answers = Result<(Settings, Settings), Error>;

/// Asks ssh twice at once: with the user's configuration and with none, which shows what was not asked for.
fn ask_ssh(request: Request<'_>, questions: &mut dyn Questions) -> io::Result<Answers> {
    let asked = |arguments: &[OsString]| {
        let mut command = program::command(SSH)?;
        // Without -T it complains that its stdin is no terminal.
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
    Ok(understand(&settings).and_then(|settings| Ok((settings, understand(&defaults)?))))
}

fn understand(answer: &Output) -> Result<Settings, Error> {
    if answer.status.success() {
        return Ok(Settings::from_lines(&String::from_utf8_lossy(&answer.stdout)));
    }
    let said = words_of(answer);
    Err(Error::Configuration(if said.is_empty() { String::from("ssh -G failed") } else { said.join("; ") }))
}

/// What ssh said on the way, without what `-v` makes it say.
fn words_of(answer: &Output) -> Vec<String> {
    let idle = |line: &str| line.is_empty() || line.starts_with("debug") || line.starts_with("OpenSSH_");
    String::from_utf8_lossy(&answer.stderr)
        .lines()
        .map(str::trim)
        .filter(|line| !idle(line))
        .map(str::to_owned)
        .collect()
}

/// Reads the files that ssh would read, as far as can be without it.
fn read_files(request: Request<'_>) -> Answers {
    let (mut settings, file) = read_words(request.arguments)?;
    let files = match file {
        Some(file) if file == Path::new("none") => Vec::new(),
        Some(file) => vec![(file, true)],
        None => {
            let home = std::env::home_dir().map(|home| (home.join(".ssh/config"), false));
            home.into_iter().chain([(PathBuf::from("/etc/ssh/ssh_config"), false)]).collect()
        }
    };
    for (file, needed) in files {
        match File::open(&file) {
            Ok(text) => settings.0.extend(read_config(&file, text, request.host)?),
            Err(error) if error.kind() == ErrorKind::NotFound && !needed => {}
            Err(error) => return Err(unreadable(&file, &cause(&error))),
        }
    }
    let mut defaults = Settings::default();
    for identity in DEFAULT_IDENTITIES {
        defaults.0.push((String::from("identityfile"), identity.to_owned()));
    }
    if settings.get("identityfile").is_none() {
        settings.0.extend(defaults.0.iter().cloned());
    }
    settings.0.push((String::from("user"), local_user()));
    Ok((settings, defaults))
}

fn unreadable(file: &Path, cause: &str) -> Error {
    Error::Configuration(format!("cannot read {}: {cause}", file.display()))
}

fn read_config(file: &Path, mut text: File, host: &str) -> Result<Vec<(String, String)>, Error> {
    let mut lines = String::new();
    text.read_to_string(&mut lines).map_err(|error| unreadable(file, &cause(&error)))?;
    let lines: String = lines.lines().map(|line| format!("{}\n", in_todays_words(line))).collect();
    let config = SshConfig::default()
        .parse(&mut lines.as_bytes(), ParseRule::ALLOW_UNSUPPORTED_FIELDS)
        .map_err(|error| unreadable(file, &format!("{error} (an ssh program in PATH would understand it)")))?;
    Ok(pairs(config.query(host), host))
}

/// A line with the keyword that ssh has for an old one today, where the parser knows only that.
fn in_todays_words(line: &str) -> String {
    let start = line.len() - line.trim_start().len();
    let end = line[start..].find([' ', '\t', '=']).map_or(line.len(), |length| start + length);
    match line[start..end].to_ascii_lowercase().as_str() {
        "challengeresponseauthentication" | "skeyauthentication" | "tisauthentication" => {
            format!("{}KbdInteractiveAuthentication{}", &line[..start], &line[end..])
        }
        // Which library speaks to a hardware key is the agent's business: we sign with none ourselves.
        "securitykeyprovider" => String::new(),
        _ => line.to_owned(),
    }
}

/// The parameters in the form of `ssh -G`.
fn pairs(params: HostParams, host: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut add = |keyword: &str, value: Option<String>| {
        pairs.extend(value.map(|value| (keyword.to_owned(), value)));
    };
    let flag = |value: Option<bool>| value.map(|yes| String::from(if yes { "yes" } else { "no" }));
    let list = |value: Algorithms| (!value.is_default()).then(|| value.algorithms().join(","));
    let path = |value: PathBuf| value.to_string_lossy().into_owned();
    add("hostname", params.host_name.map(|name| name.replace("%h", host)));
    add("port", params.port.map(|port| port.to_string()));
    add("user", params.user);
    add("bindaddress", params.bind_address);
    add("bindinterface", params.bind_interface);
    add("compression", flag(params.compression));
    add("connectionattempts", params.connection_attempts.map(|attempts| attempts.to_string()));
    add("connecttimeout", params.connect_timeout.map(|limit| limit.as_secs().to_string()));
    add("proxyjump", params.proxy_jump.map(|hosts| hosts.join(",")));
    add("pubkeyauthentication", flag(params.pubkey_authentication));
    add("serveraliveinterval", params.server_alive_interval.map(|interval| interval.as_secs().to_string()));
    add("tcpkeepalive", flag(params.tcp_keep_alive));
    add("certificatefile", params.certificate_file.map(path));
    add("ciphers", list(params.ciphers));
    add("hostkeyalgorithms", list(params.host_key_algorithms));
    add("kexalgorithms", list(params.kex_algorithms));
    add("macs", list(params.mac));
    add("pubkeyacceptedalgorithms", list(params.pubkey_accepted_algorithms));
    for file in params.identity_file.unwrap_or_default() {
        add("identityfile", Some(path(file)));
    }
    for (keyword, values) in params.unsupported_fields {
        add(&keyword.to_ascii_lowercase(), Some(values.join(" ")));
    }
    pairs
}

/// Reads the option words as ssh does: the settings they make, and the file that `-F` names.
fn read_words(words: &[OsString]) -> Result<(Settings, Option<PathBuf>), Error> {
    let mut settings = Vec::new();
    let mut file = None;
    // The host and what follows it are no options.
    let mut words = words.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let [b'-', letters @ ..] = word.as_bytes() else { continue };
        for (at, letter) in letters.iter().enumerate() {
            let mut set = |keyword: &str, value: &str| settings.push((keyword.to_owned(), value.to_owned()));
            match letter {
                b'4' => set("addressfamily", "inet"),
                b'6' => set("addressfamily", "inet6"),
                b'C' => set("compression", "yes"),
                b'A' => set("forwardagent", "yes"),
                b'F' | b'J' | b'c' | b'i' | b'l' | b'o' | b'p' => {
                    let rest = &letters[at + 1..];
                    let value =
                        if rest.is_empty() { words.next().map_or(&b""[..], |word| word.as_bytes()) } else { rest };
                    let text = String::from_utf8_lossy(value).into_owned();
                    match letter {
                        b'F' => file = Some(PathBuf::from(OsStr::from_bytes(value))),
                        b'J' => set("proxyjump", &text),
                        b'c' => set("ciphers", &text),
                        b'i' => set("identityfile", &text),
                        b'l' => set("user", &text),
                        b'p' => set("port", &text),
                        _ => settings.push(assignment(&text)?),
                    }
                    break;
                }
                _ => {}
            }
        }
    }
    Ok((Settings(settings), file))
}

/// `Keyword value`, `Keyword=value` and what lies between, as `-o` takes it.
fn assignment(text: &str) -> Result<(String, String), Error> {
    let text = text.trim();
    let end = text.find(|character: char| character == '=' || character.is_whitespace()).unwrap_or(text.len());
    let value = text[end..].trim_start();
    let value = value.strip_prefix('=').unwrap_or(value).trim();
    if end == 0 || value.is_empty() {
        return Err(Error::Configuration(format!("missing argument: -o {text}")));
    }
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let keyword = match text[..end].to_ascii_lowercase().as_str() {
        "challengeresponseauthentication" => String::from("kbdinteractiveauthentication"),
        "pubkeyacceptedkeytypes" => String::from("pubkeyacceptedalgorithms"),
        keyword => keyword.to_owned(),
    };
    Ok((keyword, value.to_owned()))
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
        let line = "-oForwardX11=no -4C -i key -vikey2 -o 'Port 1' -oUser=me -lyou -F cfg -J a,b -c x -o 'A = \"b c\"' -G -- -p";
        let (settings, file) = read_words(&words(line)).unwrap();
        let expected = "forwardx11 no\naddressfamily inet\ncompression yes\nidentityfile key\nidentityfile key2\nport 1\n\
            user me\nuser you\nproxyjump a,b\nciphers x\na b c";
        assert_eq!(settings, Settings::from_lines(expected));
        assert_eq!(file, Some(PathBuf::from("cfg")));
        assert!(read_words(&words("-oPort")).is_err());
        assert!(read_words(&words("-o =x")).is_err());
    }

    #[test]
    fn without_ssh_the_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config");
        fs::write(
            &file,
            "Host other\n Port 1\nHost h\n HostName %h.example\n Port 2222\n User me\n IdentityFile /k\n\
             StrictHostKeyChecking accept-new\n UserKnownHostsFile /kh\n BatchMode yes\n HostKeyAlias alias\nHost *\n Port 3\n",
        )
        .unwrap();
        let arguments = words(&format!("-F {} -oUser=you -G -- h", file.display()));
        let (settings, defaults) = read_files(Request { arguments: &arguments, host: "h" }).unwrap();
        let config = Config::from_settings("h", &settings, &defaults).unwrap();
        assert_eq!((config.host.as_str(), config.port, config.user.as_str()), ("h.example", 2222, "you"));
        assert_eq!(config.identity_files, [PathBuf::from("/k")]);
        assert_eq!(config.user_known_hosts, [PathBuf::from("/kh")]);
        assert_eq!((config.batch, config.host_key_alias.as_deref()), (true, Some("alias")));
        assert_eq!(config.ciphers, None);
    }

    #[test]
    fn a_file_that_cannot_be_understood_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config");
        let error = |text: &str| {
            fs::write(&file, text).unwrap();
            let arguments = words(&format!("-F {} -G -- h", file.display()));
            read_files(Request { arguments: &arguments, host: "h" }).unwrap_err().to_string()
        };
        assert!(error("Match user me\n Port 1\n").contains("an ssh program in PATH would understand it"));
        let arguments = words("-F /nowhere/config -G -- h");
        let missing = read_files(Request { arguments: &arguments, host: "h" }).unwrap_err().to_string();
        assert_eq!(missing, "cannot read /nowhere/config: No such file or directory");
    }
}
