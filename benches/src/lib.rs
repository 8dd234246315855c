//! What the benches have in common: hosts with components in them, floors to compare with, and
//! figures that are no times.

mod bare;
mod bed;
pub mod compare;
pub mod figures;
pub mod floor;
pub mod memory;

use std::fmt::{Debug, Display};
use std::path::{Path, PathBuf};
use std::time::Duration;

use airssys_message::Codec;
use airssys_wasm::{Component, Engine, EngineConfig, Limits, builder};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use test_commands::Command;
use tokio::runtime::Runtime;

pub use bare::{Bare, BareInstance};
pub use bed::{Bed, Handled, MOST, TRACE, answering, at_least, order, orders, reading, spec};

/// As in the program `airssys`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why a bench cannot be run: whatever stopped its preparation.
pub type Failure = Box<dyn std::error::Error>;

/// The time in which anything that is measured has ended, if it has not gone wrong.
pub const LONG: Duration = Duration::from_secs(60);

/// What a result holds. Without it nothing can be measured, so a bench ends where there is none.
///
/// # Panics
/// If it is an error.
pub fn must<T, E: Debug + Display>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        // With its causes.
        Err(error) => panic!("{error}: {error:?}"),
    }
}

/// The `.wasm` file of a component of the folder `components/`, which is built.
///
/// # Errors
/// It does not build.
pub fn built(name: &str) -> Result<PathBuf, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../components").join(name);
    Ok(builder::build(&folder, |_| {})?)
}

/// A component of the folder `components/`, built and compiled.
///
/// # Errors
/// It does not build, or does not fit the host.
pub fn component(engine: &Engine, name: &str) -> Result<Component, Failure> {
    Ok(Component::load(engine, &built(name)?)?)
}

/// An engine for so many instances that keeps compiled components in the user's cache.
///
/// # Errors
/// The engine does not start.
pub fn engine(max_instances: u32) -> Result<Engine, Failure> {
    // As an app has it.
    let max_table_elements = Limits::APP_MAX.table_elements;
    Ok(Engine::new(EngineConfig { max_instances, max_table_elements, ..EngineConfig::default() })?)
}

/// A runtime with so many workers.
pub fn workers(count: usize) -> Runtime {
    must(tokio::runtime::Builder::new_multi_thread().worker_threads(count).enable_all().build())
}

/// A bench on something that is made once, before the first sample, and only if the bench is asked for:
/// criterion runs its closures again for each sample. What was made, if it was.
pub fn bench_on<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    make: impl Fn() -> T,
    run: impl Fn(&mut T, u64) -> Duration,
) -> Option<T> {
    let mut made = None;
    group.bench_function(name, |bencher| {
        let made = made.get_or_insert_with(&make);
        bencher.iter_custom(|iterations| run(made, iterations));
    });
    made
}

/// How all benches measure, unless the command line says otherwise: briefly, as there are many.
pub fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
        .configure_from_args()
}

/// A command of the test components as a message.
///
/// # Errors
/// It has no form in CBOR.
pub fn message(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut message = Vec::new();
    Codec::Cbor.write_prefix(&mut message);
    ciborium::into_writer(command, &mut message)?;
    Ok(message)
}
