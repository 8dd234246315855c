//! The lines of an audit, as JSON.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use airssys_spec::GrantVerb;
use serde::Serialize;

use super::event::{AuditEvent, LetterChange, MessageKind};
use super::queue::{Content, PendingLine};

/// The last microsecond that RFC 3339 can express, since 1970.
const END_OF_9999: Duration = Duration::new(253_402_300_799, 999_999_000);

/// A line. Fields that do not apply are absent.
#[derive(Default, Serialize)]
struct Line<'a> {
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capability: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    succeeded: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    component_line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    removed: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    letter: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    most: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscribers: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    codec: Option<&'static str>,
}

/// Appends a line, with its line end.
pub(super) fn write(pending: &PendingLine, to: &mut Vec<u8>) {
    let tally = pending.tally;
    let mut line = match &pending.content {
        Content::Event(event) => of_event(event),
        Content::OtherDenials(component) => {
            Line { event: "other-denials", component: Some(component), ..Line::default() }
        }
        Content::OtherUses(component) => {
            Line { event: "other-uses", component: Some(component), ..Line::default() }
        }
        Content::OtherGrants => Line { event: "other-grants-changed", ..Line::default() },
        Content::OtherCleared => Line { event: "other-retained-cleared", ..Line::default() },
        Content::MessagesDropped => Line { event: "messages-dropped", ..Line::default() },
    };
    line.at = rfc3339(tally.first);
    line.until = (tally.count > 1).then(|| rfc3339(tally.last));
    let is_single = matches!(pending.content, Content::Event(AuditEvent::Message { .. }));
    line.count = (!is_single).then_some(tally.count);
    let start = to.len();
    if serde_json::to_writer(&mut *to, &line).is_err() {
        // Numbers and strings can always be written as JSON. A partial line is removed.
        to.truncate(start);
        return;
    }
    to.push(b'\n');
}

fn of_event(event: &AuditEvent) -> Line<'_> {
    match event {
        AuditEvent::Denied(denied) => Line {
            event: "denied",
            component: Some(denied.who.component()),
            instance: Some(denied.who.instance()),
            capability: Some(denied.capability.key()),
            object: denied.object.as_deref().map(Cow::Borrowed),
            component_line: Some(denied.component_line()),
            grant_line: Some(denied.grant_line()),
            ..Line::default()
        },
        AuditEvent::QuotaExceeded { component, limit, target, most } => Line {
            event: "quota-exceeded",
            component: Some(component),
            limit: Some(limit),
            target: target.as_deref(),
            most: Some(*most),
            ..Line::default()
        },
        AuditEvent::GrantChanged { component, capability, object, change, removed } => Line {
            event: "grant-changed",
            component: Some(component),
            capability: Some(capability.key()),
            object: object.as_deref().map(Cow::Borrowed),
            change: Some(verb_text(*change)),
            removed,
            ..Line::default()
        },
        AuditEvent::RetainedCleared { topic, sender } => {
            Line { event: "retained-cleared", topic: Some(topic), sender: Some(sender), ..Line::default() }
        }
        AuditEvent::DeadLetter { id, sender, receiver, change } => Line {
            event: "dead-letter",
            letter: Some(*id),
            sender: Some(sender),
            receiver: Some(receiver),
            change: Some(letter_text(*change)),
            ..Line::default()
        },
        AuditEvent::Reloaded { name } => Line { event: "reloaded", name: Some(name), ..Line::default() },
        AuditEvent::Resumed { name } => Line { event: "resumed", name: Some(name), ..Line::default() },
        AuditEvent::ServiceUsed { service, component, instance, label, function, item, succeeded } => Line {
            event: "used",
            component: Some(component),
            instance: Some(instance),
            object: Some(Cow::Owned(format!("{service}/{label}"))),
            function: Some(function),
            item: item.as_deref(),
            succeeded: Some(*succeeded),
            ..Line::default()
        },
        AuditEvent::Message { kind, sender, receiver, topic, size, codec } => Line {
            event: "message",
            kind: Some(kind_text(*kind)),
            sender: Some(sender),
            receiver: receiver.as_deref(),
            topic: topic.as_ref().map(|(topic, _)| &**topic),
            subscribers: topic
                .as_ref()
                .filter(|_| *kind == MessageKind::Publish)
                .map(|(_, subscribers)| *subscribers),
            size: Some(*size),
            codec: Some(codec.name()),
            ..Line::default()
        },
    }
}

fn verb_text(verb: GrantVerb) -> &'static str {
    match verb {
        GrantVerb::Give => "given",
        GrantVerb::Revoke => "revoked",
    }
}

fn letter_text(change: LetterChange) -> &'static str {
    match change {
        LetterChange::Retried => "retried",
        LetterChange::Dropped => "dropped",
    }
}

fn kind_text(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Send => "send",
        MessageKind::Request => "request",
        MessageKind::Publish => "publish",
        MessageKind::Retained => "retained",
        MessageKind::ClearRetained => "clear-retained",
    }
}

/// Returns a time in UTC, to the microsecond: `2026-01-31T12:30:05.123456Z`. A time before 1970 is shown
/// as the start of 1970, and a time after 9999 as the end of 9999.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().min(END_OF_9999);
    humantime::format_rfc3339_micros(UNIX_EPOCH + since).to_string()
}
