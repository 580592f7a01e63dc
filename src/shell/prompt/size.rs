//! The size of the terminal at which a person types.

use std::io;

use rustix::termios::tcgetwinsize;

/// Rows of a terminal that doesn't report its size.
const ROWS: usize = 24;

/// Columns of a terminal that doesn't report its size.
const COLUMNS: usize = 80;

/// Returns the rows and columns of the terminal on stdout.
pub(super) fn rows_and_columns() -> (usize, usize) {
    let size = tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
    size.map_or((ROWS, COLUMNS), |size| (size.ws_row.into(), size.ws_col.into()))
}
