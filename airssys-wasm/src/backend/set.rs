//! The configured backends of an app, and the labels on them.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airssys_rt::BoxError;
use tokio::time::timeout;

use crate::backend::connection::Connection;
use crate::backend::erased::{AnyBackend, AnyConfig};
use crate::backend::failure_log::FailureLog;
use crate::backend::product::{AnyClient, AnyLabel, AnyOptions};
use crate::sync::lock;

/// The most labels of a backend that are kept open. Others are made again for each caller.
const MAX_LABELS: usize = 4_096;

/// The time that a product has to say its version.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// A backend with its configuration and its connection.
pub(super) struct ConfiguredBackend {
    name: String,
    pub(super) product: Arc<dyn AnyBackend>,
    config: AnyConfig,
    connection: Connection<AnyClient>,
    log: FailureLog,
    /// The labels that were made, by trait and name.
    made: Mutex<HashMap<(TypeId, String), AnyLabel>>,
}

impl ConfiguredBackend {
    pub(super) fn new(name: String, product: Arc<dyn AnyBackend>, config: AnyConfig) -> ConfiguredBackend {
        let (connection, made, log) = (Connection::default(), Mutex::default(), FailureLog::new(&*name));
        ConfiguredBackend { name, product, config, connection, log, made }
    }

    async fn client(&self) -> Result<AnyClient, OpenError> {
        let connected = self.connection.get(|| self.product.connect(&*self.config)).await;
        connected.map_err(|source| OpenError::Unavailable { backend: self.name.clone(), source })
    }
}

/// A label of a runtime configuration.
pub(super) struct ConfiguredLabel {
    pub(super) of: TypeId,
    pub(super) backend: Arc<ConfiguredBackend>,
    pub(super) options: AnyOptions,
}

impl ConfiguredLabel {
    async fn open<T: ?Sized + Send + Sync + 'static>(
        &self,
        label: &str,
        none: &impl Fn() -> OpenError,
    ) -> Result<Arc<T>, OpenError> {
        let backend = &self.backend;
        let client = backend.client().await?;
        let key = (self.of, label.to_owned());
        let mut made = lock(&backend.made);
        if let Some(label) = made.get(&key).and_then(downcast) {
            return Ok(label);
        }
        let served = backend.product.served().get(&self.of).ok_or_else(none)?;
        let refused = |source: BoxError| {
            let (backend, source) = (backend.name.clone(), Arc::new(source));
            OpenError::Refused { backend, source }
        };
        let value = (served.make)(client, &*self.options, label).map_err(refused)?;
        let label = downcast(&value).ok_or_else(none)?;
        // A component that may open any label cannot fill the host's memory with names.
        if made.len() < MAX_LABELS {
            made.insert(key, value);
        }
        Ok(label)
    }
}

/// Reasons for which a label is not opened.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No backend serves the label.
    #[error("no backend serves the label `{label}` of `{service}`")]
    NoBackend {
        /// The service.
        service: String,
        /// The label.
        label: String,
    },
    /// The backend cannot be reached now.
    #[error("the backend `{backend}` is unavailable: {source}")]
    Unavailable {
        /// The backend's name.
        backend: String,
        /// The reason.
        source: Arc<BoxError>,
    },
    /// The backend does not make the label.
    #[error("the backend `{backend}` does not serve the label: {source}")]
    Refused {
        /// The backend's name.
        backend: String,
        /// The reason.
        source: Arc<BoxError>,
    },
}

/// The answer of a backend to a check.
#[derive(Debug)]
#[non_exhaustive]
pub struct BackendReport {
    /// The backend's name.
    pub name: String,
    /// Its type.
    pub kind: &'static str,
    /// The product and its version, or the reason for which it does not answer.
    pub answer: Result<String, OpenError>,
}

/// The configured backends of an app, and the labels on them. Cheap to clone.
#[derive(Clone, Default)]
pub struct BackendSet(Arc<Configured>);

#[derive(Default)]
struct Configured {
    backends: Vec<Arc<ConfiguredBackend>>,
    /// By service and label.
    labels: BTreeMap<(String, String), ConfiguredLabel>,
}

impl std::fmt::Debug for BackendSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.backends.iter().map(|backend| &backend.name)).finish()
    }
}

impl BackendSet {
    pub(super) fn new(
        backends: Vec<Arc<ConfiguredBackend>>,
        labels: BTreeMap<(String, String), ConfiguredLabel>,
    ) -> BackendSet {
        BackendSet(Arc::new(Configured { backends, labels }))
    }

    /// Opens a label of a service, and connects its backend if it is the first on it. Cancel safe.
    ///
    /// `T` is the trait that the service opens its labels as. All callers share one value per label.
    ///
    /// # Errors
    /// [`OpenError`], whose reason also goes to the log when it changes. After a failure to connect, the
    /// next attempt is made after a delay that grows from 0.1 s to 30 s; calls before it fail at once.
    pub async fn open<T: ?Sized + Send + Sync + 'static>(
        &self,
        service: &str,
        label: &str,
    ) -> Result<Arc<T>, OpenError> {
        let none = || OpenError::NoBackend { service: service.to_owned(), label: label.to_owned() };
        let found = |name: &str| self.0.labels.get(&(service.to_owned(), name.to_owned()));
        let configured = found(label).or_else(|| found("*")).ok_or_else(none)?;
        let log = &configured.backend.log;
        configured.open(label, &none).await.inspect(|_| log.works()).inspect_err(|error| match error {
            OpenError::NoBackend { .. } => {}
            OpenError::Unavailable { source, .. } | OpenError::Refused { source, .. } => log.failed(source),
        })
    }

    /// Asks every backend for its product and version, connecting where needed. In the order of names.
    pub async fn check(&self) -> Vec<BackendReport> {
        let mut reports = Vec::with_capacity(self.0.backends.len());
        for backend in &self.0.backends {
            let answer = match backend.client().await {
                Ok(client) => {
                    let answer = timeout(DESCRIBE_TIMEOUT, backend.product.describe(&*client)).await;
                    let late =
                        || Err(format!("it did not answer within {} s", DESCRIBE_TIMEOUT.as_secs()).into());
                    answer.unwrap_or_else(|_| late()).map_err(|source| OpenError::Unavailable {
                        backend: backend.name.clone(),
                        source: Arc::new(source),
                    })
                }
                Err(error) => Err(error),
            };
            reports.push(BackendReport { name: backend.name.clone(), kind: backend.product.kind(), answer });
        }
        reports
    }
}

fn downcast<T: ?Sized + Send + Sync + 'static>(label: &AnyLabel) -> Option<Arc<T>> {
    let label: &(dyn Any + Send + Sync) = &**label;
    label.downcast_ref::<Arc<T>>().map(Arc::clone)
}
