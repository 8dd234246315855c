//! Waits within a call, for what wstd and what [`Context`] offer.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context as TaskContext, Poll};

use wstd::runtime::{AsyncPollable, WaitFor, block_on};

use crate::context::Context;
use crate::host::callbacks;

/// Runs a future until it has ended.
pub(crate) fn until_ended<F: Future>(context: &Context, future: F) -> F::Output {
    block_on(async {
        let mut future = pin!(future);
        let mut arrivals = Arrivals { pollable: None, wait: None };
        poll_fn(|task| {
            loop {
                if let Poll::Ready(output) = future.as_mut().poll(task) {
                    return Poll::Ready(output);
                }
                // Tells of requests that tasks of the runtime make meanwhile.
                context.on_request(task.waker());
                if !context.awaits_callbacks() || arrivals.poll(task).is_pending() {
                    return Poll::Pending;
                }
                while let Some((request, what)) = callbacks::next() {
                    context.deliver(request, what);
                }
            }
        })
        .await
    })
}

/// The arrivals of callbacks.
struct Arrivals {
    pollable: Option<AsyncPollable>,
    wait: Option<WaitFor>,
}

impl Arrivals {
    /// Ready if a callback can be taken.
    fn poll(&mut self, task: &mut TaskContext<'_>) -> Poll<()> {
        let pollable = self.pollable.get_or_insert_with(|| AsyncPollable::new(callbacks::subscribe()));
        let wait = self.wait.get_or_insert_with(|| pollable.wait_for());
        let arrived = pin!(wait).poll(task);
        if arrived.is_ready() {
            self.wait = None;
        }
        arrived
    }
}

/// Returns the output of a future that does not wait.
#[cfg(test)]
pub(super) fn poll_once<F: Future>(future: F) -> F::Output {
    let mut task = TaskContext::from_waker(std::task::Waker::noop());
    match pin!(future).poll(&mut task) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}
