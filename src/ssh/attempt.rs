//! One authentication request and its answer.
#![forbid(unsafe_code)]

use libssh2_sys as raw;
use ssh2::{BlockDirections, Error, ErrorCode};

use crate::ssh::connection::{Connection, Fault};
use crate::ssh::native::{self, Answer, Refusal};

/// What the server made of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// We are in.
    Accepted,
    /// It did not do, or not alone.
    Refused(Refusal),
}

impl Connection {
    /// Makes one request of the server with `attempt`, which is called until it does not have to wait any more. Banners
    /// that come meanwhile are handed to `hear`.
    ///
    /// # Errors
    /// There is no verdict: the connection is over, or `attempt` failed on our side, before the server had a say.
    pub(super) fn authenticate(
        &self,
        mut attempt: impl FnMut() -> Result<(), Error>,
        mut hear: impl FnMut(Vec<u8>),
    ) -> Result<Verdict, Fault> {
        let mut refusal = None;
        // Takes note of an answer, and tells whether it is one to the request.
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
        // A banner may have come already. What is wrong with the connection will be wrong once more.
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
                // The request is out. libssh2 gives it up when it looks for an answer after a minute and finds none, and
                // a person may need longer: it is called again only when there is one.
                while !note(native::next_answer(&self.session)?) {}
            }
        });
        match (done, refusal) {
            (Ok(()), _) => Ok(Verdict::Accepted),
            (Err(fault), Some(refusal)) if is_refusal(&fault) => Ok(Verdict::Refused(refusal)),
            (Err(fault), _) => Err(fault),
        }
    }
}

const AGAIN: ErrorCode = ErrorCode::Session(raw::LIBSSH2_ERROR_EAGAIN);

/// Whether libssh2 has seen the failure that was put before it.
fn is_refusal(fault: &Fault) -> bool {
    matches!(fault.code(), Some(raw::LIBSSH2_ERROR_AUTHENTICATION_FAILED | raw::LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED))
}
