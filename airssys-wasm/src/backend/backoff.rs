//! The delay between attempts to reach a product.

use std::time::Duration;

use tokio::time::Instant;

/// The failures since the last success, and the time of the next attempt.
#[derive(Debug)]
pub struct Backoff<E> {
    first: Duration,
    longest: Duration,
    failures: u32,
    next: Option<(Instant, E)>,
}

impl<E> Backoff<E> {
    /// Makes one without failures. The delay after the first failure is `first`, and doubles with each
    /// failure that follows, up to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Backoff<E> {
        Backoff { first, longest, failures: 0, next: None }
    }

    /// Returns the last error until the next attempt is due, and then `None`.
    pub fn last(&self) -> Option<&E> {
        self.next.as_ref().filter(|(next, _)| Instant::now() < *next).map(|(_, error)| error)
    }

    /// Counts a failure. The next attempt is due after a delay.
    pub fn failed(&mut self, error: E) {
        self.next = Some((Instant::now() + self.delay(), error));
        self.failures = self.failures.saturating_add(1);
    }

    /// Forgets the failures.
    pub fn succeeded(&mut self) {
        (self.failures, self.next) = (0, None);
    }

    /// Returns the delay after the next failure: between half and all of a time that doubles, so that many
    /// hosts do not try at once.
    fn delay(&self) -> Duration {
        let whole = self.first.saturating_mul(2_u32.saturating_pow(self.failures)).min(self.longest);
        whole.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn delay_grows_to_its_bound_and_starts_again_after_a_success() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(30));
        let mut backoff = Backoff::new(first, longest);
        for failures in 0..100 {
            let whole = first.saturating_mul(2_u32.saturating_pow(failures)).min(longest);
            assert!((whole / 2..=whole).contains(&backoff.delay()), "{failures}");
            backoff.failed(failures);
            assert_eq!(backoff.last(), Some(&failures));
            tokio::time::sleep(whole).await;
            assert_eq!(backoff.last(), None);
        }
        backoff.failed(100);
        backoff.succeeded();
        assert_eq!(backoff.last(), None);
        assert!(backoff.delay() <= first);
    }
}
