//! Requests sent before their answers are needed, so that no caller pays a round trip for them alone.

use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;

use crate::lock::lock;
use crate::name::RemotePath;
use crate::sftp::calls;
use crate::sftp::extensions::Limits;
use crate::sftp::pending::Pending;
use crate::sftp::shared::Shared;

/// The server's limits. The request goes out when the session starts; the first caller that needs the limits waits
/// for the answer, which usually has arrived by then.
pub(super) struct LazyLimits {
    asked: Mutex<Option<Pending<Limits>>>,
    known: OnceLock<Limits>,
}

impl LazyLimits {
    pub(super) fn request(shared: &Arc<Shared>) -> LazyLimits {
        let (pending, completion) = Pending::new::<calls::AskLimits>();
        shared.submit(&calls::AskLimits, completion);
        LazyLimits { asked: Mutex::new(Some(pending)), known: OnceLock::new() }
    }

    /// Returns the server's limits. A server that offers the extension but refuses the request gets the default
    /// limits.
    pub(super) fn get(&self) -> Limits {
        *self.known.get_or_init(|| lock(&self.asked).take().and_then(|asked| asked.wait().ok()).unwrap_or_default())
    }
}

/// Asks for the canonical path of `.`, the server's start directory.
pub(super) fn request_start(shared: &Shared) -> Pending<Bytes> {
    let (pending, completion) = Pending::new::<calls::Realpath<'_>>();
    shared.submit(&calls::Realpath { path: &RemotePath::dot() }, completion);
    pending
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::sftp::error::Error;
    use crate::sftp::extensions::Limits;
    use crate::sftp::session::{Options, Session};
    use crate::sftp::testing::{Peer, scripted};

    const INIT: u8 = 1;
    const REALPATH: u8 = 16;
    const NAME: u8 = 104;
    const EXTENDED: u8 = 200;

    #[test]
    fn the_start_is_asked_for_along_with_init_where_that_is_wanted() {
        for asks_ahead in [true, false] {
            let (transport, server) = scripted(move |peer| {
                let answer = |peer: &mut Peer, id| {
                    peer.reply(NAME, id, |packet| {
                        packet.uint32(1);
                        packet.string(b"/home/me");
                        packet.string(b"");
                        packet.uint32(0);
                    });
                };
                assert_eq!(peer.request().unwrap().0, INIT);
                let asked = asks_ahead.then(|| [peer.request().unwrap(), peer.request().unwrap()]);
                peer.version(&[]);
                let (kind, id, path) = match asked {
                    None => peer.request().unwrap(),
                    Some([start, (kind, id, _)]) => {
                        assert_eq!(kind, EXTENDED);
                        // An old server does not know the request.
                        peer.status(id, 8, "");
                        start
                    }
                };
                assert_eq!((kind, &path[4..]), (REALPATH, &b"."[..]));
                answer(peer, id);
                // The first call took the answer, so this one sends a new request.
                let (_, id, _) = peer.request().unwrap();
                answer(peer, id);
                peer.wait_for_the_end();
            });
            let session = Session::open(transport, Options { asks_ahead, ..Options::default() }).unwrap();
            for _ in 0..2 {
                assert_eq!(session.start_directory().unwrap(), "/home/me");
            }
            assert_eq!(session.limits(), Limits::default());
            assert_eq!(session.end(), None);
            drop(session);
            server.join().unwrap();
        }
    }

    #[test]
    fn an_answer_that_comes_in_one_piece_with_version_is_heard() {
        let (transport, server) = scripted(|peer| {
            peer.request().unwrap();
            let (_, id, _) = peer.request().unwrap();
            let mut both = vec![0, 0, 0, 5, 2, 0, 0, 0, 3, 0, 0, 0, 17, 101];
            both.extend(id.to_be_bytes());
            both.extend([0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
            peer.raw(&both);
            peer.wait_for_the_end();
        });
        let session = Session::open(
            transport,
            Options { asks_ahead: true, idle_limit: Some(Duration::from_millis(100)), ..Options::default() },
        )
        .unwrap();
        assert!(matches!(session.start_directory(), Err(Error::Status(_))));
        drop(session);
        server.join().unwrap();
    }
}
