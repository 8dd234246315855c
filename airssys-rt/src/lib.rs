//! An actor runtime: supervised actors, bounded mailboxes, request-response, topics.
#![forbid(unsafe_code)]

mod exit;
mod supervisor;
mod topic;

pub use exit::ExitReason;
pub use supervisor::{
    Decision, RestartPolicy, RestartStrategy, RestartWindow, SupervisorConfig, SupervisorFailure, decide,
};
pub use topic::{InvalidTopic, MAX_TOPIC_BYTES, Topic, TopicPattern};
