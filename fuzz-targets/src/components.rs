//! Components: files that the host checks, compiles and runs.

use std::sync::OnceLock;
use std::time::Duration;

use airssys_message::Codec;
use airssys_rt::{ActorSystem, RestartPolicy};
use airssys_wasm::{Compiler, Component, ComponentHost, ComponentSpec, Engine, EngineConfig, Limits};
use tokio::runtime::Runtime;

/// The host's name for the component.
const NAME: &str = "hostile";

/// The time in which a component and its host have ended.
const SOON: Duration = Duration::from_secs(10);

struct Bed {
    engine: Engine,
    runtime: Runtime,
}

/// Loads a component; runs it, if it fits the contract, and gives it a message. The host refuses it or
/// runs it within its limits, loses no message, and shuts down.
pub fn component(data: &[u8]) {
    static BED: OnceLock<Option<Bed>> = OnceLock::new();
    let Some(bed) = BED.get_or_init(bed) else { panic!("the engine cannot be set up") };
    if let Ok(component) = Component::new(&bed.engine, data) {
        bed.runtime.block_on(run(component));
    }
}

/// Compiles in this process, because libFuzzer holds it to a limit of memory. Nothing is cached: every
/// input is another component.
fn bed() -> Option<Bed> {
    let config = EngineConfig {
        cache_dir: None,
        compiler: Compiler::in_process(),
        max_instances: 4,
        max_table_elements: 10_000,
        ..EngineConfig::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    Some(Bed { engine: Engine::new(config).ok()?, runtime })
}

async fn run(component: Component) {
    let host = ComponentHost::new(ActorSystem::new("fuzz"));
    let limits =
        Limits { execution_time: Duration::from_millis(20), memory_bytes: 4 << 20, ..Limits::default() };
    let restart = RestartPolicy::Temporary;
    let spec = ComponentSpec { limits, restart, ..ComponentSpec::new(NAME, component) };
    let lived = tokio::time::timeout(SOON, async {
        if host.spawn(spec).await.is_ok() && host.send(NAME, Codec::Raw.message(b"x")).await.is_ok() {
            host.drained().await;
            let snapshot = host.snapshot();
            for component in &snapshot.components {
                assert_eq!(component.received, component.handled + component.dead_lettered);
            }
        }
    });
    assert!(lived.await.is_ok(), "the component holds its host up");
    let report = host.shutdown(SOON).await;
    assert!(report.late.is_empty(), "a component does not end: {report:?}");
}
