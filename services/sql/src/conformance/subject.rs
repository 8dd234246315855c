//! A host with the component, on the backend under test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use airssys_rt::{ActorSystem, RestartStrategy, SupervisorConfig};
use airssys_wasm::manifest::{Runtime, RuntimeSource, Variables};
use airssys_wasm::{
    Backends, CallError, Capabilities, Capability, Codec, Compiler, Component, ComponentHost, ComponentSpec,
    Engine, EngineConfig, HostOptions, Limits, Services, builder,
};
use test_sql_calls::{Answer, Call, Failure, On, Outcome, Rows, Value};

use super::dialect::Dialect;
use crate::Sql;

/// The time after which a call counts as stuck.
const STUCK: Duration = Duration::from_secs(120);

/// The instances of the component that may write.
const INSTANCES: usize = 4;

/// The label that most scenarios use. The component `writer` may write it, and `reader` may read it.
pub const LABEL: &str = "orders";

/// Another label, which only `writer` may use.
pub const OTHER: &str = "other";

/// An instance that may write.
#[derive(Clone, Copy, Debug)]
pub struct Writes(pub usize);

/// A host with the component `test-sql`, on the backend under test.
pub struct Subject {
    host: ComponentHost,
    pub(super) dialect: Dialect,
}

/// Returns the value of a result, or panics with its failure.
#[track_caller]
pub(super) fn done(outcome: Outcome) -> Answer {
    outcome.unwrap_or_else(|failure| panic!("the call fails: {failure:?}"))
}

/// Returns the case of a failure, or panics with the answer.
#[track_caller]
pub(super) fn case<T: std::fmt::Debug>(outcome: Result<T, Failure>) -> String {
    outcome.expect_err("the call has to fail").case
}

impl Subject {
    /// Starts the component on the backends of a runtime configuration. `data` is the folder for data.
    pub async fn new(backends: Backends, runtime: &str, data: Option<PathBuf>, dialect: Dialect) -> Subject {
        let services = Services::default().with(Sql);
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

        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/test-sql");
        let file = builder::build(&folder, |_| {}).expect("the component builds");
        let config = EngineConfig {
            services,
            compiler: Compiler::in_process(),
            cache_dir: option_env!("CARGO_TARGET_TMPDIR").map(|folder| Path::new(folder).join("components")),
            max_instances: 4 * INSTANCES as u32,
            ..EngineConfig::default()
        };
        let engine = Engine::new(config).expect("an engine");
        let component = Component::load(&engine, &file).expect("the component fits");
        let limits = Limits { memory_bytes: 128 << 20, message_size_bytes: 32 << 20, ..Limits::default() };
        for (name, instances, uses) in [
            ("writer", INSTANCES, vec!["sql/orders", "sql/other"]),
            ("reader", 1, vec!["sql/orders:read"]),
            ("stranger", 1, vec![]),
        ] {
            let uses = uses.into_iter().map(|right| right.parse().expect("a right")).collect();
            let capabilities = Capabilities { uses, ..Capabilities::default() };
            let spec = ComponentSpec::new(name, component.clone());
            let spec = ComponentSpec { capabilities, instances, limits: limits.clone(), ..spec };
            host.spawn(spec).await.expect("the component starts");
        }
        Subject { host, dialect }
    }

    /// Returns the host, for checks of its records.
    pub fn host(&self) -> &ComponentHost {
        &self.host
    }

    /// Makes a call in an instance; an error of the instance is returned.
    pub async fn try_call(&self, instance: &str, call: &Call) -> Result<Outcome, CallError> {
        let mut message = Vec::new();
        Codec::Cbor.write_prefix(&mut message);
        ciborium::into_writer(call, &mut message).expect("a call can be encoded");
        let reply = self.host.request(instance, message, STUCK).await?;
        Ok(ciborium::from_reader(&reply[1..]).expect("an outcome"))
    }

    /// Makes a call in an instance.
    pub async fn call_in(&self, instance: &str, call: Call) -> Outcome {
        let outcome = self.try_call(instance, &call).await;
        outcome.unwrap_or_else(|error| panic!("{call:?}: {error}"))
    }

    /// Makes a call in the first instance that may write.
    pub async fn call(&self, call: Call) -> Outcome {
        self.call_in("writer/1", call).await
    }

    /// Makes a call in an instance that may write.
    pub async fn call_writer(&self, Writes(number): Writes, call: Call) -> Outcome {
        self.call_in(&format!("writer/{number}"), call).await
    }

    /// Executes a statement, in the first instance that may write.
    pub async fn execute(&self, text: &str, parameters: &[Value]) -> Result<u64, Failure> {
        self.execute_on(On::Label(LABEL.to_owned()), text, parameters).await
    }

    /// As [`Subject::execute`], in a place of the instance.
    pub async fn execute_on(&self, on: On, text: &str, parameters: &[Value]) -> Result<u64, Failure> {
        let call = Call::Execute { on, text: text.to_owned(), parameters: parameters.to_vec() };
        match self.call(call).await? {
            Answer::Changed(changed) => Ok(changed),
            answer => panic!("{text}: {answer:?}"),
        }
    }

    /// Runs a query, in the first instance that may write.
    pub async fn query(&self, text: &str, parameters: &[Value]) -> Result<Rows, Failure> {
        self.query_on(On::Label(LABEL.to_owned()), text, parameters).await
    }

    /// As [`Subject::query`], in a place of the instance.
    pub async fn query_on(&self, on: On, text: &str, parameters: &[Value]) -> Result<Rows, Failure> {
        self.query_in("writer/1", on, text, parameters).await
    }

    /// As [`Subject::query_on`], in an instance.
    pub async fn query_in(
        &self,
        instance: &str,
        on: On,
        text: &str,
        parameters: &[Value],
    ) -> Result<Rows, Failure> {
        let (text, parameters) = (text.to_owned(), parameters.to_vec());
        match self.call_in(instance, Call::Query { on, text, parameters, page: 1_000 }).await? {
            Answer::Rows(rows) => Ok(rows),
            answer => panic!("{answer:?}"),
        }
    }

    /// Returns the only number of a result.
    pub async fn number(&self, text: &str) -> i64 {
        let rows = self.query(text, &[]).await.expect("the query runs");
        match rows.rows.as_slice() {
            [row] => match row.as_slice() {
                [Value::Int64(number)] => *number,
                row => panic!("{text}: {row:?}"),
            },
            rows => panic!("{text}: {rows:?}"),
        }
    }

    /// Makes a table anew, with columns that are written for this product.
    pub async fn table(&self, name: &str, columns: &str) {
        self.execute(&format!("DROP TABLE IF EXISTS {name}"), &[]).await.expect("the table is dropped");
        let text = format!("CREATE TABLE {name} ({columns})");
        self.execute(&text, &[]).await.unwrap_or_else(|failure| panic!("{text}: {failure:?}"));
    }

    /// Returns the handle of an answer.
    pub async fn handle(&self, call: Call) -> u32 {
        match done(self.call(call).await) {
            Answer::Handle(handle) => handle,
            answer => panic!("{answer:?}"),
        }
    }

    /// Begins a transaction in the first instance that may write.
    pub async fn begin(&self) -> u32 {
        self.handle(Call::Begin(LABEL.to_owned())).await
    }

    /// Gives or takes a right of the component `writer`.
    pub(super) fn change_right(&self, gives: bool, right: &str) {
        let changed = match gives {
            true => self.host.grant("writer", Capability::Use, right).map(drop),
            false => self.host.revoke("writer", Capability::Use, right).map(drop),
        };
        changed.expect("the right is one that it asks for");
    }
}
