//! Budgets: how much a server may make us take in or hold. Its numbers are all here.
//!
//! Whoever takes bytes on a server's word takes them from a [`Budget`], and gives them back when they are gone. What a budget
//! does not have is not taken: the connection, the listing or the walk that asked for it ends, with the reason.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Bytes that an SSH server may send until the keys are settled. The largest honest key exchanges, with post-quantum
/// algorithms and long lists of algorithms, take about 10 KiB; lines of text may come before them (RFC 4253, section 4.2).
pub const BEFORE_KEYS: u64 = 256 * KIB;

/// Bytes that an SSH server may send from there until the login is done: banners, questions, lists of methods.
pub const BEFORE_LOGIN: u64 = 4 * MIB;

/// Bytes that may have come in after the login, in addition to the channel's receive window, without coming out of the
/// channel. libssh2 keeps packets that nobody asks for as long as the connection lives.
pub const UNCLAIMED: u64 = 16 * MIB;

/// Bytes of memory that libssh2 may hold for a connection until the login is done. An honest login takes less than 1 MiB,
/// most of it for compression.
pub const HELD_BEFORE_LOGIN: u64 = 8 * MIB;

/// Memory that libssh2 may hold after the login, in addition to [`UNCLAIMED`], in receive windows. Data that has not come out
/// of the channel is held with its packets; small ones take several times their length, and so do compressed ones.
pub const HELD_WINDOWS: u64 = 4;

/// The part of the bytes that came out of the channel that their packets may have taken in addition. Servers that send packets
/// of 1 KiB need about that much; most send 32 KiB at once.
pub const OVERHEAD_SHARE: u64 = 16;

/// The part of the bytes that we sent that may come back as window adjustments and key exchanges. A server that wants new
/// keys after each MiB sends about 4 KiB each time.
pub const ECHO_SHARE: u64 = 256;

/// Bytes that each request may bring in addition to its answer: the answer's packet, and lines on standard error in theirs.
pub const OVERHEAD_PER_REQUEST: u64 = 256;

/// Bytes that may come in per second even if nothing is asked: sshd's ClientAliveInterval is one second at least, and its
/// question takes about 100 bytes.
pub const OVERHEAD_PER_SECOND: u64 = 256;

/// Bytes of names that wait in a session to be taken in by whoever asked for them.
pub const WAITING_NAMES: u64 = 256 * MIB;

/// Bytes that one listing, one walk or one pattern may make us hold. A million entries with names of 40 bytes take about
/// 180 MiB.
pub const LISTING: u64 = 256 * MIB;

/// Bytes that the listings of one completion may make us hold.
pub const COMPLETION: u64 = 256 * MIB;

/// A number of bytes that may be held at once. Taken from and given back to, from any thread.
#[derive(Debug)]
pub struct Budget {
    limit: AtomicU64,
    taken: AtomicU64,
}

/// A budget does not have what was to be taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {limit} bytes")]
pub struct Exceeded {
    /// All that the budget has.
    pub limit: u64,
}

impl Budget {
    /// A budget of `limit` bytes, all of which are there.
    #[must_use]
    pub const fn new(limit: u64) -> Budget {
        Budget { limit: AtomicU64::new(limit), taken: AtomicU64::new(0) }
    }

    /// Takes `bytes`.
    ///
    /// # Errors
    /// They are not there; nothing was taken then.
    pub fn take(&self, bytes: u64) -> Result<(), Exceeded> {
        let limit = self.limit.load(Ordering::Relaxed);
        let more = |taken: u64| taken.checked_add(bytes).filter(|&taken| taken <= limit);
        match self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(()),
            Err(_) => Err(Exceeded { limit }),
        }
    }

    /// Gives `bytes` back. More than was taken is not saved up.
    pub fn give_back(&self, bytes: u64) {
        let less = |taken: u64| Some(taken.saturating_sub(bytes));
        let _ = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Takes `bytes` until the share is dropped.
    ///
    /// # Errors
    /// They are not there.
    pub fn share(self: &Arc<Self>, bytes: u64) -> Result<Share, Exceeded> {
        self.take(bytes)?;
        Ok(Share { budget: Arc::clone(self), bytes })
    }

    /// Bytes that it has in all.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Bytes that are taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Has the budget begin anew with `limit` bytes.
    pub fn renew(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
        self.taken.store(0, Ordering::Relaxed);
    }

    /// Raises the limit to `limit` bytes, if that is more.
    pub fn raise(&self, limit: u64) {
        self.limit.fetch_max(limit, Ordering::Relaxed);
    }
}

/// A part of a budget that is given back when this is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Share {
    /// Takes `bytes` more.
    ///
    /// # Errors
    /// They are not there; the share is as it was.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Exceeded> {
        self.budget.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives back what is more than `bytes`.
    pub fn shrink_to(&mut self, bytes: u64) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.budget.give_back(surplus);
        self.bytes -= surplus;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_budget_never_holds_more_than_its_limit_and_no_less_than_nothing(
            limit in 0_u64..1000, steps in proptest::collection::vec((any::<bool>(), 0_u64..400), 0..50),
        ) {
            let budget = Budget::new(limit);
            let mut taken = 0_u64;
            for (takes, bytes) in steps {
                if takes {
                    let fits = taken + bytes <= limit;
                    prop_assert_eq!(budget.take(bytes), if fits { Ok(()) } else { Err(Exceeded { limit }) });
                    taken += if fits { bytes } else { 0 };
                } else {
                    budget.give_back(bytes);
                    taken = taken.saturating_sub(bytes);
                }
                prop_assert_eq!(budget.taken(), taken);
            }
        }
    }

    #[test]
    fn absurd_numbers_are_no_way_around_a_limit() {
        let budget = Budget::new(10);
        budget.take(1).unwrap();
        assert!(budget.take(u64::MAX).is_err());
        assert!(budget.take(u64::MAX - 1).is_err());
        assert_eq!(budget.taken(), 1);
    }

    #[test]
    fn a_share_is_given_back_when_it_shrinks_or_is_dropped() {
        let budget = Arc::new(Budget::new(10));
        let mut share = budget.share(6).unwrap();
        share.grow(2).unwrap();
        assert!(budget.share(3).is_err() && share.grow(3).is_err());
        assert_eq!(budget.taken(), 8);
        share.shrink_to(9);
        assert_eq!(budget.taken(), 8);
        share.shrink_to(5);
        assert_eq!(budget.taken(), 5);
        drop(share);
        assert!(budget.share(10).is_ok());
    }

    #[test]
    fn a_limit_is_raised_or_begins_anew() {
        let budget = Budget::new(10);
        budget.take(10).unwrap();
        budget.raise(5);
        assert!(budget.take(1).is_err());
        budget.raise(12);
        budget.take(2).unwrap();
        budget.renew(3);
        budget.take(3).unwrap();
        assert_eq!(budget.take(1), Err(Exceeded { limit: 3 }));
    }
}
