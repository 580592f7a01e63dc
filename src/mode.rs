//! Modes: the file type in a mode, its letters in `ls -l`, and permissions as people type them, octal as in sftp(1)
//! or symbolic as in chmod(1).

mod kind;
mod letters;

pub use self::kind::Kind;
pub use self::letters::letters;

/// A change of a file's permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Set exactly these bits: `644`.
    To(u32),
    /// Apply these steps in order: `u+x,go-w`.
    By(Vec<Step>),
}

/// One step of a symbolic mode: `go-w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bits of the affected classes, including their special bits.
    who: u32,
    operator: Operator,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Add,
    Remove,
    Set,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// These bits in every class. `search` is for `X`: execution of directories and of files that are executable
    /// already.
    Bits { bits: u32, search: bool },
    /// The bits of the class with this shift.
    CopyOf(u32),
}

/// The bits that a mode may set: permissions, set-id and sticky.
const BITS: u32 = 0o7777;

const USER: u32 = 0o4700;
const GROUP: u32 = 0o2070;
const OTHER: u32 = 0o1007;
const EXECUTE: u32 = 0o111;
const STICKY: u32 = 0o1000;

/// Reads octal digits, as many as sftp(1) accepts: a mode of up to 16 bits.
#[must_use]
pub fn octal(text: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(text).ok()?;
    let mode = u32::from_str_radix(digits, 8).ok()?;
    (mode <= 0o177_777 && !digits.starts_with('+')).then_some(mode)
}

impl Change {
    /// Reads a mode. Returns `None` if it is invalid.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Change> {
        if let Some(mode) = octal(text) {
            return Some(Change::To(mode));
        }
        let mut steps = Vec::new();
        for clause in text.split(|&byte| byte == b',') {
            read_clause(clause, &mut steps)?;
        }
        Some(Change::By(steps))
    }

    /// Returns the mode that results from `mode`, whose type says whether it is a directory's. Returns `None` if the
    /// change depends on an unknown mode.
    #[must_use]
    pub fn apply(&self, mode: Option<u32>) -> Option<u32> {
        match self {
            Change::To(mode) => Some(*mode),
            Change::By(steps) => Some(steps.iter().fold(mode?, |mode, step| step.apply(mode)) & BITS),
        }
    }
}

impl Step {
    fn apply(self, mode: u32) -> u32 {
        let is_directory = Kind::of(mode) == Some(Kind::Directory);
        let bits = match self.what {
            What::Bits { bits, search: true } if is_directory || mode & EXECUTE != 0 => bits | EXECUTE,
            What::Bits { bits, .. } => bits,
            What::CopyOf(shift) => ((mode >> shift) & 7) * 0o111,
        } & self.who;
        match self.operator {
            Operator::Add => mode | bits,
            Operator::Remove => mode & !bits,
            // As in GNU's chmod, a directory keeps its set-id bits unless they are named.
            Operator::Set if is_directory => mode & !(self.who & !0o6000) | bits,
            Operator::Set => mode & !self.who | bits,
        }
    }
}

/// Reads one clause between commas: `ug+rw-x`.
fn read_clause(clause: &[u8], steps: &mut Vec<Step>) -> Option<()> {
    let mut rest = clause;
    let mut who = 0;
    while let [class, behind @ ..] = rest {
        who |= match class {
            b'u' => USER,
            b'g' => GROUP,
            b'o' => OTHER,
            b'a' => USER | GROUP | OTHER,
            _ => break,
        };
        rest = behind;
    }
    // chmod(1) would apply the umask here, but the server's is unknown.
    let who = if who == 0 { BITS } else { who };
    if rest.is_empty() {
        return None;
    }
    while let [operator, behind @ ..] = rest {
        let operator = match operator {
            b'+' => Operator::Add,
            b'-' => Operator::Remove,
            b'=' => Operator::Set,
            _ => return None,
        };
        let end = behind.iter().position(|byte| matches!(byte, b'+' | b'-' | b'=')).unwrap_or(behind.len());
        let (what, behind) = behind.split_at(end);
        steps.push(Step { who, operator, what: read_what(what)? });
        rest = behind;
    }
    Some(())
}

fn read_what(text: &[u8]) -> Option<What> {
    match text {
        b"u" => return Some(What::CopyOf(6)),
        b"g" => return Some(What::CopyOf(3)),
        b"o" => return Some(What::CopyOf(0)),
        _ => (),
    }
    let (mut bits, mut search) = (0, false);
    for letter in text {
        match letter {
            b'r' => bits |= 0o444,
            b'w' => bits |= 0o222,
            b'x' => bits |= EXECUTE,
            b'X' => search = true,
            b's' => bits |= 0o6000,
            b't' => bits |= STICKY,
            _ => return None,
        }
    }
    Some(What::Bits { bits, search })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbolic_modes_change_what_is_there() {
        for (text, before, after) in [
            ("644", 0o100_777, 0o644),
            ("u+x", 0o100_644, 0o744),
            ("+x", 0o100_644, 0o755),
            ("a-x", 0o100_755, 0o644),
            ("go-rwx", 0o100_755, 0o700),
            ("u+x,go-w", 0o100_666, 0o744),
            ("u=rw,go=r", 0o100_777, 0o644),
            ("=", 0o100_777, 0),
            ("g=u", 0o100_640, 0o660),
            ("o=g-w", 0o100_664, 0o664),
            ("a+X", 0o100_644, 0o644),
            ("a+X", 0o100_744, 0o755),
            ("a+X", 0o040_644, 0o755),
            ("u+s", 0o100_755, 0o4755),
            ("g+s", 0o040_755, 0o2755),
            ("+t", 0o041_777, 0o1777),
            ("o+t", 0o040_777, 0o1777),
            ("u=rwx", 0o042_700, 0o2700),
            ("u=rwx", 0o104_700, 0o700),
        ] {
            let change = Change::read(text.as_bytes());
            assert_eq!(change.and_then(|change| change.apply(Some(before))), Some(after), "{text} on {before:o}");
        }
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        for text in ["", "8", "u", "u+q", "x+u", "u+x,", ",u+x", "-1", "u+ug", "77777777777"] {
            assert_eq!(Change::read(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(Change::read(b"u+x").unwrap().apply(None), None);
        assert_eq!(Change::read(b"644").unwrap().apply(None), Some(0o644));
    }
}
