//! The worker thread under a guest that runs long.

use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};

/// The time that a guest waits until another thread has taken its worker's run queue.
const HAND_OVER: Duration = Duration::from_micros(200);

/// Hands the worker's run queue to another thread, while the guest keeps this thread.
///
/// `block_in_place` starts another thread, which takes over when it is scheduled. If that takes longer
/// than [`HAND_OVER`], the guest keeps the run queue until the next call. A current-thread runtime has
/// no other thread, so nothing happens there.
pub(crate) fn hand_over_worker() {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::MultiThread)) {
        tokio::task::block_in_place(|| std::thread::sleep(HAND_OVER));
    }
}

/// Offers this worker's run queue to idle workers.
///
/// tokio keeps the task that was woken last in the worker's LIFO slot, from which no other worker
/// steals it. Spawning a task moves the slot's task into the run queue, and wakes an idle worker if
/// there was one. The second task finds the first in the slot, so that a worker is woken in any case.
pub(crate) fn offer_run_queue() {
    if let Ok(runtime) = Handle::try_current()
        && runtime.runtime_flavor() == RuntimeFlavor::MultiThread
    {
        for _ in 0..2 {
            // The task is detached, because it ends at its first poll.
            drop(runtime.spawn(std::future::ready(())));
        }
    }
}
