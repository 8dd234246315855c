//! Costs of a message without a reply, from the handler of one component to that of another.

use std::time::{Duration, Instant};

use airssys_benches::floor::{self, Group, share};
use airssys_benches::{Bed, MOST, bench_on, criterion, must, reading, spec};
use airssys_wasm::{ComponentSpec, Limits};
use bytes::Bytes;
use criterion::Criterion;
use test_commands::bench::Order;

/// Capacity of a mailbox.
const CAPACITY: u64 = 1_024;

/// Minimum number of times the mailbox is filled.
const LEAST_ROUNDS: u64 = 10;

const KIB: usize = 1_024;

fn main() {
    let mut criterion = criterion();
    fire_and_forget(&mut criterion);
    one_entry_per_message(&mut criterion);
    send_batch(&mut criterion);
    routing(&mut criterion);
    payload(&mut criterion);
    criterion.final_summary();
}

fn fire_and_forget(criterion: &mut Criterion) {
    floor::beside_calls(criterion, "fire_and_forget", |group| {
        floor::tokio_mpsc(group, 1);
        flood(group, "sustained", Bed::pair, |times| Order::Send { to: "b".to_owned(), times });
    });
}

/// Enters the receiver for each message.
fn one_entry_per_message(criterion: &mut Criterion) {
    floor::beside_calls(criterion, "one_entry_per_message", |group| {
        let make = || {
            let bed = Bed::new(2, 100);
            bed.add(spec("a", &bed.code));
            bed.add(ComponentSpec { batch_size: 1, ..spec("b", &bed.code) });
            bed
        };
        flood(group, "sustained", make, |times| Order::Send { to: "b".to_owned(), times });
    });
}

fn send_batch(criterion: &mut Criterion) {
    floor::beside_calls(criterion, "send_batch", |group| {
        flood(group, "sustained_64", Bed::pair, |times| Order::SendBatch {
            to: "b".to_owned(),
            times,
            at_once: 64,
        });
    });
}

fn flood(group: &mut Group<'_>, name: &str, make: impl Fn() -> Bed, order: impl Fn(u32) -> Order) {
    bench_on(group, name, make, |bed, messages| bed.flood(messages, MOST, &order));
}

/// From the call of the host until the message is in the mailbox: lookup, decision, rate, codec and
/// size, slot. The receiver starts afterwards, to count the messages.
fn routing(criterion: &mut Criterion) {
    floor::beside_calls(criterion, "routing", |group| {
        bench_on(
            group,
            "send",
            || Bed::new(2, 100),
            |bed, messages| {
                let rounds = messages.div_ceil(CAPACITY).max(LEAST_ROUNDS);
                let took = (0..rounds).map(|_| fill(bed, CAPACITY)).sum();
                share(took, messages, rounds * CAPACITY)
            },
        );
    });
}

/// Measures the time to put messages into the mailbox of a component that has not started.
fn fill(bed: &Bed, messages: u64) -> Duration {
    let prepared = must(bed.host.prepare(spec("idle", &bed.code)));
    let message = Bytes::from(reading(1));
    let took = bed.runtime.block_on(async {
        let began = Instant::now();
        for _ in 0..messages {
            must(bed.host.send("idle", message.clone()).await);
        }
        began.elapsed()
    });
    must(bed.runtime.block_on(bed.host.start(prepared)));
    bed.runtime.block_on(bed.host.drained());
    assert_eq!(bed.count("idle").messages, messages, "messages were lost");
    assert!(bed.runtime.block_on(bed.host.retire("idle")), "the component is retired");
    took
}

/// Sends raw bytes. The SDK makes a message of them, and the receiver reads them in place. The
/// remaining costs are the two copies that isolation makes necessary, and the message itself.
fn payload(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("payload");
    for (name, bytes) in [("64_b", 64), ("1_kib", KIB), ("64_kib", 64 * KIB), ("1_mib", KIB * KIB)] {
        floor::two_copies(&mut group, &format!("floor_two_copies_{name}"), bytes);
        floor::passed_on(&mut group, &format!("floor_passed_on_{name}"), bytes);
        let make = || {
            let bed = Bed::new(2, 100);
            bed.add(spec("a", &bed.code));
            let limits = Limits { message_size_bytes: 2 * bytes, ..spec("b", &bed.code).limits };
            bed.add(ComponentSpec { limits, ..spec("b", &bed.code) });
            bed
        };
        bench_on(&mut group, name, make, |bed, messages| {
            // A guest has a second for each order.
            let most = if bytes < KIB * KIB { MOST } else { 500 };
            let took = bed.flood(messages, most, |times| Order::SendRaw { to: "b".to_owned(), times, bytes });
            let counted = bed.count("b");
            assert_eq!(counted.bytes, counted.messages * bytes as u64, "bytes were lost");
            took
        });
    }
    group.finish();
}
