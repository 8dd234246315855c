//! How often a message is handled that does not work out.

use std::time::Duration;

use airssys_core::RestartStrategy;

/// What becomes of a message whose handler fails, or asks for another attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Delivery {
    /// It goes to the dead letters: no message is handled twice.
    #[default]
    AtMostOnce,
    /// It is handled again, before any message behind it, until there is no attempt left.
    Retry(Retry),
}

/// How often a message is handled again, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// How often it is handled in all, the first time included.
    pub attempts: u32,
    /// How long the next attempt waits, from the end of the one before.
    pub backoff: RestartStrategy,
}

impl Default for Retry {
    /// 3 attempts, the second after 100 ms and the third after 200 ms; each wait is shortened by
    /// up to a tenth. None is longer than 10 s.
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
    /// How long the next attempt waits when there have been so many; none if that was the last.
    ///
    /// `random`, from 0 to 1, is how much of the jitter applies.
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
    fn there_are_as_many_attempts_as_are_allowed() {
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
