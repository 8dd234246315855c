//! The lines of an audit, as JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use airssys_spec::GrantVerb;
use serde::Serialize;

use super::event::{AuditEvent, LetterChange, MessageKind};
use super::queue::{Content, PendingLine};

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
    object: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    component_line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    removed: &'a [String],
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
        Content::OtherDenials => Line { event: "other-denials", ..Line::default() },
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
            object: denied.object.as_deref(),
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
            object: object.as_deref(),
            change: Some(match change {
                GrantVerb::Give => "given",
                GrantVerb::Revoke => "revoked",
            }),
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
            change: Some(match change {
                LetterChange::Retried => "retried",
                LetterChange::Dropped => "dropped",
            }),
            ..Line::default()
        },
        AuditEvent::Message { kind, sender, receiver, topic, size, codec } => Line {
            event: "message",
            kind: Some(match kind {
                MessageKind::Send => "send",
                MessageKind::Request => "request",
                MessageKind::Publish => "publish",
                MessageKind::Retained => "retained",
                MessageKind::ClearRetained => "clear-retained",
            }),
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

/// In UTC, to the microsecond: `2026-01-31T12:30:05.123456Z`.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let micros = since.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month and day of a day, counted from 1970-01-01. Years begin in March here, so that a leap
/// day is the last of its year; 400 of them have 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}
