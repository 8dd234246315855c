//! Names to register and to look up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A set of names, and a lookup order.
pub(crate) struct Names {
    pub(crate) names: Vec<String>,
    order: Vec<u32>,
}

impl Names {
    /// Makes names that are unique in this process, and an order whose lookups may hit any of them.
    pub(crate) fn new(names: usize, lookups: u64) -> Self {
        static SETS: AtomicU64 = AtomicU64::new(0);
        let set = SETS.fetch_add(1, Ordering::Relaxed);
        let names: Vec<String> = (0..names).map(|number| format!("orders-{set}-{number}")).collect();
        // Numerical Recipes' generator gives the same order for every system.
        let mut state = 1_u64;
        let order = (0..lookups).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % names.len() as u64) as u32
        });
        let order = order.collect();
        Self { names, order }
    }

    /// Returns the nanoseconds per lookup, and the number of actors found.
    pub(crate) fn look_up<T>(&self, find: impl Fn(&str) -> Option<T>) -> (f64, u64) {
        let mut found = 0;
        let start = Instant::now();
        for &index in &self.order {
            found += u64::from(std::hint::black_box(find(&self.names[index as usize])).is_some());
        }
        (start.elapsed().as_nanos() as f64 / self.order.len() as f64, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_is_looked_up() {
        let names = Names::new(10, 1000);
        assert_eq!(names.order.iter().collect::<HashSet<_>>().len(), 10);
        let absent = &names.names[3];
        let (_, found) = names.look_up(|name| (name != absent).then_some(()));
        let (_, all) = names.look_up(|_| Some(()));
        assert!(found < 1000 && found > 800);
        assert_eq!(all, 1000);
    }
}
