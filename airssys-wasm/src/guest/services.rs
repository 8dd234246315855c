//! The list of services: linkers, the interfaces that the host provides, and connections.

use std::any::Any;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airssys_rt::BoxError;
use airssys_spec::manifest::{Diagnostics, ServiceTable};
use airssys_spec::pattern::check_component_name;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use wasmtime::component::Linker;

use crate::backend::product::Labels;
use crate::backend::set::BackendSet;
use crate::guest::context::InstanceDependencies;
use crate::guest::entry_call::ExportedInterface;
use crate::guest::imports::airssys::AirssysService;
use crate::guest::imports::wasi::WasiService;
use crate::guest::service::{AnyData, AnyService, Erased, Service, ServiceInstance};
use crate::guest::store::{Entry, GuestState};
use crate::sync::lock;

/// The time that a service has to connect, because the start of an instance waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// The services that an engine links: by default the contract and WASI. Cheap to clone.
#[derive(Clone)]
pub struct Services(Vec<Arc<dyn AnyService>>);

impl Default for Services {
    fn default() -> Services {
        Services(Vec::new()).with(AirssysService).with(WasiService)
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|service| service.name())).finish()
    }
}

impl Services {
    /// Adds a service.
    #[must_use]
    pub fn with(mut self, service: impl Service) -> Services {
        let (interfaces, exports) = (service.interfaces(), service.exports());
        self.0.push(Arc::new(Erased { service, interfaces, exports }));
        self
    }

    /// Returns the names of the services, in the order in which they were added.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|service| service.name()).collect()
    }

    /// Returns the services that have labels, by name.
    pub fn labels(&self) -> BTreeMap<&'static str, Labels> {
        self.0.iter().filter_map(|service| Some((service.name(), service.labels()?))).collect()
    }

    /// Returns the first service whose name is not a name, or belongs to another service too.
    pub(crate) fn invalid_name(&self) -> Option<&'static str> {
        let mut seen = HashSet::new();
        let mut names = self.0.iter().map(|service| service.name());
        names.find(|name| check_component_name(name).is_err() || !seen.insert(*name))
    }

    /// Has each service read its table of an app, and reports a table that no service reads.
    ///
    /// # Errors
    /// Every mistake in any of the tables.
    pub fn configure(&self, tables: &[ServiceTable]) -> Result<ServiceConfigs, Diagnostics> {
        let mut found: Option<Diagnostics> = None;
        let mut report = |diagnostics: Diagnostics| match &mut found {
            Some(found) => found.append(diagnostics),
            None => found = Some(diagnostics),
        };
        let mut configs = HashMap::new();
        for service in &self.0 {
            let written = tables.iter().find(|table| table.name() == service.name());
            let empty = ServiceTable::empty(service.name());
            match service.configure(written.unwrap_or(&empty)) {
                Ok(config) => {
                    let config: Arc<dyn Any + Send + Sync> = Arc::from(config);
                    configs.insert(service.name(), config);
                }
                // A service whose table has to be written is missed when a component imports it.
                Err(diagnostics) if written.is_some() => report(diagnostics),
                Err(_) => {}
            }
        }
        for table in tables.iter().filter(|table| !self.0.iter().any(|own| own.name() == table.name())) {
            let names = self.names();
            let message = format!("this program has no service `{}`", table.name());
            report(table.fault(message, format!("the services are {}", names.join(", "))));
        }
        match found {
            Some(found) => Err(found),
            None => Ok(ServiceConfigs(configs)),
        }
    }

    /// Returns true if a service provides an interface such as `wasi:io/streams@0.2.6`.
    pub fn provides(&self, interface: &str) -> bool {
        self.of(interface).is_some()
    }

    /// Returns true if a call of the imported function may wait.
    pub(crate) fn may_wait(&self, interface: &str, function: &str) -> bool {
        self.of(interface).is_some_and(|service| service.may_wait(interface, function))
    }

    /// Returns the service that provides an interface.
    pub(crate) fn of(&self, interface: &str) -> Option<&Arc<dyn AnyService>> {
        self.0.iter().find(|service| service.interface(interface).is_some())
    }

    /// Returns the service that enters an exported interface, with the interface.
    pub(crate) fn accepting(&self, export: &str) -> Option<(&'static str, &ExportedInterface)> {
        self.0.iter().find_map(|service| {
            let accepted = service.exports().iter().find(|accepted| accepted.is(export))?;
            Some((service.name(), accepted))
        })
    }

    /// Makes the linker of all components that are entered in this way.
    pub(crate) fn linker(
        &self,
        engine: &wasmtime::Engine,
        entry: Entry,
    ) -> wasmtime::Result<Linker<GuestState>> {
        let mut linker = Linker::new(engine);
        for service in &self.0 {
            service.link(&mut linker, entry)?;
        }
        Ok(linker)
    }
}

/// The configurations of services, by [`Services::configure`].
#[derive(Clone, Default)]
pub struct ServiceConfigs(HashMap<&'static str, Config>);

type Config = Arc<dyn Any + Send + Sync>;

impl ServiceConfigs {
    /// Returns the configuration of a service: that of its table, or else of an empty one.
    pub(crate) fn of(&self, service: &dyn AnyService) -> Result<Config, ServiceError> {
        let name = service.name();
        match self.0.get(name) {
            Some(config) => Ok(Arc::clone(config)),
            None => {
                let config = service.configure(&ServiceTable::empty(name));
                Ok(Arc::from(config.map_err(|source| ServiceError::Config { service: name, source })?))
            }
        }
    }
}

impl std::fmt::Debug for ServiceConfigs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

type Connection = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

/// The connections of a host to the backends of its services: each is made when it is first needed.
#[derive(Default)]
pub(crate) struct Connections {
    configs: ServiceConfigs,
    backends: BackendSet,
    made: Mutex<HashMap<&'static str, Connection>>,
}

/// Reasons for which an instance does not get the data of a service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The service has no valid configuration.
    #[error("the service `{service}` is not configured; write [service.{service}] into the app.toml")]
    Config {
        /// The service.
        service: &'static str,
        /// The mistakes in the empty configuration.
        source: Diagnostics,
    },
    /// The backend cannot be reached.
    #[error("the service `{service}` cannot connect")]
    Connect {
        /// The service.
        service: &'static str,
        /// The reason.
        source: BoxError,
    },
    /// The service refuses the instance.
    #[error("the service `{service}` does not serve `{instance}`")]
    Prepare {
        /// The service.
        service: &'static str,
        /// The instance.
        instance: String,
        /// The reason.
        source: BoxError,
    },
}

impl Connections {
    pub(crate) fn new(configs: ServiceConfigs, backends: BackendSet) -> Connections {
        Connections { configs, backends, made: Mutex::default() }
    }

    /// Returns the backends that serve the labels of the services.
    pub(crate) fn backends(&self) -> &BackendSet {
        &self.backends
    }

    /// Connects a service, unless it is connected.
    pub(crate) async fn connect(
        &self,
        service: &dyn AnyService,
    ) -> Result<Arc<dyn Any + Send + Sync>, ServiceError> {
        let name = service.name();
        let cell = {
            let mut made = lock(&self.made);
            Arc::clone(made.entry(name).or_default())
        };
        let connect = async || {
            let config = self.configs.of(service)?;
            let late = |_| {
                let seconds = CONNECT_TIMEOUT.as_secs();
                Err(format!("its backend did not answer within {seconds} s").into())
            };
            let connected = timeout(CONNECT_TIMEOUT, service.connect(&*config)).await.unwrap_or_else(late);
            connected.map_err(|source| ServiceError::Connect { service: name, source })
        };
        cell.get_or_try_init(connect).await.map(Arc::clone)
    }

    /// Makes the data of one incarnation of an instance, of each service that it imports.
    pub(crate) async fn prepare(
        &self,
        services: &[Arc<dyn AnyService>],
        dependencies: &InstanceDependencies,
    ) -> Result<Vec<AnyData>, ServiceError> {
        let instance = ServiceInstance { dependencies };
        let mut prepared = Vec::with_capacity(services.len());
        for service in services {
            let (name, connection) = (service.name(), self.connect(&**service).await?);
            let data = service.prepare(&*connection, &instance);
            let data = data.map_err(|source| {
                let instance = instance.instance().to_owned();
                ServiceError::Prepare { service: name, instance, source }
            })?;
            prepared.push(data);
        }
        Ok(prepared)
    }
}
