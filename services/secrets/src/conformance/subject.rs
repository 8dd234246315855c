//! A host with the component, on the backends under test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use airssys_rt::ActorSystem;
use airssys_wasm::manifest::{Runtime, RuntimeSource, Variables};
use airssys_wasm::{
    Backends, Capabilities, Capability, Codec, Compiler, Component, ComponentHost, ComponentSpec, Engine,
    EngineConfig, HostOptions, Limits, Services, builder,
};
use test_secrets_calls::{Answer, Call, Request};

use crate::Secrets;

/// The time after which a call counts as stuck.
const STUCK: Duration = Duration::from_secs(120);

/// The number of instances of the component.
pub(super) const INSTANCES: usize = 4;

/// The component whose right to write to `revoked` is taken and given.
pub(super) const REVOCABLE: &str = "revocable";

/// A host with the component `test-secrets`, on the backends under test.
pub struct Subject {
    host: ComponentHost,
}

impl Subject {
    /// Starts the component on the backends of a runtime configuration. `data` is the folder for data.
    pub async fn new(backends: Backends, runtime: &str, data: Option<PathBuf>) -> Subject {
        let services = Services::default().with(Secrets);
        let sources = vec![RuntimeSource::new("runtime.toml", runtime)];
        let runtime = Runtime::parse(sources, Variables::default(), data).expect("a runtime configuration");
        let set = backends.configure(&runtime, &services.labels(), None).expect("the backends are right");
        let options = HostOptions { backends: set, ..HostOptions::default() };
        let host = ComponentHost::with_options(ActorSystem::new("conformance"), options).expect("a host");

        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/test-secrets");
        let file = builder::build(&folder, |_| {}).expect("the component builds");
        let config = EngineConfig {
            services,
            compiler: Compiler::in_process(),
            cache_dir: std::env::var_os("CARGO_TARGET_TMPDIR")
                .map(|folder| PathBuf::from(folder).join("components")),
            max_instances: 2 * INSTANCES as u32,
            ..EngineConfig::default()
        };
        let engine = Engine::new(config).expect("an engine");
        let component = Component::load(&engine, &file).expect("the component fits");
        let limits = Limits { memory_bytes: 128 << 20, message_size_bytes: 16 << 20, ..Limits::default() };
        let right = |text: &str| text.parse().expect("a right");
        for (name, instances, uses) in [
            ("all", INSTANCES, vec![right("secrets")]),
            ("reader", 1, vec![right("secrets/shared:read")]),
            ("writer", 1, vec![right("secrets/shared:write")]),
            (REVOCABLE, 1, vec![right("secrets/revoked:read"), right("secrets/revoked:write")]),
        ] {
            let capabilities = Capabilities { uses, ..Capabilities::default() };
            let spec = ComponentSpec::new(name, component.clone());
            let spec = ComponentSpec { capabilities, instances, limits: limits.clone(), ..spec };
            host.spawn(spec).await.expect("the component starts");
        }
        Subject { host }
    }

    /// Calls a function in the first instance that may use everything.
    pub async fn call(&self, label: &str, call: Call) -> Answer {
        self.call_in("all/1", label, call).await
    }

    /// Calls a function in an instance.
    pub async fn call_in(&self, instance: &str, label: &str, call: Call) -> Answer {
        let mut message = Vec::new();
        Codec::Cbor.write_prefix(&mut message);
        let request = Request { label: label.to_owned(), call: call.clone() };
        ciborium::into_writer(&request, &mut message).expect("a request can be encoded");
        let reply = self.host.request(instance, message, STUCK).await;
        let reply = reply.unwrap_or_else(|error| panic!("{label} {call:?}: {error}"));
        ciborium::from_reader(&reply[1..]).expect("an answer")
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

    /// Sets a secret.
    pub async fn set(&self, label: &str, id: &str, value: &[u8]) {
        let answer = self.call(label, Call::Set(id.to_owned(), value.to_vec())).await;
        assert_eq!(answer, Answer::Done, "{label} {id:?}");
    }

    /// Returns the answer to a call for a secret.
    pub async fn get(&self, label: &str, id: &str) -> Answer {
        self.call(label, Call::Get(id.to_owned())).await
    }
}

/// Returns the name of an error.
pub(super) fn name(answer: &Answer) -> &str {
    match answer {
        Answer::Error { name, .. } => name,
        _ => "no error",
    }
}
