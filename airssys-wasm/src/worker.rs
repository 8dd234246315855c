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

/// Lets another worker take the task that was woken last.
///
/// tokio keeps that one for the worker that woke it, and no other takes it from there, however long
/// what this worker is on goes on. The next task that is woken takes its place.
pub(crate) fn make_way() {
    if let Ok(runtime) = Handle::try_current()
        && runtime.runtime_flavor() == RuntimeFlavor::MultiThread
    {
        // Ends as soon as it is looked at: there is nothing to wait for.
        drop(runtime.spawn(std::future::ready(())));
    }
}
