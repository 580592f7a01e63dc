//! The end of a run. The owner of the process turns it into an exit code.

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// All commands ran, or their failures don't count: exit code 0, as in sftp(1).
    Done,
    /// A command of a batch or of the command line failed, the single file could not be fetched, or the start
    /// directory could not be entered: 1.
    CommandFailed,
    /// The command line is wrong: 1, as in sftp(1).
    Usage,
    /// A signal ended the run: 1.
    Interrupted,
    /// There was no connection, or it broke; a value is out of range; or the batch file can't be read: 255.
    ConnectionFailed,
}
