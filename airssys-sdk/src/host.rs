//! The host functions that the executor and the context call, and the values that cross over.

#[cfg(not(test))]
pub(crate) use crate::bindings::airssys::component::{clock, logging, messaging, progress, system};
#[cfg(all(feature = "http", not(test)))]
pub(crate) use crate::bindings::waiting::airssys::component::callbacks;
#[cfg(all(feature = "http", test))]
pub(crate) use crate::fake_host::callbacks;
#[cfg(test)]
pub(crate) use crate::fake_host::{clock, logging, messaging, progress, system};

#[cfg(test)]
pub(crate) use crate::bindings::airssys::component::messaging::BatchResult;
pub(crate) use crate::bindings::airssys::component::messaging::MessageInfo;
pub(crate) use crate::bindings::airssys::component::types::{
    Callback, Completion, MessageId, RequestError, RequestId, SendError,
};
pub(crate) use crate::bindings::exports::airssys::component::batch_handler::BatchEnd;
pub(crate) use crate::bindings::exports::airssys::component::handler::Outcome;
