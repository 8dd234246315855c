//! The worker thread under a guest that runs long.

use std::num::NonZero;
use std::sync::LazyLock;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::guest::background::runtime_of_worker;
use crate::routing::app::App;

/// The time that a guest waits until another thread has taken its worker's run queue.
const HAND_OVER: Duration = Duration::from_micros(200);

/// The guests of this process that may run long at one time, for each processor.
const LONG_RUNS_PER_PROCESSOR: usize = 4;

/// The permits of guests that run long. A guest has a thread of its own from then on, and each running
/// thread takes its share of the processors from the workers. The semaphore is fair, so each guest comes
/// to run again.
static LONG_RUNS: LazyLock<Semaphore> = LazyLock::new(|| {
    let processors = available_parallelism().map_or(1, NonZero::get);
    Semaphore::new(processors * LONG_RUNS_PER_PROCESSOR)
});

/// A permit to run long. Dropping it lets another guest run.
pub(crate) struct LongRun {
    _permit: Option<SemaphorePermit<'static>>,
}

impl LongRun {
    /// Waits for a permit, or until the app has ended. Cancel safe.
    pub(crate) async fn permit(app: &App) -> LongRun {
        let permit = tokio::select! {
            biased;
            permit = LONG_RUNS.acquire() => permit.ok(),
            () = app.ended() => None,
        };
        LongRun { _permit: permit }
    }

    /// Hands over the worker, and then waits until the guest may run on: it gives up its permit for the
    /// guests that wait, and gets the next one that is free. Returns `None` if nothing was handed over.
    pub(crate) fn hand_over(before: Option<LongRun>, app: &App) -> Option<LongRun> {
        let runtime = Handle::try_current().ok()?;
        if runtime.runtime_flavor() != RuntimeFlavor::MultiThread {
            return before;
        }
        block_in_place(|| {
            drop(before);
            std::thread::sleep(HAND_OVER);
            Some(runtime.block_on(LongRun::permit(app)))
        })
    }
}

/// Blocks this thread, while another one takes its run queue. tokio starts that thread in the present runtime,
/// which has to be the worker's own.
fn block_in_place<R>(body: impl FnOnce() -> R) -> R {
    let runtime = runtime_of_worker();
    let _entered = runtime.as_ref().map(Handle::enter);
    tokio::task::block_in_place(body)
}

/// Hands the worker's run queue to another thread, while the guest keeps this thread.
///
/// `block_in_place` starts another thread, which takes over when it is scheduled. If that takes longer
/// than [`HAND_OVER`], the guest keeps the run queue until the next call. A current-thread runtime has
/// no other thread, so nothing happens there.
pub(crate) fn hand_over_worker() {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::MultiThread)) {
        block_in_place(|| std::thread::sleep(HAND_OVER));
    }
}

/// Offers this worker's run queue to idle workers.
///
/// tokio keeps the task that was woken last in the worker's LIFO slot, from which no other worker
/// steals it. Spawning a task moves the slot's task into the run queue, and wakes an idle worker if
/// there was one. The second task finds the first in the slot, so that a worker is woken in any case.
pub(crate) fn offer_run_queue() {
    if let Some(runtime) = runtime_of_worker()
        && runtime.runtime_flavor() == RuntimeFlavor::MultiThread
    {
        for _ in 0..2 {
            // The task is detached, because it ends at its first poll.
            drop(runtime.spawn(std::future::ready(())));
        }
    }
}
