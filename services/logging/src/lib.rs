//! The service `wasi:logging`: a component writes to its log.
//!
//! Lines go to the same log as those of `airssys:component/logging`, under the same limits.

use std::borrow::Cow;

use airssys_wasm::wasmtime::component::Linker;
use airssys_wasm::{Entry, GuestState, HasService, Interface, Service, ServiceCall, Waits, wasmtime};
use tracing::Level as TracingLevel;

use self::bindings::wasi::logging::logging::{self, Level};

mod bindings {
    airssys_wasm::wasmtime::component::bindgen!({
        path: "wit",
        world: "imports",
        wasmtime_crate: airssys_wasm::wasmtime,
    });
}

/// The service. A component needs no right to write to its own log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Logging;

impl Service for Logging {
    const NAME: &'static str = "logging";

    type Config = ();
    type Connection = ();
    type Data = ();

    fn interfaces(&self) -> Vec<Interface> {
        vec![Interface { name: "wasi:logging/logging", version: "0.1.0-draft", waits: Waits::Never }]
    }

    fn link(&self, linker: &mut Linker<GuestState>, _entry: Entry) -> wasmtime::Result<()> {
        logging::add_to_linker::<_, HasService<Logging>>(linker, GuestState::service::<Logging>)
    }
}

impl logging::Host for ServiceCall<'_, Logging> {
    fn log(&mut self, level: Level, context: String, message: String) {
        let line = match context.is_empty() {
            true => Cow::Borrowed(message.as_str()),
            false => Cow::Owned(format!("{context}: {message}")),
        };
        self.write_log(tracing_level(level), &line);
    }
}

fn tracing_level(level: Level) -> TracingLevel {
    match level {
        Level::Trace => TracingLevel::TRACE,
        Level::Debug => TracingLevel::DEBUG,
        Level::Info => TracingLevel::INFO,
        Level::Warn => TracingLevel::WARN,
        Level::Error | Level::Critical => TracingLevel::ERROR,
    }
}
