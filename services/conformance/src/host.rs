//! A host with a component, on the backends under test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use airssys_rt::{ActorSystem, RestartStrategy, SupervisorConfig};
use airssys_wasm::manifest::{Runtime, RuntimeSource, Variables};
use airssys_wasm::{
    Backends, CallError, Capabilities, Capability, Codec, Compiler, Component, ComponentHost, ComponentSpec,
    Engine, EngineConfig, HostOptions, Limits, Services, builder,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The time after which a call or a server counts as stuck.
pub const STUCK: Duration = Duration::from_secs(120);

/// A component that makes the calls of the scenarios.
#[derive(Clone, Debug)]
pub struct TestComponent<'a> {
    /// Its folder in `components/`.
    pub folder: &'a str,
    /// The services that it imports.
    pub services: Services,
    /// The limits of each of its instances.
    pub limits: Limits,
    /// The components that are made of it.
    pub roles: &'a [Role<'a>],
}

/// A component under a name, with rights of its own.
#[derive(Clone, Copy, Debug)]
pub struct Role<'a> {
    /// The component's name.
    pub name: &'a str,
    /// The number of its instances. Several are called `NAME/1` and so on.
    pub instances: usize,
    /// Its rights, such as `keyvalue/sessions:read`.
    pub uses: &'a [&'a str],
}

/// Returns limits with room for every value of every scenario.
pub fn limits() -> Limits {
    Limits {
        memory_bytes: 128 << 20,
        message_size_bytes: 32 << 20,
        execution_time: Duration::from_secs(30),
        ..Limits::default()
    }
}

/// A host with the components of a [`TestComponent`]. A component that traps is started again at once.
pub struct TestHost {
    host: ComponentHost,
    component: Component,
    limits: Limits,
}

/// The most instances that [`TestHost::spawn`] starts beside those of the roles.
const MORE_INSTANCES: usize = 100;

impl TestHost {
    /// Starts the components on the backends of a runtime configuration. `data` is the folder for data.
    pub async fn start(
        component: TestComponent<'_>,
        backends: Backends,
        runtime: &str,
        data: Option<PathBuf>,
    ) -> TestHost {
        let TestComponent { folder, services, limits, roles } = component;
        let sources = vec![RuntimeSource::new("runtime.toml", runtime)];
        let runtime = Runtime::parse(sources, Variables::default(), data).expect("a runtime configuration");
        let set = backends.configure(&runtime, &services.labels(), None).expect("the backends are right");
        let options = HostOptions { backends: set, ..HostOptions::default() };
        let supervisor = SupervisorConfig {
            max_restarts: 1_000,
            within_duration: Duration::from_secs(1),
            restart_strategy: RestartStrategy::Immediate,
            ..SupervisorConfig::default()
        };
        let system = ActorSystem::builder("conformance").supervisor(supervisor).build();
        let host = ComponentHost::with_options(system, options).expect("a host");

        let file = builder::build(&root().join("components").join(folder), |_| {});
        let file = file.expect("the component builds");
        let instances: usize = roles.iter().map(|role| role.instances).sum();
        let config = EngineConfig {
            services,
            compiler: Compiler::in_process(),
            cache_dir: cache(),
            // An incarnation that follows a trap may start before the memory of the last one is free.
            max_instances: u32::try_from(2 * instances + MORE_INSTANCES).expect("a small number"),
            ..EngineConfig::default()
        };
        let engine = Engine::new(config).expect("an engine");
        let component = Component::load(&engine, &file).expect("the component fits");
        let host = TestHost { host, component, limits };
        for role in roles {
            host.spawn(*role).await;
        }
        host
    }

    /// Starts the component under another name.
    pub async fn spawn(&self, Role { name, instances, uses }: Role<'_>) {
        let uses = uses.iter().map(|right| right.parse().expect("a right")).collect();
        let capabilities = Capabilities { uses, ..Capabilities::default() };
        let spec = ComponentSpec::new(name, self.component.clone());
        let spec = ComponentSpec { capabilities, instances, limits: self.limits.clone(), ..spec };
        self.host.spawn(spec).await.expect("the component starts");
    }

    /// Returns the host, for checks of its records.
    pub fn host(&self) -> &ComponentHost {
        &self.host
    }

    /// Sends a message to an instance in CBOR, and returns its answer, or the error of the instance.
    ///
    /// # Errors
    /// That of the instance, such as a trap.
    pub async fn try_call<A: DeserializeOwned>(
        &self,
        instance: &str,
        message: &impl Serialize,
    ) -> Result<A, CallError> {
        let mut bytes = Vec::new();
        Codec::Cbor.write_prefix(&mut bytes);
        ciborium::into_writer(message, &mut bytes).expect("the message can be encoded");
        let reply = self.host.request(instance, bytes, STUCK).await?;
        Ok(ciborium::from_reader(&reply[1..]).expect("the answer can be decoded"))
    }

    /// As [`TestHost::try_call`], for an instance that has to answer.
    pub async fn call<A: DeserializeOwned>(
        &self,
        instance: &str,
        message: &(impl Serialize + std::fmt::Debug),
    ) -> A {
        let answer = self.try_call(instance, message).await;
        answer.unwrap_or_else(|error| panic!("{instance}: {message:?}: {error}"))
    }

    /// Gives a component a right that it asks for, or takes it.
    pub fn change_right(&self, component: &str, gives: bool, right: &str) {
        let changed = match gives {
            true => self.host.grant(component, Capability::Use, right).map(drop),
            false => self.host.revoke(component, Capability::Use, right).map(drop),
        };
        changed.expect("the right is one that it asks for");
    }
}

/// Returns the folder of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the folder for compiled components, beside the programs of the build.
fn cache() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let build = program.ancestors().find(|folder| folder.join("deps").is_dir())?;
    Some(build.join("test-components"))
}
