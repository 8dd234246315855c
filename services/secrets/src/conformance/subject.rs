//! A host with the component, on the backends under test.

use std::path::PathBuf;

use airssys_conformance::{Role, TestComponent, TestHost, limits};
use airssys_wasm::{Backends, ComponentHost, Services};
use test_secrets_calls::{Answer, Call, Request};

use crate::Secrets;

/// The number of instances of the component.
pub(super) const INSTANCES: usize = 4;

/// The component whose right to write to `revoked` is taken and given.
pub(super) const REVOCABLE: &str = "revocable";

/// A host with the component `test-secrets`, on the backends under test.
pub struct Subject {
    host: TestHost,
}

impl Subject {
    /// Starts the component on the backends of a runtime configuration. `data` is the folder for data.
    pub async fn new(backends: Backends, runtime: &str, data: Option<PathBuf>) -> Subject {
        let component = TestComponent {
            folder: "test-secrets",
            services: Services::default().with(Secrets),
            limits: limits(),
            roles: &[
                Role { name: "all", instances: INSTANCES, uses: &["secrets"] },
                Role { name: "reader", instances: 1, uses: &["secrets/shared:read"] },
                Role { name: "writer", instances: 1, uses: &["secrets/shared:write"] },
                Role {
                    name: REVOCABLE,
                    instances: 1,
                    uses: &["secrets/revoked:read", "secrets/revoked:write"],
                },
            ],
        };
        Subject { host: TestHost::start(component, backends, runtime, data).await }
    }

    /// Calls a function in the first instance that may use everything.
    pub async fn call(&self, label: &str, call: Call) -> Answer {
        self.call_in("all/1", label, call).await
    }

    /// Calls a function in an instance.
    pub async fn call_in(&self, instance: &str, label: &str, call: Call) -> Answer {
        self.host.call(instance, &Request { label: label.to_owned(), call }).await
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

    /// Gives or takes a right of [`REVOCABLE`].
    pub(super) fn change(&self, gives: bool, right: &str) {
        self.host.change_right(REVOCABLE, gives, right);
    }

    /// Returns the host, for checks of its counters.
    pub fn host(&self) -> &ComponentHost {
        self.host.host()
    }
}

/// Returns the name of an error.
pub(super) fn name(answer: &Answer) -> &str {
    match answer {
        Answer::Error { name, .. } => name,
        _ => "no error",
    }
}
