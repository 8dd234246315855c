//! Shared parts of the benches: hosts with components, floors to compare with, and measured values
//! other than times.

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
use airssys_wasm::{Compiler, Component, Engine, EngineConfig, Limits, builder};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use test_commands::Command;
use tokio::runtime::Runtime;

pub use bare::{Bare, BareInstance};
pub use bed::{Bed, Handled, MOST, TRACE, answering, at_least, order, orders, reading, spec};

/// The allocator of the program `airssys`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An error that stops the preparation of a bench.
pub type Failure = Box<dyn std::error::Error>;

/// Limit on any measured step. A step that takes longer has failed.
pub const LONG: Duration = Duration::from_secs(60);

/// Returns the value of a result, because a bench cannot go on without it.
///
/// # Panics
/// If the result is an error.
pub fn must<T, E: Debug + Display>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        // The debug form shows the causes.
        Err(error) => panic!("{error}: {error:?}"),
    }
}

/// Builds a component of the folder `components/`; returns its `.wasm` file.
///
/// # Errors
/// The component does not build.
pub fn built(name: &str) -> Result<PathBuf, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../components").join(name);
    Ok(builder::build(&folder, |_| {})?)
}

/// Builds and compiles a component of the folder `components/`.
///
/// # Errors
/// The component does not build, or does not fit the host.
pub fn component(engine: &Engine, name: &str) -> Result<Component, Failure> {
    Ok(Component::load(engine, &built(name)?)?)
}

/// Makes an engine for `max_instances` instances, with compiled components in the user's cache.
///
/// # Errors
/// The engine does not start.
pub fn engine(max_instances: u32) -> Result<Engine, Failure> {
    // The same limit as in an app.
    let max_table_elements = Limits::APP_MAX.table_elements;
    // Benches have no `main` of their own, and their components are ours.
    let compiler = Compiler::in_process();
    let config = EngineConfig { max_instances, max_table_elements, compiler, ..EngineConfig::default() };
    Ok(Engine::new(config)?)
}

/// Makes a runtime with `count` workers.
pub fn workers(count: usize) -> Runtime {
    must(tokio::runtime::Builder::new_multi_thread().worker_threads(count).enable_all().build())
}

/// Runs a bench on a value that is made once, before the first sample. Criterion repeats its
/// closures for each sample, so `make` cannot run there. Returns the value, or `None` if a filter
/// left the bench out.
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

/// Returns the common settings of all benches, which the command line can change. Each bench is
/// short, because there are many.
pub fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
        .configure_from_args()
}

/// Encodes a command for the test components as a message.
///
/// # Errors
/// The command cannot be encoded in CBOR.
pub fn message(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut message = Vec::new();
    Codec::Cbor.write_prefix(&mut message);
    ciborium::into_writer(command, &mut message)?;
    Ok(message)
}
