//! Throughput of several pairs of components, and the cost of a message in it.

use std::cell::Cell;
use std::time::{Duration, Instant};

use airssys_benches::floor::{self, Group, share};
use airssys_benches::{
    Bed, Handled, MOST, at_least, bench_on, criterion, figures, must, orders, reading, spec,
};
use airssys_wasm::ComponentSpec;
use bytes::Bytes;
use criterion::Criterion;
use test_commands::bench::Order;

const PAIRS: u64 = 4;

/// Pairs that bounce messages, and the messages in flight of each.
const BOUNCING: u64 = 1_000;
const IN_FLIGHT: u64 = 8;

/// Minimum bounces of a message, so that the first sends do not matter.
const LEAST_HOPS: u64 = 50;

fn main() {
    let mut criterion = criterion();
    throughput(&mut criterion);
    bouncing(&mut criterion);
    criterion.final_summary();
}

fn throughput(criterion: &mut Criterion) {
    floor::beside_calls(criterion, "throughput", |group| {
        floor::tokio_mpsc(group, PAIRS);
        pairs(group, "four_pairs", |to, times| Order::Send { to, times });
        let many = |to, times| Order::SendBatch { to, times, at_once: 64 };
        pairs(group, "four_pairs_64_at_a_time", many);
    });
}

fn pairs(group: &mut Group<'_>, name: &str, order: impl Fn(String, u32) -> Order) {
    let sinks: Vec<String> = (0..PAIRS).map(|pair| format!("sink-{pair}")).collect();
    let make = || {
        let bed = Bed::new(2, 100);
        for (pair, sink) in sinks.iter().enumerate() {
            bed.add(spec(sink, &bed.code));
            bed.add(spec(format!("source-{pair}"), &bed.code));
        }
        bed
    };
    // Totals over all samples.
    let (all, total) = (Cell::new(0_u64), Cell::new(Duration::ZERO));
    let bed = bench_on(group, name, make, |bed, messages| {
        let each = at_least(messages, MOST).div_ceil(PAIRS);
        let told = sinks.iter().enumerate().map(|(pair, sink)| {
            (format!("source-{pair}"), orders(each, MOST, |times| order(sink.clone(), times)))
        });
        let sent = each * PAIRS;
        let took = bed.run(told.collect(), &Handled { by: &sinks, messages: sent });
        all.set(all.get() + sent);
        total.set(total.get() + took);
        share(took, messages, sent)
    });
    if bed.is_none() {
        return;
    }
    figures::record("throughput", name, "messages/s", all.get() as f64 / total.get().as_secs_f64());
}

/// Runs pairs that send messages back and forth. Every handler sends its number back, less one.
fn bouncing(criterion: &mut Criterion) {
    floor::beside_calls(criterion, "bouncing", |group| {
        floor::tokio_bouncing(group, BOUNCING);
        bench_on(group, "1000_pairs_8_in_flight", bouncers, |(bed, all), hops| bounce(bed, all, hops));
    });
}

/// Makes the pairs; returns the names of all components.
fn bouncers() -> (Bed, Vec<String>) {
    let bed = Bed::new(2, 2_100);
    let mut all = Vec::new();
    for pair in 0..BOUNCING {
        for (own, other) in [("left", "right"), ("right", "left")] {
            let config = vec![("peer".to_owned(), format!("{other}-{pair}").into())];
            let name = format!("{own}-{pair}");
            bed.add(ComponentSpec { config, ..spec(&name, &bed.code) });
            all.push(name);
        }
    }
    (bed, all)
}

/// Measures `hops` hops, or the minimum if that is more.
fn bounce(bed: &Bed, all: &[String], hops: u64) -> Duration {
    let each = hops.div_ceil(BOUNCING * IN_FLIGHT).max(LEAST_HOPS);
    let before = bed.counted(all);
    let message = Bytes::from(reading(must(u32::try_from(each - 1))));
    let trace = must(bed.trace.ok_or("the bed has no trace"));
    let took = bed.runtime.block_on(async {
        let began = Instant::now();
        for pair in 0..BOUNCING {
            let name = format!("left-{pair}");
            for _ in 0..IN_FLIGHT {
                must(bed.host.in_trace(trace).send(&name, message.clone()).await);
            }
        }
        bed.host.drained().await;
        began.elapsed()
    });
    let sent = each * BOUNCING * IN_FLIGHT;
    assert_eq!(bed.counted(all) - before, sent, "messages were lost");
    share(took, hops, sent)
}
