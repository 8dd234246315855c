//! How a busy actor leaves its neighbours a turn.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;

/// How long timers and I/O wait at most for the worker of an actor that is always busy, beside what
/// its messages take.
const REST: Duration = Duration::from_micros(500);

/// The turns that an actor leaves its neighbours.
///
/// tokio's `yield_now` waits until the worker has nothing else to do, and has looked at timers and I/O.
/// Whoever was woken meanwhile comes first, and may be on the worker for long: no idle worker finds
/// the one that waits. At the end of the line any of them does, but a worker whose line is never empty
/// looks at timers late. So it is mostly the one, and once in a while the other.
pub(super) struct Turns {
    /// None on a runtime of one thread: there is no other worker.
    rested: Option<Instant>,
}

impl Turns {
    pub(super) fn begin() -> Self {
        let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
        Self { rested: matches!(flavor, Ok(RuntimeFlavor::MultiThread)).then(Instant::now) }
    }

    /// Leaves the neighbours a turn.
    pub(super) async fn pass(&mut self) {
        let now = Instant::now();
        match &mut self.rested {
            Some(rested) if now.saturating_duration_since(*rested) < REST => end_of_line().await,
            rested => {
                tokio::task::yield_now().await;
                if let Some(rested) = rested {
                    *rested = now;
                }
            }
        }
    }
}

/// Goes to the end of the line, from which any worker may take it.
fn end_of_line() -> impl Future<Output = ()> + Send {
    let mut yielded = false;
    poll_fn(move |task| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
}
