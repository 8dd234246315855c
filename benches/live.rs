//! Memory of each of ten thousand live components, and the cost of a message among them. Resident
//! memory is also reported with shared pages counted once: the pages of the component's constant
//! data.

use std::cell::LazyCell;
use std::ops::Deref;
use std::process::Command;

use airssys_benches::floor::{self, Group};
use airssys_benches::{Bare, Bed, bench_on, criterion, figures, memory, must, reading};
use bytes::Bytes;
use criterion::Criterion;

const LIVE: u32 = 10_000;

/// The components that get messages.
const ACTIVE: usize = 10;

/// Messages in a round that is compared with another round.
const ROUND: u64 = 50_000;

/// Argument that makes the program measure instances in a process without airssys.
const FLOOR: &str = "--floor";

fn main() {
    if std::env::args().nth(1).is_some_and(|first| first == FLOOR) {
        return floor();
    }
    let mut criterion = criterion();
    live(&mut criterion);
    criterion.final_summary();
}

fn live(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("live_10000");
    let few = LazyCell::new(|| filled(ACTIVE as u32));
    let many = LazyCell::new(|| {
        // Runs before the floors, because the allocator would reuse the memory that the floors
        // freed.
        let (bed, names) = taken("", || {
            let (bed, names) = filled(LIVE);
            one_message_each(&bed, &names);
            (bed, names)
        });
        let floor = must(Command::new(must(std::env::current_exe())).arg(FLOOR).status());
        assert!(floor.success(), "the floor was not measured");
        assert_eq!(bed.counted(&names), u64::from(LIVE), "messages were lost");
        (bed, names)
    });
    bench(&mut group, "10_active_alone", &few, (ACTIVE, 1), None);
    bench(&mut group, "10_active_among_10000", &many, (ACTIVE, 1), Some(&few));
    bench(&mut group, "all_in_turn", &many, (LIVE as usize, 1), None);
    bench(&mut group, "all_in_turn_eight_in_a_row", &many, (LIVE as usize, 8), None);
    // Frees the address space, which cannot hold another pool of this size.
    drop((few, many));
    for (suffix, in_a_row) in [("", 1), ("_eight_in_a_row", 8)] {
        let calls = format!("floor_component_call{suffix}");
        floor::calls_in_turn(&mut group, &calls, LIVE as usize, in_a_row);
        let handlers = format!("floor_handle_call{suffix}");
        floor::handler_calls_in_turn(&mut group, &handlers, LIVE as usize, in_a_row);
    }
    group.finish();
}

/// Measures the same component without airssys, in a separate process.
fn floor() {
    let reading = reading(1);
    let all = taken("floor_", || {
        let bare = must(Bare::new(LIVE));
        let instantiate = |_| must(bare.instantiate(&[]));
        let mut all: Vec<_> = (0..LIVE).map(instantiate).collect();
        all.iter_mut().for_each(|instance| drop(must(instance.handle(&reading))));
        all
    });
    drop(all);
}

/// Records the memory that each live instance takes after `fill`.
fn taken<R>(prefix: &str, fill: impl FnOnce() -> R) -> R {
    let (resident, own) = (memory::resident(), memory::own());
    let filled = fill();
    let each = |before: u64, now: u64| now.saturating_sub(before) as f64 / f64::from(LIVE);
    let record = |name, each| figures::record("live_10000", &format!("{prefix}{name}"), "bytes", each);
    record("resident_each", each(resident, memory::resident()));
    record("own_each", each(own, memory::own()));
    filled
}

/// A host and the names of its components, made on first use.
type Lazy<'a> = &'a dyn Deref<Target = (Bed, Vec<String>)>;

fn filled(components: u32) -> (Bed, Vec<String>) {
    let bed = Bed::new(2, components + 100);
    let names = bed.fill(components);
    (bed, names)
}

fn one_message_each(bed: &Bed, names: &[String]) {
    let message = Bytes::from(reading(1));
    bed.runtime.block_on(async {
        for name in names {
            must(bed.host.send(name, message.clone()).await);
        }
        bed.host.drained().await;
    });
}

/// Sends messages to the first `active` components in turn, `in_a_row` to each.
fn bench(
    group: &mut Group<'_>,
    name: &str,
    live: Lazy<'_>,
    (active, in_a_row): (usize, u32),
    other: Option<Lazy<'_>>,
) {
    let ran = bench_on(
        group,
        name,
        || &**live,
        |(bed, names), messages| bed.rounds(&names[..active], in_a_row, messages),
    );
    if let (Some((bed, names)), Some(other)) = (ran, other) {
        // Runs the same messages on both hosts, in turns.
        let (alone, few) = &**other;
        let one = || bed.rounds(&names[..active], in_a_row, ROUND);
        figures::record_ratio("live_10000", "among_to_alone", one, || alone.rounds(few, in_a_row, ROUND));
    }
}
