//! The host's bindings of `wit/component.wit`, and the forms in which it keeps values of guests.

mod bounded_text;
mod ending;

wasmtime::component::bindgen!({
    path: "../wit",
    world: "component",
    require_store_data_send: true,
});

pub use bounded_text::BoundedText;
pub(crate) use ending::Ending;

pub(crate) use airssys::component::types::{Callback, Completion, RequestError, SendError, SizeLimit};
pub(crate) use airssys::component::{clock, logging, messaging, system};
pub(crate) use exports::airssys::component::handler::Outcome;
pub(crate) use exports::airssys::component::lifecycle::HealthStatus;

/// The result of `batch-handler.handle-batch`.
#[derive(Clone, Copy, Debug, wasmtime::component::ComponentType, wasmtime::component::Lift)]
#[component(record)]
pub(crate) struct BatchEnd {
    pub(crate) begun: u32,
    pub(crate) deferred: bool,
}

/// Describes a refusal for people.
pub(crate) fn send_error_text(error: &SendError) -> String {
    match error {
        SendError::AccessDenied => "access is denied".to_owned(),
        SendError::UnknownTarget => "no component has this name".to_owned(),
        SendError::UnknownHandle => "the handle is unknown".to_owned(),
        SendError::TargetStopped => "it has stopped".to_owned(),
        SendError::MailboxFull => "its mailbox is full".to_owned(),
        SendError::MessageTooLarge(SizeLimit { size, limit }) => {
            format!("{size} bytes are more than its limit of {limit}")
        }
        SendError::CodecRefused(text) => format!("the codec is refused: {text}"),
        SendError::QuotaExceeded(text) => format!("a quota is exceeded: {text}"),
        SendError::InvalidName(text) => format!("the name is invalid: {text}"),
        SendError::Other(text) => text.clone(),
    }
}

/// Describes a failed request for people.
pub(crate) fn request_error_text(error: &RequestError) -> String {
    match error {
        RequestError::TimedOut => "it did not reply within the timeout".to_owned(),
        RequestError::Cancelled => "it was cancelled".to_owned(),
        RequestError::Rejected(reason) => format!("it rejected the message: {reason}"),
        RequestError::TargetFailed => "it failed on the message".to_owned(),
        RequestError::TargetStopped => "it has stopped".to_owned(),
        RequestError::ReplyTooLarge(SizeLimit { size, limit }) => {
            format!("its reply of {size} bytes is more than the limit of {limit}")
        }
        RequestError::CodecRefused(text) => format!("its reply's codec is refused: {text}"),
        RequestError::Other(text) => text.clone(),
    }
}
