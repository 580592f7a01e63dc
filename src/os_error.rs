//! Texts of the operating system's errors, in sftp(1)'s form.

use std::io;

/// Returns the text of an error without the system's number: `No such file or directory`.
#[must_use]
pub fn text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" (os error ") {
        Some((words, number)) if number.ends_with(')') => words.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_number_at_the_end_goes() {
        assert_eq!(text(&io::Error::from_raw_os_error(2)), "No such file or directory");
        assert_eq!(text(&io::Error::other("a (os error 1) b")), "a (os error 1) b");
        assert_eq!(text(&io::Error::other("plain")), "plain");
        assert_eq!(text(&io::ErrorKind::UnexpectedEof.into()), "unexpected end of file");
    }
}
