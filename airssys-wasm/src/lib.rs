//! WebAssembly components as supervised actors.
//!
//! A [`Component`] is compiled code that fits the contract in `wit/`. A [`ComponentHost`] runs
//! components as children of an [`airssys_rt::ActorSystem`], beside native actors. Each instance is
//! a [`ComponentActor`] with a mailbox and a store of its own. It has only the rights in its
//! [`Capabilities`]. [`app`] does all of that for an `app.toml`.

pub mod app;
pub mod control;
pub mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;

mod actor;
mod backend;
mod clients;
mod compile;
mod contract;
mod guest;
mod host;
mod observe;
mod policy;
mod routing;
mod sync;

#[doc(inline)]
pub use airssys_build as builder;
#[doc(inline)]
pub use airssys_build::scaffold;
pub use airssys_message::{Accepts, Codec};
pub use airssys_rt::{ActorSnapshot, ActorState, ChildSnapshot, SupervisionStrategy, SupervisorSnapshot};
pub use airssys_spec::{
    Access, Capabilities, Capability, Delivery, Denied, GrantChange, GrantError, GrantVerb, Input,
    InvalidUse, Limits, NamePattern, Origin, OriginHost, OriginPattern, Retry, Subject, UsePattern, decide,
};
#[doc(inline)]
pub use airssys_spec::{capability, limits, manifest, pattern, plain};
pub use wasmtime;

pub use actor::ComponentActor;
pub use actor::health::Health;
pub use backend::backoff::Backoff;
pub use backend::failure_log::FailureLog;
pub use backend::fair_share::{ConnectionPermit, FairShare};
pub use backend::list::Backends;
pub use backend::product::{Backend, Labels, Serves};
pub use backend::set::{BackendReport, BackendSet, OpenError};
pub use compile::bounds::{Bound, BoundExceeded};
pub use compile::{ChildError, Compiler, TooFewThreads, compile_worker, ensure_threads};
pub use contract::BoundedText;
pub use guest::caller::{BytesWait, Caller, CallsExceeded};
pub use guest::component::Component;
pub use guest::engine::{CacheUse, Engine, EngineConfig, EngineError};
pub use guest::entry_call::{
    EntryCall, EntryEnd, EntryGuest, EntryPoint, EntryTimedOut, ExportedFunction, ExportedInterface,
};
pub use guest::failure::GuestFailure;
pub use guest::label_rights::{LabelAccess, LabelRights};
pub use guest::labels::{LabelError, OpenLabel, in_time};
pub use guest::load_error::LoadError;
pub use guest::service::{HasService, Interface, Service, ServiceCall, ServiceInstance, UseError, Waits};
pub use guest::services::{ServiceConfigs, ServiceError, Services};
pub use guest::store::{Entry, GuestState};
pub use host::entrance::Entrance;
pub use host::error::{CallError, SpawnError};
pub use host::in_trace::InTrace;
pub use host::native::NativeSender;
pub use host::prepare::PreparedComponent;
pub use host::quarantine::ResumeError;
pub use host::reload::{Kept, Reloaded};
pub use host::spec::{ComponentSpec, NativeSpec};
pub use host::{ComponentHost, HostOptions};
#[doc(inline)]
pub use observe::audit;
pub use observe::costs::HostCosts;
pub use observe::dead_letters::{
    DeadLetter, DeadLetterCount, DeadLetterReason, DeadLetters, MAX_KEPT, MAX_KEPT_BYTES, RetryError,
};
pub use observe::denials::{Denial, MAX_DENIALS};
pub use observe::handling_times::{BUCKET_BOUNDS_NS, HandlingStats, TimeBucket, TimeHistogram};
pub use observe::snapshot::{
    AppSnapshot, ComponentSnapshot, InstanceSnapshot, LogStats, ServiceCalls, StartStep,
};
pub use observe::trace::{
    InvalidTraceparent, MessageSpan, MessageTracer, SpanOutcome, TraceContext, TracedMessage, TracedRequest,
};
pub use observe::usage::QuotaUsage;
pub use policy::grants::{CapabilityGrants, ComponentGrants, GrantOrigin, Granted};
#[doc(inline)]
pub use policy::rate;
pub use routing::envelope::Envelope;
pub use routing::queued_call::CallRefused;
pub use routing::retained::RetainedMessage;
pub use routing::state_folder::StateError;
