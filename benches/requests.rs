//! Costs of a request whose reply the requester awaits.

use airssys_benches::floor::{self, Group, share};
use airssys_benches::{Bed, Handled, MOST, answering, at_least, bench_on, criterion, figures, orders, spec};
use criterion::Criterion;
use test_commands::bench::Order;

/// Requests that are timed one by one.
const TIMED: u32 = 20_000;

fn main() {
    let mut criterion = criterion();
    requests(&mut criterion);
    criterion.final_summary();
}

fn requests(criterion: &mut Criterion) {
    floor::beside_calls(criterion, "requests", |group| {
        floor::tokio_oneshot(group, 64);
        ask(group, "64_in_flight", 2, 64);
        ask(group, "one_at_a_time_one_worker", 1, 1);
        ask(group, "one_at_a_time_two_workers", 2, 1);
    });
}

fn ask(group: &mut Group<'_>, name: &str, workers: usize, at_once: u32) {
    let bed = bench_on(
        group,
        name,
        || bed(workers),
        |bed, requests| {
            let sent = at_least(requests, MOST);
            let before = bed.count("a").replies;
            let order = |times| Order::Ask { to: "b".to_owned(), times, at_once };
            let told = vec![("a".to_owned(), orders(sent, MOST, order))];
            let took = bed.run(told, &Handled { by: &["b".to_owned()], messages: sent });
            assert_eq!(bed.count("a").replies - before, sent, "replies were lost");
            share(took, requests, sent)
        },
    );
    let Some(bed) = bed else { return };
    if at_once == 1 {
        // Records the time of each request by the requester's clock.
        let took: Vec<u64> = bed.ask("a", &Order::Time { to: "b".to_owned(), times: TIMED });
        let on = if workers == 1 { "one_worker" } else { "two_workers" };
        figures::record_times("requests", on, &took);
    }
}

fn bed(workers: usize) -> Bed {
    let bed = Bed::new(workers, 100);
    bed.add(spec("a", &bed.code));
    bed.add(answering("b", &bed.code));
    bed
}
