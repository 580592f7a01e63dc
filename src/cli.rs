//! The command line and destinations, as data.
#![forbid(unsafe_code)]
