//! The door for services: host interfaces that components can import.

use std::any::{Any, TypeId};
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use airssys_rt::BoxError;
use airssys_spec::manifest::{Diagnostics, ServiceTable, SettingValue};
use airssys_spec::{Access, Capabilities, Denied, InvalidUse, Limits, UsePattern};
use tracing::Level;
use wasmtime::component::{HasData, Linker, ResourceTable};

use crate::backend::product::Labels;
use crate::backend::set::BackendSet;
use crate::guest::caller::{Caller, CallsExceeded};
use crate::guest::component_log;
use crate::guest::context::{GuestContext, InstanceDependencies};
use crate::guest::entry_call::ExportedInterface;
use crate::guest::interface_name;
use crate::guest::store::{Entry, GuestState};
use crate::observe::audit::AuditEvent;
use crate::observe::trace::TraceContext;

/// A service of the host: interfaces that components can import, in three phases.
///
/// 1. *link*: [`Service::interfaces`] says what it provides, and [`Service::link`] adds the
///    functions to a linker, once per engine and [`Entry`].
/// 2. *configure*: [`Service::configure`] reads the table `[service.NAME]` of `app.toml`, without
///    I/O. Every mistake is a diagnostic with its place.
/// 3. *connect and prepare*: [`Service::connect`] reaches the backend, once per host.
///    [`Service::prepare`] makes the data of one incarnation of an instance.
///
/// The functions find the data of their instance with [`GuestState::service`].
///
/// A service without configuration, connection or data writes `()` for the type, and leaves the
/// method out.
pub trait Service: Send + Sync + 'static {
    /// Its name: the first segment of rights (`use = ["NAME/…"]`) and the name of its table.
    const NAME: &'static str;

    /// The checked configuration.
    type Config: Send + Sync + 'static;
    /// The connection to the backend, shared by all instances of a host.
    type Connection: Send + Sync + 'static;
    /// The data of one incarnation of an instance.
    type Data: Send + 'static;

    /// Returns the interfaces that it provides.
    fn interfaces(&self) -> Vec<Interface>;

    /// Returns the interfaces that components can export for it, besides the contract or in its place. By
    /// default there are none.
    fn exports(&self) -> Vec<ExportedInterface> {
        Vec::new()
    }

    /// Adds its functions to a linker. The linker of [`Entry::Direct`] gets only functions that
    /// never wait.
    ///
    /// # Errors
    /// The linker's, such as a name that is defined twice.
    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()>;

    /// Returns the trait behind its labels, if backends serve them. By default it has no labels.
    ///
    /// [`ServiceCall::open_label`] opens one.
    fn labels(&self) -> Option<Labels> {
        None
    }

    /// Reads its table, without I/O. By default the table has no keys.
    ///
    /// # Errors
    /// Every mistake in the table.
    fn configure(&self, table: &ServiceTable) -> Result<Self::Config, Diagnostics> {
        const { assert!(size_of::<Self::Config>() == 0, "`Config` is not `()`: implement `configure`") }
        table.read(|_| ())?;
        let missing = "the service does not read its table, and its configuration is not `()`";
        unit().ok_or_else(|| table.fault(missing, "implement `Service::configure`"))
    }

    /// Connects to the backend. Called once per host, before the first instance that imports it
    /// starts. By default there is no backend.
    ///
    /// The start of an instance waits for it, so it is dropped after 30 s, and the start fails.
    fn connect(
        &self,
        config: &Self::Config,
    ) -> impl Future<Output = Result<Self::Connection, BoxError>> + Send {
        const { assert!(size_of::<Self::Connection>() == 0, "`Connection` is not `()`: implement `connect`") }
        let _ = config;
        async { unit().ok_or_else(|| "the service does not implement `Service::connect`".into()) }
    }

    /// Makes the data of one incarnation of an instance. Must not block. By default there are no
    /// data.
    ///
    /// # Errors
    /// The reason for which the incarnation does not start.
    fn prepare(
        &self,
        connection: &Self::Connection,
        instance: &ServiceInstance<'_>,
    ) -> Result<Self::Data, BoxError> {
        const { assert!(size_of::<Self::Data>() == 0, "`Data` is not `()`: implement `prepare`") }
        let _ = (connection, instance);
        unit().ok_or_else(|| "the service does not implement `Service::prepare`".into())
    }
}

/// Returns `()` as a `T`, or `None` if `T` is another type.
fn unit<T: 'static>() -> Option<T> {
    (Box::new(()) as Box<dyn Any>).downcast().ok().map(|unit| *unit)
}

/// An interface that a service provides.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    /// Its name without a version, such as `wasi:keyvalue/store`; a trailing `*` stands for every
    /// interface that begins with the text before it.
    pub name: &'static str,
    /// The version, such as `0.2.0`, or the part that all versions have in common, such as `0.2.`.
    pub version: &'static str,
    /// The functions that may wait.
    pub waits: Waits,
}

/// The functions of an interface that may wait, and so need a stack of their own.
#[derive(Clone, Copy, Debug)]
pub enum Waits {
    /// No function waits.
    Never,
    /// Every function may wait.
    Always,
    /// The functions except these may wait.
    Except(&'static [&'static str]),
}

impl Interface {
    /// Returns true if this is the interface of an import such as `wasi:io/streams@0.2.6`.
    pub(crate) fn is(&self, import: &str) -> bool {
        interface_name::matches(self.name, self.version, import)
    }

    fn may_wait(&self, function: &str) -> bool {
        match self.waits {
            Waits::Never => false,
            Waits::Always => true,
            Waits::Except(functions) => !functions.contains(&function),
        }
    }
}

/// The instance for which a service prepares data.
pub struct ServiceInstance<'a> {
    pub(crate) dependencies: &'a InstanceDependencies,
}

impl ServiceInstance<'_> {
    /// Returns the instance, for work of the service `S` on its behalf after a call has returned.
    pub fn caller<S: Service>(&self) -> Caller {
        Caller::new(S::NAME, self.dependencies)
    }

    /// Returns the app's name.
    pub fn app(&self) -> &str {
        &self.dependencies.identity.app
    }

    /// Returns the component's name in the app.
    pub fn component(&self) -> &str {
        self.dependencies.sender.subject.component()
    }

    /// Returns the instance's name.
    pub fn instance(&self) -> &str {
        &self.dependencies.identity.instance
    }

    /// Returns the rights that the component asks for: the most that it may ever use.
    pub fn asks(&self) -> &Capabilities {
        self.dependencies.sender.grants.asked()
    }

    /// Returns the limits that are in force for the instance.
    pub fn limits(&self) -> &Limits {
        &self.dependencies.limits
    }

    /// Returns the component's settings at present, in the order of `app.toml`. They may be secrets.
    pub fn settings(&self) -> Arc<[(String, SettingValue)]> {
        self.dependencies.settings.get()
    }
}

/// A call of a service's function by an instance.
pub struct ServiceCall<'a, S: Service> {
    data: Option<&'a mut S::Data>,
    guest: &'a mut GuestContext,
    table: &'a mut ResourceTable,
}

/// Reasons for which an instance may not use a resource of a service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UseError {
    /// The resource or the verb is not a name.
    #[error(transparent)]
    Invalid(#[from] InvalidUse),
    /// The instance has no right to this use.
    #[error(transparent)]
    Denied(#[from] Denied),
}

impl<'a, S: Service> ServiceCall<'a, S> {
    /// Returns the data that [`Service::prepare`] made.
    ///
    /// # Errors
    /// An error that traps the guest, if the function of one service asks for the data of another.
    pub fn data(&mut self) -> wasmtime::Result<&mut S::Data> {
        let found = self.data.as_deref_mut();
        found.ok_or_else(|| wasmtime::format_err!("the service `{}` has no data here", S::NAME))
    }

    /// Returns the data that [`Service::prepare`] made, and the resources of the instance. The data are
    /// `None` if the component imports nothing of this service.
    pub fn into_parts(self) -> (Option<&'a mut S::Data>, &'a mut ResourceTable) {
        (self.data, self.table)
    }

    /// Returns the place in a trace to which the work belongs that the instance causes now.
    pub fn trace(&self) -> Option<TraceContext> {
        self.guest.trace()
    }

    /// Returns the resources of the instance.
    pub fn table(&mut self) -> &mut ResourceTable {
        self.table
    }

    /// Returns the instance's name.
    pub fn instance(&self) -> &str {
        &self.guest.instance.identity.instance
    }

    /// Returns the component's settings at present, in the order of `app.toml`. They may be secrets.
    pub fn settings(&self) -> Arc<[(String, SettingValue)]> {
        self.guest.instance.settings.get()
    }

    /// Returns the name of the instance's component.
    pub fn component(&self) -> &str {
        self.guest.instance.sender.subject.component()
    }

    /// Returns the limits that are in force for the instance.
    pub fn limits(&self) -> &Limits {
        &self.guest.instance.limits
    }

    /// Returns the backends that serve the labels of the host's services.
    pub fn backends(&self) -> &BackendSet {
        &self.guest.instance.backends
    }

    /// Decides whether the instance may use a resource of this service now: whether it has the
    /// right `SERVICE/RESOURCE:VERB`. A denial is counted and audited.
    ///
    /// # Errors
    /// [`UseError::Denied`], with the manifest lines that would allow it; [`UseError::Invalid`] if
    /// the resource, which the guest may have chosen, is not a name. A wildcard is not one.
    pub fn may_use(&self, resource: &str, verb: &str) -> Result<(), UseError> {
        let right = UsePattern::exact(&format!("{}/{resource}:{verb}", S::NAME))?;
        Ok(self.allows(&right)?)
    }

    /// As [`ServiceCall::may_use`], for a right that is made once and used often.
    ///
    /// # Errors
    /// [`Denied`], with the manifest lines that would allow it.
    pub fn allows(&self, right: &UsePattern) -> Result<(), Denied> {
        self.guest.instance.sender.allows(&Access::Use { right })
    }

    /// Returns true if the instance has a right now. Neither counts nor audits a denial.
    pub fn has(&self, right: &UsePattern) -> bool {
        let sender = &self.guest.instance.sender;
        sender.grants.decide(&sender.subject, &Access::Use { right }).is_ok()
    }

    /// Decides whether the instance has one of these rights now. Only a denial of all of them is counted
    /// and audited, as that of the first.
    ///
    /// # Errors
    /// [`Denied`] about the first right, with the manifest lines that would allow it.
    pub fn allows_any(&self, rights: [&UsePattern; 2]) -> Result<(), Denied> {
        let sender = &self.guest.instance.sender;
        let decide = |right| sender.grants.decide(&sender.subject, &Access::Use { right });
        match decide(rights[1]) {
            Ok(()) => Ok(()),
            Err(_) => self.allows(rights[0]),
        }
    }

    /// Counts a call against the component's limit `service_calls_per_second`. A refusal is counted and
    /// audited.
    ///
    /// # Errors
    /// [`CallsExceeded`] if all instances of the component together have used up the limit.
    pub fn admit(&self) -> Result<(), CallsExceeded> {
        let sender = &self.guest.instance.sender;
        sender.quota.take_service_call().map_err(|exceeded| {
            let most = exceeded.most;
            sender.exceeded(exceeded);
            CallsExceeded { most }
        })
    }

    /// Writes a line to the component's log, under the instance's name. A line beyond the component's
    /// limits on its log is cut or dropped, and counted.
    pub fn write_log(&self, level: Level, line: &str) {
        if !component_log::enabled(level) {
            return;
        }
        self.guest.stats().host_call(|| {
            let line = self.guest.log_line(line);
            self.guest.instance.log.write(&self.guest.instance.identity.instance, level, &line);
        });
    }

    /// Records in the audit that the instance used a label, or an item of it, as it was allowed to. For
    /// services whose every use matters, such as that of secrets. Never waits.
    pub fn audit(&self, function: &'static str, label: &str, item: Option<&str>, succeeded: bool) {
        let sender = &self.guest.instance.sender;
        if sender.trail.audit().is_none() {
            return;
        }
        sender.trail.record(AuditEvent::ServiceUsed {
            service: S::NAME,
            component: Arc::from(sender.subject.component()),
            instance: Arc::from(self.instance()),
            label: Arc::from(label),
            function,
            item: item.map(Arc::from),
            succeeded,
        });
    }

    /// Runs a call, and counts it under the function's name with its time and its outcome. The time
    /// is the host's: it does not count for the guest's limit.
    pub fn count<T, E>(
        &mut self,
        function: &'static str,
        run: impl FnOnce(&mut ServiceCall<'a, S>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (began, meter) = (Instant::now(), Arc::clone(&self.guest.meter));
        let result = meter.pause(|| run(self));
        self.record(function, began, result.is_ok());
        result
    }

    /// Counts a call that began at this time. For calls that wait, whose time [`ServiceCall::count`]
    /// cannot see.
    pub fn record(&self, function: &'static str, began: Instant, succeeded: bool) {
        let stats = &self.guest.instance.sender.stats;
        stats.service_called(S::NAME, function, began.elapsed(), succeeded);
    }
}

/// Marks the functions of a service in bindings: the type that `add_to_linker` asks for.
pub struct HasService<S>(PhantomData<S>);

impl<S: Service> HasData for HasService<S> {
    type Data<'a> = ServiceCall<'a, S>;
}

impl GuestState {
    /// Returns the call of a service's function, with the data of this instance.
    pub fn service<S: Service>(&mut self) -> ServiceCall<'_, S> {
        let GuestState { guest, table, services, .. } = self;
        let data = services.iter_mut().find_map(|data| data.downcast_mut::<Prepared<S>>());
        ServiceCall { data: data.map(|data| &mut data.0), guest, table }
    }
}

/// The data of one service: a type of its own, so that two services may have data of one type.
struct Prepared<S: Service>(S::Data);

type AnyConfig = Box<dyn Any + Send + Sync>;
type AnyConnection = Arc<dyn Any + Send + Sync>;
pub(crate) type AnyData = Box<dyn Any + Send>;

/// A [`Service`] whose types are erased.
pub(crate) trait AnyService: Send + Sync {
    fn name(&self) -> &'static str;
    fn interfaces(&self) -> &[Interface];
    fn exports(&self) -> &[ExportedInterface];
    fn labels(&self) -> Option<Labels>;
    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()>;
    fn configure(&self, table: &ServiceTable) -> Result<AnyConfig, Diagnostics>;
    fn connect<'a>(
        &'a self,
        config: &'a (dyn Any + Send + Sync),
    ) -> Pin<Box<dyn Future<Output = Result<AnyConnection, BoxError>> + Send + 'a>>;
    fn prepare(
        &self,
        connection: &(dyn Any + Send + Sync),
        instance: &ServiceInstance<'_>,
    ) -> Result<AnyData, BoxError>;

    /// Returns true if it has a configuration, a connection or data, so that it is connected and
    /// prepared.
    fn has_state(&self) -> bool;

    /// Returns the interface of an import.
    fn interface(&self, import: &str) -> Option<&Interface> {
        self.interfaces().iter().find(|interface| interface.is(import))
    }

    /// Returns true if a call of the imported function may wait.
    fn may_wait(&self, import: &str, function: &str) -> bool {
        self.interface(import).is_some_and(|interface| interface.may_wait(function))
    }
}

/// A service with its interfaces, which are asked for once.
pub(crate) struct Erased<S> {
    pub(crate) service: S,
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) exports: Vec<ExportedInterface>,
}

impl<S: Service> AnyService for Erased<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn exports(&self) -> &[ExportedInterface] {
        &self.exports
    }

    fn labels(&self) -> Option<Labels> {
        self.service.labels()
    }

    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()> {
        self.service.link(linker, entry)
    }

    fn configure(&self, table: &ServiceTable) -> Result<AnyConfig, Diagnostics> {
        Ok(Box::new(self.service.configure(table)?))
    }

    fn connect<'a>(
        &'a self,
        config: &'a (dyn Any + Send + Sync),
    ) -> Pin<Box<dyn Future<Output = Result<AnyConnection, BoxError>> + Send + 'a>> {
        Box::pin(async move {
            let config =
                config.downcast_ref::<S::Config>().ok_or("the configuration is another service's")?;
            let connection: AnyConnection = Arc::new(self.service.connect(config).await?);
            Ok(connection)
        })
    }

    fn has_state(&self) -> bool {
        let types = [TypeId::of::<S::Config>(), TypeId::of::<S::Connection>(), TypeId::of::<S::Data>()];
        types.iter().any(|state| *state != TypeId::of::<()>())
    }

    fn prepare(
        &self,
        connection: &(dyn Any + Send + Sync),
        instance: &ServiceInstance<'_>,
    ) -> Result<AnyData, BoxError> {
        let connection = connection.downcast_ref::<S::Connection>();
        let connection = connection.ok_or("the connection is another service's")?;
        Ok(Box::new(Prepared::<S>(self.service.prepare(connection, instance)?)))
    }
}
