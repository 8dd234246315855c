//! An actor runtime: supervised actors, bounded mailboxes, request-response, topics.
#![forbid(unsafe_code)]

mod actor;
mod actor_ref;
mod broker;
mod cell;
mod child_spec;
mod errors;
mod exit;
mod mailbox;
mod registry;
mod supervisor;
mod sync;
mod system;
mod topic;

pub use actor::{Actor, ActorContext, BoxError, Child, ChildContext};
pub use actor_ref::{ActorRef, Permit, ReplyTo};
pub use broker::{MessageBroker, PublishError, Published, SkipReason, Subscriber};
pub use cell::{ActorState, ActorStats};
pub use child_spec::ChildSpec;
pub use errors::{RequestError, ReserveError, SendError, TrySendError};
pub use exit::ExitReason;
pub use mailbox::Overflow;
pub use supervisor::{
    Decision, RestartPolicy, RestartStrategy, RestartWindow, SupervisorConfig, SupervisorFailure, decide,
};
pub use system::{
    ActorSummary, ActorSystem, ActorSystemBuilder, PrepareError, Prepared, ShutdownReport, StartError,
};
pub use topic::{InvalidTopic, MAX_TOPIC_BYTES, Topic, TopicPattern};
