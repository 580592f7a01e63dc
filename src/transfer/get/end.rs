//! The knowledge about where a remote file ends.
//!
//! A server can be wrong about it in two ways. STAT may tell an earlier size or an estimate, and an EOF may come too
//! early from a confused server. So an early EOF is asked about again before the file counts as truncated.

/// How many times the server must report an early end, at one offset, before it is believed.
pub(crate) const DOUBTS: u32 = 2;

/// The knowledge about the file's end.
///
/// | state | answer | next state |
/// |---|---|---|
/// | `Ahead` | EOF, or a short answer, where STAT said that the file ends | `Reached` |
/// | | EOF earlier than that | `Doubted(0)` |
/// | `Doubted` | all others | `AskedAgain`: one READ where the data ends |
/// | `AskedAgain` | DATA | `Ahead` |
/// | | EOF | `Doubted`, after the last doubt `Weighed`; with an estimated size `Reached` |
/// | `Weighed` | STATVFS of a file system that stores nothing (/proc, /sys) | `Reached` |
/// | | any other | the file fails as truncated |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is where STAT said, or later.
    Ahead,
    /// The server reported an earlier end, and has confirmed it this many times.
    Doubted(u32),
    /// The server is being asked about that end, for this time.
    AskedAgain(u32),
    /// The end is confirmed, and the server is being asked whether sizes mean anything on its file system.
    Weighed,
    /// The server has sent all bytes of the file.
    Reached,
}

impl End {
    /// Notes that the answer to a READ was lost. Returns whether its part must be read again.
    pub(super) fn give_back(&mut self) -> bool {
        match self {
            End::Ahead | End::Reached => true,
            End::AskedAgain(_) => {
                *self = End::Doubted(0);
                false
            }
            End::Doubted(_) | End::Weighed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_answer_is_read_again_unless_the_end_is_asked_about_anyway() {
        for (end, is_read_again, next) in [
            (End::Ahead, true, End::Ahead),
            (End::Reached, true, End::Reached),
            (End::Doubted(1), false, End::Doubted(1)),
            (End::AskedAgain(2), false, End::Doubted(0)),
            (End::Weighed, false, End::Weighed),
        ] {
            let mut after = end;
            assert_eq!((after.give_back(), after), (is_read_again, next), "{end:?}");
        }
    }
}
