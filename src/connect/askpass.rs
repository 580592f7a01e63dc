//! A program that prompts instead of the terminal: `SSH_ASKPASS` and `SSH_ASKPASS_REQUIRE`, by the rules of ssh(1).

use std::env;
use std::ffi::OsString;
use std::io::{self, Read};
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use crate::child::Program;
use crate::program;

/// Who answers questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Respondent {
    /// The user at the controlling terminal.
    Terminal,
    /// A program, which may show a dialog.
    Program(OsString),
    /// There is no terminal and no program.
    Nobody,
}

/// The program if `SSH_ASKPASS` is not set.
const USUAL_PROGRAM: &str = "ssh-askpass";

/// Longest password in bytes. The buffer has this size from the start, so that it never grows and leaves copies.
const LONGEST: usize = 4096;

impl Respondent {
    /// Decides by this process's environment who answers. Called for each question, because the terminal can be
    /// closed.
    pub(super) fn now(has_terminal: bool) -> Respondent {
        Respondent::by(|name| env::var_os(name), has_terminal)
    }

    /// Decides by the given variables. A program answers if there is no terminal, and needs a display for that.
    /// `SSH_ASKPASS_REQUIRE` can prefer it to the terminal, force it without a display, or forbid it.
    fn by(variable: impl Fn(&str) -> Option<OsString>, has_terminal: bool) -> Respondent {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let has_display = set("DISPLAY").or_else(|| set("WAYLAND_DISPLAY")).is_some();
        let required = set("SSH_ASKPASS_REQUIRE").unwrap_or_default().to_ascii_lowercase();
        let (allowed, preferred) = match required.to_str() {
            Some("force") => (true, true),
            Some("prefer") => (has_display, has_display),
            Some("never") => (false, false),
            _ => (has_display, false),
        };
        let usual = || program::find_in(variable("PATH"), USUAL_PROGRAM.as_ref()).ok().map(Into::into);
        let program = || set("SSH_ASKPASS").or_else(usual);
        match if allowed && (preferred || !has_terminal) { program() } else { None } {
            Some(program) => Respondent::Program(program),
            None if has_terminal => Respondent::Terminal,
            None => Respondent::Nobody,
        }
    }
}

/// Runs a program that prompts, and returns its first line, or `None` if it fails.
///
/// # Errors
/// The program can't be run, or its output can't be read.
pub(super) fn ask(program: &OsString, question: &str) -> io::Result<Option<Zeroizing<String>>> {
    let mut command = program::command(program)?;
    // Standard input may hold the commands of a script.
    command.arg(question).stdin(Stdio::null());
    answer_of(&mut command)
}

/// Returns the first line that a program prints, or `None` if it fails.
///
/// # Errors
/// The program can't be run, or its output can't be read.
pub(super) fn answer_of(command: &mut Command) -> io::Result<Option<Zeroizing<String>>> {
    let program = Program::spawn(command.stdout(Stdio::piped()))?;
    // The pipe is dropped before the wait, so a program that goes on printing can't block it.
    let answer = program.stdout().map(first_line).transpose();
    let status = program.wait()?;
    Ok(answer?.filter(|_| status.success()))
}

/// Returns the first line, without its line ending.
///
/// # Errors
/// The line can't be read, is longer than any password, or is not UTF-8.
pub(super) fn first_line(mut source: impl Read) -> io::Result<Zeroizing<String>> {
    let mut buffer = Zeroizing::new(vec![0; LONGEST]);
    let mut filled = 0;
    let line = loop {
        if let Some(end) = buffer[..filled].iter().position(|&byte| byte == b'\n') {
            break buffer[..end].strip_suffix(b"\r").unwrap_or(&buffer[..end]);
        }
        match source.read(&mut buffer[filled..]) {
            Ok(0) if filled == LONGEST => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its line is too long"));
            }
            Ok(0) => break &buffer[..filled],
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    match str::from_utf8(line) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "its first line is not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_taken_as_it_is() {
        let line = |text: &[u8]| first_line(text).map(|line| line.to_string()).map_err(|error| error.to_string());
        assert_eq!(line(b"pass word \nmore").as_deref(), Ok("pass word "));
        assert_eq!(line(b"one\r\ntwo").as_deref(), Ok("one"));
        assert_eq!(line("p\u{e4}ss".as_bytes()).as_deref(), Ok("p\u{e4}ss"));
        assert_eq!(line(b"").as_deref(), Ok(""));
        assert_eq!(line(b"\xff\n"), Err("its first line is not UTF-8".to_owned()));
        assert_eq!(line(&[b'x'; LONGEST]), Err("its line is too long".to_owned()));
    }

    #[test]
    fn ssh_decides_who_is_asked_by_the_environment() {
        let program = Respondent::Program("asker".into());
        for (variables, has_terminal, respondent) in [
            ("", true, Respondent::Terminal),
            ("", false, Respondent::Nobody),
            ("SSH_ASKPASS=asker", true, Respondent::Terminal),
            // Without a display, no one would see it.
            ("SSH_ASKPASS=asker", false, Respondent::Nobody),
            ("SSH_ASKPASS=asker DISPLAY=", false, Respondent::Nobody),
            ("SSH_ASKPASS=asker DISPLAY=:0", true, Respondent::Terminal),
            ("SSH_ASKPASS=asker DISPLAY=:0", false, program.clone()),
            ("SSH_ASKPASS=asker WAYLAND_DISPLAY=w", false, program.clone()),
            ("SSH_ASKPASS=asker SSH_ASKPASS_REQUIRE=force", true, program.clone()),
            ("SSH_ASKPASS=asker SSH_ASKPASS_REQUIRE=FORCE", false, program.clone()),
            ("SSH_ASKPASS=asker SSH_ASKPASS_REQUIRE=prefer", true, Respondent::Terminal),
            ("SSH_ASKPASS=asker SSH_ASKPASS_REQUIRE=prefer DISPLAY=:0", true, program.clone()),
            ("SSH_ASKPASS=asker SSH_ASKPASS_REQUIRE=never DISPLAY=:0", false, Respondent::Nobody),
            ("SSH_ASKPASS=asker SSH_ASKPASS_REQUIRE=never DISPLAY=:0", true, Respondent::Terminal),
            ("SSH_ASKPASS_REQUIRE=force PATH=/nowhere", true, Respondent::Terminal),
            ("SSH_ASKPASS_REQUIRE=force PATH=/nowhere", false, Respondent::Nobody),
        ] {
            let variable = |name: &str| {
                let values = variables.split(' ').filter_map(|each| each.split_once('='));
                values.filter(|&(each, _)| each == name).map(|(_, value)| OsString::from(value)).next()
            };
            assert_eq!(Respondent::by(variable, has_terminal), respondent, "{variables} {has_terminal}");
        }
    }

    #[test]
    fn the_first_line_of_a_program_that_succeeds_is_the_answer() {
        let run = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]);
            answer_of(&mut command).unwrap().map(|answer| answer.to_string())
        };
        assert_eq!(run("printf 'one\\r\\ntwo\\n'").as_deref(), Some("one"));
        assert_eq!(run("printf one").as_deref(), Some("one"));
        assert_eq!(run("echo one; exit 1"), None);
        assert_eq!(run("echo").as_deref(), Some(""));
        assert!(answer_of(&mut Command::new("/nowhere/asker")).is_err());
    }
}
