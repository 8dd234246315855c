//! The streams that are attached to an incarnation.

use std::pin::Pin;
use std::task::{Context, Poll};

use airssys_core::ExitReason;
use futures_util::Stream;
use futures_util::stream::{SelectAll, StreamExt};

use crate::guard::{Contained, guard};

/// A stream of messages.
type Messages<M> = Pin<Box<dyn Stream<Item = M> + Send>>;

/// A stream of messages in a guard of its own, because a set of streams drops one that panics while
/// that panic unwinds. A panic is an item of its own, and the last.
struct GuardedStream<M>(Option<Contained<Messages<M>>>);

impl<M> GuardedStream<M> {
    /// Drops the stream, if that has not happened; gives the reason if that panics.
    fn discard(&mut self) -> Result<(), ExitReason> {
        self.0.take().map_or(Ok(()), Contained::discard)
    }
}

impl<M> Stream for GuardedStream<M> {
    type Item = Result<M, ExitReason>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stream) = &mut self.0 else { return Poll::Ready(None) };
        let polled = guard(|| stream.as_mut().poll_next(context));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Some(message))) => Poll::Ready(Some(Ok(message))),
            Ok(Poll::Ready(None)) => Poll::Ready(self.discard().err().map(Err)),
            Err(reason) => {
                // The first failure counts.
                let _ = self.discard();
                Poll::Ready(Some(Err(reason)))
            }
        }
    }
}

/// The streams that have not ended. They are polled in the actor's own task, one item at a time, so
/// there is no queue between a stream and its actor.
pub(crate) struct Streams<M>(SelectAll<GuardedStream<M>>);

impl<M> Streams<M> {
    pub(crate) fn new() -> Self {
        Self(SelectAll::new())
    }

    pub(crate) fn push(&mut self, stream: Messages<M>) {
        self.0.push(GuardedStream(Some(Contained::new(stream))));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next message of any stream, or the reason of a failure to make it. Registers the task
    /// otherwise. Each stream gets its turn, and is dropped once it has ended.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<M, ExitReason>> {
        match self.0.poll_next_unpin(context) {
            Poll::Ready(Some(item)) => Poll::Ready(item),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Drops all streams, and returns the first panic in that.
    pub(crate) fn end(&mut self) -> Result<(), ExitReason> {
        let streams = std::mem::take(&mut self.0);
        streams.into_iter().map(|mut stream| stream.discard()).fold(Ok(()), Result::and)
    }
}
