//! The share of each component in the lines about denials, and in those about uses of services.

use std::collections::HashMap;
use std::time::Instant;

use crate::policy::rate::{Bucket, Rate};

/// The lines of one component: a burst, and few in the long run. So a component that is
/// denied all the time does not rotate the lines about others out of the file.
pub(super) const SHARE: Rate = Rate { per_second: 1, burst: 128 };

/// The number of shares at which those that are whole again are removed.
const MANY: usize = 1_024;

/// The shares of all components.
pub(super) struct Shares {
    began: Instant,
    by_component: HashMap<String, Bucket>,
}

impl Default for Shares {
    fn default() -> Shares {
        Shares { began: Instant::now(), by_component: HashMap::new() }
    }
}

impl Shares {
    /// Takes one line from the share of a component. Returns false if its share is used up.
    pub(super) fn take(&mut self, component: &str) -> bool {
        let elapsed = self.began.elapsed();
        self.take_at(component, u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    fn take_at(&mut self, component: &str, now_ns: u64) -> bool {
        if let Some(share) = self.by_component.get(component) {
            return share.take(1, now_ns).is_some();
        }
        if self.by_component.len() >= MANY {
            self.by_component.retain(|_, share| share.left(now_ns) < SHARE.burst);
        }
        let share = self.by_component.entry(component.to_owned()).or_insert_with(|| Bucket::new(SHARE));
        share.take(1, now_ns).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_component_has_a_share_of_its_own() {
        let mut shares = Shares::default();
        let taken =
            |shares: &mut Shares, of: &str, now| (0..1_000).filter(|_| shares.take_at(of, now)).count();
        assert_eq!(taken(&mut shares, "loud", 0), 128);
        assert_eq!(taken(&mut shares, "quiet", 0), 128);
        assert_eq!(taken(&mut shares, "loud", 10_000_000_000), 10);
    }

    #[test]
    fn shares_that_are_whole_again_are_removed() {
        let mut shares = Shares::default();
        let after_each_is_whole = 2_000_000_000;
        for number in 0..(3 * MANY as u64) {
            shares.take_at(&number.to_string(), number * after_each_is_whole);
        }
        assert!(shares.by_component.len() <= MANY);
    }
}
