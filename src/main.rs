//! Parses the command line, connects, runs the shell, and turns its end into an exit code.

fn main() {}
