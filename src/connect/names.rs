//! The names of the server and of the user who is logged in, for a person.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use crate::cli::{Destination, Server};
use crate::connect::memory::Memory;
use crate::ssh;

/// Returns the host as the user named it, or the name of the server program.
pub(super) fn host(server: &Server) -> Vec<u8> {
    match server {
        Server::Ssh(destination) => destination.host.clone().into_bytes(),
        Server::Program(command) => program_name(command),
    }
}

/// Returns the name of the program at the beginning of a command, without its path.
fn program_name(command: &OsString) -> Vec<u8> {
    let words = shlex::bytes::split(command.as_bytes()).unwrap_or_default();
    let program = words.into_iter().next().unwrap_or_default();
    program.rsplit(|&byte| byte == b'/').next().unwrap_or_default().to_vec()
}

/// Returns the user who is logged in. If an ssh program has logged in, its configuration may know another one.
pub(super) fn user(server: &Server, memory: &Memory) -> String {
    let named = match server {
        Server::Ssh(Destination { user, .. }) => user.clone(),
        Server::Program(_) => None,
    };
    named.or_else(|| memory.config().map(|config| config.user)).or_else(ssh::our_name).unwrap_or_default()
}
