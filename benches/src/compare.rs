//! The same messages on hosts that differ in one thing.

use std::cell::LazyCell;
use std::time::Duration;

use test_commands::bench::Order;

use crate::figures::record_ratio;
use crate::floor::Group;
use crate::{Bed, bench_on};

/// Messages of a round that is compared with another.
const ROUND: u64 = 100_000;

/// A bed that is made when it is needed, as not every bench is always run.
pub type LazyBed<'a> = LazyCell<Bed, Box<dyn FnOnce() -> Bed + 'a>>;

/// A bed that will be made like this.
pub fn lazy<'a>(make: impl FnOnce() -> Bed + 'a) -> LazyBed<'a> {
    LazyCell::new(Box::new(make))
}

/// A group of benches of messages from `a` to `b`.
pub struct Comparison<'a, 'b> {
    /// The criterion group.
    pub group: &'a mut Group<'b>,
    /// Its name.
    pub name: &'static str,
    /// The most messages of one order.
    pub most: u64,
}

impl Comparison<'_, '_> {
    /// A bench; and, if there is another bed to compare with, the figure `BENCH_to_OTHER`: how much
    /// longer it takes than on that one.
    pub fn bench(&mut self, bench: &str, bed: &LazyBed<'_>, other: Option<(&str, &LazyBed<'_>)>) {
        let most = self.most;
        let ran = bench_on(self.group, bench, || &**bed, |bed, messages| flood(bed, messages, most));
        let Some(bed) = ran else { return };
        if let Some((other, base)) = other {
            let (one, another) = (|| flood(bed, ROUND, most), || flood(base, ROUND, most));
            record_ratio(self.name, &format!("{bench}_to_{other}"), one, another);
        }
        if let Some(audit) = bed.host.audit() {
            // A writer that falls behind drops what it cannot keep up with, and says how much.
            println!("{}/{bench}: {:?}", self.name, audit.stats());
        }
    }
}

fn flood(bed: &Bed, messages: u64, most: u64) -> Duration {
    bed.flood(messages, most, |times| Order::Send { to: "b".to_owned(), times })
}
