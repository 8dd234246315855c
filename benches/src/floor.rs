//! Lower bounds for a design on wasmtime and tokio. Each group of benches has its floor beside it.

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

/// A component with an empty export.
const EMPTY: &str = r#"(component
    (core module $m (func (export "run")))
    (core instance $i (instantiate $m))
    (func (export "run") (canon lift (core func $i "run"))))"#;

/// The most instances of any floor.
const MOST_INSTANCES: u32 = 10_000;

/// Runs a group of benches with an empty component call before and after them. The two calls show
/// changes of the machine's speed.
pub fn beside_calls(criterion: &mut Criterion, name: &str, benches: impl FnOnce(&mut Group<'_>)) {
    let mut group = criterion.benchmark_group(name);
    component_call(&mut group, "floor_component_call");
    benches(&mut group);
    component_call(&mut group, "floor_component_call_after");
    group.finish();
}

/// Calls an empty export in a bare wasmtime program.
pub fn component_call(group: &mut Group<'_>, name: &str) {
    calls_in_turn(group, name, 1, 1);
}

/// Makes empty calls on `instances` instances in turn, `in_a_row` on each. Measures the time of one
/// call.
pub fn calls_in_turn(group: &mut Group<'_>, name: &str, instances: usize, in_a_row: u64) {
    // A short measurement is enough for a short call.
    group.measurement_time(Duration::from_secs(1));
    bench_on(group, name, || Calls::new(instances), |calls, iterations| calls.time(iterations, in_a_row));
    group.measurement_time(Duration::from_secs(3));
}

/// Calls the handler of `test-bench` without airssys, with a reading of 64 bytes. The calls go to
/// `instances` instances in turn, `in_a_row` on each. Measures the time of one call.
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

/// Measures a fresh instance of `test-bench` in a bare wasmtime program: store, instance,
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

/// Makes an engine with the settings of airssys that affect speed.
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
    /// Makes `instances` of them.
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

    /// Returns the time of `calls` calls, on each instance in turn, `in_a_row` at a time.
    pub fn time(&mut self, calls: u64, in_a_row: u64) -> Duration {
        in_turn(&mut self.all, calls, in_a_row, |(store, run)| must(run.call(store, ())))
    }
}

/// Returns the time of `calls` calls, on each of `all` in turn, `in_a_row` at a time.
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
