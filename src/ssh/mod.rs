//! From a destination to an SFTP stream over SSH, with ssh2: configuration, host keys, authentication, the channel.
//!
//! Nothing here knows SFTP, and nothing here speaks to the terminal: what must be asked or shown goes through
//! [`Questions`]. libssh2 is used for what it is good at, and otherwise by our own code: known hosts, agent, receive window.
//! Every text that is shown or asked may hold bytes of the server's; who shows it makes it printable.

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
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod host_key;
mod identity;
mod intake;
mod keepalive;
mod keys;
pub mod known_hosts;
mod login;
mod native;
mod opening;
mod place;
mod public_key;
mod questions;
mod resolve;
mod settings;
mod signatures;
mod tokens;
mod watchdog;

use std::net::SocketAddr;
use std::time::Duration;

pub use channel::{ChannelTransport, Hearer, Start};
pub use config::{AddressFamily, Config, IdentityAgent, Proxy, StrictHostKeyChecking};
pub use connection::Socket;
pub use dial::dial;
pub use disconnect::{Disconnected, Reason};
pub use error::{Error, Given, HostKeyError};
pub use host_key::Vouched;
pub use keepalive::Patience;
pub use public_key::PublicKey;
pub use questions::{Notice, Questions};
pub use resolve::Request;

use connection::{Connection, Peer};
use host_key::Judge;

// A libssh2 of the system's may be any, with faults that have long been mended in the one that comes along.
const _: () = assert!(
    option_env!("LIBSSH2_SYS_USE_PKG_CONFIG").is_none(),
    "sftpsh is built with the libssh2 of the crate libssh2-sys only: unset LIBSSH2_SYS_USE_PKG_CONFIG"
);

/// Limit for the key exchange where the configuration names none.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(60);

/// Versions of the libraries that are linked in: libssh2's and OpenSSL's.
#[must_use]
pub fn versions() -> [String; 2] {
    [format!("libssh2 {}", native::libssh2_version_text()), openssl::version::version().to_owned()]
}

/// Makes an SFTP stream on a connected socket: key exchange, the host's key, the log-in, the channel.
///
/// A host that is vouched for already must show that very key; otherwise it is judged, and vouched for by the time that
/// anything secret is said to it.
///
/// # Errors
/// Whatever keeps it from being made; nothing of the connection is left then.
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
    // Copied at once: the bytes are libssh2's, and go with the next key exchange.
    let key = connection.session.host_key().and_then(|(blob, _)| PublicKey::of_host(blob));
    connection.pause();
    let trust = judge.decide(key, vouched, questions)?;
    auth::log_in(&connection, config, trust, questions)?;
    ChannelTransport::open(connection, start, config.server_alive)
}

/// The address at the other end of a socket as numbers; a program's socket has none.
fn numeric_address(socket: &std::os::fd::OwnedFd) -> Option<String> {
    let address = SocketAddr::try_from(rustix::net::getpeername(socket).ok()??).ok()?;
    Some(address.ip().to_string())
}
