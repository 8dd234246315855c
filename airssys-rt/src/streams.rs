//! The streams that are attached to an incarnation.

use std::pin::Pin;
use std::task::{Context, Poll};

use airssys_core::ExitReason;
use futures_util::Stream;
use futures_util::stream::{SelectAll, StreamExt};

use crate::guard::{discard, guard};

/// A stream of messages.
type Messages<M> = Pin<Box<dyn Stream<Item = M> + Send>>;

/// The streams that have not ended. They are polled in the actor's own task, one item at a time, so
/// there is no queue between a stream and its actor.
pub(crate) struct Streams<M>(SelectAll<Messages<M>>);

impl<M> Streams<M> {
    pub(crate) fn new() -> Self {
        Self(SelectAll::new())
    }

    pub(crate) fn push(&mut self, stream: Messages<M>) {
        self.0.push(stream);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next message of any stream, or the reason of a failure to make it. Registers the task
    /// otherwise. Each stream gets its turn, and is dropped once it has ended.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<M, ExitReason>> {
        match guard(|| self.0.poll_next_unpin(context)) {
            Ok(Poll::Ready(Some(message))) => Poll::Ready(Ok(message)),
            Ok(Poll::Ready(None) | Poll::Pending) => Poll::Pending,
            Err(reason) => Poll::Ready(Err(reason)),
        }
    }

    /// Drops all streams, and returns the first panic in that.
    pub(crate) fn end(&mut self) -> Result<(), ExitReason> {
        let streams = std::mem::take(&mut self.0);
        streams.into_iter().map(discard).fold(Ok(()), Result::and)
    }
}
