//! Costs of looking an actor up, of decisions about capabilities and quotas, and of the audit.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use airssys_benches::compare::{Comparison, lazy};
use airssys_benches::{Bed, LONG, MOST, bench_on, criterion, must, workers};
use airssys_rt::{Actor, ActorContext, ActorSystem, Child, ChildSpec};
use airssys_wasm::HostOptions;
use airssys_wasm::audit::{Audit, AuditFile};
use airssys_wasm::capability::{Access, Capabilities, Subject, decide};
use airssys_wasm::rate::{Bucket, Rate};
use criterion::Criterion;

fn main() {
    let mut criterion = criterion();
    registry(&mut criterion);
    capabilities(&mut criterion);
    quotas(&mut criterion);
    audits(&mut criterion);
    criterion.final_summary();
}

/// An idle actor without messages.
struct Idle;

impl Child for Idle {}

impl Actor for Idle {
    type Message = ();
    type Error = Infallible;

    async fn handle_message(&mut self, (): (), _context: &ActorContext<()>) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Looks up an actor by its name, each time another one. The floor is a map of names behind a lock.
fn registry(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("registry");
    for count in [10_usize, 1_000, 100_000] {
        let names: Vec<String> = (0..count).map(|number| format!("actor-{number}")).collect();
        let make = || {
            let named = |name: &String| (name.clone(), Arc::from(name.as_str()));
            (Mutex::new(names.iter().map(named).collect::<HashMap<String, Arc<str>>>()), 0)
        };
        bench_on(&mut group, &format!("floor_hash_map_{count}"), make, |(map, at), times| {
            let map = &*map;
            each_other(&names, at, times, |name| {
                map.lock().unwrap_or_else(PoisonError::into_inner).get(name).map(Arc::clone).is_some()
            })
        });
        let make = || {
            let runtime = workers(2);
            let system = runtime.block_on(async {
                let system = ActorSystem::new("bench");
                for name in &names {
                    must(system.spawn(ChildSpec::new(name.clone()), || Idle).await);
                }
                system
            });
            (runtime, system, 0)
        };
        let made = bench_on(&mut group, &format!("lookup_{count}"), make, |(_, system, at), times| {
            each_other(&names, at, times, |name| system.whereis::<()>(name).is_some())
        });
        if let Some((runtime, system, _)) = made {
            runtime.block_on(system.shutdown(LONG));
        }
    }
    group.finish();
}

/// Measures the time of `times` lookups. The order never visits two adjacent names in a row.
fn each_other(names: &[String], at: &mut usize, times: u64, find: impl Fn(&str) -> bool) -> Duration {
    let began = Instant::now();
    for _ in 0..times {
        *at = (*at + 7_919) % names.len();
        assert!(find(black_box(&names[*at])), "{} is not found", names[*at]);
    }
    began.elapsed()
}

/// Measures a full decision. A route caches its decision, so a message on a known route only reads
/// a flag.
fn capabilities(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("capability");
    let who = Subject::new("feed", "feed/2");
    for (name, patterns) in [("uncached", 1), ("uncached_8_patterns", 8)] {
        let names = (0..patterns).map(|number| format!("target-{number}").parse());
        let capabilities = Capabilities { send: names.flatten().collect(), ..Capabilities::default() };
        let last = format!("target-{}", patterns - 1);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                decide(black_box(&who), black_box(&capabilities), &Access::Send { to: black_box(&last) })
                    .is_ok()
            });
        });
    }
    group.finish();
}

/// Takes one token from a bucket that never runs out, with a given time and with a clock read.
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

/// Sends the same messages with an audit of every message, with one of denials, and without an
/// audit.
fn audits(criterion: &mut Criterion) {
    let folder = must(tempfile::tempdir());
    let mut group = criterion.benchmark_group("audit");
    let mut comparison = Comparison { group: &mut group, name: "audit", most: MOST };
    let off = lazy(Bed::pair);
    comparison.bench("off", &off, None);
    for (name, messages) in [("denials_only", false), ("all_messages", true)] {
        let bed = lazy(|| {
            let file = AuditFile { messages, ..AuditFile::new(folder.path().join(name)) };
            let audit = Some(must(Audit::to_file(file)));
            Bed::pair_with(HostOptions { audit, ..HostOptions::default() })
        });
        comparison.bench(name, &bed, Some(("off", &off)));
    }
    group.finish();
}
