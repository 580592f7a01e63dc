//! Compares what sftp and its ssh print with what we print, line by line.

/// Returns whether a line of sftp's is one that we have no use for.
fn has_no_counterpart(line: &str) -> bool {
    // We update no host keys, the way to remove a key is a line of Debian's and our hint, functions of ssh's are nobody's
    // business, and the last ones are sftp's, about the ssh that is gone.
    let starts =
        ["UpdateHostkeys is disabled", "  remove with:", "  ssh-keygen -f ", "hostkeys_", "Connection closed."];
    line.is_empty() || starts.iter().any(|start| line.starts_with(start))
}

/// Takes the lines of sftp from ours, in their order, and returns those of both that are left. A line of ours may say more at
/// its end. Lines of ours that begin in one of the ways of `added` are no fault.
pub fn leftovers<'a>(theirs: &'a str, ours: &'a str, added: &[&str]) -> Vec<&'a str> {
    let mut wanted = theirs.lines().filter(|line| !has_no_counterpart(line)).peekable();
    let is_the_same = |ours: &str, theirs: &str| {
        let more = ours.strip_prefix(theirs);
        more.is_some_and(|more| more.is_empty() || more.starts_with([':', ' ']))
    };
    let mut left: Vec<&str> =
        ours.lines().filter(|line| wanted.next_if(|wanted| is_the_same(line, wanted)).is_none()).collect();
    left.retain(|line| !added.iter().any(|start| line.starts_with(start)));
    left.extend(wanted);
    left
}
