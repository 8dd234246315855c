//! What the benches have in common: hosts with components in them, and floors to compare with.

use std::path::Path;
use std::time::Duration;

use airssys_message::Codec;
use airssys_rt::ActorSystem;
use airssys_wasm::audit::Audit;
use airssys_wasm::{
    Capabilities, Component, ComponentHost, ComponentSpec, Engine, EngineConfig, HostOptions, Limits, builder,
};
use test_commands::Command;

/// Why a bench cannot be run: whatever stopped its preparation.
pub type Failure = Box<dyn std::error::Error>;

/// The time in which anything that is measured has ended, if it has not gone wrong.
pub const LONG: Duration = Duration::from_secs(60);

/// A component of the folder `components/`, built and compiled.
///
/// # Errors
/// It does not build, or does not fit the host.
pub fn component(engine: &Engine, name: &str) -> Result<Component, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../components").join(name);
    let file = builder::build(&folder, |_| {})?;
    Ok(Component::load(engine, &file)?)
}

/// An engine that keeps compiled components in the user's cache.
///
/// # Errors
/// The engine does not start.
pub fn engine() -> Result<Engine, Failure> {
    Ok(Engine::new(EngineConfig { max_instances: 100, ..EngineConfig::default() })?)
}

/// A host with components in it that may do everything: names, code and mailboxes' capacity.
///
/// # Errors
/// A component does not start.
pub async fn host(components: &[(&str, &Component)], capacity: usize) -> Result<ComponentHost, Failure> {
    audited(components, capacity, None, &Limits::DEFAULT).await
}

/// As [`host`], with an audit and with limits for each component.
///
/// # Errors
/// A component does not start.
pub async fn audited(
    components: &[(&str, &Component)],
    capacity: usize,
    audit: Option<Audit>,
    limits: &Limits,
) -> Result<ComponentHost, Failure> {
    let system = ActorSystem::new("bench");
    let host = ComponentHost::with_options(system, HostOptions { audit, ..HostOptions::default() })?;
    for (name, component) in components {
        let spec = ComponentSpec::new(*name, (*component).clone());
        let capabilities = Capabilities::everything();
        let limits = limits.clone();
        host.spawn(ComponentSpec { capabilities, capacity, limits, ..spec }).await?;
    }
    Ok(host)
}

/// A command as a message.
///
/// # Errors
/// It has no form in CBOR.
pub fn message(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut message = Vec::new();
    Codec::Cbor.write_prefix(&mut message);
    ciborium::into_writer(command, &mut message)?;
    Ok(message)
}

/// A command whose message has about 64 bytes.
pub fn note() -> Command {
    Command::Tally("x".repeat(52))
}
