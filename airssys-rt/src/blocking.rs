//! Calls that block a thread, for threads that poll no tasks.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Thread, current, park};

use tokio::runtime::Handle;
use tokio::task::coop::poll_proceed;

use crate::errors::{BlockingRequestError, BlockingSendError, RequestError, SendError};

/// More than the budget with which tokio polls a task.
const MOST_POLLS: usize = 1024;

/// Sends, and blocks the thread while that waits.
pub(crate) fn blocking_send<M, S>(message: M, send: impl FnOnce(M) -> S) -> Result<(), BlockingSendError<M>>
where
    S: Future<Output = Result<(), SendError<M>>>,
{
    if runs_tasks() {
        return Err(BlockingSendError::InTask(message));
    }
    Ok(block_on(send(message))?)
}

/// Runs a request to its end, and blocks the thread while that waits.
pub(crate) fn blocking_request<M, R>(
    request: impl Future<Output = Result<R, RequestError<M>>>,
) -> Result<R, BlockingRequestError<M>> {
    if runs_tasks() {
        return Err(BlockingRequestError::InTask);
    }
    Ok(block_on(request)?)
}

/// Runs a future to its end on this thread. Not on a thread that [runs tasks](runs_tasks), because
/// those would wait too, and the future perhaps for one of them.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Returns true if this thread polls a task of tokio, or the future of its `block_on`.
///
/// tokio polls those with a budget, and runs everything else without: threads of `spawn_blocking`,
/// `block_in_place`, and threads of no runtime. The units that are taken here are given back, the last
/// first.
fn runs_tasks() -> bool {
    if Handle::try_current().is_err() {
        return false;
    }
    let mut context = Context::from_waker(Waker::noop());
    let mut units = Vec::new();
    while units.len() < MOST_POLLS {
        match poll_proceed(&mut context) {
            Poll::Ready(unit) => units.push(unit),
            Poll::Pending => break,
        }
    }
    let has_budget = units.len() < MOST_POLLS;
    while let Some(unit) = units.pop() {
        drop(unit);
    }
    has_budget
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use tokio::runtime::Builder;
    use tokio::task::coop::{consume_budget, has_budget_remaining};

    use super::*;

    #[test]
    fn only_threads_that_run_tasks_are_found() {
        assert!(!runs_tasks(), "a thread of no runtime");
        for mut runtime in [Builder::new_current_thread(), Builder::new_multi_thread()] {
            let runtime = runtime.build().unwrap();
            let _entered = runtime.enter();
            assert!(!runs_tasks(), "a thread that only knows a runtime");
            runtime.block_on(async {
                assert!(runs_tasks(), "the future of `block_on`");
                assert!(tokio::spawn(async { runs_tasks() }).await.unwrap(), "a task");
                let blocking = tokio::task::spawn_blocking(runs_tasks);
                assert!(!blocking.await.unwrap(), "a thread for work that blocks");
            });
        }
    }

    #[test]
    fn the_budget_of_a_task_stays_as_it_is() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let left = |looks: bool| {
            runtime.block_on(async {
                let mut left = 0;
                while has_budget_remaining() && left < MOST_POLLS {
                    consume_budget().await;
                    left += 1;
                    assert!(!looks || runs_tasks());
                }
                left
            })
        };
        assert_eq!(left(true), left(false));
    }
}
