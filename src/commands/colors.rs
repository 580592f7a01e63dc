//! The colours of remote names, by `LS_COLORS`.

use lscolors::{Indicator, LsColors};
use nu_ansi_term::Style;

use crate::mode::Kind;
use crate::sftp::Attributes;
use crate::terminal::{Output, Painted, Printable};

/// Paints names by the kind and the permissions of their files, or not at all.
pub(crate) struct Colors(Option<LsColors>);

impl Colors {
    /// Returns the colours that `LS_COLORS` names, or else those of GNU ls, if this output has any.
    pub(crate) fn of(output: &Output) -> Colors {
        Colors(output.colors().then(|| LsColors::from_env().unwrap_or_default()))
    }

    /// Paints a name, made printable.
    pub(crate) fn paint(&self, name: &[u8], attributes: &Attributes) -> Painted {
        let text = Printable(name).to_string();
        let style = self.0.as_ref().map(|colors| style(colors, &text, attributes));
        Painted::new(text, style.unwrap_or_default())
    }
}

fn style(colors: &LsColors, name: &str, attributes: &Attributes) -> Style {
    let indicator = indicator(attributes.permissions.unwrap_or(0));
    let by_suffix = if indicator == Indicator::RegularFile { colors.style_for_str(name) } else { None };
    let style = by_suffix.or_else(|| colors.style_for_indicator(indicator));
    style.map(lscolors::Style::to_nu_ansi_term_style).unwrap_or_default()
}

/// Returns the kind of file as `LS_COLORS` sorts them.
fn indicator(mode: u32) -> Indicator {
    let has = |bits: u32| mode & bits == bits;
    match Kind::of(mode) {
        Some(Kind::Directory) if has(0o1002) => Indicator::StickyAndOtherWritable,
        Some(Kind::Directory) if has(0o0002) => Indicator::OtherWritable,
        Some(Kind::Directory) if has(0o1000) => Indicator::Sticky,
        Some(Kind::Directory) => Indicator::Directory,
        Some(Kind::Symlink) => Indicator::SymbolicLink,
        Some(Kind::Fifo) => Indicator::FIFO,
        Some(Kind::Socket) => Indicator::Socket,
        Some(Kind::CharacterDevice) => Indicator::CharacterDevice,
        Some(Kind::BlockDevice) => Indicator::BlockDevice,
        Some(Kind::Regular) if has(0o4000) => Indicator::Setuid,
        Some(Kind::Regular) if has(0o2000) => Indicator::Setgid,
        Some(Kind::Regular) if mode & 0o111 != 0 => Indicator::ExecutableFile,
        Some(Kind::Regular) => Indicator::RegularFile,
        Some(Kind::Unknown) | None => Indicator::Normal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(colors: &str, name: &[u8], mode: u32) -> String {
        let attributes = Attributes { permissions: Some(mode), ..Attributes::default() };
        Colors(Some(LsColors::from_string(colors))).paint(name, &attributes).to_string()
    }

    #[test]
    fn kinds_permissions_and_suffixes_choose_the_colour() {
        const COLORS: &str = "di=34:ow=32:st=30:ln=36:ex=31:su=41:*.gz=35:pi=33";
        for (name, mode, code) in [
            ("d", 0o040_755, "34"),
            ("d", 0o040_777, "32"),
            ("d", 0o041_755, "30"),
            ("l.gz", 0o120_777, "36"),
            ("run", 0o100_755, "31"),
            ("run", 0o104_755, "41"),
            ("a.gz", 0o100_644, "35"),
            ("a", 0o100_644, ""),
            ("p", 0o010_644, "33"),
            ("?", 0, ""),
        ] {
            let expected = if code.is_empty() { name.to_owned() } else { format!("\x1b[{code}m{name}\x1b[0m") };
            assert_eq!(painted(COLORS, name.as_bytes(), mode), expected, "{name} {mode:o}");
        }
    }

    #[test]
    fn a_name_stays_printable_in_its_colour() {
        assert_eq!(painted("di=34", b"a\x1b[2Jb", 0o040_755), "\x1b[34ma\\033[2Jb\x1b[0m");
    }

    #[test]
    fn without_colours_there_are_no_control_codes() {
        let attributes = Attributes { permissions: Some(0o040_755), ..Attributes::default() };
        assert_eq!(Colors::of(&Output::captured()).paint(b"d", &attributes).to_string(), "d");
    }
}
