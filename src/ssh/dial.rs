//! Makes a TCP connection to an SSH server: tries each address in turn, with a limit on each step.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::os_error;
use crate::ssh::config::{AddressFamily, Config};
use crate::ssh::connection::Socket;
use crate::ssh::error::{Error, NO_ADDRESS_OF_THE_FAMILY};

/// Limit for an address that doesn't answer, if the configuration sets none. Most systems would wait for two minutes
/// or more.
const CONNECT_LIMIT: Duration = Duration::from_secs(60);

/// Connects to the configured host and port.
///
/// # Errors
/// The name has no address, or no address answers.
pub fn dial(config: &Config) -> Result<Socket, Error> {
    let limit = config.connect_timeout.unwrap_or(CONNECT_LIMIT);
    let addresses = resolve(config, limit)?;
    let mut answer = Err(io::Error::from(ErrorKind::AddrNotAvailable));
    for _ in 0..config.connection_attempts.max(1) {
        answer = first_that_answers(&addresses, limit);
        if answer.is_ok() {
            break;
        }
    }
    let failure = match answer {
        Ok(stream) => return prepare(stream, config),
        Err(failure) => failure,
    };
    let cause = match failure.kind() {
        ErrorKind::TimedOut => String::from("Connection timed out"),
        _ => os_error::text(&failure),
    };
    Err(Error::Connect { host: config.host.clone(), port: config.port, cause })
}

/// Tries one address after another. If none answers, returns the error of the last one.
fn first_that_answers(addresses: &[SocketAddr], limit: Duration) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(address, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn prepare(stream: TcpStream, config: &Config) -> Result<Socket, Error> {
    let local = |error| Error::Local { what: "cannot prepare the socket", error };
    // Otherwise a request would wait until the one before is acknowledged.
    stream.set_nodelay(true).map_err(local)?;
    if config.tcp_keep_alive {
        rustix::net::sockopt::set_socket_keepalive(&stream, true).map_err(|errno| local(errno.into()))?;
    }
    Ok(Socket::new(OwnedFd::from(stream), None))
}

/// Resolves the host's name. The system's resolver has no time limit, so it runs in a thread that may be left behind.
fn resolve(config: &Config, limit: Duration) -> Result<Vec<SocketAddr>, Error> {
    let failed = |cause: String| Error::Resolve { host: config.host.clone(), cause };
    let (answer, answered) = mpsc::channel();
    let name = (config.host.clone(), config.port);
    thread::Builder::new()
        .name(String::from("ssh-resolve"))
        .spawn(move || answer.send(name.to_socket_addrs().map(Iterator::collect::<Vec<_>>)))
        .map_err(|error| Error::Local { what: "cannot start a thread", error })?;
    let all = match answered.recv_timeout(limit) {
        Ok(Ok(all)) => all,
        Ok(Err(error)) => {
            let text = os_error::text(&error);
            let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
            return Err(failed(text.to_owned()));
        }
        Err(_) => return Err(failed(String::from("the name server does not answer"))),
    };
    let fitting: Vec<_> = all.into_iter().filter(|address| config.address_family.admits(address)).collect();
    if fitting.is_empty() {
        return Err(failed(String::from(NO_ADDRESS_OF_THE_FAMILY)));
    }
    Ok(fitting)
}

impl AddressFamily {
    fn admits(self, address: &SocketAddr) -> bool {
        match self {
            AddressFamily::Any => true,
            AddressFamily::V4 => address.is_ipv4(),
            AddressFamily::V6 => address.is_ipv6(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    // fault: the first address is dead
    #[test]
    fn an_address_that_is_dead_is_passed_over() {
        let limit = Duration::from_secs(10);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let alive = listener.local_addr().unwrap();
        // The listener is gone, so nothing listens on its port.
        let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let dead6 = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], dead.port()));
        let stream = first_that_answers(&[dead6, dead, alive], limit).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), alive);
        let failure = first_that_answers(&[dead], limit).unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::ConnectionRefused);
    }
}
