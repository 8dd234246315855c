//! The host's side of `wit/component.wit`.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "component",
    require_store_data_send: true,
});

pub(crate) use airssys::component::types::{Callback, Completion, RequestError, SendError, SizeLimit};
pub(crate) use airssys::component::{clock, logging, messaging, system};
pub(crate) use exports::airssys::component::handler::Outcome;
pub(crate) use exports::airssys::component::lifecycle::HealthStatus;
