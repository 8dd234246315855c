//! The exports of a component: those of the contract, and those that services accept.

use bytes::Bytes;
use wasmtime::component::ComponentExportIndex;
use wasmtime::component::types::{Component as ComponentType, ComponentFunc, ComponentItem};

use crate::contract::{BatchEnd, Callback, HealthStatus, Outcome};
use crate::guest::engine::Engine;
use crate::guest::entry_call::{EntryPoint, ExportedFunction};
use crate::guest::load_error::LoadError;

const HANDLER: &str = "airssys:component/handler@0.2.0";
const BATCH_HANDLER: &str = "airssys:component/batch-handler@0.2.0";
const LIFECYCLE: &str = "airssys:component/lifecycle@0.2.0";

type InitializeParams = (Vec<(String, String)>,);
type InitializeResult = (Result<(), String>,);

/// The exported functions of a component. It has those of the contract, or a service's, or both.
#[derive(Clone, Debug)]
pub(crate) struct Exports {
    /// `None` if the component does not export the contract, and so takes no messages.
    pub(crate) contract: Option<ContractExports>,
    /// The functions that services enter. The index of an entry is its [`EntryPoint`].
    pub(crate) entries: Vec<EntryExport>,
}

/// The indices of the functions of the contract.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContractExports {
    pub(crate) initialize: ComponentExportIndex,
    pub(crate) health: ComponentExportIndex,
    pub(crate) shutdown: ComponentExportIndex,
    pub(crate) handle_message: ComponentExportIndex,
    pub(crate) handle_callback: ComponentExportIndex,
    /// `None` if the component gets messages one at a time.
    pub(crate) handle_messages: Option<ComponentExportIndex>,
}

/// A function that a service enters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryExport {
    service: &'static str,
    /// The name of the interface, without a version.
    interface: &'static str,
    pub(crate) function: ExportedFunction,
    pub(crate) index: ComponentExportIndex,
}

impl Exports {
    /// Finds the exports of a component.
    ///
    /// # Errors
    /// [`LoadError`] if it lacks a function of an interface that it exports, or exports neither the
    /// contract nor an interface of a service.
    pub(crate) fn of(
        engine: &Engine,
        component: &wasmtime::component::Component,
    ) -> Result<Exports, LoadError> {
        let entries = entries(engine, component)?;
        let exported: Vec<_> =
            component.component_type().exports(engine.wasmtime()).map(|(name, _)| name.to_owned()).collect();
        let has_contract =
            [HANDLER, BATCH_HANDLER, LIFECYCLE].iter().any(|own| exported.iter().any(|name| name == own));
        let contract = match has_contract || entries.is_empty() {
            true => Some(contract(component)?),
            false => None,
        };
        Ok(Exports { contract, entries })
    }

    /// Returns the place of a function that a service enters. Returns `None` if the component does not
    /// export it.
    pub(crate) fn entry_point(
        &self,
        service: &'static str,
        interface: &str,
        function: &str,
    ) -> Option<EntryPoint> {
        let is_it = |entry: &EntryExport| {
            entry.service == service && entry.interface == interface && entry.function.name() == function
        };
        self.entries.iter().position(is_it).map(EntryPoint)
    }
}

/// Returns the functions of each exported interface that a service accepts.
fn entries(
    engine: &Engine,
    component: &wasmtime::component::Component,
) -> Result<Vec<EntryExport>, LoadError> {
    let (mut entries, mut missing) = (Vec::new(), Vec::new());
    for (name, _) in component.component_type().exports(engine.wasmtime()) {
        let Some((service, export)) = engine.services().accepting(name) else { continue };
        let instance = component.get_export_index(None, name);
        for function in export.functions {
            let found = instance.and_then(|instance| component.get_export(Some(&instance), function.name()));
            match found {
                Some((ComponentItem::ComponentFunc(_), index)) => {
                    let interface = export.name;
                    entries.push(EntryExport { service, interface, function: *function, index });
                }
                _ => missing.push(format!("{name}#{}", function.name())),
            }
        }
    }
    match missing.is_empty() {
        true => Ok(entries),
        false => Err(LoadError::MissingExports(missing)),
    }
}

/// A check that a function has the type that the contract defines.
type TypeCheck = fn(&ComponentFunc, &ComponentType) -> wasmtime::Result<()>;

fn contract(component: &wasmtime::component::Component) -> Result<ContractExports, LoadError> {
    let (mut missing, mut misfit) = (Vec::new(), None);
    let component_type = component.component_type();
    let mut find = |interface: &str, function: &str, check: TypeCheck| {
        let instance = component.get_export_index(None, interface);
        let found = instance.and_then(|instance| component.get_export(Some(&instance), function));
        let Some((ComponentItem::ComponentFunc(found), index)) = found else {
            missing.push(format!("{interface}#{function}"));
            return None;
        };
        if let Err(source) = check(&found, &component_type) {
            misfit.get_or_insert(LoadError::ExportMismatch {
                export: format!("{interface}#{function}"),
                source,
            });
        }
        Some(index)
    };
    let found = (
        find(LIFECYCLE, "initialize", |f, all| {
            f.typecheck::<InitializeParams, InitializeResult>(&all.instance_type())
        }),
        find(LIFECYCLE, "health", |f, all| f.typecheck::<(), (HealthStatus,)>(&all.instance_type())),
        find(LIFECYCLE, "shutdown", |f, all| f.typecheck::<(), ()>(&all.instance_type())),
        find(HANDLER, "handle-message", |f, all| {
            f.typecheck::<(u64, Bytes), (Outcome,)>(&all.instance_type())
        }),
        find(HANDLER, "handle-callback", |f, all| f.typecheck::<(u64, Callback), ()>(&all.instance_type())),
    );
    // The batch handler is optional, so its absence is not an error.
    let has_batches = component.get_export_index(None, BATCH_HANDLER).is_some();
    let handle_messages = match has_batches {
        true => find(BATCH_HANDLER, "handle-batch", |f, all| {
            f.typecheck::<(u64, Vec<u32>, Bytes), (BatchEnd,)>(&all.instance_type())
        }),
        false => None,
    };
    if let Some(misfit) = misfit {
        return Err(misfit);
    }
    if has_batches && handle_messages.is_none() {
        return Err(LoadError::MissingExports(missing));
    }
    match found {
        (Some(initialize), Some(health), Some(shutdown), Some(handle_message), Some(handle_callback)) => {
            Ok(ContractExports {
                initialize,
                health,
                shutdown,
                handle_message,
                handle_callback,
                handle_messages,
            })
        }
        _ => Err(LoadError::MissingExports(missing)),
    }
}
