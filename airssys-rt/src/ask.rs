//! Requests through references that choose the receiver, or hide its message type.

use std::time::Duration;

use crate::errors::{RequestError, SendError};
use crate::request::{ReplyTo, slot_within};
use crate::services::Services;

/// Sends a message that carries a [`ReplyTo`] in this way, and waits for the reply.
pub(crate) async fn ask<M, R, S>(
    services: &Services,
    message: impl FnOnce(ReplyTo<R>) -> M,
    send: impl FnOnce(M) -> S,
    timeout: Option<Duration>,
) -> Result<R, RequestError<M>>
where
    R: Send + 'static,
    S: Future<Output = Result<(), SendError<M>>>,
{
    let (reply_to, mut reply) = slot_within(timeout, &services.deadlines).await;
    match reply.while_sending(send(message(reply_to))).await {
        Ok(sent) => sent?,
        Err(ended) => return Ok(ended?),
    }
    Ok(reply.await?)
}
