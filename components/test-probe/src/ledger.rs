//! Messages that tests account for: the log says which were sent and which were handled.
//!
//! A line is a word, an id, and a number, a name or another word.

use std::pin::pin;
use std::time::Duration;

use airssys_sdk::RequestError;
use airssys_sdk::prelude::*;
use futures_util::FutureExt;
use test_commands::{Action, Answer, Command, Fate, Mark};

use crate::exchange::poll_once;

/// Ends a message as its mark says.
pub(crate) fn mark(mark: &Mark, message: &Message) -> Result<Reply, Rejection> {
    match (mark.fate, message.attempt()) {
        (Fate::Reject, _) => return Err(Rejection::from("marked")),
        (Fate::Retry, _) | (Fate::RetryOnce, 1) => return Err(Rejection::retry("marked")),
        (Fate::Panic, _) | (Fate::PanicOnce, 1) => panic!("marked"),
        _ => {}
    }
    let word = if message.was_retained() { "handed" } else { "handled" };
    log::info!("{word} {} {}", mark.id, message.sender());
    let answer: Answer = Ok("handled".to_owned());
    Ok(Reply::cbor(&answer)?)
}

/// Does these actions in order.
pub(crate) async fn act(actions: Vec<Action>, context: &Context) {
    for action in actions {
        match action {
            Action::Send { to, mark } => {
                let sent = context.try_send(&to, &Command::Mark(mark.clone())).is_ok();
                log::info!("sent {} {}", mark.id, u32::from(sent));
            }
            Action::SendBatch { to, marks } => {
                let commands: Vec<_> = marks.iter().cloned().map(Command::Mark).collect();
                let sent = context.try_send_batch(&to, &commands);
                let sent = sent.map_or_else(|error| error.sent, |()| marks.len());
                for (index, mark) in marks.iter().enumerate() {
                    log::info!("sent {} {}", mark.id, u32::from(index < sent));
                }
            }
            Action::Publish { topic, mark } => {
                let published = context.publish(&topic, &Command::Mark(mark.clone())).now_or_never();
                log::info!("sent {} {}", mark.id, published.and_then(Result::ok).unwrap_or(0));
            }
            Action::Retain { topic, mark } => {
                log::info!("retains {} 1", mark.id);
                let published = context.publish(&topic, &Command::Mark(mark.clone())).retain().now_or_never();
                log::info!("sent {} {}", mark.id, published.and_then(Result::ok).unwrap_or(0));
            }
            Action::ClearRetained(topic) => drop(context.clear_retained(&topic)),
            Action::Request { to, mark, timeout_ms, cancel } => {
                request(&to, mark, Duration::from_millis(timeout_ms), cancel, context).await;
            }
            Action::Subscribe(pattern) => drop(context.subscribe(&pattern)),
            Action::Unsubscribe(pattern) => drop(context.unsubscribe(&pattern)),
            Action::Panic => panic!("acted"),
            Action::Stop => context.stop(),
        }
    }
}

async fn request(to: &str, mark: Mark, timeout: Duration, cancel: bool, context: &Context) {
    let id = mark.id;
    log::info!("asked {id} 1");
    let command = Command::Mark(mark);
    let mut request = pin!(context.request::<Answer>(to, &command).timeout(timeout));
    if cancel {
        let ended = poll_once(request.as_mut()).await;
        log::info!("came {id} {}", if ended { "refused" } else { "cancelled" });
        return;
    }
    let what = match request.await {
        Ok(_) => "replied",
        Err(RequestError::TimedOut { .. }) => "timed-out",
        Err(RequestError::Rejected { .. }) => "rejected",
        Err(RequestError::TargetFailed { .. }) => "failed",
        Err(RequestError::TargetStopped { .. }) => "stopped",
        Err(_) => "refused",
    };
    log::info!("came {id} {what}");
}
