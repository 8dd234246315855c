//! The component's exports, as the host calls them.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::panic::PanicHookInfo;

use crate::bindings::exports::airssys::component::batch_handler;
use crate::bindings::exports::airssys::component::handler::{self, Outcome};
use crate::bindings::exports::airssys::component::lifecycle::{self, HealthStatus};
use crate::component::{Component, Health};
#[cfg(feature = "http")]
use crate::context::Context;
use crate::executor::{self, Running};
use crate::host::{BatchEnd, Callback, Completion, MessageId, RequestId, messaging, system};
use crate::{logger, progress};

thread_local! {
    static INSTANCE: RefCell<Option<Box<dyn Running>>> = const { RefCell::new(None) };
}

/// Exports `C`. For `component!` and `http_component!` only. With `WAITS`, its handlers wait within
/// calls.
#[derive(Debug)]
pub struct Export<C, const WAITS: bool = false>(PhantomData<C>);

impl<C: Component, const WAITS: bool> lifecycle::Guest for Export<C, WAITS> {
    fn initialize(config: Vec<(String, String)>) -> Result<(), String> {
        std::panic::set_hook(Box::new(report_panic));
        logger::install();
        progress::show();
        let config = config.into_iter().collect();
        let instance = executor::initialize::<C, WAITS>(&config).map_err(|error| error.into_text())?;
        INSTANCE.set(Some(Box::new(instance)));
        Ok(())
    }

    fn health() -> HealthStatus {
        match with_instance(|instance| instance.health()) {
            Some(Health::Healthy) => HealthStatus::Healthy,
            Some(Health::Degraded(reason)) => HealthStatus::Degraded(reason),
            Some(Health::Unhealthy(reason)) => HealthStatus::Unhealthy(reason),
            None => HealthStatus::Unhealthy(NOT_INITIALIZED.to_owned()),
        }
    }

    fn shutdown() {
        with_instance(|instance| instance.shutdown());
    }
}

impl<C: Component, const WAITS: bool> batch_handler::Guest for Export<C, WAITS> {
    fn handle_batch(first: MessageId, lengths: Vec<u32>, bodies: Vec<u8>) -> BatchEnd {
        let end = with_instance(|instance| instance.handle_batch(first, &lengths, bodies));
        end.unwrap_or_else(|| {
            let how = Completion::Rejected(NOT_INITIALIZED.to_owned());
            // The host knows the message, because it has just handed it over.
            messaging::complete(first, &how).unwrap_or_default();
            BatchEnd { begun: 1, deferred: false }
        })
    }
}

impl<C: Component, const WAITS: bool> handler::Guest for Export<C, WAITS> {
    fn handle_message(message: MessageId, body: Vec<u8>) -> Outcome {
        with_instance(|instance| instance.handle_message(message, body))
            .unwrap_or_else(|| Outcome::Completed(Completion::Rejected(NOT_INITIALIZED.to_owned())))
    }

    fn handle_callback(request: RequestId, what: Callback) {
        with_instance(|instance| instance.handle_callback(request, what));
    }
}

const NOT_INITIALIZED: &str = "the component is not initialized";

fn with_instance<R>(call: impl FnOnce(&mut dyn Running) -> R) -> Option<R> {
    INSTANCE.with_borrow_mut(|instance| instance.as_mut().map(|instance| call(&mut **instance)))
}

/// Takes the component for a call that is not a message. Returns `None` before the start.
#[cfg(feature = "http")]
pub(crate) fn lend<C: Component>() -> Option<(Box<C>, Context)> {
    let (component, context) = with_instance(|instance| instance.lend())??;
    Some((component.downcast().ok()?, context))
}

/// Puts the component back.
#[cfg(feature = "http")]
pub(crate) fn take_back<C: Component>(component: Box<C>) {
    with_instance(|instance| instance.take_back(component));
}

/// Reports a panic to the host, before the trap that follows.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("the component panicked");
    match panic.location() {
        Some(location) => system::report_panic(&format!("{message} ({location})")),
        None => system::report_panic(message),
    }
}

/// Exports a type that implements [`Component`](crate::Component) as the component of this crate.
///
/// Use it once per crate, at its root; the crate's type is `cdylib`. On targets other than
/// WebAssembly it exports nothing, so that the crate's own tests run anywhere.
#[macro_export]
macro_rules! component {
    ($component:ty) => {
        const _: () = {
            $crate::__private::check_prefers(<$component as $crate::Component>::PREFERS);
            #[allow(dead_code, reason = "exported by its symbols, which only a component has")]
            type Exported = $crate::__private::Export<$component>;
            #[cfg(target_family = "wasm")]
    $crate::__private::export_component!(Exported with_types_in $crate::__private::bindings);
            #[cfg(not(target_family = "wasm"))]
            const _: fn() -> Result<(), ::std::string::String> =
                || <Exported as $crate::__private::Lifecycle>::initialize(::std::vec::Vec::new());
        };
    };
}
