//! The routes of a store, counted against the limit of its instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airssys_spec::Limits;

use crate::observe::usage::Gauges;
use crate::policy::name_bytes::{ROUTE_BYTES, most_bytes, route_cost};
use crate::policy::quota::Exceeded;
use crate::routing::topic_route::TopicRoute;

/// The routes of a store in the gauges of its instance. Dropping it takes them off.
pub(crate) struct CountedRoutes {
    gauges: Arc<Gauges>,
    most_bytes: usize,
    routes: usize,
    bytes: usize,
}

impl CountedRoutes {
    pub(crate) fn new(gauges: Arc<Gauges>, limits: &Limits) -> CountedRoutes {
        CountedRoutes { gauges, most_bytes: most_bytes(limits), routes: 0, bytes: 0 }
    }

    /// Adds a route to a name of this length.
    pub(crate) fn add(&mut self, name_bytes: usize) -> Result<(), Exceeded> {
        if !self.take(route_cost(name_bytes)) {
            return Err(Exceeded::of(ROUTE_BYTES, self.most_bytes));
        }
        self.gauges.routes.fetch_add(1, Ordering::Relaxed);
        self.routes += 1;
        Ok(())
    }

    /// Counts the subscribers that a route keeps after a publication. Drops them if they are more than the
    /// limit allows.
    pub(crate) fn count_subscribers(&mut self, route: &mut TopicRoute) {
        let (before, now) = (route.counted_bytes, route.subscriber_bytes());
        if now == before {
            return;
        }
        self.give_back(before);
        route.counted_bytes = match self.take(now) {
            true => now,
            false => {
                route.forget_subscribers();
                0
            }
        };
    }

    /// Returns false if the instance has fewer bytes left.
    fn take(&mut self, bytes: usize) -> bool {
        let add = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.most_bytes);
        let taken = self.gauges.route_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok();
        self.bytes += if taken { bytes } else { 0 };
        taken
    }

    fn give_back(&mut self, bytes: usize) {
        subtract(&self.gauges.route_bytes, bytes);
        self.bytes -= bytes;
    }
}

impl Drop for CountedRoutes {
    fn drop(&mut self) {
        subtract(&self.gauges.routes, self.routes);
        subtract(&self.gauges.route_bytes, self.bytes);
    }
}

fn subtract(gauge: &AtomicUsize, amount: usize) {
    gauge.fetch_sub(amount, Ordering::Relaxed);
}
