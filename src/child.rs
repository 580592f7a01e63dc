//! A program on one end of a socket pair, as a transport or as a plain socket.
#![forbid(unsafe_code)]
