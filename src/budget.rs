//! Budgets: limits on how much a server may send and make us hold. All the numbers are in this file.
//!
//! Code that takes bytes because a server said so takes them from a [`Budget`], and gives them back when they are
//! freed. If a budget is used up, the connection, listing or walk ends with that reason.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Bytes that an SSH server may send until the keys are exchanged. The largest honest key exchanges, with
/// post-quantum algorithms and long lists, take about 10 KiB. Lines of text may come before them (RFC 4253, section
/// 4.2).
pub const BEFORE_KEYS: u64 = 256 * KIB;

/// Bytes that an SSH server may then send until the login is done: banners, questions, lists of methods.
pub const BEFORE_LOGIN: u64 = 4 * MIB;

/// Bytes that may arrive after the login without coming out of the channel, in addition to its receive window.
/// libssh2 keeps packets that it doesn't know as long as the connection lives.
pub const UNCLAIMED: u64 = 16 * MIB;

/// Bytes of memory that libssh2 may hold for a connection until the login is done. An honest login takes less than 1
/// MiB, most of it for compression.
pub const HELD_BEFORE_LOGIN: u64 = 8 * MIB;

/// Memory that libssh2 may hold after the login, in multiples of the receive window, and in addition to
/// [`UNCLAIMED`]. It holds data of the channel in packets. Small packets take several times their length, and so do
/// compressed ones.
pub const HELD_WINDOWS: u64 = 4;

/// Divisor of the bytes that came out of the channel: their packets may have taken this part in addition. Servers
/// that send packets of 1 KiB need about that much; most send 32 KiB at once.
pub const OVERHEAD_SHARE: u64 = 16;

/// Divisor of the bytes that we sent: this part may come back as window adjustments and key exchanges. A server that
/// wants new keys after each MiB sends about 4 KiB each time.
pub const ECHO_SHARE: u64 = 256;

/// Bytes that each request may bring in addition to its answer: the packet around the answer, and lines on standard
/// error in packets of their own.
pub const OVERHEAD_PER_REQUEST: u64 = 256;

/// Bytes that may arrive each second without any request: sshd's ClientAliveInterval is at least one second, and its
/// question takes about 100 bytes.
pub const OVERHEAD_PER_SECOND: u64 = 256;

/// Bytes of names that wait in a session until callers take them.
pub const WAITING_NAMES: u64 = 256 * MIB;

/// Bytes that one listing, walk or pattern may make us hold. While a listing is read, its packets count too: a million
/// entries with names of 40 bytes come in about 180 MiB. When it is complete, they take 85 MiB.
pub const LISTING: u64 = 256 * MIB;

/// Bytes in which the entries of a directory may come that is listed in parts, which are not held. Seven million entries
/// of OpenSSH's server take about as much. A listing without end must end nevertheless.
pub const IN_PARTS: u64 = 1024 * MIB;

/// Bytes that the listings for one completion may make us hold.
pub const COMPLETION: u64 = 256 * MIB;

/// A number of bytes that may be held at once. Any thread may take some and give them back.
#[derive(Debug)]
pub struct Budget {
    limit: AtomicU64,
    taken: AtomicU64,
}

/// The budget doesn't have the requested bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {limit} bytes")]
pub struct Exceeded {
    /// The budget's limit.
    pub limit: u64,
}

impl Budget {
    /// Creates a budget of `limit` bytes, none of which are taken.
    #[must_use]
    pub const fn new(limit: u64) -> Budget {
        Budget { limit: AtomicU64::new(limit), taken: AtomicU64::new(0) }
    }

    /// Takes `bytes`.
    ///
    /// # Errors
    /// They are not available. None are taken then.
    pub fn take(&self, bytes: u64) -> Result<(), Exceeded> {
        let limit = self.limit.load(Ordering::Relaxed);
        let more = |taken: u64| taken.checked_add(bytes).filter(|&taken| taken <= limit);
        match self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(()),
            Err(_) => Err(Exceeded { limit }),
        }
    }

    /// Gives `bytes` back. A surplus is not saved up.
    pub fn give_back(&self, bytes: u64) {
        let less = |taken: u64| Some(taken.saturating_sub(bytes));
        let _ = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Takes `bytes` until the share is dropped.
    ///
    /// # Errors
    /// They are not available.
    pub fn share(self: &Arc<Self>, bytes: u64) -> Result<Share, Exceeded> {
        self.take(bytes)?;
        Ok(Share { budget: Arc::clone(self), bytes })
    }

    /// Returns the budget's limit in bytes.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Returns the number of bytes taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Resets the budget to `limit` bytes, none of which are taken.
    pub fn renew(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
        self.taken.store(0, Ordering::Relaxed);
    }

    /// Raises the limit to `limit` bytes, unless it is higher already.
    pub fn raise(&self, limit: u64) {
        self.limit.fetch_max(limit, Ordering::Relaxed);
    }
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Share {
    /// Takes `bytes` more.
    ///
    /// # Errors
    /// They are not available. The share is unchanged then.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Exceeded> {
        self.budget.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Splits off a share with `bytes` of this one, or with all of them if it has fewer.
    #[must_use]
    pub fn split(&mut self, bytes: u64) -> Share {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Share { budget: Arc::clone(&self.budget), bytes }
    }

    /// Gives back all but `bytes`.
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
        drop(share.split(2));
        assert_eq!(budget.taken(), 3);
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
