//! The configured backends of an app, and the labels on them.

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::Duration;

use airssys_rt::BoxError;
use airssys_spec::manifest::{BackendTable, Diagnostics, Secret};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::backend::connection::Connection;
use crate::backend::current::{AnyLabel, Current};
use crate::backend::erased::{AnyBackend, AnyConfig};
use crate::backend::failure_log::FailureLog;
use crate::backend::product::{AnyClient, AnyOptions};
use crate::sync::{lock, read, write};

/// The most labels of a backend that are kept open. Others are made again for each caller, who keeps the
/// old connection over a reload.
const MAX_LABELS: usize = 4_096;

/// The time that a product has to connect and to say its version for a check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// A backend with its configuration and its connection.
pub(super) struct ConfiguredBackend {
    name: String,
    pub(super) product: Arc<dyn AnyBackend>,
    table: BackendTable,
    /// Replaced as a whole by a reload, while `made` is locked.
    configuration: RwLock<Arc<Configuration>>,
    log: FailureLog,
    /// The labels that were made, by trait and name.
    made: Mutex<HashMap<(TypeId, String), MadeLabel>>,
}

/// A configuration with its connection.
struct Configuration {
    config: AnyConfig,
    /// The variables and files that the table named when it was read.
    references: References,
    connection: Connection<AnyClient>,
}

/// Values of variables and files, by the keys that name them.
type References = Vec<(String, Result<Secret, String>)>;

struct MadeLabel {
    options: AnyOptions,
    label: AnyLabel,
}

impl ConfiguredBackend {
    /// Reads the table of a product, without connecting.
    pub(super) fn read(product: Arc<dyn AnyBackend>, table: &BackendTable) -> Result<Self, Diagnostics> {
        let (name, table) = (table.name().to_owned(), table.clone());
        let configuration = RwLock::new(Arc::new(Configuration::read(&*product, &table)?));
        let (made, log) = (Mutex::default(), FailureLog::new(&*name));
        Ok(ConfiguredBackend { name, product, table, configuration, log, made })
    }

    fn configuration(&self) -> Arc<Configuration> {
        Arc::clone(&read(&self.configuration))
    }

    /// Returns the configuration in force.
    pub(super) fn config(&self) -> AnyConfig {
        Arc::clone(&self.configuration().config)
    }

    /// Returns the file or the folder that no other backend may use.
    pub(super) fn exclusive_path(&self) -> Option<PathBuf> {
        self.product.exclusive_path(&*self.config())
    }

    async fn client_of(&self, configuration: &Configuration) -> Result<AnyClient, OpenError> {
        let connected = configuration.connection.get(|| self.product.connect(&*configuration.config)).await;
        connected.map_err(|source| OpenError::Unavailable { backend: self.name.clone(), source })
    }

    /// Reads again the variables and the files that the table names. If one has changed, connects with the
    /// new values, and makes the labels anew. Returns true then. Not cancel safe.
    ///
    /// A connection that was not made yet is made when it is first needed.
    async fn reload(&self) -> Result<bool, String> {
        let (product, table) = (Arc::clone(&self.product), self.table.clone());
        let old = self.configuration();
        let before = old.references.clone();
        let read = tokio::task::spawn_blocking(move || {
            let references = table.read_references();
            if let Some((key, Err(reason))) = references.iter().find(|(_, value)| value.is_err()) {
                return Err(format!("`{key}` {reason}"));
            }
            if references == before {
                return Ok(None);
            }
            Configuration::read(&*product, &table).map(Some).map_err(|found| found.to_string())
        });
        let Some(new) = read.await.map_err(|error| error.to_string())?? else { return Ok(false) };
        loop {
            if old.connection.made().is_some() {
                let connected = self.client_of(&new).await;
                connected.map_err(|error| format!("the new connection fails: {error}"))?;
            }
            let made = lock(&self.made);
            // Another caller may have connected and opened a label meanwhile.
            if made.is_empty() || new.connection.made().is_some() {
                return self.replace(&made, new).map(|()| true);
            }
        }
    }

    /// Makes the labels on a new configuration, and puts it in force.
    fn replace(&self, made: &HashMap<(TypeId, String), MadeLabel>, new: Configuration) -> Result<(), String> {
        let mut renewed = Vec::with_capacity(made.len());
        for ((of, name), MadeLabel { options, label }) in made {
            let served = self.product.served().get(of);
            let (Some(served), Some(client)) = (served, new.connection.made()) else { continue };
            let new = (served.make)(client, &**options, name);
            let new = new.map_err(|error| format!("the label `{name}` is not made: {error}"))?;
            renewed.push((served.renew, label, new));
        }
        for (renew, old, new) in renewed {
            renew(old, &new);
        }
        *write(&self.configuration) = Arc::new(new);
        Ok(())
    }
}

impl Configuration {
    fn read(product: &dyn AnyBackend, table: &BackendTable) -> Result<Configuration, Diagnostics> {
        // Read before the table, so that a change meanwhile shows at the next reload.
        let references = table.read_references();
        Ok(Configuration { config: product.configure(table)?, references, connection: Connection::default() })
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
    ) -> Result<Arc<Current<T>>, OpenError> {
        let backend = &self.backend;
        loop {
            let configuration = backend.configuration();
            let client = backend.client_of(&configuration).await?;
            let made = lock(&backend.made);
            // A reload may have replaced the connection meanwhile.
            if Arc::ptr_eq(&configuration, &backend.configuration()) {
                return self.open_on(client, made, label, none);
            }
        }
    }

    fn open_on<T: ?Sized + Send + Sync + 'static>(
        &self,
        client: AnyClient,
        mut made: MutexGuard<'_, HashMap<(TypeId, String), MadeLabel>>,
        label: &str,
        none: &impl Fn() -> OpenError,
    ) -> Result<Arc<Current<T>>, OpenError> {
        let backend = &self.backend;
        let key = (self.of, label.to_owned());
        if let Some(label) = made.get(&key).and_then(|made| downcast(&made.label)) {
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
            made.insert(key, MadeLabel { options: Arc::clone(&self.options), label: value });
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
        Ok(self.open_current::<T>(service, label).await?.get())
    }

    /// As [`BackendSet::open`], for a holder that outlives a reload.
    pub(crate) async fn open_current<T: ?Sized + Send + Sync + 'static>(
        &self,
        service: &str,
        label: &str,
    ) -> Result<Arc<Current<T>>, OpenError> {
        let none = || OpenError::NoBackend { service: service.to_owned(), label: label.to_owned() };
        let found = |name: &str| self.0.labels.get(&(service.to_owned(), name.to_owned()));
        let configured = found(label).or_else(|| found("*")).ok_or_else(none)?;
        let log = &configured.backend.log;
        configured.open(label, &none).await.inspect(|_| log.works()).inspect_err(|error| match error {
            OpenError::NoBackend { .. } => {}
            OpenError::Unavailable { source, .. } | OpenError::Refused { source, .. } => log.failed(source),
        })
    }

    /// Reads again the variables and the files that backends name, and connects those anew whose values have
    /// changed. Returns the names of these, and for the others with a new value the reason for which they
    /// keep the old one. Not cancel safe.
    pub(crate) async fn reload(&self) -> Vec<(String, Result<(), String>)> {
        // All at once, because each may wait for its server.
        let tasks = self.0.backends.iter().cloned().map(|backend| {
            let name = backend.name.clone();
            (name, tokio::spawn(async move { backend.reload().await }))
        });
        let tasks: Vec<_> = tasks.collect();
        let mut found = Vec::new();
        for (name, task) in tasks {
            match task.await.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(false) => {}
                Ok(true) => found.push((name, Ok(()))),
                Err(reason) => found.push((name, Err(reason))),
            }
        }
        found
    }

    /// Asks the backends for their products and versions, all at once: those of labels that a component may
    /// use, and those of tables without a label. In the order of names.
    pub async fn check(&self) -> Vec<BackendReport> {
        let mut checks = JoinSet::new();
        for (place, backend) in self.0.backends.iter().cloned().enumerate() {
            checks.spawn(async move {
                let configuration = backend.configuration();
                let answer = timeout(CHECK_TIMEOUT, backend.product.check(&*configuration.config)).await;
                let late = || Err(format!("it did not answer within {} s", CHECK_TIMEOUT.as_secs()).into());
                let answer = answer.unwrap_or_else(|_| late()).map_err(|source| OpenError::Unavailable {
                    backend: backend.name.clone(),
                    source: Arc::new(source),
                });
                (place, BackendReport { name: backend.name.clone(), kind: backend.product.kind(), answer })
            });
        }
        // A product that panics has no report, and ends the check.
        let mut reports = checks.join_all().await;
        reports.sort_by_key(|(place, _)| *place);
        reports.into_iter().map(|(_, report)| report).collect()
    }
}

fn downcast<T: ?Sized + Send + Sync + 'static>(label: &AnyLabel) -> Option<Arc<Current<T>>> {
    Arc::clone(label).downcast().ok()
}
