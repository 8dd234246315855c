//! WebAssembly components as supervised actors.
//!
//! A [`Component`] is compiled code that fits the contract in `wit/`. A [`ComponentHost`] runs
//! components as children of an [`airssys_rt::ActorSystem`], beside native actors: each instance
//! is a [`ComponentActor`] with a mailbox, in a store of its own, allowed only what its
//! [`Capabilities`] say. [`app`] does all of that for an `app.toml`.

pub mod app;
pub mod audit;

pub mod control;
pub mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod rate;

#[doc(inline)]
pub use airssys_build as builder;
#[doc(inline)]
pub use airssys_build::scaffold;
#[doc(inline)]
pub use airssys_spec::{capability, limits, manifest, pattern};

mod actor;
mod bindings;
mod byte_budget;
mod callbacks;
mod component;
mod component_host;
mod component_spec;
mod dead_letters;
mod endpoint;
mod engine;
mod gate;
mod grants;
mod handling_times;
mod host;
mod in_flight;
mod instance;
mod memory;
mod message;
mod meter;
mod quota;
mod recovery;
mod request_ids;
mod retained;
mod router;
mod run_length;
mod snapshot;
mod spans;
mod state;
mod stats;
mod trace;
mod unix_time;
mod usage;
mod waits;
mod worker;

pub use actor::{ComponentActor, Health};
pub use airssys_rt::{ActorSnapshot, ActorState, ChildSnapshot, SupervisorSnapshot};
pub use airssys_spec::{
    Access, Capabilities, Capability, Delivery, Denied, GrantChange, GrantError, GrantVerb, Input,
    InvalidUse, Limits, NamePattern, Retry, Subject, UsePattern, decide,
};
pub use component::{Component, LoadError};
pub use component_host::{CallError, ComponentHost, HostOptions, InTrace, PreparedComponent, SpawnError};
pub use component_spec::ComponentSpec;
pub use dead_letters::{
    DeadLetter, DeadLetterCount, DeadLetterReason, DeadLetters, MAX_KEPT, MAX_KEPT_BYTES, RetryError,
};
pub use engine::{CacheUse, Engine, EngineConfig, EngineError};
pub use grants::{CapabilityGrants, ComponentGrants, Denial, GrantOrigin, Granted, MAX_DENIALS};
pub use handling_times::{BUCKET_BOUNDS_NS, HandlingHistogram};
pub use instance::GuestFailure;
pub use message::Envelope;
pub use retained::RetainedMessage;
pub use snapshot::{AppSnapshot, ComponentSnapshot, InstanceSnapshot};
pub use state::StateError;
pub use stats::ComponentSummary;
pub use trace::{InvalidTraceparent, MessageSpan, MessageTracer, SpanOutcome, TraceContext, TracedMessage};
pub use usage::{ComponentUsage, InstanceUsage, QuotaUsage};
