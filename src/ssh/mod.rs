//! Makes an SFTP stream over SSH for a destination, with ssh2: configuration, host keys, authentication, the channel.
//!
//! This module knows nothing about SFTP and doesn't touch the terminal: prompts and messages go through
//! [`Questions`]. libssh2 does the protocol; known hosts, the agent and the receive window are our own code. Texts to
//! be shown may hold bytes from the server, so the receiver must make them printable.

mod agent;
mod algorithms;
mod attempt;
mod auth;
mod channel;
mod config;
mod config_file;
mod connection;
mod conversation;
mod dial;
mod disconnect;
mod error;
mod flow;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod host_key;
mod identity;
mod intake;
mod keepalive;
mod keys;
pub mod known_hosts;
mod line;
mod login;
mod native;
mod opening;
mod parting;
mod place;
mod public_key;
mod questions;
mod resolve;
mod settings;
mod signatures;
mod start;
mod tokens;
mod watchdog;

use std::net::SocketAddr;
use std::time::Duration;

pub use channel::ChannelTransport;
pub use config::{AddressFamily, Config, IdentityAgent, Proxy, StrictHostKeyChecking};
pub use connection::Socket;
pub use dial::dial;
pub use disconnect::{Disconnected, Reason};
pub use error::{Error, HostKeyError, LoginOptions};
pub use flow::StderrSink;
pub use host_key::Vouched;
pub use keepalive::Patience;
pub use public_key::PublicKey;
pub use questions::{Notice, Questions};
pub use resolve::Request;
pub use start::Start;
pub use tokens::our_name;

use connection::{Connection, Peer};
use host_key::Judge;

// The system's libssh2 may have faults that are fixed in the bundled one.
const _: () = assert!(
    option_env!("LIBSSH2_SYS_USE_PKG_CONFIG").is_none(),
    "sftpsh is built with the libssh2 of the crate libssh2-sys only: unset LIBSSH2_SYS_USE_PKG_CONFIG"
);

/// Limit for the key exchange, if the configuration sets none.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(60);

/// Returns the versions of the linked libraries: libssh2's and OpenSSL's.
#[must_use]
pub fn versions() -> [String; 2] {
    [format!("libssh2 {}", native::libssh2_version_text()), openssl::version::version().to_owned()]
}

/// Opens an SFTP stream on a connected socket: key exchange, host key, login, channel.
///
/// If `vouched` holds a key, the host must show that key. Otherwise the shown key is judged, and stored in `vouched`
/// before any secret is sent to the host.
///
/// # Errors
/// Any failure on the way. The connection is closed then.
pub fn open(
    config: &Config,
    socket: Socket,
    start: &Start,
    vouched: &mut Option<Vouched>,
    questions: &mut dyn Questions,
) -> Result<ChannelTransport, Error> {
    let address = numeric_address(socket.descriptor());
    let judge = Judge::new(config, address.clone())?;
    let mut connection = Connection::new(socket, Peer { host: config.host.clone(), address, port: config.port })?;
    let known_types = match vouched.as_ref() {
        Some(before) => vec![before.key.kind()],
        None => judge.known_types(),
    };
    let offer = algorithms::prefer(&connection.session, config, &known_types)?;
    connection.allow(config.connect_timeout.unwrap_or(HANDSHAKE_LIMIT));
    connection.handshake(&offer)?;
    // Copied at once, because libssh2 owns the bytes and frees them at the next key exchange.
    let key = connection.session.host_key().and_then(|(blob, _)| PublicKey::of_host(blob));
    connection.pause();
    let trust = judge.decide(key, vouched, questions)?;
    auth::log_in(&connection, config, trust, questions)?;
    ChannelTransport::open(connection, start, config.server_alive)
}

/// Returns the numeric address at the other end of a socket, or `None` if that is a program.
fn numeric_address(socket: &std::os::fd::OwnedFd) -> Option<String> {
    let address = SocketAddr::try_from(rustix::net::getpeername(socket).ok()??).ok()?;
    Some(address.ip().to_string())
}
