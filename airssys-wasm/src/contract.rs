//! The host's side of `wit/component.wit`.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "component",
    require_store_data_send: true,
});

pub(crate) use airssys::component::types::{Callback, Completion, RequestError, SendError, SizeLimit};
pub(crate) use airssys::component::{clock, logging, messaging, system};
pub(crate) use exports::airssys::component::handler::Outcome;
pub(crate) use exports::airssys::component::lifecycle::HealthStatus;

/// The end of a batch, as `batch-handler` returns it.
#[derive(Clone, Copy, Debug, wasmtime::component::ComponentType, wasmtime::component::Lift)]
#[component(record)]
pub(crate) struct BatchEnd {
    pub(crate) begun: u32,
    pub(crate) deferred: bool,
}

/// What a refusal means, for people.
pub(crate) fn send_error_text(error: &SendError) -> String {
    match error {
        SendError::AccessDenied => "access is denied".to_owned(),
        SendError::UnknownTarget => "there is no such component".to_owned(),
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

/// What a failed request means, for people.
pub(crate) fn request_error_text(error: &RequestError) -> String {
    match error {
        RequestError::TimedOut => "the time passed".to_owned(),
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

/// Longest text of a guest's that is kept as a reason and handed on, in bytes.
const MAX_REASON_BYTES: usize = 1 << 10;

/// Cuts a guest's text that is too long, at the end of a character, and marks the cut.
pub(crate) fn cut(mut text: String) -> String {
    if text.len() > MAX_REASON_BYTES {
        text.truncate(text.floor_char_boundary(MAX_REASON_BYTES));
        text.push('…');
    }
    text
}
