//! Numbers of jobs.

use crate::commands::Word;
use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::Argument;

/// The number of a job, as `jobs` lists it: `2`, or `%2` as in a shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobNumber(pub usize);

impl Argument for JobNumber {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::Job];

    fn read(word: &Word) -> Result<JobNumber, String> {
        let text = String::from_utf8(word.plain()).unwrap_or_default();
        let number = text.strip_prefix('%').unwrap_or(&text).parse().ok();
        number.map(JobNumber).ok_or_else(|| "give the number of a job; jobs lists them".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_has_a_number_which_may_follow_a_percent_sign() {
        for (word, number) in [("2", Some(2)), ("%12", Some(12)), ("%", None), ("-1", None), ("get", None)] {
            assert_eq!(JobNumber::read(&Word::literal(word.as_bytes())).ok(), number.map(JobNumber), "{word}");
        }
    }
}
