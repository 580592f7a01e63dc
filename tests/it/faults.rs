//! The list of faults. A test for our reaction has a line `// fault: …` above it.
//!
//! After each fault, the old target exists or the new one is complete, a partial file has a name of its own, a resume
//! yields the same bytes, and the exit code is right.

mod ends;
mod line;
mod local;

use crate::sources::marks;
use std::collections::BTreeSet;

/// Faults of connections, servers, both file systems and processes, in this order.
const FAULTS: &[&str] = &[
    "nobody listens",
    "a server without a greeting",
    "endless lines before the greeting",
    "another protocol",
    "reset after the greeting",
    "cut in the key exchange",
    "cut in the login",
    "cut anywhere before the first answer",
    "cut in a download",
    "cut in a download, exact to the byte",
    "cut in an upload",
    "a stall of a download beyond the limit",
    "a stall of an upload beyond the limit",
    "a server that is gone without a word",
    "a silence as long as the limit",
    "slow but alive",
    "a stall below the limit",
    "half-close",
    "a flipped bit",
    "Ctrl-C in a stall",
    "Ctrl-C in a stall, at a prompt",
    "Ctrl-C in a stall of any command",
    "the server dies at any request",
    "Ctrl-C in a slow transfer",
    "new keys every megabyte",
    "new keys every megabyte, both ways at once",
    "the server is killed at the prompt",
    "the first address is dead",
    "an early end of file",
    "a short read, then the end",
    "every read is short",
    "data without bytes",
    "more data than asked for",
    "data after the announced size",
    "a file that shrinks",
    "answers in another order",
    "an OPEN that is answered too late",
    "a full remote disk",
    "death at a WRITE",
    "CLOSE fails",
    "CLOSE is never answered",
    "SETSTAT is refused",
    "a rename that replaces nothing",
    "death at each request",
    "no fsync",
    "one channel of several ends while its packet is sent in part",
    "a full local disk",
    "a file larger than ulimit -f",
    "a closed local directory",
    "a closed directory on the server",
    "a directory in the way",
    "a file in the way",
    "a link as target",
    "a FIFO, a device",
    "a source that is closed",
    "a source that shrinks",
    "a source that grows",
    "a source that goes away",
    "names that differ by case",
    "a name too long",
    "a directory that goes away",
    "few descriptors",
    "nobody reads our stdout",
    "no HOME",
    "known_hosts can't be written",
    "known_hosts is a directory",
    "kill -9",
    "SIGTERM and SIGHUP in a download",
    "SIGTERM in an upload that can't be continued",
    "two of us fetch one file",
    "two of us send one file",
];

#[test]
fn every_fault_has_a_test() {
    let listed: BTreeSet<String> = FAULTS.iter().map(ToString::to_string).collect();
    let marked = marks("fault");
    let unmatched: Vec<_> = marked.symmetric_difference(&listed).collect();
    assert!(unmatched.is_empty(), "either without a test, or not in the list: {unmatched:#?}");
}
