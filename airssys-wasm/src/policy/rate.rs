//! Token buckets: so many a second, and so many at once.

use std::sync::atomic::{AtomicU64, Ordering};

pub use airssys_spec::Rate;

/// Parts of a nanosecond that time is counted in here.
const PARTS_PER_NS: u64 = 64;

/// Time is compared as numbers on a circle: what lies further ahead than this lies behind.
const FARTHEST: u64 = 1 << 62;

/// A bucket that holds `burst` tokens, is full at first, and gets `per_second` tokens a second.
///
/// In no stretch of time does it hand out more than `burst` tokens and those that the time brings,
/// whoever takes them at the same time. A token's time is rounded up to a 64th of a nanosecond: at
/// a million a second that makes the rate 0.0016 % lower at most, at a thousand million 1.6 %.
///
/// Time is passed in: nanoseconds since some fixed moment. A bucket from which nothing is taken
/// for six years may take two more to be full.
///
/// ```
/// use airssys_wasm::rate::{Bucket, Rate};
///
/// let bucket = Bucket::new(Rate { per_second: 2, burst: 3 });
/// assert!(bucket.take(3, 0).is_some() && bucket.take(1, 0).is_none());
/// // Half a second brings one.
/// assert!(bucket.take(1, 499_999_999).is_none() && bucket.take(1, 500_000_000).is_some());
/// ```
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    /// The time that brings one token.
    token: u64,
    /// The time that brings as many as it holds.
    whole: u64,
    /// When it will be full.
    full_at: AtomicU64,
}

/// Tokens that were taken, so that they can be put back.
#[derive(Debug)]
#[must_use = "tokens that are not used have to be put back"]
pub struct Taken {
    before: u64,
    after: u64,
}

impl Bucket {
    /// A full bucket. One that would take more than two years to fill holds fewer than `burst`.
    pub fn new(rate: Rate) -> Bucket {
        let token = (PARTS_PER_NS * 1_000_000_000).div_ceil(rate.per_second.max(1));
        let whole = token.saturating_mul(rate.burst).min(FARTHEST);
        Bucket { rate, token, whole, full_at: AtomicU64::new(0) }
    }

    /// Its rate.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes so many tokens at this time, in nanoseconds; none if there are not that many.
    pub fn take(&self, tokens: u64, now_ns: u64) -> Option<Taken> {
        let now = now_ns.wrapping_mul(PARTS_PER_NS);
        let price = tokens.checked_mul(self.token).filter(|price| *price <= self.whole)?;
        let mut before = self.full_at.load(Ordering::Relaxed);
        loop {
            // Of a bucket that is full the overflow is lost.
            let missing = ahead(before, now);
            if missing + price > self.whole {
                return None;
            }
            let after = now.wrapping_add(missing).wrapping_add(price);
            match self.full_at.compare_exchange_weak(before, after, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Some(Taken { before, after }),
                Err(found) => before = found,
            }
        }
    }

    /// Puts tokens back. If others were taken meanwhile they are lost: there are never too many.
    pub fn put_back(&self, taken: Taken) {
        let Taken { before, after } = taken;
        // If it fails, somebody else has taken some, and their count rests on these.
        let _kept = self.full_at.compare_exchange(after, before, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// How many tokens there are at this time.
    pub fn left(&self, now_ns: u64) -> u64 {
        let now = now_ns.wrapping_mul(PARTS_PER_NS);
        let missing = ahead(self.full_at.load(Ordering::Relaxed), now);
        self.whole.saturating_sub(missing) / self.token
    }
}

/// How far a time lies ahead of another; 0 if it lies behind.
fn ahead(time: u64, of: u64) -> u64 {
    let distance = time.wrapping_sub(of);
    if distance <= FARTHEST { distance } else { 0 }
}

#[cfg(test)]
#[path = "rate/tests.rs"]
mod tests;
