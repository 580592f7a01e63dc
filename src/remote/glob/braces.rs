//! Expands braces: `a{b,c}d` becomes the words `abd` and `acd`, even if no file has such a name.
//!
//! As in sftp(1)'s `ls`, braces nest, `{}` and an unpaired brace are literal, and braces in `[…]` or after a
//! backslash are not expanded.

/// Most bytes of all words together. Braces multiply: thirty pairs on a line make a billion words.
const MAX_BYTES: usize = 1 << 20;

/// A word with braces expands to too many words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("braces stand for too many words")]
pub struct TooManyWords;

/// Returns the words to which a word in glob syntax expands, in order. A word without braces expands to itself.
///
/// # Errors
/// [`TooManyWords`] if the words exceed the limit.
pub fn expand_braces(glob: &[u8]) -> Result<Vec<Vec<u8>>, TooManyWords> {
    let mut words = Vec::new();
    let mut bytes = glob.len();
    let mut pending = vec![(glob.to_vec(), 0)];
    // Last in, first out, with the alternatives pushed in reverse: so the words come out in order.
    while let Some((word, from)) = pending.pop() {
        let Some(pair) = first_pair(&word, from) else {
            words.push(word);
            continue;
        };
        for alternative in pair.alternatives(&word).rev() {
            bytes += alternative.len();
            if bytes > MAX_BYTES.max(glob.len()) {
                return Err(TooManyWords);
            }
            pending.push((alternative, pair.open));
        }
    }
    Ok(words)
}

/// A pair of braces, and the commas that belong to it.
struct Pair {
    open: usize,
    close: usize,
    commas: Vec<usize>,
}

impl Pair {
    fn at(open: usize) -> Pair {
        Pair { open, close: open, commas: Vec::new() }
    }

    fn alternatives(&self, word: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> {
        let bounds = [&[self.open], self.commas.as_slice(), &[self.close]].concat();
        let (before, behind) = (&word[..self.open], &word[self.close + 1..]);
        let inside: Vec<_> = bounds.windows(2).map(|bounds| &word[bounds[0] + 1..bounds[1]]).collect();
        inside.into_iter().map(move |inside| [before, inside, behind].concat())
    }
}

/// Returns the pair that opens first, from `from` on, in one pass.
fn first_pair(word: &[u8], from: usize) -> Option<Pair> {
    let mut open: Vec<Pair> = Vec::new();
    let mut first: Option<Pair> = None;
    let last_bracket = word.iter().rposition(|&byte| byte == b']').unwrap_or(0);
    let mut at = from;
    while at < word.len() {
        match word[at] {
            b'{' if open.is_empty() && word[at..].starts_with(b"{}") => {}
            b'{' => open.push(Pair::at(at)),
            b',' => open.iter_mut().last().into_iter().for_each(|pair| pair.commas.push(at)),
            b'}' => {
                let closed = open.pop().map(|pair| Pair { close: at, ..pair });
                first = [first, closed].into_iter().flatten().min_by_key(|pair| pair.open);
                if first.is_some() && open.is_empty() {
                    break;
                }
            }
            _ => {}
        }
        at = after(word, at, last_bracket);
    }
    first
}

/// Returns the position after the character at `at`, which may be escaped or, before `last_bracket`, the start of a
/// bracket expression.
fn after(word: &[u8], at: usize, last_bracket: usize) -> usize {
    match word[at] {
        b'\\' => at + 2,
        b'[' if at < last_bracket => {
            let inside = word[at + 1..].iter().position(|&byte| byte == b']');
            at + 2 + inside.unwrap_or(0)
        }
        _ => at + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_stand_for_words_in_the_order_of_writing() {
        for (glob, words) in [
            ("abc", vec!["abc"]),
            ("a{b,c}d", vec!["abd", "acd"]),
            ("{a,b}{c,d}", vec!["ac", "ad", "bc", "bd"]),
            ("a{b{c,d},e}", vec!["abc", "abd", "ae"]),
            ("a{,b}", vec!["a", "ab"]),
            ("{a}", vec!["a"]),
            ("{}", vec!["{}"]),
            ("{}{a,b}", vec!["{}a", "{}b"]),
            ("a{b", vec!["a{b"]),
            ("a}b{c,d}", vec!["a}bc", "a}bd"]),
            (r"\{a,b}", vec![r"\{a,b}"]),
            (r"{a\,b,c}", vec![r"a\,b", "c"]),
            ("[{a,b}]", vec!["[{a,b}]"]),
            ("{[,],x}", vec!["[,]", "x"]),
            ("*.{c,h}", vec!["*.c", "*.h"]),
            ("[{a,b}", vec!["[a", "[b"]),
            ("[ab{c,d}]x{e,f}", vec!["[ab{c,d}]xe", "[ab{c,d}]xf"]),
            ("xyz[{a,b}]{c,d}", vec!["xyz[{a,b}]c", "xyz[{a,b}]d"]),
        ] {
            let found: Vec<String> = expand_braces(glob.as_bytes())
                .unwrap()
                .into_iter()
                .map(|word| String::from_utf8(word).unwrap())
                .collect();
            assert_eq!(found, words, "{glob}");
        }
    }

    #[test]
    fn braces_that_multiply_beyond_reason_are_refused() {
        assert_eq!(expand_braces("{a,b}".repeat(30).as_bytes()), Err(TooManyWords));
        assert_eq!(expand_braces(format!("{{a,b}}{}", "x".repeat(MAX_BYTES)).as_bytes()), Err(TooManyWords));
        assert_eq!(expand_braces(format!("{{{}}}", "x".repeat(MAX_BYTES / 2)).as_bytes()), Err(TooManyWords));
        assert!(expand_braces(format!("{{{}}}", "x".repeat(MAX_BYTES / 2 - 1)).as_bytes()).is_ok());
        assert_eq!(expand_braces(format!("{{{}}}", ["aa"; 30].join(",")).as_bytes()).map(|words| words.len()), Ok(30));
        assert_eq!(expand_braces("{".repeat(MAX_BYTES * 2).as_bytes()).map(|words| words.len()), Ok(1));
    }
}
