//! Token buckets by the generic cell rate algorithm (GCRA): a rate per second and a burst.

use std::sync::atomic::{AtomicU64, Ordering};

pub use airssys_spec::Rate;

/// The unit of time in this file, in parts of a nanosecond.
const PARTS_PER_NS: u64 = 64;

/// The longest distance between two times. Time wraps around, so a time further ahead than this
/// lies in the past.
const FARTHEST: u64 = 1 << 62;

/// A token bucket: it holds `burst` tokens, starts full, and gains `per_second` tokens a second.
///
/// Over any period it hands out at most `burst` tokens plus those that the period adds. That holds
/// also when many threads take tokens at once. It is a GCRA: one atomic holds the time at which the
/// bucket is full again (the theoretical arrival time). A take is one compare-and-swap.
///
/// The time of a token is rounded up to a 64th of a nanosecond. That lowers a rate of a million a
/// second by at most 0.0016 %. It lowers a rate of a thousand million by at most 1.6 %.
///
/// The caller passes the time, in nanoseconds since a fixed moment. A bucket that is not used for
/// six years may take two more years to fill.
///
/// ```
/// use airssys_wasm::rate::{Bucket, Rate};
///
/// let bucket = Bucket::new(Rate { per_second: 2, burst: 3 });
/// assert!(bucket.take(3, 0).is_some() && bucket.take(1, 0).is_none());
/// // Half a second adds one token.
/// assert!(bucket.take(1, 499_999_999).is_none() && bucket.take(1, 500_000_000).is_some());
/// ```
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    /// The time in which one token is added (GCRA's emission interval).
    token: u64,
    /// The time in which an empty bucket fills.
    whole: u64,
    /// The time at which the bucket is full (GCRA's theoretical arrival time).
    full_at: AtomicU64,
}

/// Tokens that were taken and can be put back.
#[derive(Debug)]
#[must_use = "unused tokens have to be put back"]
pub struct Taken {
    before: u64,
    after: u64,
}

impl Bucket {
    /// Makes a full bucket. It holds fewer than `burst` tokens if filling it would take more than
    /// two years.
    pub fn new(rate: Rate) -> Bucket {
        let token = (PARTS_PER_NS * 1_000_000_000).div_ceil(rate.per_second.max(1));
        let whole = token.saturating_mul(rate.burst).min(FARTHEST);
        Bucket { rate, token, whole, full_at: AtomicU64::new(0) }
    }

    /// Returns the rate.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes tokens at a time in nanoseconds. Returns `None`, and takes nothing, if the bucket holds
    /// fewer.
    pub fn take(&self, tokens: u64, now_ns: u64) -> Option<Taken> {
        let now = now_ns.wrapping_mul(PARTS_PER_NS);
        let price = tokens.checked_mul(self.token).filter(|price| *price <= self.whole)?;
        let mut before = self.full_at.load(Ordering::Relaxed);
        loop {
            // A full bucket gains nothing, so `missing` is 0 however long ago it became full.
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

    /// Puts tokens back. They are lost if others were taken in the meantime, so that the bucket
    /// never hands out too many.
    pub fn put_back(&self, taken: Taken) {
        let Taken { before, after } = taken;
        // Fails if another take followed, because that take started from `after`.
        let _exchanged = self.full_at.compare_exchange(after, before, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Returns the number of tokens in the bucket at a time in nanoseconds.
    pub fn left(&self, now_ns: u64) -> u64 {
        let now = now_ns.wrapping_mul(PARTS_PER_NS);
        let missing = ahead(self.full_at.load(Ordering::Relaxed), now);
        self.whole.saturating_sub(missing) / self.token
    }
}

/// Returns how far `time` lies ahead of `of`, or 0 if it lies behind.
fn ahead(time: u64, of: u64) -> u64 {
    let distance = time.wrapping_sub(of);
    if distance <= FARTHEST { distance } else { 0 }
}

#[cfg(test)]
#[path = "rate/tests.rs"]
mod tests;
