//! The host's description of a message and of its component.

use airssys_sdk::prelude::*;
use test_commands::Command;

/// Answers a question about a message.
pub(crate) fn of(question: &Command, message: &Message) -> String {
    match question {
        Command::RequestId => {
            let id = message.request_id();
            id.map_or_else(String::new, |id| format!("{id} v{}", id.get_version_num()))
        }
        Command::Traceparent => message.traceparent().unwrap_or("none").to_owned(),
        _ => {
            let (sender, topic) = (message.sender(), message.topic().unwrap_or("no topic"));
            format!("{sender}, {topic}, reply: {}", message.wants_reply())
        }
    }
}

pub(crate) fn identity(context: &Context) -> String {
    let identity = context.identity();
    format!("{} {} {}", identity.app, identity.name, identity.incarnation)
}

pub(crate) fn usage(context: &Context) -> String {
    let lines = context.usage().into_iter();
    let lines = lines.map(|limit| format!("{} {}/{}", limit.name, limit.used, limit.limit));
    lines.collect::<Vec<_>>().join("\n")
}
