//! Delivery of messages whose handler fails.

use std::time::Duration;

use airssys_core::RestartStrategy;

/// The fate of a message whose handler fails, or asks for another attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Delivery {
    /// The message goes to the dead letters, so no message is handled twice.
    #[default]
    AtMostOnce,
    /// The message is handled again, before any message behind it, until no attempt is left.
    Retry(Retry),
}

/// The number of attempts for a message, and the waits between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// The number of attempts, including the first.
    pub attempts: u32,
    /// The wait between the end of one attempt and the next.
    pub backoff: RestartStrategy,
}

impl Default for Retry {
    /// Returns 3 attempts, the second after 100 ms and the third after 200 ms. Each wait is
    /// shortened by up to a tenth. With more attempts, no wait is longer than 10 s.
    fn default() -> Retry {
        Retry {
            attempts: 3,
            backoff: RestartStrategy::ExponentialBackoff {
                initial_delay: Duration::from_millis(100),
                max_delay: Duration::from_secs(10),
                multiplier: 2.0,
                jitter: 0.1,
            },
        }
    }
}

impl Delivery {
    /// Returns the wait before the attempt that follows attempt number `attempts`, or `None` if
    /// that was the last.
    ///
    /// `random`, from 0 to 1, is the share of the jitter that applies.
    pub fn next_attempt(&self, attempts: u32, random: f64) -> Option<Duration> {
        match self {
            Delivery::Retry(retry) if attempts < retry.attempts => {
                Some(retry.backoff.delay(attempts.saturating_sub(1), random))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_allowed_attempt_is_followed_by_none() {
        let delays = |delivery: Delivery| -> Vec<Option<u128>> {
            (1..=4).map(|n| delivery.next_attempt(n, 0.0).map(|delay| delay.as_millis())).collect()
        };
        assert_eq!(delays(Delivery::AtMostOnce), [None; 4]);
        let retry = Retry::default();
        assert_eq!(delays(Delivery::Retry(retry)), [Some(100), Some(200), None, None]);
        let fixed = RestartStrategy::Fixed { delay: Duration::from_millis(5) };
        let retry = Retry { attempts: 4, backoff: fixed };
        assert_eq!(delays(Delivery::Retry(retry)), [Some(5), Some(5), Some(5), None]);
    }
}
