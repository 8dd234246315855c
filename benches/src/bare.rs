//! `test-bench` in a bare wasmtime program, as a user without airssys would write it.

use bytes::Bytes;
use wasmtime::component::{Component, InstancePre, Linker, WasmList};
use wasmtime::{Engine, Store};

use self::bindings::ComponentPre;
use self::bindings::exports::airssys::component::handler::Outcome;
use crate::{Failure, built, floor};

mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "component" });
}

/// `test-bench`, compiled and linked.
pub struct Bare {
    engine: Engine,
    pre: ComponentPre<()>,
}

/// An initialized instance.
pub struct BareInstance {
    store: Store<()>,
    exports: bindings::Component,
    messages: u64,
}

impl Bare {
    /// Compiles `test-bench` for `max_instances` instances at once.
    ///
    /// # Errors
    /// The component does not build or compile.
    pub fn new(max_instances: u32) -> Result<Bare, Failure> {
        let engine = floor::engine(max_instances)?;
        let component = Component::from_file(&engine, built("test-bench")?)?;
        let mut linker: Linker<()> = Linker::new(&engine);
        let mut logging = linker.instance("airssys:component/logging@0.2.0")?;
        logging
            .func_wrap("enabled", |_, (_,): (bindings::airssys::component::logging::Level,)| Ok((false,)))?;
        let mut progress = linker.instance("airssys:component/progress@0.2.0")?;
        progress.func_wrap("show", |_, (_,): (WasmList<u64>,)| Ok(()))?;
        // The benches give no order that needs another import.
        linker.define_unknown_imports_as_traps(&component)?;
        let pre: InstancePre<()> = linker.instantiate_pre(&component)?;
        Ok(Bare { engine, pre: ComponentPre::new(pre)? })
    }

    /// Starts a fresh instance with this configuration.
    ///
    /// # Errors
    /// The instance does not start.
    pub fn instantiate(&self, config: &[(String, String)]) -> Result<BareInstance, Failure> {
        let mut store = Store::new(&self.engine, ());
        store.set_epoch_deadline(u64::MAX / 2);
        let exports = self.pre.instantiate(&mut store)?;
        exports.airssys_component_lifecycle().call_initialize(&mut store, config)??;
        Ok(BareInstance { store, exports, messages: 0 })
    }
}

impl BareInstance {
    /// Has the instance handle a message; returns its reply, if there is one.
    ///
    /// # Errors
    /// The handler traps, or rejects the message.
    pub fn handle(&mut self, message: &[u8]) -> Result<Option<Bytes>, Failure> {
        use self::bindings::airssys::component::types::Completion;
        self.messages += 1;
        let handler = self.exports.airssys_component_handler();
        match handler.call_handle_message(&mut self.store, self.messages, message)? {
            Outcome::Completed(Completion::Done) => Ok(None),
            Outcome::Completed(Completion::Reply(reply)) => Ok(Some(reply.into())),
            other => Err(format!("the handler ended with {other:?}").into()),
        }
    }
}
