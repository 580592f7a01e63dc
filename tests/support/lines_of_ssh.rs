//! Compares the output of sftp and its ssh with ours, line by line.

/// Returns whether sftpsh deliberately prints no such line of sftp's.
fn has_no_counterpart(line: &str) -> bool {
    // sftpsh updates no host keys. How to remove a key is a line of Debian's ssh, and a hint of ours. Names of ssh's
    // functions help no user. The last one is sftp's, about its ssh process.
    let starts =
        ["UpdateHostkeys is disabled", "  remove with:", "  ssh-keygen -f ", "hostkeys_", "Connection closed."];
    line.is_empty() || starts.iter().any(|start| line.starts_with(start))
}

/// Removes the lines of sftp from ours, in order, and returns the remaining lines of both. Our lines may be longer at
/// their end. Our lines that begin with an element of `added` are allowed.
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
