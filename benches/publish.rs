//! Costs of a publication until the last of its subscribers has handled it.

use std::time::{Duration, Instant};

use airssys_benches::floor::{self, Calls, Group, share};
use airssys_benches::{Bed, Handled, at_least, bench_on, criterion, must, orders, reading, spec};
use airssys_wasm::ComponentSpec;
use bytes::Bytes;
use criterion::Criterion;
use test_commands::bench::Order;

const SUBSCRIBERS: usize = 100;

/// Publications in one order.
const MOST_AT_ONCE: u64 = 5_000;

const TOPIC: &str = "readings.inside";

fn main() {
    let mut criterion = criterion();
    publish(&mut criterion);
    criterion.final_summary();
}

fn publish(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish");
    calls(&mut group, "floor_component_call");
    floor::tokio_fan_out(&mut group, SUBSCRIBERS);
    bench_on(&mut group, "100_subscribers", bed, |(bed, subscribers), publications| {
        let sent = at_least(publications, MOST_AT_ONCE);
        let order = |times| Order::Publish { topic: TOPIC.to_owned(), times };
        let told = vec![("a".to_owned(), orders(sent, MOST_AT_ONCE, order))];
        let messages = sent * SUBSCRIBERS as u64;
        share(bed.run(told, &Handled { by: subscribers, messages }), publications, sent)
    });
    bench_on(&mut group, "100_subscribers_one_at_a_time", bed, |(bed, subscribers), publications| {
        one_at_a_time(bed, subscribers, publications)
    });
    calls(&mut group, "floor_component_call_after");
    group.finish();
}

/// One call on each of the instances.
fn calls(group: &mut Group<'_>, name: &str) {
    group.measurement_time(Duration::from_secs(1));
    bench_on(
        group,
        name,
        || Calls::new(SUBSCRIBERS),
        |calls, rounds| calls.time(rounds * SUBSCRIBERS as u64, 1),
    );
    group.measurement_time(Duration::from_secs(3));
}

/// Publishes from outside, each time after all subscribers have handled the previous publication.
fn one_at_a_time(bed: &Bed, subscribers: &[String], asked: u64) -> Duration {
    let publications = at_least(asked, MOST_AT_ONCE / 10);
    let before = bed.counted(subscribers);
    let message = Bytes::from(reading(1));
    let took = bed.runtime.block_on(async {
        let began = Instant::now();
        for _ in 0..publications {
            let taken = must(bed.host.publish(TOPIC, message.clone()));
            assert_eq!(taken as usize, SUBSCRIBERS, "a subscriber did not take the publication");
            bed.host.drained().await;
        }
        began.elapsed()
    });
    let counted = bed.counted(subscribers) - before;
    assert_eq!(counted, publications * SUBSCRIBERS as u64, "messages were lost");
    share(took, asked, publications)
}

/// A publisher, and the names of its subscribers.
fn bed() -> (Bed, Vec<String>) {
    let bed = Bed::new(2, 200);
    bed.add(spec("a", &bed.code));
    let subscribes = vec![must("readings.*".parse())];
    bed.add(ComponentSpec { instances: SUBSCRIBERS, subscribes, ..spec("subscribers", &bed.code) });
    (bed, (1..=SUBSCRIBERS).map(|number| format!("subscribers/{number}")).collect())
}
