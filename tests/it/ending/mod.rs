//! Every wait has an end: in any state, the program ends when the connection does, when a signal asks for it, and
//! when its terminal disappears.

mod hangup;
mod killed;
mod signals;
