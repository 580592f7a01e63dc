//! Destinations: `[user@]host[:path]` and `sftp://[user@]host[:port][/path]`.
//!
//! Host and user become a part of ssh's arguments and of commands in its configuration (`ProxyCommand` with `%h` and
//! `%r`). So names that could act as an option or as shell code are refused here (CVE-2023-51385 and similar).

use std::ffi::OsStr;
use std::net::Ipv6Addr;
use std::os::unix::ffi::OsStrExt;

/// A server, and the path to start with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The user to log in as, if one was given.
    pub user: Option<String>,
    /// The name of a host, an alias from the configuration, or an address; never in brackets.
    pub host: String,
    /// The port, which only an `sftp://` address can have.
    pub port: Option<u16>,
    /// The directory to change to or the file to fetch, as bytes. Never empty.
    pub path: Option<Vec<u8>>,
}

/// A destination that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDestination {
    /// The host is missing. The text is sftp(1)'s.
    #[error("Missing hostname")]
    MissingHost,
    /// An invalid `sftp://` address.
    #[error("invalid address {address:?}: {fault}")]
    Address {
        /// The address as given.
        address: String,
        /// The fault.
        fault: &'static str,
    },
    /// A host that ssh would refuse, because it may be meant as an option or a command. The text is ssh(1)'s.
    #[error("hostname contains invalid characters: {0:?}")]
    Host(String),
    /// A user that ssh would refuse, because it may be meant as an option or a command. The text is ssh(1)'s.
    #[error("remote username contains invalid characters: {0:?}")]
    User(String),
}

impl InvalidDestination {
    /// Returns advice about the fault, if there is any.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            InvalidDestination::MissingHost => Some("write an IPv6 address in brackets: user@[::1]:path".to_owned()),
            InvalidDestination::Host(host) => {
                let (name, path) = host.split_once('/')?;
                check_host(name).ok()?;
                Some(format!("write a path after a colon: {name}:{path}"))
            }
            _ => None,
        }
    }
}

const SCHEME: &[u8] = b"sftp://";

impl Destination {
    /// Reads a destination. Tries the forms in sftp(1)'s order: an address, a host with a path, a host alone.
    ///
    /// # Errors
    /// [`InvalidDestination`] gives the fault.
    pub fn parse(text: &OsStr) -> Result<Destination, InvalidDestination> {
        let text = text.as_bytes();
        match text.split_at_checked(SCHEME.len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => parse_address(rest)
                .map_err(|fault| InvalidDestination::Address { address: lossy(text), fault })?
                .checked(),
            _ => parse_plain(text)?.checked(),
        }
    }

    fn checked(self) -> Result<Destination, InvalidDestination> {
        check_host(&self.host)?;
        self.user.as_deref().map_or(Ok(()), check_user)?;
        Ok(self)
    }
}

/// Reads `[user@]host[:path]`. The path begins after the first colon that is outside brackets and before any slash.
/// The last `@` before that colon ends the user.
fn parse_plain(text: &[u8]) -> Result<Destination, InvalidDestination> {
    let (login, path) = match path_colon(text) {
        Some(colon) => (&text[..colon], Some(&text[colon + 1..])),
        None => (text, None),
    };
    let (user, host) = match login.iter().rposition(|&byte| byte == b'@') {
        Some(at) => (Some(&login[..at]), &login[at + 1..]),
        None => (None, login),
    };
    let host = text_of(without_brackets(host)).map_err(InvalidDestination::Host)?;
    let user = user.map(text_of).transpose().map_err(InvalidDestination::User)?;
    // In sftp(1), `host:` means the directory in which a session starts.
    let path = path.map(|path| if path.is_empty() { b".".to_vec() } else { path.to_vec() });
    Ok(Destination { user, host, port: None, path })
}

/// Returns the position of the colon before the path. A colon at the very beginning belongs to a name.
fn path_colon(text: &[u8]) -> Option<usize> {
    if text.first() == Some(&b':') {
        return None;
    }
    let mut bracketed = false;
    let mut before = b'@';
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'[' if before == b'@' => bracketed = true,
            b':' if !bracketed || before == b']' => return Some(at),
            b'/' => return None,
            _ => {}
        }
        before = byte;
    }
    None
}

/// Reads `[user[;parameters]@]host[:port][/path]`, which follows the scheme. Parameters are ignored.
fn parse_address(rest: &[u8]) -> Result<Destination, &'static str> {
    let (authority, path) = match rest.iter().position(|&byte| byte == b'/') {
        Some(slash) => (&rest[..slash], &rest[slash + 1..]),
        None => (rest, &[][..]),
    };
    let (user, place) = match authority.iter().position(|&byte| byte == b'@') {
        Some(at) => (Some(&authority[..at]), &authority[at + 1..]),
        None => (None, authority),
    };
    let user =
        user.map(|user| decoded_user(user.split(|&byte| byte == b';').next().unwrap_or_default())).transpose()?;
    let (host, port) = host_and_port(place)?;
    // The slash after the host doesn't belong to the path: `sftp://host/a` is relative, as in sftp(1).
    let path = if path.is_empty() { None } else { Some(decoded(path)?) };
    Ok(Destination { user, host, port, path })
}

fn decoded_user(user: &[u8]) -> Result<String, &'static str> {
    match String::from_utf8(decoded(user)?) {
        Ok(user) if user.is_empty() => Err("the user is empty"),
        Ok(user) => Ok(user),
        Err(_) => Err("the user is not UTF-8"),
    }
}

fn host_and_port(place: &[u8]) -> Result<(String, Option<u16>), &'static str> {
    let place = std::str::from_utf8(place).map_err(|_| "the host is not UTF-8")?;
    let end = match place.starts_with('[') {
        true => place.find(']').ok_or("the bracket is not closed")? + 1,
        false => place.find(':').unwrap_or(place.len()),
    };
    let (host, port) = place.split_at(end);
    let port = match port.strip_prefix(':') {
        // As in sftp(1), a colon without digits counts as no port.
        Some("") => None,
        Some(port) => Some(super::number::port_number(port).ok_or("the port is not a number from 1 to 65535")?),
        None if port.is_empty() => None,
        None => return Err("there is text between the host and its port"),
    };
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        // An encoded percent sign comes before a scope (RFC 6874). Like ssh, we also accept a bare one.
        Some(address) if is_ipv6(&address.replacen("%25", "%", 1)) => Ok((address.replacen("%25", "%", 1), port)),
        Some(_) => Err("the brackets don't contain an IPv6 address"),
        None if host.is_empty() => Err("the host is missing"),
        None if host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) => {
            Ok((host.to_owned(), port))
        }
        None => Err("a host name consists of letters, digits, dots, dashes and underscores"),
    }
}

/// Decodes percent signs; `+` means a blank.
fn decoded(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|&digit| char::from(digit).to_digit(16));
                match (digit(), digit()) {
                    (Some(0), Some(0)) => return Err("%00 is not allowed"),
                    (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or_default(),
                    _ => return Err("two hexadecimal digits must follow each %"),
                }
            }
            byte => byte,
        });
    }
    Ok(bytes)
}

fn without_brackets(host: &[u8]) -> &[u8] {
    host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host)
}

/// Returns whether this is an IPv6 address, which may have a scope: `fe80::1%eth0`.
fn is_ipv6(host: &str) -> bool {
    let (address, scope) = host.split_once('%').unwrap_or((host, "0"));
    let scope_fits =
        !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    scope_fits && address.parse::<Ipv6Addr>().is_ok()
}

fn check_host(host: &str) -> Result<(), InvalidDestination> {
    if host.is_empty() {
        return Err(InvalidDestination::MissingHost);
    }
    // Characters that ssh refuses, and those that would make the name a path, a pattern or a token.
    let invalid = |c: char| c.is_control() || c.is_whitespace() || "'`\"$\\;&<>|(){}/*?!,#%@:[]".contains(c);
    if host.starts_with('-') || (host.contains(invalid) && !is_ipv6(host)) {
        return Err(InvalidDestination::Host(host.to_owned()));
    }
    Ok(())
}

fn check_user(user: &str) -> Result<(), InvalidDestination> {
    let invalid = |c: char| c.is_control() || "'`\";&<>|(){}".contains(c);
    // A backslash separates a domain from its user, and a dollar sign ends the name of a machine. They are allowed
    // only there.
    let misplaced = user.ends_with('\\') || user.trim_end_matches('$').contains('$') || user.ends_with("$$");
    let option = user.starts_with('-') || user.split(char::is_whitespace).skip(1).any(|word| word.starts_with('-'));
    if user.is_empty() || option || misplaced || user.contains(invalid) {
        return Err(InvalidDestination::User(user.to_owned()));
    }
    Ok(())
}

/// Returns the bytes as text, or a lossy text as the error.
fn text_of(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| lossy(bytes))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Destination, InvalidDestination> {
        Destination::parse(OsStr::new(text))
    }

    /// Returns user, host, port and path in one line, with `-` for absent ones.
    fn seen(destination: &Destination) -> String {
        let path = destination.path.as_deref().map(|path| path.escape_ascii().to_string());
        let part = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
        [
            part(destination.user.clone()),
            destination.host.clone(),
            part(destination.port.map(|port| port.to_string())),
            part(path),
        ]
        .join(" ")
    }

    // difference: addresses
    #[test]
    fn destinations_are_read_as_sftp_reads_them() {
        for (text, expected) in [
            ("host", "- host - -"),
            ("user@host", "user host - -"),
            ("host:", "- host - ."),
            ("user@host:dir/a:b", "user host - dir/a:b"),
            ("host:/abs path", "- host - /abs path"),
            ("host:22", "- host - 22"),
            ("user@corp@host", "user@corp host - -"),
            ("CORP\\user@host", "CORP\\user host - -"),
            ("machine$@host", "machine$ host - -"),
            ("[::1]", "- ::1 - -"),
            ("[::1]:p", "- ::1 - p"),
            ("user@[fe80::1%eth0]:/p", "user fe80::1%eth0 - /p"),
            ("::1", "- ::1 - -"),
            ("[example.org]:p", "- example.org - p"),
            ("host:a@b", "- host - a@b"),
            ("über.example", "- über.example - -"),
            ("sftp://host", "- host - -"),
            ("sftp://host/", "- host - -"),
            ("SFTP://host/tmp/x", "- host - tmp/x"),
            ("sftp://host//tmp/x", "- host - /tmp/x"),
            ("sftp://host/%2ftmp/x+y%20z%2b", "- host - /tmp/x y z+"),
            ("sftp://user@host:2222/a", "user host 2222 a"),
            ("sftp://us%65r;fingerprint=x@host:/", "user host - -"),
            ("sftp://u+v@host/a@b", "u v host - a@b"),
            ("sftp://[::1]:22/%ff", "- ::1 22 \\xff"),
            ("sftp://[fe80::1%25lo]/", "- fe80::1%lo - -"),
            ("sftp://u@[fe80::1%25eth0]:22/x", "u fe80::1%eth0 22 x"),
            ("sftp://[fe80::1%lo]/", "- fe80::1%lo - -"),
            ("http://host", "- http - //host"),
        ] {
            assert_eq!(seen(&parse(text).unwrap()), expected, "{text}");
        }
        assert_eq!(Destination::parse(OsStr::from_bytes(b"h:\xff")).unwrap().path.unwrap(), b"\xff");
    }

    #[test]
    fn what_could_be_an_option_or_a_command_is_refused() {
        for host in [
            "-oProxyCommand=id",
            "user@-oProxyCommand=id",
            "a;id",
            "$(id)",
            "`id`",
            "a b",
            "a\nb",
            "a\u{1b}[2K",
            "a|b",
            "a&b",
            "a%h",
            "host/dir",
            "host/dir:x",
            "*",
            "a,b",
            "[a:b]",
            ":path",
            "a\u{85}b",
        ] {
            assert!(matches!(parse(host), Err(InvalidDestination::Host(_))), "{host:?}: {:?}", parse(host));
        }
        for user in [
            "a;id@h",
            "-l@h",
            "$(id)@h",
            "$HOME@h",
            "a -x@h",
            "a\\@h",
            "a\nb@h",
            "a'b@h",
            "@h",
            "sftp://u%0a@h/",
            "sftp://-x@h",
        ] {
            assert!(matches!(parse(user), Err(InvalidDestination::User(_))), "{user:?}: {:?}", parse(user));
        }
        for text in ["", "user@", "user@::1", "user@[]:x"] {
            assert_eq!(parse(text), Err(InvalidDestination::MissingHost), "{text:?}");
        }
        let not_utf8 = Destination::parse(OsStr::from_bytes(b"\xff@h"));
        assert!(matches!(not_utf8, Err(InvalidDestination::User(_))));
    }

    #[test]
    fn an_address_says_what_is_wrong_with_it() {
        for (text, fault) in [
            ("sftp://", "the host is missing"),
            ("sftp://user@/path", "the host is missing"),
            ("sftp://@host", "the user is empty"),
            ("sftp://%00@host", "%00 is not allowed"),
            ("sftp://host/%zz", "two hexadecimal digits must follow each %"),
            ("sftp://host/%4", "two hexadecimal digits must follow each %"),
            ("sftp://host:0/", "the port is not a number from 1 to 65535"),
            ("sftp://host:65536/", "the port is not a number from 1 to 65535"),
            ("sftp://host:+22/", "the port is not a number from 1 to 65535"),
            ("sftp://[::1", "the bracket is not closed"),
            ("sftp://[host]/", "the brackets don't contain an IPv6 address"),
            ("sftp://[::1]22/", "there is text between the host and its port"),
            ("sftp://a;id/", "a host name consists of letters, digits, dots, dashes and underscores"),
            ("sftp://%ff@host", "the user is not UTF-8"),
        ] {
            assert_eq!(parse(text), Err(InvalidDestination::Address { address: text.to_owned(), fault }), "{text}");
        }
    }

    #[test]
    fn hints_show_the_form_that_was_meant() {
        let hint = |text| parse(text).unwrap_err().hint();
        assert_eq!(hint("host/dir/a").unwrap(), "write a path after a colon: host:dir/a");
        assert_eq!(hint("user@::1").unwrap(), "write an IPv6 address in brackets: user@[::1]:path");
        assert_eq!(hint("a;id"), None);
    }
}
