//! A host for the unit tests, which records calls and answers as the test says.

use std::cell::RefCell;

use crate::host::{MessageInfo, RequestId};

#[derive(Default)]
struct Host {
    calls: Vec<String>,
    /// The number of sends that still find a full mailbox.
    full: u32,
    last_request: RequestId,
    info: Option<MessageInfo>,
    now_ns: u64,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// Takes the calls since it was last called.
pub(crate) fn calls() -> Vec<String> {
    HOST.with_borrow_mut(|host| std::mem::take(&mut host.calls))
}

/// Lets this number of sends find a full mailbox.
pub(crate) fn full_for(sends: u32) {
    HOST.with_borrow_mut(|host| host.full = sends);
}

pub(crate) fn describe_as(info: MessageInfo) {
    HOST.with_borrow_mut(|host| host.info = Some(info));
}

pub(crate) fn advance_ms(milliseconds: u64) {
    HOST.with_borrow_mut(|host| host.now_ns += milliseconds * 1_000_000);
}

fn note(call: String) {
    HOST.with_borrow_mut(|host| host.calls.push(call));
}

pub(crate) mod messaging {
    use super::{HOST, note};
    use crate::host::{BatchResult, Completion, MessageId, MessageInfo, RequestId, SendError};

    pub(crate) fn resolve(name: &str) -> Result<u32, SendError> {
        note(format!("resolve {name}"));
        if name == "forbidden" { Err(SendError::AccessDenied) } else { Ok(name.len() as u32) }
    }

    pub(crate) fn resolve_topic(name: &str) -> Result<u32, SendError> {
        note(format!("resolve-topic {name}"));
        Ok(name.len() as u32)
    }

    fn room() -> Result<(), SendError> {
        HOST.with_borrow_mut(|host| {
            let full = host.full > 0;
            host.full = host.full.saturating_sub(1);
            if full { Err(SendError::MailboxFull) } else { Ok(()) }
        })
    }

    fn next_request() -> RequestId {
        HOST.with_borrow_mut(|host| {
            host.last_request += 1;
            host.last_request
        })
    }

    pub(crate) fn send_message(to: u32, body: &[u8]) -> Result<(), SendError> {
        note(format!("send {to} {}", body.len()));
        room()
    }

    /// Takes half of the batch if the mailbox is full.
    pub(crate) fn send_batch(to: u32, lengths: &[u32], bodies: &[u8]) -> BatchResult {
        note(format!("send-batch {to}: {} messages, {} bytes", lengths.len(), bodies.len()));
        match room() {
            Ok(()) => BatchResult { sent: lengths.len() as u32, stopped: None },
            Err(error) => BatchResult { sent: lengths.len() as u32 / 2, stopped: Some(error) },
        }
    }

    pub(crate) fn send_request(to: u32, _body: &[u8], timeout_ms: u32) -> Result<RequestId, SendError> {
        note(format!("request {to} within {timeout_ms}"));
        room()?;
        Ok(next_request())
    }

    pub(crate) fn publish(on: u32, body: &[u8]) -> Result<u32, SendError> {
        note(format!("publish {on} {}", body.len()));
        room()?;
        Ok(2)
    }

    pub(crate) fn publish_retained(on: u32, body: &[u8]) -> Result<u32, SendError> {
        note(format!("publish-retained {on} {}", body.len()));
        room()?;
        Ok(2)
    }

    pub(crate) fn clear_retained(on: u32) -> Result<bool, SendError> {
        note(format!("clear-retained {on}"));
        Ok(true)
    }

    pub(crate) fn await_room(to: u32, timeout_ms: u32) -> Result<RequestId, SendError> {
        note(format!("await-room {to} within {timeout_ms}"));
        Ok(next_request())
    }

    pub(crate) fn await_topic_room(on: u32, timeout_ms: u32) -> Result<RequestId, SendError> {
        note(format!("await-topic-room {on} within {timeout_ms}"));
        Ok(next_request())
    }

    pub(crate) fn request_uuid(request: RequestId) -> String {
        format!("00000000-0000-8000-8000-{request:012}")
    }

    pub(crate) fn cancel_request(request: RequestId) -> bool {
        note(format!("cancel {request}"));
        true
    }

    pub(crate) fn subscribe(pattern: &str) -> Result<(), SendError> {
        note(format!("subscribe {pattern}"));
        Ok(())
    }

    pub(crate) fn unsubscribe(pattern: &str) -> bool {
        note(format!("unsubscribe {pattern}"));
        true
    }

    pub(crate) fn describe(message: MessageId) -> Option<MessageInfo> {
        note(format!("describe {message}"));
        HOST.with_borrow(|host| host.info.clone())
    }

    pub(crate) fn complete(message: MessageId, how: &Completion) -> Result<(), ()> {
        note(match how {
            Completion::Done => format!("complete {message}: done"),
            Completion::Reply(reply) => format!("complete {message}: reply {reply:?}"),
            Completion::Rejected(reason) => format!("complete {message}: rejected, {reason}"),
            Completion::Retry(reason) => format!("complete {message}: retry, {reason}"),
        });
        Ok(())
    }
}

#[cfg(feature = "http")]
pub(crate) mod callbacks {
    use crate::host::{Callback, RequestId};

    /// Nothing waits in the tests of this crate.
    pub(crate) fn subscribe() -> wasip2::io::poll::Pollable {
        panic!("a wait within a call")
    }

    pub(crate) fn next() -> Option<(RequestId, Callback)> {
        None
    }
}

pub(crate) mod progress {
    pub(crate) fn show(place: &[u64]) {
        super::note(format!("show {place:?}"));
    }
}

pub(crate) mod system {
    pub(crate) struct Identity {
        pub(crate) app: String,
        pub(crate) name: String,
        pub(crate) incarnation: u64,
    }

    pub(crate) fn self_id() -> Identity {
        Identity { app: "test".into(), name: "myself".into(), incarnation: 0 }
    }

    pub(crate) struct QuotaUsage {
        pub(crate) name: String,
        pub(crate) used: u64,
        pub(crate) limit: u64,
    }

    pub(crate) fn usage() -> Vec<QuotaUsage> {
        vec![QuotaUsage { name: "memory".into(), used: 3, limit: 8 }]
    }

    pub(crate) fn stop_self() {
        super::note("stop-self".into());
    }

    pub(crate) fn report_panic(message: &str) {
        super::note(format!("report-panic {message}"));
    }
}

pub(crate) mod logging {
    pub(crate) use crate::bindings::airssys::component::logging::Level;

    pub(crate) fn log(level: Level, message: &str) {
        super::note(format!("log {level:?} {message}"));
    }

    pub(crate) fn enabled(level: Level) -> bool {
        level >= Level::Info
    }
}

pub(crate) mod clock {
    pub(crate) fn now_ms() -> u64 {
        1_517_966_773_840
    }

    pub(crate) fn monotonic_ns() -> u64 {
        super::HOST.with_borrow(|host| host.now_ns)
    }
}
