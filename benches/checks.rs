//! What it costs to decide whether a component may do something, and whether it may do it now.

use std::hint::black_box;
use std::time::Instant;

use airssys_wasm::capability::{Access, Capabilities, Subject, decide};
use airssys_wasm::rate::{Bucket, Rate};
use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    capabilities(&mut criterion);
    quotas(&mut criterion);
    criterion.final_summary();
}

/// A decision that is made: a route keeps it, so a message on a known route costs a look at a flag.
fn capabilities(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("capability");
    let who = Subject::new("feed", "feed/2");
    for patterns in [1, 8] {
        let names = (0..patterns).map(|number| format!("target-{number}").parse());
        let capabilities = Capabilities { send: names.flatten().collect(), ..Capabilities::default() };
        let last = format!("target-{}", patterns - 1);
        group.bench_function(format!("uncached_{patterns}_patterns"), |bencher| {
            bencher.iter(|| {
                decide(black_box(&who), black_box(&capabilities), &Access::Send { to: black_box(&last) })
                    .is_ok()
            });
        });
    }
    group.finish();
}

/// One token of a bucket that never runs out, with the time at hand, and with a look at the clock.
fn quotas(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("quota");
    let bucket = Bucket::new(Rate { per_second: 1_000_000_000, burst: 10_000_000 });
    let mut now = 0;
    group.bench_function("check", |bencher| {
        bencher.iter(|| {
            now += 100;
            black_box(&bucket).take(black_box(64), now).is_some()
        });
    });
    let empty = Bucket::new(Rate { per_second: 1, burst: 1 });
    group.bench_function("check_exceeded", |bencher| {
        bencher.iter(|| black_box(&empty).take(black_box(2), now).is_some());
    });
    let began = Instant::now();
    let bucket = Bucket::new(Rate { per_second: 1_000_000_000, burst: 10_000_000 });
    group.bench_function("check_with_clock", |bencher| {
        bencher.iter(|| {
            let now = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            black_box(&bucket).take(black_box(64), now).is_some()
        });
    });
    group.finish();
}
