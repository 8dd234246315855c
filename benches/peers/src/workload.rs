//! Workloads, their sizes, and the targets of airssys-rt.

use Target::{Absolute, Ratio};

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    SendBounded,
    SendUnbounded,
    Send8,
    Request,
    Request64,
    PingPong,
    Ring,
    Publish,
    PublishOne,
    Spawn,
    Stop,
    Memory,
    RestartPanic,
    RestartError,
    Lookup10,
    Lookup1000,
    Lookup100000,
}

/// The target of a workload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// A ratio to raw tokio.
    Ratio(f64),
    /// A value in the workload's unit.
    Absolute(f64),
}

/// Constants of a workload.
pub(crate) struct Facts {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// The number of operations in one measurement.
    pub(crate) operations: u64,
    pub(crate) target: Option<Target>,
}

/// Capacity of a bounded mailbox.
pub(crate) const BOUND: usize = 1024;
/// Number of subscribers.
pub(crate) const SUBSCRIBERS: usize = 100;
/// Number of requests in flight in [`Workload::Request64`].
pub(crate) const IN_FLIGHT: u64 = 64;

/// The shape of [`Workload::PingPong`] or [`Workload::Ring`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ring {
    pub(crate) actors: usize,
    pub(crate) tokens: usize,
    /// The number of laps of each token.
    pub(crate) laps: u64,
}

impl Ring {
    pub(crate) fn two(hops: u64) -> Self {
        Self { actors: 2, tokens: 1, laps: (hops / 2).max(1) }
    }

    pub(crate) fn thousand(hops: u64) -> Self {
        Self { actors: 1000, tokens: 100, laps: (hops / 100_000).max(1) }
    }

    /// Returns the hops of one token. A token carries its remaining hops, including the current
    /// one.
    pub(crate) fn hops_of_one(self) -> u64 {
        self.actors as u64 * self.laps
    }

    pub(crate) fn hops(self) -> u64 {
        self.hops_of_one() * self.tokens as u64
    }

    /// Returns the number of messages that each actor handles.
    pub(crate) fn of_each(self) -> u64 {
        self.laps * self.tokens as u64
    }

    /// Returns the sum of the tokens over all hops.
    pub(crate) fn sum(self) -> u64 {
        self.tokens as u64 * sum_to(self.hops_of_one() + 1)
    }

    /// Returns the nodes where the tokens start.
    pub(crate) fn starts(self) -> impl Iterator<Item = usize> {
        (0..self.tokens).map(move |token| token * self.actors / self.tokens)
    }
}

/// Returns the sum of the numbers below `end`.
pub(crate) fn sum_to(end: u64) -> u64 {
    end * end.saturating_sub(1) / 2
}

impl Workload {
    pub(crate) const ALL: [Self; 17] = [
        Self::SendBounded,
        Self::SendUnbounded,
        Self::Send8,
        Self::Request,
        Self::Request64,
        Self::PingPong,
        Self::Ring,
        Self::Publish,
        Self::PublishOne,
        Self::Spawn,
        Self::Stop,
        Self::Memory,
        Self::RestartPanic,
        Self::RestartError,
        Self::Lookup10,
        Self::Lookup1000,
        Self::Lookup100000,
    ];

    pub(crate) fn facts(self) -> Facts {
        let facts = |name, unit, operations, target| Facts { name, unit, operations, target };
        match self {
            Self::SendBounded => facts("send-bounded", "ns/message", 1_000_000, Some(Ratio(0.5))),
            Self::SendUnbounded => facts("send-unbounded", "ns/message", 1_000_000, Some(Ratio(0.8))),
            Self::Send8 => facts("send-8", "ns/message", 1_000_000, Some(Ratio(0.5))),
            Self::Request => facts("request", "ns/request", 100_000, Some(Ratio(0.87))),
            Self::Request64 => facts("request-64", "ns/request", 102_400, Some(Ratio(0.73))),
            Self::PingPong => facts("ping-pong", "ns/hop", 200_000, Some(Ratio(0.83))),
            Self::Ring => facts("ring", "ns/hop", 1_000_000, Some(Ratio(0.65))),
            Self::Publish => facts("publish", "ns/publication", 2_000, Some(Ratio(0.83))),
            Self::PublishOne => facts("publish-one", "ns/publication", 2_000, None),
            Self::Spawn => facts("spawn", "ns/actor", 100_000, Some(Ratio(0.75))),
            Self::Stop => facts("stop", "ns/actor", 100_000, Some(Ratio(0.7))),
            Self::Memory => facts("memory", "bytes/actor", 100_000, Some(Absolute(700.0))),
            Self::RestartPanic => facts("restart-panic", "ns, p50", 2_000, Some(Ratio(0.6))),
            Self::RestartError => facts("restart-error", "ns, p50", 2_000, Some(Ratio(0.25))),
            Self::Lookup10 => facts("lookup-10", "ns/lookup", 500_000, Some(Absolute(45.0))),
            Self::Lookup1000 => facts("lookup-1000", "ns/lookup", 500_000, Some(Absolute(45.0))),
            Self::Lookup100000 => facts("lookup-100000", "ns/lookup", 500_000, Some(Absolute(350.0))),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.facts().name
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|workload| workload.name() == name)
    }

    /// Returns the number of names that are registered during the lookups.
    pub(crate) fn registered(self) -> usize {
        match self {
            Self::Lookup10 => 10,
            Self::Lookup1000 => 1000,
            Self::Lookup100000 => 100_000,
            _ => 0,
        }
    }

    /// Returns true if the process first runs a small warm-up of the same workload.
    pub(crate) fn warms_up(self) -> bool {
        self.registered() == 0 && self != Self::Memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_is_found_by_its_name() {
        for workload in Workload::ALL {
            assert_eq!(Workload::named(workload.name()), Some(workload));
        }
        assert_eq!(Workload::named("send"), None);
    }

    #[test]
    fn a_ring_counts_every_hop() {
        let ring = Ring { actors: 4, tokens: 2, laps: 3 };
        assert_eq!(ring.hops(), 24);
        assert_eq!(ring.of_each() * 4, ring.hops());
        assert_eq!(ring.sum(), 2 * (1..=12).sum::<u64>());
        assert!(ring.starts().eq([0, 2]));
        assert_eq!(Ring::thousand(1_000_000).hops(), 1_000_000);
        assert_eq!(Ring::two(200_000).hops(), 200_000);
    }
}
