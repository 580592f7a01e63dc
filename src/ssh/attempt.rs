//! One authentication request and its answer.

use libssh2_sys as raw;
use ssh2::{BlockDirections, Error, ErrorCode};

use crate::ssh::connection::{Connection, Fault};
use crate::ssh::native::{self, Answer, Refusal};

/// The server's answer to a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AuthReply {
    /// The user is logged in.
    Accepted,
    /// The server refused the request, or wants another method in addition.
    Refused(Refusal),
}

impl Connection {
    /// Makes one authentication request with `attempt`, which is called until it no longer has to wait. Banners that
    /// arrive meanwhile are passed to `hear`.
    ///
    /// # Errors
    /// The connection ended, or `attempt` failed on our side, so the server gave no answer.
    pub(super) fn authenticate(
        &self,
        mut attempt: impl FnMut() -> Result<(), Error>,
        mut hear: impl FnMut(Vec<u8>),
    ) -> Result<AuthReply, Fault> {
        let mut refusal = None;
        // Notes a packet, and returns whether it answers the request.
        let mut note = |answer| match answer {
            Answer::Failure(failure) => {
                refusal = Some(failure);
                true
            }
            Answer::Progress => true,
            Answer::Banner(text) => {
                hear(text);
                false
            }
            Answer::Other => false,
        };
        // A banner may have arrived already. An error of the connection will come up again in the request.
        while let Ok(answer) = native::next_answer(&self.session) {
            note(answer);
        }
        let done = self.complete(|| {
            loop {
                match native::without_reading(&self.session, &mut attempt) {
                    Err(error) if error.code() == AGAIN => {
                        if self.session.block_directions() == BlockDirections::Outbound {
                            return Err(error);
                        }
                    }
                    done => return done,
                }
                // The request is out. libssh2 gives it up if it looks for an answer after a minute and finds none,
                // but a person may need longer. So call it again only once an answer has arrived.
                while !note(native::next_answer(&self.session)?) {}
            }
        });
        match (done, refusal) {
            (Ok(()), _) => Ok(AuthReply::Accepted),
            (Err(fault), Some(refusal)) if is_refusal(&fault) => Ok(AuthReply::Refused(refusal)),
            (Err(fault), _) => Err(fault),
        }
    }
}

const AGAIN: ErrorCode = ErrorCode::Session(raw::LIBSSH2_ERROR_EAGAIN);

/// Returns whether libssh2 has processed the failure packet that we left in its queue.
fn is_refusal(fault: &Fault) -> bool {
    matches!(fault.code(), Some(raw::LIBSSH2_ERROR_AUTHENTICATION_FAILED | raw::LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED))
}
