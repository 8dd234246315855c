//! A host with the component, on the backends under test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use airssys_rt::ActorSystem;
use airssys_wasm::manifest::{Runtime, RuntimeSource, Variables};
use airssys_wasm::{
    Backends, Capabilities, Capability, Codec, Compiler, Component, ComponentHost, ComponentSpec, Engine,
    EngineConfig, HostOptions, Limits, Services, builder,
};
use test_blobstore_calls::{Answer, Call, Order};

use crate::Blobstore;

/// The time after which a call counts as stuck.
const STUCK: Duration = Duration::from_secs(120);

/// The component whose right to write to `revoked` is taken and given.
pub(super) const REVOCABLE: &str = "revocable";

/// A host with the component `test-blobstore`, on the backends under test.
pub struct Subject {
    host: ComponentHost,
}

impl Subject {
    /// Starts the component on the backends of a runtime configuration. `data` is the folder for data.
    pub async fn new(backends: Backends, runtime: &str, data: Option<PathBuf>) -> Subject {
        let services = Services::default().with(Blobstore);
        let sources = vec![RuntimeSource::new("runtime.toml", runtime)];
        let runtime = Runtime::parse(sources, Variables::default(), data).expect("a runtime configuration");
        let set = backends.configure(&runtime, &services.labels(), None).expect("the backends are right");
        let options = HostOptions { backends: set, ..HostOptions::default() };
        let host = ComponentHost::with_options(ActorSystem::new("conformance"), options).expect("a host");

        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/test-blobstore");
        let file = builder::build(&folder, |_| {}).expect("the component builds");
        let config = EngineConfig {
            services,
            compiler: Compiler::in_process(),
            cache_dir: std::env::var_os("CARGO_TARGET_TMPDIR")
                .map(|folder| PathBuf::from(folder).join("components")),
            max_instances: 8,
            ..EngineConfig::default()
        };
        let engine = Engine::new(config).expect("an engine");
        let component = Component::load(&engine, &file).expect("the component fits");
        let limits = Limits {
            memory_bytes: 128 << 20,
            message_size_bytes: 16 << 20,
            execution_time: Duration::from_secs(30),
            ..Limits::default()
        };
        let right = |text: &str| text.parse().expect("a right");
        for (name, uses) in [
            ("all", vec![right("blob")]),
            ("reader", vec![right("blob/shared:read")]),
            ("writer", vec![right("blob/shared:write")]),
            (REVOCABLE, vec![right("blob/revoked:read"), right("blob/revoked:write")]),
        ] {
            let capabilities = Capabilities { uses, ..Capabilities::default() };
            let spec = ComponentSpec::new(name, component.clone());
            let spec = ComponentSpec { capabilities, limits: limits.clone(), ..spec };
            host.spawn(spec).await.expect("the component starts");
        }
        Subject { host }
    }

    /// Calls a function in the component that may use everything.
    pub async fn call(&self, call: Call) -> Answer {
        self.call_in("all", call).await
    }

    /// Calls a function in a component.
    pub async fn call_in(&self, component: &str, call: Call) -> Answer {
        let mut message = Vec::new();
        Codec::Cbor.write_prefix(&mut message);
        ciborium::into_writer(&call, &mut message).expect("a call can be encoded");
        let reply = self.host.request(component, message, STUCK).await;
        let reply = reply.unwrap_or_else(|error| panic!("{call:?}: {error}"));
        ciborium::from_reader(&reply[1..]).expect("an answer")
    }

    /// Calls a function that has no result.
    pub async fn done(&self, call: Call) {
        let answer = self.call(call.clone()).await;
        assert_eq!(answer, Answer::Done, "{call:?}");
    }

    /// Creates an empty container.
    pub async fn create(&self, container: &str) {
        self.done(Call::Create(container.to_owned())).await;
    }

    /// Writes an object.
    pub async fn put(&self, container: &str, name: &str, value: &[u8]) {
        let (container, name) = (container.to_owned(), name.to_owned());
        self.done(Call::Put { container, name, value: value.to_vec(), order: Order::NameFirst }).await;
    }

    /// Returns the bytes of an object within a range.
    pub async fn get(&self, container: &str, name: &str, start: u64, end: u64) -> Answer {
        self.call(Call::Get { container: container.to_owned(), name: name.to_owned(), start, end }).await
    }

    /// Returns the names of a container's objects.
    pub async fn names(&self, container: &str) -> Vec<String> {
        match self.call(Call::List { container: container.to_owned(), page: 1_000, skip: 0 }).await {
            Answer::Names { names, .. } => names,
            answer => panic!("{container}: {answer:?}"),
        }
    }

    /// Gives or takes a right of [`REVOCABLE`].
    pub(super) fn change(&self, gives: bool, right: &str) {
        let changed = match gives {
            true => self.host.grant(REVOCABLE, Capability::Use, right).map(drop),
            false => self.host.revoke(REVOCABLE, Capability::Use, right).map(drop),
        };
        changed.expect("the right is one that it asks for");
    }

    /// Returns the host, for checks of its counters.
    pub fn host(&self) -> &ComponentHost {
        &self.host
    }
}

/// Returns the answer of a call that fails with a text.
pub(super) fn error(text: &str) -> Answer {
    Answer::Error(text.to_owned())
}
