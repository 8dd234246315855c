//! What a running app answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use airssys_rt::TopicPattern;
use airssys_spec::{GrantChange, GrantError};

use super::protocol::{
    About, Answer, Asked, Letter, Letters, LettersFailed, MAX_SHOWN_BYTES, Request, VERSION, split,
};
use crate::host::ComponentHost;
use crate::observe::dead_letters::{DeadLetter, RetryError};

/// Most dead letters, or retained messages, in one answer.
const MAX_LISTED: usize = 1_000;

/// Letters that are retried before other clients get their turn.
const RETRIES_AT_ONCE: usize = 64;

/// What of a request says which version it is in.
#[derive(serde::Deserialize)]
struct Versioned {
    version: u32,
}

/// Answers a line, whatever is in it.
pub(super) async fn answer_line(host: &ComponentHost, line: &[u8]) -> Answer {
    match parse(line) {
        Ok(request) => answer(host, request).await,
        Err(message) => Answer::Failed { message },
    }
}

fn parse(line: &[u8]) -> Result<Request, String> {
    // A request in another version need not be one in this.
    let Versioned { version } =
        serde_json::from_slice(line).map_err(|error| format!("this is no request: {error}"))?;
    if version != VERSION {
        return Err(format!(
            "the request is in version {version} of the protocol; this run speaks {VERSION}"
        ));
    }
    let asked = serde_json::from_slice(line);
    asked.map(|Asked { request, .. }| request).map_err(|error| format!("this is no request: {error}"))
}

async fn answer(host: &ComponentHost, request: Request) -> Answer {
    match request {
        Request::About => Answer::About(About {
            app: host.system().name().to_owned(),
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            components: host.names(),
        }),
        Request::Snapshot => Answer::Snapshot(Box::new(host.snapshot())),
        Request::Grants { component } => of_component(host, component, |component| {
            let mut components = host.grants();
            components.retain(|grants| component.is_none_or(|wanted| grants.component == wanted));
            Answer::Grants { components }
        }),
        Request::Give { component, capability, pattern } => {
            changed(host.grant(&component, capability, &pattern))
        }
        Request::Revoke { component, capability, pattern } => {
            changed(host.revoke(&component, capability, &pattern))
        }
        Request::Denials { component } => of_component(host, component, |component| {
            let mut denials = host.denials();
            denials.retain(|denial| component.is_none_or(|wanted| denial.component == wanted));
            Answer::Denials { denials }
        }),
        Request::DeadLetters { receiver, after, limit } => of_component(host, receiver, |receiver| {
            let letters = kept(host, receiver);
            let shown = letters.iter().filter(|letter| letter.id > after).take(limit.min(MAX_LISTED));
            Answer::DeadLetters {
                letters: shown.map(Letter::of).collect(),
                kept: letters.len(),
                total: host.dead_letters().total(),
            }
        }),
        Request::DeadLetter { id } => match host.dead_letters().get(id) {
            Some(letter) => Answer::DeadLetter { letter: Letter::of(&letter), body: shown(&letter) },
            None => Answer::Failed { message: RetryError::Unknown { id }.to_string() },
        },
        Request::RetryDeadLetters { which } => {
            each(host, which, |id| match host.retry_dead_letter(id) {
                Ok(()) => Ok(()),
                // Without the id, so that the same reason is told once.
                Err(RetryError::Refused { receiver, reason, .. }) => {
                    Err(format!("`{receiver}` did not take it: {reason}"))
                }
                Err(_) => Err(gone()),
            })
            .await
        }
        Request::DropDeadLetters { which } => {
            each(host, which, |id| host.drop_dead_letter(id).map(drop).ok_or_else(gone)).await
        }
        Request::Retained { pattern, after, limit } => retained(host, pattern, after, limit),
        Request::ClearRetained { topic } => match host.clear_retained(&topic) {
            Ok(true) => Answer::RetainedCleared { topic },
            Ok(false) => Answer::Failed { message: format!("nothing is retained of `{topic}`") },
            Err(error) => failed(&error),
        },
    }
}

fn retained(host: &ComponentHost, pattern: Option<String>, after: Option<String>, limit: usize) -> Answer {
    let parsed: Option<TopicPattern> = match pattern.map(|pattern| pattern.parse()).transpose() {
        Ok(parsed) => parsed,
        Err(error) => return failed(&error),
    };
    let messages = host.retained(parsed.as_ref());
    let matching = messages.len();
    let later =
        messages.into_iter().filter(|message| after.as_ref().is_none_or(|after| message.topic > *after));
    Answer::Retained { messages: later.take(limit.min(MAX_LISTED)).collect(), matching }
}

/// Why it cannot be done, with what led to it.
fn failed(error: &dyn std::error::Error) -> Answer {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    Answer::Failed { message: format!("{error}{cause}") }
}

fn gone() -> String {
    "there is no such dead letter: it was retried, dropped, or made way for newer ones".to_owned()
}

fn changed(change: Result<GrantChange, GrantError>) -> Answer {
    match change {
        Ok(change) => Answer::GrantChanged(change),
        Err(error) => Answer::Failed { message: error.to_string() },
    }
}

/// Answers about one component, if the app has it, or about all.
fn of_component(
    host: &ComponentHost,
    component: Option<String>,
    answer: impl FnOnce(Option<&str>) -> Answer,
) -> Answer {
    match component {
        Some(component) if !host.names().contains(&component) => {
            Answer::Failed { message: GrantError::UnknownComponent { component }.to_string() }
        }
        component => answer(component.as_deref()),
    }
}

fn kept(host: &ComponentHost, receiver: Option<&str>) -> Vec<DeadLetter> {
    let mut letters = host.dead_letters().kept();
    letters.retain(|letter| receiver.is_none_or(|wanted| &*letter.receiver == wanted));
    letters
}

/// The beginning of a letter's body in hexadecimal.
fn shown(letter: &DeadLetter) -> String {
    let (_, body) = split(&letter.message);
    let shown = &body[..body.len().min(MAX_SHOWN_BYTES)];
    shown.iter().fold(String::with_capacity(2 * shown.len()), |mut text, byte| {
        // Writing to a text cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

async fn each(
    host: &ComponentHost,
    which: Letters,
    mut act: impl FnMut(u64) -> Result<(), String>,
) -> Answer {
    let ids = match which {
        Letters::Ids(ids) => ids,
        Letters::All { receiver: Some(component) } if !host.names().contains(&component) => {
            return Answer::Failed { message: GrantError::UnknownComponent { component }.to_string() };
        }
        Letters::All { receiver } => kept(host, receiver.as_deref()).iter().map(|letter| letter.id).collect(),
    };
    let (mut done, mut failed) = (Vec::new(), BTreeMap::<String, Vec<u64>>::new());
    for (index, id) in ids.into_iter().enumerate() {
        match act(id) {
            Ok(()) => done.push(id),
            Err(message) => failed.entry(message).or_default().push(id),
        }
        if (index + 1).is_multiple_of(RETRIES_AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }
    let failed = failed.into_iter().map(|(message, ids)| LettersFailed { message, ids }).collect();
    Answer::LettersDone { done, failed }
}
