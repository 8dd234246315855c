//! Ten thousand components that live: what each takes of the memory, and what a message costs among
//! them.

use std::cell::LazyCell;
use std::time::Duration;

use airssys_benches::floor::{self, Group};
use airssys_benches::{Bed, criterion, figures, memory};
use criterion::Criterion;

const LIVE: u32 = 10_000;

/// Those that get messages.
const ACTIVE: usize = 10;

/// Messages of a round that is compared with another.
const ROUND: u64 = 50_000;

fn main() {
    let mut criterion = criterion();
    live(&mut criterion);
    criterion.final_summary();
}

fn live(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("live_10000");
    for (suffix, in_a_row) in [("", 1), ("_eight_in_a_row", 8)] {
        let (calls, handlers) =
            (format!("floor_component_call{suffix}"), format!("floor_handle_call{suffix}"));
        floor::calls_in_turn(&mut group, &calls, LIVE as usize, in_a_row);
        floor::handler_calls_in_turn(&mut group, &handlers, LIVE as usize, in_a_row);
    }
    let few = LazyCell::new(|| {
        let bed = Bed::new(2, LIVE + 100);
        let names = bed.fill(ACTIVE as u32);
        (bed, names)
    });
    let many = LazyCell::new(|| {
        let bed = Bed::new(2, LIVE + 100);
        let before = memory::resident();
        let names = bed.fill(LIVE);
        bed.rounds(&names, 1, LIVE.into());
        let each = (memory::resident() - before) as f64 / f64::from(LIVE);
        figures::record("live_10000", "resident_each", "bytes", each);
        (bed, names)
    });
    bench(&mut group, "10_active_alone", |messages| few.0.rounds(&few.1, 1, messages));
    bench(&mut group, "10_active_among_10000", |messages| many.0.rounds(&many.1[..ACTIVE], 1, messages));
    group.bench_function("all_in_turn", |bencher| {
        bencher.iter_custom(|messages| many.0.rounds(&many.1, 1, messages));
        // Here both are there, whatever of this group was asked for.
        let one = || many.0.rounds(&many.1[..ACTIVE], 1, ROUND);
        let other = || few.0.rounds(&few.1, 1, ROUND);
        figures::record_ratio("live_10000", "among_to_alone", one, other);
    });
    bench(&mut group, "all_in_turn_eight_in_a_row", |messages| many.0.rounds(&many.1, 8, messages));
    group.finish();
}

fn bench(group: &mut Group<'_>, name: &str, mut run: impl FnMut(u64) -> Duration) {
    group.bench_function(name, |bencher| bencher.iter_custom(&mut run));
}
