//! Every wait has somebody who ends it: whatever the program waits for, it ends when the connection does, when it is told to,
//! and when its terminal goes away.

mod hangup;
mod killed;
mod signals;
