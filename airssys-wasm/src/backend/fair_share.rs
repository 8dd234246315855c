//! Connections that components share fairly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::sync::lock;

/// The connections of a pool, as far as components hold them.
///
/// A component that holds some gets another one only while it holds fewer than are free. So one component
/// holds half of them at most, and leaves some to those that hold none. One component gets five of ten
/// connections, the next three, and two more get one each.
#[derive(Debug)]
pub struct FairShare {
    held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    counts: Mutex<Counts>,
    /// Notified when a connection is given back.
    given_back: Notify,
}

#[derive(Debug)]
struct Counts {
    free: usize,
    /// The connections of each component that holds some.
    by_component: HashMap<Arc<str>, usize>,
}

/// A connection that a component may hold, until it is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    held: Arc<Held>,
    component: Arc<str>,
}

impl FairShare {
    /// Makes the shares of this many connections.
    pub fn new(connections: usize) -> FairShare {
        let counts = Counts { free: connections, by_component: HashMap::new() };
        FairShare { held: Arc::new(Held { counts: Mutex::new(counts), given_back: Notify::new() }) }
    }

    /// Waits until a component may hold one connection more, of `most` at most. Cancel safe.
    pub async fn take(&self, component: &str, most: usize) -> ConnectionPermit {
        loop {
            let given_back = self.held.given_back.notified();
            tokio::pin!(given_back);
            // From here on, a connection that is given back is noticed.
            given_back.as_mut().enable();
            if let Some(permit) = self.try_take(component, most) {
                return permit;
            }
            given_back.await;
        }
    }

    fn try_take(&self, component: &str, most: usize) -> Option<ConnectionPermit> {
        let mut counts = lock(&self.held.counts);
        let (free, found) = (counts.free, counts.by_component.get_key_value(component));
        let (component, holds) = match found {
            Some((component, holds)) => (Arc::clone(component), *holds),
            None => (Arc::from(component), 0),
        };
        if holds >= free.min(most) {
            return None;
        }
        counts.free -= 1;
        counts.by_component.insert(Arc::clone(&component), holds + 1);
        Some(ConnectionPermit { held: Arc::clone(&self.held), component })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut counts = lock(&self.held.counts);
        counts.free += 1;
        if let Some(holds) = counts.by_component.get_mut(&self.component) {
            *holds -= 1;
            if *holds == 0 {
                counts.by_component.remove(&self.component);
            }
        }
        drop(counts);
        self.held.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(share: &FairShare, component: &str) -> Vec<ConnectionPermit> {
        std::iter::from_fn(|| share.try_take(component, 100)).collect()
    }

    #[test]
    fn one_component_leaves_connections_to_others() {
        for (connections, expected) in
            [(1, [1, 0, 0, 0, 0]), (2, [1, 1, 0, 0, 0]), (3, [2, 1, 0, 0, 0]), (10, [5, 3, 1, 1, 0])]
        {
            let share = FairShare::new(connections);
            let held = ["a", "b", "c", "d", "e"].map(|component| all(&share, component));
            assert_eq!(held.each_ref().map(Vec::len), expected, "{connections}");
            drop(held);
            assert_eq!(lock(&share.held.counts).free, connections);
            assert!(lock(&share.held.counts).by_component.is_empty());
        }
    }

    #[test]
    fn component_holds_no_more_than_its_limit() {
        let share = FairShare::new(10);
        let held: Vec<_> = std::iter::from_fn(|| share.try_take("a", 2)).collect();
        assert_eq!(held.len(), 2);
        assert!(share.try_take("b", 0).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn waiter_gets_a_connection_that_is_given_back() {
        let share = Arc::new(FairShare::new(2));
        let held = share.take("a", 100).await;
        let waiter = tokio::spawn({
            let share = Arc::clone(&share);
            async move { share.take("a", 100).await }
        });
        let other = share.take("b", 100).await;
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        drop((held, other));
        waiter.await.unwrap();
    }
}
