//! Patterns over paths in glob syntax, which sftp(1) expands on the client's side.
//!
//! `*`, `?`, `[a-z]`, `[!a-z]` and `[[:alpha:]]` match within one component, a backslash makes the next character
//! literal, and only a dot matches a leading dot. A component `**` descends, which sftp(1) doesn't have. Names are
//! bytes: `?` and a class match one character of a name in valid UTF-8 and one byte of any other name. Characters of
//! a name are never metacharacters.

mod braces;
mod class;
mod local;
mod name;
mod unit;

pub use self::braces::{TooManyWords, expand_braces};
pub use self::local::local_glob;
pub use self::name::NamePattern;

/// A pattern over a path: components between slashes.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Vec<u8>,
    components: Vec<Component>,
    trailing_slashes: usize,
}

/// One component of a [`Pattern`], with the slashes before it: matches of `a//b` are written `a//b`.
#[derive(Clone, Debug)]
pub struct Component {
    /// The number of slashes before this component; only the first component may have none.
    pub slashes: usize,
    /// The kind of component.
    pub kind: ComponentKind,
}

/// The names that a component matches.
#[derive(Clone, Debug)]
pub enum ComponentKind {
    /// Exactly this name.
    Literal(Vec<u8>),
    /// Every entry whose name matches.
    Names(NamePattern),
    /// `**`: any number of directories, except hidden ones and links.
    Descend,
}

impl Pattern {
    /// Reads a pattern. Every text is a valid one: a `[` without its `]` is a literal bracket.
    #[must_use]
    pub fn parse(glob: &[u8]) -> Pattern {
        let mut components = Vec::new();
        let mut slashes = 0;
        for (index, part) in split_at_slashes(glob).into_iter().enumerate() {
            slashes += usize::from(index > 0);
            let repeats =
                part == b"**" && matches!(components.last(), Some(Component { kind: ComponentKind::Descend, .. }));
            if !part.is_empty() && !repeats {
                components.push(Component { slashes, kind: ComponentKind::parse(part) });
                slashes = 0;
            }
        }
        Pattern { text: glob.to_vec(), components, trailing_slashes: slashes }
    }

    /// Returns a pattern that matches exactly this path, whatever its characters.
    #[must_use]
    pub fn literally(path: &[u8]) -> Pattern {
        Pattern::parse(&escape(path))
    }

    /// Returns the pattern's text without its escapes. Messages show it, and some commands use it as a path if the
    /// pattern has no match.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        unescape(&self.text)
    }

    /// Returns the one path that the pattern can match, or `None` if it has metacharacters.
    #[must_use]
    pub fn literal(&self) -> Option<Vec<u8>> {
        self.is_literal().then(|| self.text())
    }

    /// Returns whether the pattern can match only one path.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.components.iter().all(|component| matches!(component.kind, ComponentKind::Literal(_)))
    }

    /// Returns whether the pattern starts at the root.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.components.first().map_or(self.trailing_slashes, |first| first.slashes) > 0
    }

    /// Returns the components, in order.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// Returns the number of slashes after the last component. With at least one, only directories match.
    #[must_use]
    pub fn trailing_slashes(&self) -> usize {
        self.trailing_slashes
    }

    /// Appends a name to a path that may become a match, with the slashes that the pattern has there. If `**` matched
    /// no directory, the path may still be empty, or a root that already has its slash.
    pub(super) fn append(&self, path: &mut Vec<u8>, component: &Component, name: &[u8]) {
        let slashes = match path.last() {
            None if self.is_absolute() => component.slashes,
            None => 0,
            Some(b'/') => component.slashes.saturating_sub(1),
            Some(_) => component.slashes.max(1),
        };
        path.extend(std::iter::repeat_n(b'/', slashes));
        path.extend_from_slice(name);
    }

    /// Returns whether a path matches, component by component. The number of slashes between components doesn't
    /// matter.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let names: Vec<&[u8]> = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).collect();
        path.starts_with(b"/") == self.is_absolute() && self.matches_names(&names)
    }

    /// Matches the components one by one, keeping the set of positions in `names` that the pattern can have reached.
    fn matches_names(&self, names: &[&[u8]]) -> bool {
        let mut reachable = vec![false; names.len() + 1];
        reachable[0] = true;
        for component in &self.components {
            let mut next = vec![false; names.len() + 1];
            let mut descending = false;
            for (at, reached) in reachable.into_iter().enumerate() {
                match &component.kind {
                    ComponentKind::Descend => {
                        descending |= reached;
                        next[at] = descending;
                        descending &= names.get(at).is_some_and(|name| !name.starts_with(b"."));
                    }
                    kind => {
                        if let Some(name) = names.get(at).filter(|_| reached) {
                            next[at + 1] |= kind.matches(name);
                        }
                    }
                }
            }
            reachable = next;
        }
        reachable[names.len()]
    }
}

impl ComponentKind {
    fn parse(part: &[u8]) -> ComponentKind {
        if part == b"**" {
            return ComponentKind::Descend;
        }
        let pattern = NamePattern::parse(part);
        if pattern.is_literal() { ComponentKind::Literal(unescape(part)) } else { ComponentKind::Names(pattern) }
    }

    /// Returns whether a component matches one entry's name. `**` matches every name that doesn't start with a dot.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        match self {
            ComponentKind::Literal(literal) => literal == name,
            ComponentKind::Names(pattern) => pattern.matches(name),
            ComponentKind::Descend => !name.starts_with(b"."),
        }
    }
}

/// Escapes a path so that, as a pattern, it matches only itself.
#[must_use]
pub fn escape(path: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(path.len());
    for &byte in path {
        if matches!(byte, b'*' | b'?' | b'[' | b'\\' | b'{' | b'}' | b',') {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    escaped
}

/// Removes every escape. A backslash at the end stays.
fn unescape(glob: &[u8]) -> Vec<u8> {
    let mut literal = Vec::with_capacity(glob.len());
    let mut bytes = glob.iter().copied();
    while let Some(byte) = bytes.next() {
        literal.push(if byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte });
    }
    literal
}

/// Splits a pattern at its slashes. An escaped slash is a slash too, because no name can contain one.
fn split_at_slashes(glob: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, &byte) in glob.iter().enumerate() {
        if byte == b'/' {
            parts.push(&glob[start..at - usize::from(escaped)]);
            start = at + 1;
        }
        escaped = byte == b'\\' && !escaped;
    }
    parts.push(&glob[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pattern_without_metacharacters_is_one_path() {
        for (glob, literal) in [
            ("a/b", Some("a/b")),
            (r"/a//b\*/", Some("/a//b*/")),
            (r"a\/b", Some("a/b")),
            (r"a\\", Some(r"a\")),
            (r"a\", Some(r"a\")),
            ("a[b", Some("a[b")),
            ("a[b/c]", Some("a[b/c]")),
            ("", Some("")),
            ("a[b]", None),
            ("a/*", None),
            ("a/**/b", None),
        ] {
            let found = Pattern::parse(glob.as_bytes()).literal();
            assert_eq!(found, literal.map(|literal| literal.as_bytes().to_vec()), "{glob}");
        }
    }

    #[test]
    fn a_path_matches_component_by_component() {
        for (glob, path, expected) in [
            ("*/b", "a/b", true),
            ("*/b", "a//b", true),
            ("*", "a/b", false),
            ("*/b", "/a/b", false),
            ("/", "/", true),
            ("/*", "/a", true),
            ("**/c", "c", true),
            ("**/c", "a/b/c", true),
            ("**/c", "a/.b/c", false),
            ("a/**", "a/b/c", true),
            ("a/**/**/c", "a/b/b/c", true),
            ("a/**b", "a/x/b", false),
            ("a/**b", "a/xb", true),
            (r"a\/b", "a/b", true),
            (r"a\\/b", r"a\/b", true),
            (r"a\\/b", "a/b", false),
        ] {
            assert_eq!(Pattern::parse(glob.as_bytes()).matches(path.as_bytes()), expected, "{glob} on {path}");
        }
    }

    #[test]
    fn a_match_has_the_slashes_of_its_pattern() {
        for (glob, path, whole) in [
            ("a//b", "/srv/a", "/srv/a//b"),
            ("b", "/srv", "/srv/b"),
            ("b", "/", "/b"),
            ("//b", "", "//b"),
            ("**/b", "/", "/b"),
            ("**/b", "", "b"),
            ("/**/b", "", "/b"),
        ] {
            let pattern = Pattern::parse(glob.as_bytes());
            let mut found = path.as_bytes().to_vec();
            pattern.append(&mut found, pattern.components().last().unwrap(), b"b");
            assert_eq!(found, whole.as_bytes(), "{glob} behind {path:?}");
        }
    }

    #[test]
    fn only_a_leading_or_single_slash_makes_a_pattern_absolute() {
        for (glob, absolute, trailing) in [("/", true, 1), ("/a/", true, 1), ("a//", false, 2), ("", false, 0)] {
            let pattern = Pattern::parse(glob.as_bytes());
            assert_eq!((pattern.is_absolute(), pattern.trailing_slashes()), (absolute, trailing), "{glob}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn an_escaped_name_matches_itself_only(
            name in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"*?[]\\{},!-^ab."[..])], 1..12),
            other in prop::collection::vec(prop::sample::select(&b"*?[]\\{},!-^ab."[..]), 1..12),
        ) {
            prop_assume!(!name.contains(&b'/') && !name.contains(&0));
            let pattern = Pattern::literally(&name);
            prop_assert_eq!(pattern.literal(), Some(name.clone()));
            prop_assert!(pattern.matches(&name));
            prop_assert_eq!(pattern.matches(&other), name == other);
        }
    }
}
