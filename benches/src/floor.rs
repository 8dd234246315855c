//! What nothing built on wasmtime and tokio gets under: each group of benches has it beside it.

mod channels;
mod copies;

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use wasmtime::component::{Component, Instance, Linker, TypedFunc};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

use crate::{Bare, BareInstance, bench_on, must, reading};

pub use channels::{share, tokio_bouncing, tokio_fan_out, tokio_mpsc, tokio_oneshot};
pub use copies::{passed_on, two_copies};

/// A group of benches.
pub type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// An empty export.
const EMPTY: &str = r#"(component
    (core module $m (func (export "run")))
    (core instance $i (instantiate $m))
    (func (export "run") (canon lift (core func $i "run"))))"#;

/// The most instances that any floor has.
const MOST_INSTANCES: u32 = 10_000;

/// A group of benches with an empty call of an empty export before and after them, so that what the
/// machine does meanwhile is seen.
pub fn beside_calls(criterion: &mut Criterion, name: &str, benches: impl FnOnce(&mut Group<'_>)) {
    let mut group = criterion.benchmark_group(name);
    component_call(&mut group, "floor_component_call");
    benches(&mut group);
    component_call(&mut group, "floor_component_call_after");
    group.finish();
}

/// An empty call of an empty export in a bare wasmtime program.
pub fn component_call(group: &mut Group<'_>, name: &str) {
    calls_in_turn(group, name, 1, 1);
}

/// Empty calls on so many instances in turn, so many in a row on each: the time of one call.
pub fn calls_in_turn(group: &mut Group<'_>, name: &str, instances: usize, in_a_row: u64) {
    // A little is enough for what is so short.
    group.measurement_time(Duration::from_secs(1));
    bench_on(group, name, || Calls::new(instances), |calls, iterations| calls.time(iterations, in_a_row));
    group.measurement_time(Duration::from_secs(3));
}

/// Calls of the handler of `test-bench`, with a reading of 64 bytes and nothing of airssys around it,
/// on so many instances in turn, so many in a row on each: the time of one call.
pub fn handler_calls_in_turn(group: &mut Group<'_>, name: &str, instances: usize, in_a_row: u64) {
    group.measurement_time(Duration::from_secs(1));
    let reading = reading(1);
    let make = || {
        let bare = must(Bare::new(MOST_INSTANCES));
        (0..instances).map(|_| must(bare.instantiate(&[]))).collect::<Vec<BareInstance>>()
    };
    bench_on(group, name, make, |all, iterations| {
        in_turn(all, iterations, in_a_row, |instance| drop(must(instance.handle(&reading))))
    });
    group.measurement_time(Duration::from_secs(3));
}

/// What a fresh instance of `test-bench` costs a bare wasmtime program: store, instance,
/// initialization, and one call of its handler.
pub fn instantiate(group: &mut Group<'_>) {
    group.measurement_time(Duration::from_secs(1));
    let reading = reading(1);
    bench_on(
        group,
        "floor_instantiate",
        || must(Bare::new(100)),
        |bare, times| {
            let began = Instant::now();
            for _ in 0..times {
                must(must(bare.instantiate(&[])).handle(&reading));
            }
            began.elapsed()
        },
    );
    group.measurement_time(Duration::from_secs(3));
}

/// As the engine of airssys is set up, as far as that costs or saves something.
pub(crate) fn engine(max_instances: u32) -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(max_instances)
        .total_core_instances(max_instances.saturating_mul(4))
        .total_memories(max_instances)
        .total_tables(max_instances.saturating_mul(2))
        .total_stacks(max_instances)
        .max_core_instances_per_component(20)
        .max_memory_size(1 << 30);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes).linear_memory_keep_resident(128 << 10).table_keep_resident(16 << 10);
    }
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.memory_init_cow(true);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// Instances with an empty export.
pub struct Calls {
    all: Vec<(Store<()>, TypedFunc<(), ()>)>,
}

impl Calls {
    /// So many of them.
    pub fn new(instances: usize) -> Calls {
        let engine = must(engine(MOST_INSTANCES));
        let component = must(Component::new(&engine, EMPTY));
        let linker = Linker::new(&engine);
        let make = || {
            let mut store = Store::new(&engine, ());
            store.set_epoch_deadline(u64::MAX / 2);
            let instance: Instance = must(linker.instantiate(&mut store, &component));
            let run = must(instance.get_typed_func::<(), ()>(&mut store, "run"));
            (store, run)
        };
        Calls { all: (0..instances).map(|_| make()).collect() }
    }

    /// The time of so many calls, on each in turn, so many in a row.
    pub fn time(&mut self, calls: u64, in_a_row: u64) -> Duration {
        in_turn(&mut self.all, calls, in_a_row, |(store, run)| must(run.call(store, ())))
    }
}

/// The time of so many calls, on each in turn, so many in a row.
fn in_turn<T>(all: &mut [T], calls: u64, in_a_row: u64, mut call: impl FnMut(&mut T)) -> Duration {
    let mut left = calls;
    let began = Instant::now();
    while left > 0 {
        for one in &mut *all {
            for _ in 0..in_a_row.min(left) {
                call(one);
            }
            left = left.saturating_sub(in_a_row);
        }
    }
    began.elapsed()
}
