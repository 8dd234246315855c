//! The values and decisions of the actor runtime, without an executor.
//!
//! `airssys-rt` runs actors by these values, and re-exports all of them. Manifests are read into
//! the same values by a crate that must not depend on tokio. Everything here is computed from its
//! arguments: nothing reads a clock, starts a task, or touches a file.
//!
//! | module | contents |
//! |---|---|
//! | [`topic`] | topics of publications, and patterns of topics |
//! | [`pattern`] | the trait of all patterns, and the rules that they share |
//! | [`mailbox`] | the overflow policy of a mailbox |
//! | [`exit`] | the reasons for which actors and supervisors end |
//! | [`supervision`] | the configuration of supervisors and their children |
//! | [`log_throttle`] | the throttle of repeated log lines |
//! | [`decision`] | the decision about a child that ended |
#![forbid(unsafe_code)]

pub mod decision;
pub mod exit;
pub mod log_throttle;
pub mod mailbox;
pub mod pattern;
pub mod supervision;
pub mod topic;

pub use decision::{Decision, EndCause, EndedChild, RestartWindow, Scope, decide};
pub use exit::{Down, ExitReason, Identity, SupervisorFailure};
pub use log_throttle::{LogThrottle, Suppressed};
pub use mailbox::Overflow;
pub use pattern::Pattern;
pub use supervision::{
    AutoShutdown, LimitScope, OnLimit, RestartPolicy, RestartStrategy, Shutdown, SupervisionStrategy,
    SupervisorConfig,
};
pub use topic::{InvalidTopic, MAX_TOPIC_BYTES, Topic, TopicPattern};
