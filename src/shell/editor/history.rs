//! The lines of this session, for Up, Down and Ctrl-R.

/// Lines that the history keeps.
const REMEMBERED_LINES: usize = 1000;

/// The lines of this session, the oldest first.
#[derive(Default)]
pub(super) struct History {
    lines: Vec<Vec<u8>>,
}

impl History {
    /// Adds a line, unless it is blank or the same as the last one.
    pub(super) fn add(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() || self.lines.last().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == REMEMBERED_LINES {
            self.lines.remove(0);
        }
        self.lines.push(line.to_vec());
    }

    /// Returns how many lines there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn line(&self, index: usize) -> Option<&[u8]> {
        self.lines.get(index).map(Vec::as_slice)
    }

    /// Finds the newest line before `end` that contains the pattern: its index, and where in it the pattern is.
    pub(super) fn find_before(&self, end: usize, pattern: &[u8]) -> Option<(usize, usize)> {
        (0..end.min(self.len())).rev().find_map(|index| self.find_in(index, pattern))
    }

    /// Finds the oldest line from `start` on that contains the pattern.
    pub(super) fn find_from(&self, start: usize, pattern: &[u8]) -> Option<(usize, usize)> {
        (start..self.len()).find_map(|index| self.find_in(index, pattern))
    }

    fn find_in(&self, index: usize, pattern: &[u8]) -> Option<(usize, usize)> {
        let at = self.lines[index].windows(pattern.len().max(1)).rposition(|window| window == pattern);
        at.map(|at| (index, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_and_repetitions_are_not_kept_and_the_oldest_go() {
        let mut history = History::default();
        for line in ["", "  ", "ls", "ls", "pwd", "ls"] {
            history.add(line.as_bytes());
        }
        assert_eq!(history.lines, [b"ls".to_vec(), b"pwd".to_vec(), b"ls".to_vec()]);
        (0..REMEMBERED_LINES).for_each(|n| history.add(format!("get {n}").as_bytes()));
        assert_eq!((history.len(), history.line(0)), (REMEMBERED_LINES, Some(&b"get 0"[..])));
    }

    #[test]
    fn a_pattern_is_found_in_both_directions() {
        let mut history = History::default();
        ["get a", "put a", "get ab"].iter().for_each(|line| history.add(line.as_bytes()));
        assert_eq!(history.find_before(3, b"get"), Some((2, 0)));
        assert_eq!(history.find_before(2, b"get"), Some((0, 0)));
        assert_eq!(history.find_before(0, b"get"), None);
        assert_eq!(history.find_from(1, b"a"), Some((1, 4)));
        assert_eq!(history.find_before(3, b""), None);
    }
}
