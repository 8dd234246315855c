//! What becomes of a worker whose guest does not return.

use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};

/// How long a guest waits for another thread to take its worker over.
const HAND_OVER: Duration = Duration::from_micros(200);

/// Has another thread go on with what this worker has to do, while the guest keeps this thread.
///
/// It has happened when the other thread has come to it. If that takes longer than the wait, the
/// guest keeps the worker until it is looked at again. A runtime of one thread has none to give.
pub(crate) fn give_worker_away() {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::MultiThread)) {
        tokio::task::block_in_place(|| std::thread::sleep(HAND_OVER));
    }
}

/// Has another worker look whether it can take what is in line on this one.
///
/// tokio keeps the task that was woken last for the worker that woke it, and no other takes it from
/// there, however long what this worker is on goes on. The next one takes its place, and then idle
/// workers are told: so the first makes way for what waits, the second for the first.
pub(crate) fn offer_run_queue() {
    if let Ok(runtime) = Handle::try_current()
        && runtime.runtime_flavor() == RuntimeFlavor::MultiThread
    {
        for _ in 0..2 {
            // Ends as soon as it is looked at: there is nothing to wait for.
            drop(runtime.spawn(std::future::ready(())));
        }
    }
}
