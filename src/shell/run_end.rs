//! How a run ended. What exit code that makes is the business of whoever owns the process.

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// Everything was done, or failed without being meant to end the run: exit code 0 in sftp(1).
    Done,
    /// A command of a batch or of the command line failed, the single file could not be fetched, or the start directory could not be entered: 1.
    CommandFailed,
    /// The command line can't be understood: 1, as in sftp(1).
    Usage,
    /// A signal ended it: 1.
    Interrupted,
    /// No connection, a connection that broke, a value that is out of range, an unreadable batch file: 255.
    ConnectionFailed,
}
