//! Compares our patterns with the C library's fnmatch(3).
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "fnmatch(3) and setlocale(3) are C")]

use std::ffi::CString;
use std::sync::OnceLock;

use proptest::prelude::*;
use sftpsh::remote::glob::NamePattern;

/// Returns the result of fnmatch(3) in the locale C.UTF-8.
fn fnmatch(pattern: &[u8], name: &[u8]) -> bool {
    static LOCALE: OnceLock<()> = OnceLock::new();
    // SAFETY: the locale is set once, to a static string, before any test of this binary uses it.
    LOCALE.get_or_init(|| unsafe { assert!(!libc::setlocale(libc::LC_ALL, c"C.UTF-8".as_ptr()).is_null()) });
    let (pattern, name) = (CString::new(pattern).unwrap(), CString::new(name).unwrap());
    // SAFETY: both strings end in NUL and outlive the call.
    unsafe { libc::fnmatch(pattern.as_ptr(), name.as_ptr(), libc::FNM_PERIOD) == 0 }
}

#[track_caller]
fn agree(pattern: &[u8], name: &[u8]) {
    let (ours, theirs) = (NamePattern::parse(pattern).matches(name), fnmatch(pattern, name));
    assert_eq!(ours, theirs, "{} on {}: ours, then fnmatch(3)'s", pattern.escape_ascii(), name.escape_ascii());
}

/// If glibc finds no match by characters, it tries bytes, of which `?` matches half of an `ä`. With this prefix it
/// can't find a match by bytes.
const CHARACTERS_ONLY: (&str, &str) = ("?x", "\u{e9}x");

/// Returns whether sftp(1) and glibc agree on a pattern. They differ on `[^`, `[.x.]`, `[=x=]`, ranges that end in a
/// class, and a backslash at the end. Besides, glibc treats the dot of `x.` as a leading one if the pattern starts
/// with `*?`.
fn is_common_ground(pattern: &str) -> bool {
    let odd = ["[^", "[.", "[=", "-[", "[!^", ":]-"];
    let is_odd = odd.iter().any(|odd| pattern.contains(odd));
    let takes_a_leading_dot = pattern.starts_with('*') && pattern.trim_start_matches('*').starts_with('?');
    !is_odd && !takes_a_leading_dot && pattern.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 0
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => r"[ab.]",
        3 => Just("*".to_owned()),
        2 => Just("?".to_owned()),
        1 => r"\\[*?\[\\a\]!-]",
        1 => prop::sample::select(&["ä", "語", "]", "!", "-", "[", "^"][..]).prop_map(str::to_owned),
        2 => r"\[!?[ab.ä語!^]{1,3}\]",
        1 => r"\[!?\]?[a-]{0,2}[ab][b-]?\]",
        1 => r"\[!?(a-b|!-a|ä-ü|\.-a|b-a|\\\]a)[b語]?\]",
        1 => r"\[!?x?\[:(alnum|alpha|blank|cntrl|digit|graph|lower|print|punct|space|upper|xdigit):\]y?\]",
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..7).prop_map(|pieces| pieces.concat())
}

fn name() -> impl Strategy<Value = String> {
    r"[ab.]{0,4}[ab.x1 A_\t*?\[\]\\!^äüÄ語-]{0,5}"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn patterns_match_as_fnmatch_does(pattern in pattern(), name in name()) {
        prop_assume!(is_common_ground(&pattern));
        if pattern.is_ascii() && name.is_ascii() {
            agree(pattern.as_bytes(), name.as_bytes());
        }
        let (before_pattern, before_name) = CHARACTERS_ONLY;
        agree((before_pattern.to_owned() + &pattern).as_bytes(), (before_name.to_owned() + &name).as_bytes());
    }

    #[test]
    fn patterns_match_names_that_are_no_text_as_fnmatch_does(
        pattern in pattern(),
        mut name in prop::collection::vec(prop::sample::select(&b"ab.\xff\xc3\xa4"[..]), 0..6),
        at in any::<prop::sample::Index>(),
    ) {
        prop_assume!(is_common_ground(&pattern));
        name.insert(at.index(name.len() + 1), b'\xff');
        agree(pattern.as_bytes(), &name);
    }

    #[test]
    fn patterns_that_are_no_text_match_as_fnmatch_does(
        mut pattern in prop::collection::vec(prop::sample::select(&b"ab*?\xff\xfe\xc3"[..]), 0..6),
        at in any::<prop::sample::Index>(),
        name in prop::collection::vec(prop::sample::select(&b"ab\xff\xfe\xc3"[..]), 0..6),
    ) {
        pattern.insert(at.index(pattern.len() + 1), b'\xff');
        agree(&pattern, &name);
    }
}
