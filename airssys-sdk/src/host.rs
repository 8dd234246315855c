//! What the executor and the context call on the host, and the values that cross over.

#[cfg(not(test))]
pub(crate) use crate::bindings::airssys::component::{clock, logging, messaging, progress, system};
#[cfg(test)]
pub(crate) use crate::fake_host::{clock, logging, messaging, progress, system};

pub(crate) use crate::bindings::airssys::component::messaging::MessageInfo;
#[cfg(test)]
pub(crate) use crate::bindings::airssys::component::messaging::Progress;
pub(crate) use crate::bindings::airssys::component::types::{
    Callback, Completion, MessageId, RequestError, RequestId, SendError,
};
pub(crate) use crate::bindings::exports::airssys::component::handler::Outcome;
pub(crate) use crate::bindings::exports::airssys::component::run_handler::RunEnd;
