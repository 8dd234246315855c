//! The answers of a running app to its requests.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;

use airssys_message::Codec;
use airssys_rt::TopicPattern;
use airssys_spec::{GrantChange, GrantError};

use super::protocol::{
    About, AboutApp, Answer, Ask, ClearRetained, DeadLetterPage, DenialList, DropDeadLetters, Failed, Give,
    GrantList, Letter, LetterWithBody, Letters, LettersDone, LettersFailed, ListDeadLetters, ListDenials,
    ListGrants, ListRetained, MAX_SHOWN_BYTES, Reload, Request, Resume, Resumed, RetainedCleared,
    RetainedPage, RetainedWithBody, RetryDeadLetters, Revoke, ShowDeadLetter, ShowRetained, Snapshot,
};
use crate::host::ComponentHost;
use crate::host::reload::Reloaded;
use crate::observe::dead_letters::{DeadLetter, RetryError};
use crate::observe::snapshot::{AppSnapshot, StartStep};
use crate::observe::unix_time::unix_ms;

/// The most dead letters, or retained messages, in one answer.
const MAX_LISTED: usize = 1_000;

/// Dead letters that are retried or deleted before other clients get their turn.
const LETTERS_AT_ONCE: usize = 64;

/// A request that a host can serve.
trait Serve: Ask {
    async fn serve(self, host: &ComponentHost) -> Result<Self::Answer, Failed>;
}

/// Answers a line with any content.
pub(super) async fn answer_line(host: &ComponentHost, line: &[u8]) -> Answer {
    match Request::read(line) {
        Ok(request) => answer_request(host, request).await,
        Err(failed) => Answer::Failed(failed),
    }
}

async fn answer_request(host: &ComponentHost, request: Request) -> Answer {
    match request {
        Request::About(request) => answer(host, request).await,
        Request::Snapshot(request) => answer(host, request).await,
        Request::Grants(request) => answer(host, request).await,
        Request::Give(request) => answer(host, request).await,
        Request::Revoke(request) => answer(host, request).await,
        Request::Denials(request) => answer(host, request).await,
        Request::DeadLetters(request) => answer(host, request).await,
        Request::DeadLetter(request) => answer(host, request).await,
        Request::RetryDeadLetters(request) => answer(host, request).await,
        Request::DropDeadLetters(request) => answer(host, request).await,
        Request::Retained(request) => answer(host, request).await,
        Request::ClearRetained(request) => answer(host, request).await,
        Request::Resume(request) => answer(host, request).await,
        Request::Reload(request) => answer(host, request).await,
        Request::RetainedMessage(request) => answer(host, request).await,
    }
}

async fn answer<R: Serve>(host: &ComponentHost, request: R) -> Answer {
    request.serve(host).await.map_or_else(|failed| Answer::Failed(while_starting(host, failed)), Into::into)
}

impl Serve for About {
    async fn serve(self, host: &ComponentHost) -> Result<AboutApp, Failed> {
        Ok(AboutApp {
            app: host.system().name().to_owned(),
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            components: host.names(),
        })
    }
}

impl Serve for Snapshot {
    async fn serve(self, host: &ComponentHost) -> Result<Box<AppSnapshot>, Failed> {
        Ok(Box::new(match self.resident {
            true => host.snapshot_with_resident_memory(),
            false => host.snapshot(),
        }))
    }
}

impl Serve for ListGrants {
    async fn serve(self, host: &ComponentHost) -> Result<GrantList, Failed> {
        let component = known(host, self.component)?;
        let mut components = host.grants();
        components.retain(|grants| component.as_ref().is_none_or(|wanted| grants.component == *wanted));
        Ok(GrantList { components })
    }
}

impl Serve for Give {
    async fn serve(self, host: &ComponentHost) -> Result<GrantChange, Failed> {
        host.grant(&self.component, self.capability, &self.pattern).map_err(|error| failed(&error))
    }
}

impl Serve for Revoke {
    async fn serve(self, host: &ComponentHost) -> Result<GrantChange, Failed> {
        host.revoke(&self.component, self.capability, &self.pattern).map_err(|error| failed(&error))
    }
}

impl Serve for ListDenials {
    async fn serve(self, host: &ComponentHost) -> Result<DenialList, Failed> {
        let component = known(host, self.component)?;
        let mut denials = host.denials();
        denials.retain(|denial| component.as_ref().is_none_or(|wanted| denial.component == *wanted));
        Ok(DenialList { denials })
    }
}

impl Serve for ListDeadLetters {
    async fn serve(self, host: &ComponentHost) -> Result<DeadLetterPage, Failed> {
        let receiver = known(host, self.receiver)?;
        let kept = kept_letters(host, receiver.as_deref());
        let listed = kept.iter().filter(|letter| letter.id > self.after).take(self.limit.min(MAX_LISTED));
        let letters = listed.map(without_body).collect();
        Ok(DeadLetterPage { letters, kept: kept.len(), total: host.dead_letters().total() })
    }
}

impl Serve for ShowDeadLetter {
    async fn serve(self, host: &ComponentHost) -> Result<LetterWithBody, Failed> {
        let letter = host.dead_letters().get(self.id).ok_or(RetryError::Unknown { id: self.id });
        let letter = letter.map_err(|error| failed(&error))?;
        Ok(LetterWithBody { letter: without_body(&letter), body: shown_body(&letter.message) })
    }
}

impl Serve for RetryDeadLetters {
    async fn serve(self, host: &ComponentHost) -> Result<LettersDone, Failed> {
        let mut full = self.held_back;
        let retry = |id| {
            // A letter does not overtake another to the same receiver.
            let receiver = host.dead_letters().get(id).map(|letter| letter.receiver.to_string());
            if let Some(receiver) = receiver.filter(|receiver| full.contains(receiver)) {
                return Err(no_room(receiver));
            }
            match host.retry_dead_letter(id) {
                Ok(()) => Ok(()),
                Err(RetryError::Refused { receiver, no_room: true, .. }) => {
                    full.insert(receiver.clone());
                    Err(no_room(receiver))
                }
                // Without the id, so that letters with the same reason are listed together.
                Err(RetryError::Refused { receiver, reason, .. }) => {
                    Err((format!("`{receiver}` did not take it: {reason}"), None))
                }
                Err(_) => Err((no_longer_kept(), None)),
            }
        };
        for_each_letter(host, self.which, retry).await
    }
}

impl Serve for DropDeadLetters {
    async fn serve(self, host: &ComponentHost) -> Result<LettersDone, Failed> {
        let delete = |id| host.drop_dead_letter(id).map(drop).ok_or_else(|| (no_longer_kept(), None));
        for_each_letter(host, self.which, delete).await
    }
}

impl Serve for Resume {
    async fn serve(self, host: &ComponentHost) -> Result<Resumed, Failed> {
        let names = host.resume(&self.name).map_err(|error| failed(&error))?;
        Ok(Resumed { names })
    }
}

impl Serve for Reload {
    async fn serve(self, host: &ComponentHost) -> Result<Reloaded, Failed> {
        Ok(host.reload().await)
    }
}

impl Serve for ShowRetained {
    async fn serve(self, host: &ComponentHost) -> Result<RetainedWithBody, Failed> {
        match host.retained_message(&self.topic) {
            Some((message, body)) => Ok(RetainedWithBody { message, body: shown_body(&body) }),
            None => Err(Failed { message: format!("`{}` has no retained message", self.topic) }),
        }
    }
}

impl Serve for ListRetained {
    async fn serve(self, host: &ComponentHost) -> Result<RetainedPage, Failed> {
        let ListRetained { pattern, after, limit } = self;
        let pattern = pattern.map(|pattern| pattern.parse::<TopicPattern>()).transpose();
        let messages = host.retained(pattern.map_err(|error| failed(&error))?.as_ref());
        let matching = messages.len();
        let is_later = |topic: &String| after.as_ref().is_none_or(|after| topic > after);
        let later = messages.into_iter().filter(|message| is_later(&message.topic));
        Ok(RetainedPage { messages: later.take(limit.min(MAX_LISTED)).collect(), matching })
    }
}

impl Serve for ClearRetained {
    async fn serve(self, host: &ComponentHost) -> Result<RetainedCleared, Failed> {
        let ClearRetained { topic } = self;
        match host.clear_retained(&topic) {
            Ok(true) => Ok(RetainedCleared { topic }),
            Ok(false) => Err(Failed { message: format!("`{topic}` has no retained message") }),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// The failure of a request, which a later one may not have if the app is still starting.
fn while_starting(host: &ComponentHost, Failed { message }: Failed) -> Failed {
    let step = match host.start_step() {
        None => return Failed { message },
        Some(StartStep::Loading) => "its components are loaded".to_owned(),
        Some(StartStep::Starting(component)) => format!("`{component}` is started"),
    };
    Failed { message: format!("{message}; the app is still starting: {step}") }
}

/// The failure for an error, with its cause.
fn failed(error: &dyn Error) -> Failed {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    Failed { message: format!("{error}{cause}") }
}

/// The reason for which a letter is not retried or deleted, and its receiver if that has no room.
type NotDone = (String, Option<String>);

fn no_room(receiver: String) -> NotDone {
    (format!("`{receiver}` has no room"), Some(receiver))
}

fn no_longer_kept() -> String {
    "the dead letter is not kept: it was retried, dropped, or removed for newer ones".to_owned()
}

/// Returns the component if the app has it, or `None` for all components.
fn known(host: &ComponentHost, component: Option<String>) -> Result<Option<String>, Failed> {
    match component {
        Some(component) if !host.names().contains(&component) => {
            Err(failed(&GrantError::UnknownComponent { component }))
        }
        component => Ok(component),
    }
}

fn kept_letters(host: &ComponentHost, receiver: Option<&str>) -> Vec<DeadLetter> {
    let mut letters = host.dead_letters().kept();
    letters.retain(|letter| receiver.is_none_or(|wanted| &*letter.receiver == wanted));
    letters
}

async fn for_each_letter(
    host: &ComponentHost,
    which: Letters,
    mut act: impl FnMut(u64) -> Result<(), NotDone>,
) -> Result<LettersDone, Failed> {
    let ids = match which {
        Letters::Ids(ids) => ids,
        Letters::All { receiver } => {
            let receiver = known(host, receiver)?;
            kept_letters(host, receiver.as_deref()).iter().map(|letter| letter.id).collect()
        }
    };
    let (mut done, mut failed) = (Vec::new(), BTreeMap::<NotDone, Vec<u64>>::new());
    for (index, id) in ids.into_iter().enumerate() {
        match act(id) {
            Ok(()) => done.push(id),
            Err(reason) => failed.entry(reason).or_default().push(id),
        }
        if (index + 1).is_multiple_of(LETTERS_AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }
    let failed = failed.into_iter().map(|((message, receiver), ids)| LettersFailed {
        message,
        no_room: receiver.is_some(),
        receiver,
        ids,
    });
    let failed = failed.collect();
    Ok(LettersDone { done, failed })
}

/// Splits a message into its codec and its body.
fn split(message: &[u8]) -> (Option<Codec>, &[u8]) {
    Codec::split(message).map_or((None, message), |(codec, body)| (Some(codec), body))
}

fn without_body(letter: &DeadLetter) -> Letter {
    let (codec, body) = split(&letter.message);
    Letter {
        id: letter.id,
        receiver: letter.receiver.to_string(),
        sender: letter.sender.to_string(),
        instance: letter.instance.as_deref().map(str::to_owned),
        topic: letter.topic.as_deref().map(str::to_owned),
        traceparent: letter.trace.map(|trace| trace.to_string()),
        reason: letter.reason.to_string(),
        attempts: letter.attempts,
        at_ms: unix_ms(letter.at),
        codec: codec.map(|codec| codec.to_string()),
        body_bytes: body.len(),
    }
}

/// Returns the beginning of a message's body in hexadecimal.
fn shown_body(message: &[u8]) -> String {
    let (_, body) = split(message);
    let shown = &body[..body.len().min(MAX_SHOWN_BYTES)];
    shown.iter().fold(String::with_capacity(2 * shown.len()), |mut text, byte| {
        // Writing to a `String` cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}
