//! Text in a colour, whose width is that of the text alone.

use std::fmt;

use nu_ansi_term::Style;
use unicode_width::UnicodeWidthStr;

/// Printable text, and the style in which a terminal shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Painted {
    text: String,
    style: Style,
    mark: &'static str,
}

impl Painted {
    /// Returns text in a style. The text must be printable: it reaches the terminal as it is.
    #[must_use]
    pub fn new(text: impl Into<String>, style: Style) -> Painted {
        Painted { text: text.into(), style, mark: "" }
    }

    /// Returns text without a style.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Painted {
        Painted::new(text, Style::default())
    }

    /// Adds a mark without a colour, such as the `/` of `ls -F`. It replaces an earlier one.
    #[must_use]
    pub fn marked(self, mark: &'static str) -> Painted {
        Painted { mark, ..self }
    }

    /// Returns the columns that the text takes on a terminal.
    #[must_use]
    pub fn width(&self) -> usize {
        self.text.width() + self.mark.width()
    }
}

impl fmt::Display for Painted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.style.paint(self.text.as_str()), self.mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nu_ansi_term::Color;

    #[test]
    fn a_style_surrounds_the_text_and_takes_no_width() {
        let blue = Painted::new("日本", Color::Blue.bold());
        assert_eq!((blue.to_string().as_str(), blue.width()), ("\x1b[1;34m日本\x1b[0m", 4));
        let marked = blue.marked("/");
        assert_eq!((marked.to_string().as_str(), marked.width()), ("\x1b[1;34m日本\x1b[0m/", 5));
        let plain = Painted::plain("ab");
        assert_eq!((plain.to_string().as_str(), plain.width()), ("ab", 2));
    }
}
