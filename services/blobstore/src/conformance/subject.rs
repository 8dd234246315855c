//! A host with the component, on the backends under test.

use std::path::PathBuf;

use airssys_conformance::{Role, TestComponent, TestHost, limits};
use airssys_wasm::{Backends, ComponentHost, Limits, Services};
use test_blobstore_calls::{Answer, Call, Order};

use crate::Blobstore;

/// The component whose right to write to `revoked` is taken and given.
pub(super) const REVOCABLE: &str = "revocable";

/// A host with the component `test-blobstore`, on the backends under test.
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
        let role = |name, uses| Role { name, instances: 1, uses };
        let component = TestComponent {
            folder: "test-blobstore",
            services: Services::default().with(Blobstore),
            limits,
            roles: &[
                role("all", &["blob"]),
                role("reader", &["blob/shared:read"]),
                role("writer", &["blob/shared:write"]),
                role(REVOCABLE, &["blob/revoked:read", "blob/revoked:write"]),
            ],
        };
        Subject { host: TestHost::start(component, backends, runtime, data).await }
    }

    /// Calls a function in the component that may use everything.
    pub async fn call(&self, call: Call) -> Answer {
        self.call_in("all", call).await
    }

    /// Calls a function in a component.
    pub async fn call_in(&self, component: &str, call: Call) -> Answer {
        self.host.call(component, &call).await
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
        self.host.change_right(REVOCABLE, gives, right);
    }

    /// Returns the host, for checks of its counters.
    pub fn host(&self) -> &ComponentHost {
        self.host.host()
    }
}

/// Returns the answer of a call that fails with a text.
pub(super) fn error(text: &str) -> Answer {
    Answer::Error(text.to_owned())
}
