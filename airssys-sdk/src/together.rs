//! Several futures awaited together.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Awaits several futures together. Returns their outputs in the order of the futures.
///
/// All futures are polled before any is waited for, so that requests are in flight together. If the
/// join is dropped, it drops the futures that have not ended.
///
/// ```
/// # use airssys_sdk::prelude::*;
/// async fn stock(context: &Context) -> Result<u64, Rejection> {
///     let counts = join(["apples", "pears"].map(|kind| context.request::<u64>("stock", kind))).await;
///     counts.into_iter().try_fold(0, |sum, count| Ok(sum + count?))
/// }
/// ```
pub async fn join<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut parts: Vec<Part<F>> = futures.into_iter().map(|future| Part::Running(Box::pin(future))).collect();
    poll_fn(|task| {
        let mut running = false;
        for part in &mut parts {
            if let Part::Running(future) = part {
                match future.as_mut().poll(task) {
                    Poll::Ready(output) => *part = Part::Ended(output),
                    Poll::Pending => running = true,
                }
            }
        }
        if running { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    let output = |part| match part {
        Part::Ended(output) => Some(output),
        Part::Running(_) => None,
    };
    parts.into_iter().filter_map(output).collect()
}

enum Part<F: Future> {
    Running(Pin<Box<F>>),
    Ended(F::Output),
}
