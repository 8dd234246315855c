//! Calls from services into the exports of components.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Instance as WasmInstance, Lift, Lower, TypedFunc,
};
use wasmtime::{AsContextMut, Store, StoreContextMut};

use crate::guest::failure::GuestFailure;
use crate::guest::interface_name;
use crate::guest::store::GuestState;
use crate::observe::dead_letters::DeadLetterReason;
use crate::routing::queued_call::QueuedCall;

/// An interface that components can export for a service. A component that exports one needs no other
/// export.
#[derive(Clone, Copy, Debug)]
pub struct ExportedInterface {
    /// Its name without a version, such as `wasi:http/incoming-handler`.
    pub name: &'static str,
    /// The version, such as `0.2.0`, or the part that all versions have in common, such as `0.2.`.
    pub version: &'static str,
    /// The functions that the service enters.
    pub functions: &'static [ExportedFunction],
}

impl ExportedInterface {
    /// Returns true if this is the interface of an export such as `wasi:http/incoming-handler@0.2.6`.
    pub(crate) fn is(&self, export: &str) -> bool {
        interface_name::matches(self.name, self.version, export)
    }
}

/// A function that components export for a service.
#[derive(Clone, Copy, Debug)]
pub struct ExportedFunction {
    name: &'static str,
    resolve: Resolve,
}

type Resolve =
    fn(&WasmInstance, &mut Store<GuestState>, ComponentExportIndex) -> wasmtime::Result<TypedEntry>;

/// A `TypedFunc` of an instance.
pub(crate) type TypedEntry = Box<dyn Any + Send + Sync>;

impl ExportedFunction {
    /// Makes a function with the types of its parameters and of its result.
    pub const fn new<P, R>(name: &'static str) -> ExportedFunction
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        ExportedFunction { name, resolve: resolve::<P, R> }
    }

    /// Returns its name in the interface.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Finds the function in an instance, and checks its type.
    pub(crate) fn resolve(
        &self,
        instance: &WasmInstance,
        store: &mut Store<GuestState>,
        index: ComponentExportIndex,
    ) -> wasmtime::Result<TypedEntry> {
        (self.resolve)(instance, store, index)
    }
}

fn resolve<P, R>(
    instance: &WasmInstance,
    store: &mut Store<GuestState>,
    index: ComponentExportIndex,
) -> wasmtime::Result<TypedEntry>
where
    P: ComponentNamedList + Lower + Send + Sync + 'static,
    R: ComponentNamedList + Lift + Send + Sync + 'static,
{
    Ok(Box::new(instance.get_typed_func::<P, R>(store, index)?))
}

/// The place of an exported function in a component, found once per component by
/// [`ComponentHost::entrance`](crate::ComponentHost::entrance).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryPoint(pub(crate) usize);

/// A call from a service: an entry in the mailbox of a component, beside messages.
///
/// It is accounted as a message is: it takes a place in the mailbox, keeps its order, counts in the
/// stats, and belongs to a trace. The guest gets the whole execution time for it. A failed call is never
/// tried again.
///
/// A call that is dropped without [`EntryCall::ended`] was interrupted, because its instance was ended
/// while it ran.
pub trait EntryCall: Send + 'static {
    /// Enters the guest. Dropped if the instance is ended meanwhile; the store is then never entered
    /// again.
    ///
    /// # Errors
    /// The guest's trap, or [`EntryTimedOut`]. Either is a failure of the instance, which its supervisor
    /// restarts.
    fn run<'a>(
        &'a mut self,
        guest: EntryGuest<'a>,
    ) -> Pin<Box<dyn Future<Output = wasmtime::Result<()>> + Send + 'a>>;

    /// Takes the end of the call. Must not block.
    fn ended(self: Box<Self>, how: EntryEnd<'_>);
}

/// The end of a call from a service.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum EntryEnd<'a> {
    /// [`EntryCall::run`] returned without an error.
    Returned,
    /// The instance failed on it.
    Failed(&'a GuestFailure),
    /// No instance was entered.
    NotEntered(&'a DeadLetterReason),
}

/// The error of a call that ends its instance, because it took longer than its service allows.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("took longer than {} ms", limit.as_millis())]
pub struct EntryTimedOut {
    /// The time that the service allows.
    pub limit: Duration,
}

/// An instance that a service enters.
pub struct EntryGuest<'a> {
    pub(crate) store: &'a mut Store<GuestState>,
    pub(crate) entries: &'a [TypedEntry],
}

impl EntryGuest<'_> {
    /// Returns the store of the instance.
    pub fn store(&mut self) -> StoreContextMut<'_, GuestState> {
        self.store.as_context_mut()
    }

    /// Returns the function at a place.
    ///
    /// # Errors
    /// The place is another component's, or the function has another type.
    pub fn function<P, R>(&self, point: EntryPoint) -> wasmtime::Result<TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let found = self.entries.get(point.0).and_then(|entry| entry.downcast_ref::<TypedFunc<P, R>>());
        found.copied().ok_or_else(|| wasmtime::format_err!("the component has no such function here"))
    }
}

/// A call in a mailbox.
pub(crate) struct QueuedEntry(Box<dyn EntryCall>);

impl QueuedEntry {
    pub(crate) fn of(call: impl EntryCall) -> Box<dyn QueuedCall> {
        Box::new(QueuedEntry(Box::new(call)))
    }

    /// Returns the call of a queue's entry. Returns `None` if it is of another kind.
    pub(crate) fn call_of(queued: Box<dyn QueuedCall>) -> Option<Box<dyn EntryCall>> {
        let queued: Box<dyn Any + Send> = queued;
        queued.downcast::<QueuedEntry>().ok().map(|queued| queued.0)
    }
}

impl QueuedCall for QueuedEntry {
    fn not_entered(self: Box<Self>, reason: &DeadLetterReason) {
        self.0.ended(EntryEnd::NotEntered(reason));
    }
}
