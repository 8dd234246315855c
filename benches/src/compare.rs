//! The same messages on hosts that differ in one setting.

use std::cell::LazyCell;
use std::time::Duration;

use test_commands::bench::Order;

use crate::figures::record_ratio;
use crate::floor::Group;
use crate::{Bed, bench_on};

/// Messages in a round that is compared with another round.
const ROUND: u64 = 100_000;

/// A bed made on first use, because a filter may leave out its bench.
pub type LazyBed<'a> = LazyCell<Bed, Box<dyn FnOnce() -> Bed + 'a>>;

/// Returns a bed that `make` makes on first use.
pub fn lazy<'a>(make: impl FnOnce() -> Bed + 'a) -> LazyBed<'a> {
    LazyCell::new(Box::new(make))
}

/// A group of benches of messages from `a` to `b`.
pub struct Comparison<'a, 'b> {
    /// The criterion group.
    pub group: &'a mut Group<'b>,
    /// The name of the group.
    pub name: &'static str,
    /// The most messages of one order.
    pub most: u64,
}

impl Comparison<'_, '_> {
    /// Runs a bench. With another bed, it also records the ratio `BENCH_to_OTHER` of the two times.
    pub fn bench(&mut self, bench: &str, bed: &LazyBed<'_>, other: Option<(&str, &LazyBed<'_>)>) {
        let most = self.most;
        let ran = bench_on(self.group, bench, || &**bed, |bed, messages| flood(bed, messages, most));
        let Some(bed) = ran else { return };
        if let Some((other, base)) = other {
            let (one, another) = (|| flood(bed, ROUND, most), || flood(base, ROUND, most));
            record_ratio(self.name, &format!("{bench}_to_{other}"), one, another);
        }
        if let Some(audit) = bed.host.audit() {
            // A slow audit writer drops lines and counts them, so print its counters.
            println!("{}/{bench}: {:?}", self.name, audit.stats());
        }
    }
}

fn flood(bed: &Bed, messages: u64, most: u64) -> Duration {
    bed.flood(messages, most, |times| Order::Send { to: "b".to_owned(), times })
}
