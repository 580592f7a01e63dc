//! What an argument stands for, which says what completes it.

/// What can stand in a place of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgumentKind {
    /// Remote files, by wildcards or by name.
    RemotePattern,
    /// One remote path.
    RemotePath,
    /// One remote directory.
    RemoteDir,
    /// Local files, by wildcards or by name.
    LocalPattern,
    /// One local path.
    LocalPath,
    /// One local directory.
    LocalDir,
    /// Permissions of files.
    Mode,
    /// A user or a group.
    Id,
    /// The name of a command.
    CommandName,
    /// What holds for the whole session.
    SettingName,
    /// What it is set to; which values there are depends on the word before.
    SettingValue,
    /// A line for a local shell.
    ShellLine,
}
