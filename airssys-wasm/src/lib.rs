//! WebAssembly components as supervised actors.
//!
//! A [`Component`] is compiled code that fits the contract in `wit/`. A [`ComponentHost`] runs
//! components as children of an [`airssys_rt::ActorSystem`], beside native actors: each instance
//! is a [`ComponentActor`] with a mailbox, in a store of its own, allowed only what its
//! [`Capabilities`] say. [`app`] does all of that for an `app.toml`.

pub mod app;
pub mod builder;
pub mod capability;
pub mod limits;
pub mod manifest;
pub mod pattern;
pub mod scaffold;

mod actor;
mod bindings;
mod byte_budget;
mod callbacks;
mod component;
mod component_host;
mod component_spec;
mod dead_letters;
mod delivery;
mod endpoint;
mod engine;
mod host;
mod in_flight;
mod instance;
mod message;
mod meter;
mod recovery;
mod router;
mod stats;
mod waits;
mod worker;

pub use actor::{ComponentActor, Health};
pub use capability::{Access, Capabilities, Denied, Subject, decide};
pub use component::{Component, LoadError};
pub use component_host::{CallError, ComponentHost, PreparedComponent, SpawnError};
pub use component_spec::ComponentSpec;
pub use dead_letters::{
    DeadLetter, DeadLetterCount, DeadLetterReason, DeadLetters, MAX_KEPT, MAX_KEPT_BYTES,
};
pub use delivery::{Delivery, Retry};
pub use engine::{CacheUse, Engine, EngineConfig, EngineError};
pub use instance::GuestFailure;
pub use limits::Limits;
pub use manifest::Input;
pub use message::Envelope;
pub use pattern::NamePattern;
pub use stats::ComponentSummary;
