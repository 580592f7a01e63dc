//! The control codes that erase rows.

/// Erases the cursor's row and those below it, and leaves the cursor at the beginning of its row. Not from the corner
/// of the screen on, because tmux would take that for a clearing of the screen, and keep its rows.
pub const ERASE_ROWS: &str = "\r\x1b[K\x1b[C\x1b[J\r";
