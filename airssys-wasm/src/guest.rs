//! Guests: the engine, components, and instances with their stores and imports.

pub(crate) mod batch;
pub(crate) mod component;
pub(crate) mod component_log;
pub(crate) mod context;
pub(crate) mod counted_routes;
pub(crate) mod deferred_wakeups;
pub(crate) mod engine;
pub(crate) mod entry_call;
pub(crate) mod exports;
pub(crate) mod failure;
pub(crate) mod imports;
pub(crate) mod instance;
pub(crate) mod interface_name;
pub(crate) mod load_error;
pub(crate) mod long_stretches;
pub(crate) mod meter;
pub(crate) mod parts;
pub(crate) mod pool;
pub(crate) mod progress;
pub(crate) mod send_clock;
pub(crate) mod service;
pub(crate) mod services;
pub(crate) mod store;
pub(crate) mod ticker;
pub(crate) mod wasi;
pub(crate) mod worker;
