//! The kinds of arguments, by which completion chooses its candidates.

/// The kinds of arguments, by which completion chooses its candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgumentKind {
    /// Remote files, as a wildcard pattern or a name.
    RemotePattern,
    /// One remote path.
    RemotePath,
    /// One remote directory.
    RemoteDir,
    /// Local files, as a wildcard pattern or a name.
    LocalPattern,
    /// One local path.
    LocalPath,
    /// One local directory.
    LocalDir,
    /// File permissions.
    Mode,
    /// A user or a group.
    Id,
    /// A server, and perhaps a directory on it.
    Destination,
    /// The name of a command.
    CommandName,
    /// A setting of the session.
    SettingName,
    /// A setting's value; the values allowed depend on the word before.
    SettingValue,
    /// A number of lines of the history, or the word for all.
    HistoryPart,
    /// The number of a job.
    Job,
    /// The name of an alias or a bookmark.
    ShortName,
    /// A text that nothing completes.
    Text,
    /// A command line for a local shell.
    ShellLine,
}
