//! What a request costs whose reply the requester awaits.

use airssys_benches::floor::{self, Group};
use airssys_benches::{Bed, Handled, MOST, answering, criterion, figures, orders, spec};
use criterion::Criterion;
use test_commands::bench::Order;

/// Requests whose times are looked at one by one.
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
    group.bench_function(name, |bencher| {
        let bed = bed(workers);
        let by = ["b".to_owned()];
        bencher.iter_custom(|requests| {
            let before = bed.count("a").replies;
            let order = |times| Order::Ask { to: "b".to_owned(), times, at_once };
            let orders = vec![("a".to_owned(), orders(requests, MOST, order))];
            let took = bed.run(orders, &Handled { by: &by, messages: requests });
            assert_eq!(bed.count("a").replies - before, requests, "replies were lost");
            took
        });
        if at_once == 1 {
            // Also what each of them takes, by the clock of the requester.
            let took: Vec<u64> = bed.ask("a", &Order::Time { to: "b".to_owned(), times: TIMED });
            let on = if workers == 1 { "one_worker" } else { "two_workers" };
            figures::record_times("requests", on, &took);
        }
        bed.end();
    });
}

fn bed(workers: usize) -> Bed {
    let bed = Bed::new(workers, 100);
    bed.add(spec("a", &bed.code));
    bed.add(answering("b", &bed.code));
    bed
}
