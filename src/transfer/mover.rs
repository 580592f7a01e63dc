//! A file in flight, as the engine sees it: the same questions and orders, whichever way the file goes.

use crate::transfer::connections::handles::Handles;
use crate::transfer::connections::io::{Turn, Wire};
use crate::transfer::connections::pool::ConnectionId;
use crate::transfer::progress::pace::Clock;
use crate::transfer::removal::Moved;

/// A file in flight.
pub(crate) trait Mover {
    /// Returns the file's handles.
    fn handles(&self) -> &Handles;

    /// Returns the time of the file's bytes.
    fn clock(&self) -> &Clock;

    /// Returns the bytes that have arrived for certain, from the first one on.
    fn arrived(&self) -> u64;

    /// Returns the bytes that are known to move and have not been requested yet.
    fn backlog(&self) -> u64;

    /// Returns whether enough is left of the file for more connections to pay.
    fn is_large(&self) -> bool;

    /// Returns whether the file may be opened on more connections now.
    fn may_spread(&self) -> bool;

    /// Returns the source and its copy for `--remove-source`, if the file has arrived.
    fn moved(&self) -> Option<Moved>;

    /// Sends the next request, if there is one to send.
    fn ask(&mut self, wire: &mut Wire<'_>) -> Turn;

    /// Hashes a part of the local file.
    fn hash_part(&mut self, wire: &mut Wire<'_>) -> Turn;

    /// Opens the file on one more connection.
    fn spread(&mut self, wire: &mut Wire<'_>);

    /// Sends an OPEN again that the server had refused because of other open files.
    fn open_again(&mut self, wire: &mut Wire<'_>);

    /// Drops everything that belongs to a lost connection.
    fn lose(&mut self, connection: ConnectionId);

    /// Continues from the bytes that have arrived, on a new connection, after all that the file had were lost.
    fn resume(&mut self, wire: &mut Wire<'_>) -> Turn;

    /// Ends the file before it is complete. A later run may resume it.
    fn interrupt(self: Box<Self>, wire: &mut Wire<'_>);
}
