//! Limits how many requests of all kinds may wait for an answer at once.
//!
//! OpenSSH's client never has more than 64 requests waiting, so servers are hardly tested with more. Some silently
//! drop requests beyond a limit of their own, and then both sides would wait forever. So only a server that is known
//! to cope gets as many requests as improve the speed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Requests that may wait at once during a transfer, on a server that is not known to cope with more.
const MOST_IN_TRANSFERS: usize = 256;

/// Requests that may wait at once otherwise, on such a server: as many as OpenSSH's client sends.
const MOST: usize = 64;

/// The limits for a server that fell silent, from one to the next.
const NARROWER: [usize; 2] = [64, 16];

/// How many requests may wait at once. Clones share the limit, so that it holds for every session with one server.
#[derive(Clone, Debug)]
pub struct Width(Arc<Bounds>);

#[derive(Debug)]
struct Bounds {
    in_transfers: AtomicUsize,
    otherwise: AtomicUsize,
    /// True if silence may mean that the server dropped requests.
    may_narrow: AtomicBool,
}

impl Default for Width {
    fn default() -> Width {
        Width::unbounded()
    }
}

impl Width {
    /// Returns a width without limit, for a server that is known to cope.
    #[must_use]
    pub fn unbounded() -> Width {
        Width::of(usize::MAX, usize::MAX, false)
    }

    /// Returns the width for an unknown server. `requests` is the user's choice (`-R`).
    #[must_use]
    pub fn cautious(requests: Option<usize>) -> Width {
        match requests {
            Some(requests) => Width::of(requests.max(1), requests.max(1), true),
            None => Width::of(MOST_IN_TRANSFERS, MOST, true),
        }
    }

    fn of(in_transfers: usize, otherwise: usize, may_narrow: bool) -> Width {
        Width(Arc::new(Bounds {
            in_transfers: AtomicUsize::new(in_transfers),
            otherwise: AtomicUsize::new(otherwise),
            may_narrow: AtomicBool::new(may_narrow),
        }))
    }

    /// Removes the limit, because the server turned out to be one that copes. A limit chosen by the user stays.
    pub fn trust(&self) {
        let Bounds { in_transfers, otherwise, may_narrow } = &*self.0;
        may_narrow.store(false, Ordering::Relaxed);
        for (bound, cautious) in [(in_transfers, MOST_IN_TRANSFERS), (otherwise, MOST)] {
            let _ = bound.compare_exchange(cautious, usize::MAX, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Returns how many requests may wait at once.
    #[must_use]
    pub fn most(&self, in_transfer: bool) -> usize {
        let bound = if in_transfer { &self.0.in_transfers } else { &self.0.otherwise };
        bound.load(Ordering::Relaxed)
    }

    /// Returns whether the server is known to cope.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        !self.0.may_narrow.load(Ordering::Relaxed)
    }

    /// Returns the next lower limit if the server falls silent while this many requests wait, or `None` if its
    /// silence means nothing.
    #[must_use]
    pub fn narrower_than(&self, waiting: usize) -> Option<usize> {
        let most = waiting.min(self.most(true));
        NARROWER.into_iter().find(|&narrower| !self.is_trusted() && narrower < most)
    }

    /// Lowers the limit to `most`.
    pub(super) fn narrow_to(&self, most: usize) {
        self.0.in_transfers.fetch_min(most, Ordering::Relaxed);
        self.0.otherwise.fetch_min(most, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(width: &Width) -> (usize, usize, Option<usize>) {
        (width.most(true), width.most(false), width.narrower_than(usize::MAX))
    }

    #[test]
    fn a_server_gets_fewer_and_fewer_until_it_is_known_to_cope() {
        let width = Width::cautious(None);
        assert_eq!(bounds(&width), (256, 64, Some(64)));
        assert_eq!([65, 64, 17, 16].map(|waiting| width.narrower_than(waiting)), [Some(64), Some(16), Some(16), None]);
        width.narrow_to(64);
        assert_eq!(bounds(&width.clone()), (64, 64, Some(16)));
        width.narrow_to(16);
        assert_eq!(bounds(&width), (16, 16, None));
    }

    #[test]
    fn one_that_copes_gets_all_and_what_the_user_wants_stays() {
        for (requests, before, after) in [
            (None, (256, 64, Some(64)), (usize::MAX, usize::MAX, None)),
            (Some(500), (500, 500, Some(64)), (500, 500, None)),
            (Some(17), (17, 17, Some(16)), (17, 17, None)),
            (Some(1), (1, 1, None), (1, 1, None)),
            (Some(0), (1, 1, None), (1, 1, None)),
        ] {
            let width = Width::cautious(requests);
            assert_eq!(bounds(&width), before, "{requests:?}");
            width.trust();
            assert_eq!(bounds(&width), after, "{requests:?}");
        }
    }
}
