//! A host with the component, on the backends under test.

use std::path::PathBuf;

use airssys_conformance::{Role, TestComponent, TestHost, limits};
use airssys_wasm::{Backends, ComponentHost, Limits, Services};
use test_keyvalue_calls::{Answer, Api, Call, Request, When};

use crate::KeyValue;

/// The number of instances of the component.
pub(super) const INSTANCES: usize = 4;

/// The number of instances of [`Subject::start_crowd`].
pub(super) const CROWD: usize = 100;

/// The component whose right to write to `revoked` is taken and given.
pub(super) const REVOCABLE: &str = "revocable";

/// A host with the component `test-keyvalue`, on the backends under test.
pub struct Subject {
    host: TestHost,
}

impl Subject {
    /// Starts the component on the backends of a runtime configuration. `data` is the folder for data.
    pub async fn new(backends: Backends, runtime: &str, data: Option<PathBuf>) -> Subject {
        Subject::with_limits(backends, runtime, data, limits()).await
    }

    /// As [`Subject::new`], with limits of the component.
    pub async fn with_limits(
        backends: Backends,
        runtime: &str,
        data: Option<PathBuf>,
        limits: Limits,
    ) -> Subject {
        let component = TestComponent {
            folder: "test-keyvalue",
            services: Services::default().with(KeyValue),
            limits,
            roles: &[
                Role { name: "all", instances: INSTANCES, uses: &["keyvalue"] },
                Role { name: "reader", instances: 1, uses: &["keyvalue/shared:read"] },
                Role { name: "writer", instances: 1, uses: &["keyvalue/shared:write"] },
                Role {
                    name: REVOCABLE,
                    instances: 1,
                    uses: &["keyvalue/revoked:read", "keyvalue/revoked:write"],
                },
            ],
        };
        Subject { host: TestHost::start(component, backends, runtime, data).await }
    }

    /// Starts many instances as `crowd/N`, each of which can have a call in flight.
    pub(super) async fn start_crowd(&self) {
        self.host.spawn(Role { name: "crowd", instances: CROWD, uses: &["keyvalue/numbers"] }).await;
    }

    /// Calls a function in the first instance that may use everything.
    pub async fn call(&self, api: Api, label: &str, call: Call) -> Answer {
        self.call_in("all/1", api, label, call).await
    }

    /// Calls a function in an instance.
    pub async fn call_in(&self, instance: &str, api: Api, label: &str, call: Call) -> Answer {
        self.host.call(instance, &Request { api, label: label.to_owned(), call }).await
    }

    /// Gives or takes a right of [`REVOCABLE`].
    pub(super) fn change(&self, gives: bool, right: &str) {
        self.host.change_right(REVOCABLE, gives, right);
    }

    /// Returns the host, for checks of its counters.
    pub fn host(&self) -> &ComponentHost {
        self.host.host()
    }

    /// Sets a value without conditions.
    pub async fn set(&self, api: Api, label: &str, key: &str, value: &[u8]) {
        let call = Call::Set { key: key.to_owned(), value: value.to_vec(), ttl_ms: None, when: When::Always };
        let answer = self.call(api, label, call).await;
        assert!(matches!(answer, Answer::Done | Answer::Version(_)), "{api:?} {key:?}: {answer:?}");
    }

    /// Returns the value of a key.
    pub async fn get(&self, api: Api, label: &str, key: &str) -> Option<Vec<u8>> {
        match self.call(api, label, Call::Get(key.to_owned())).await {
            Answer::Value(value) => value.map(|(value, _)| value),
            answer => panic!("{api:?} get {key:?}: {answer:?}"),
        }
    }
}

/// Returns the name of an error.
pub(super) fn name(answer: &Answer) -> &str {
    match answer {
        Answer::Error { name, .. } => name,
        _ => "no error",
    }
}
