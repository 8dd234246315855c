//! Threads of lower priority, on which busy components run.
//!
//! A guest that is entered directly cannot be suspended, so beside busy components, a message of a quiet one
//! would wait for their calls to return. On these threads, the operating system interrupts a busy guest as
//! soon as a worker has something to do. It grants them the processors that the workers leave, and a share of
//! some 10 % if the workers leave none.
//!
//! Only directly entered components come here. A thread that a service starts for a component would begin with
//! the lower priority, and keep it when it works for others.

use std::cell::Cell;
use std::num::NonZero;
use std::panic::catch_unwind;
use std::sync::LazyLock;
#[cfg(target_os = "linux")]
use std::thread::Builder;
use std::thread::available_parallelism;
use std::time::Instant;

use airssys_rt::relocate;
#[cfg(target_os = "linux")]
use rustix::process::{getpriority_process, setpriority_process};
use tokio::runtime::{Handle, Runtime, RuntimeFlavor};

/// The name of each thread.
const NAME: &str = "airssys-busy";

/// The runtime of this process for busy components. `None` if threads of lower priority are not to be had.
/// It has no timers and no sockets, because a component keeps using those of its app's runtime.
static RUNTIME: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    let Some(priority) = Priority::lower() else {
        tracing::info!(
            "threads cannot get a lower priority, so busy components share the workers with others"
        );
        return None;
    };
    let start = move || {
        // It succeeded before, and a thread that keeps its priority does no harm.
        priority.set();
        IS_BACKGROUND.set(true);
    };
    let threads = available_parallelism().map_or(1, NonZero::get);
    let build = || {
        let builder = &mut tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(threads).thread_name(NAME).on_thread_start(start).build().ok()
    };
    // tokio panics if the system has no threads left.
    catch_unwind(build).ok().flatten()
});

thread_local! {
    /// True on a thread of [`RUNTIME`].
    static IS_BACKGROUND: Cell<bool> = const { Cell::new(false) };
}

/// Lets the present instance run on threads of lower priority until then, from its next yield on. On a runtime
/// of one thread it stays where it is, because its clock may be a paused one.
pub(crate) fn go_until(time: Instant) {
    let has_workers = |runtime: &Handle| runtime.runtime_flavor() == RuntimeFlavor::MultiThread;
    if Handle::try_current().is_ok_and(|runtime| has_workers(&runtime))
        && let Some(runtime) = &*RUNTIME
    {
        relocate(runtime.handle(), time);
    }
}

/// Returns the runtime whose worker this thread is. An instance in the background keeps using the handle of
/// its app's runtime.
pub(crate) fn runtime_of_worker() -> Option<Handle> {
    match IS_BACKGROUND.get() {
        true => RUNTIME.as_ref().map(|runtime| runtime.handle().clone()),
        false => Handle::try_current().ok(),
    }
}

/// The priority of these threads: their niceness.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy)]
struct Priority(i32);

#[cfg(target_os = "linux")]
impl Priority {
    /// The number that is added to the niceness. A thread of the usual priority gets ten times as much time
    /// as one with this number, and interrupts it at once.
    const NICER_BY: i32 = 10;

    /// Returns a priority below that of this thread. Returns `None` if threads cannot get it.
    fn lower() -> Option<Priority> {
        let own = getpriority_process(None).ok()?;
        // The system limits the niceness to 19.
        let lower = Priority((own + Self::NICER_BY).min(19));
        let is_set = Builder::new().spawn(move || lower.set()).ok()?.join().unwrap_or(false);
        (lower.0 > own && is_set).then_some(lower)
    }

    /// Gives it to this thread for good, because an unprivileged thread cannot raise its priority again. A
    /// number for all, because a thread begins with the priority of that which made it.
    fn set(self) -> bool {
        // Linux applies the call to the calling thread.
        setpriority_process(None, self.0).is_ok()
    }
}

/// Elsewhere there is no such priority, because the call would change that of the whole process.
#[cfg(not(target_os = "linux"))]
#[derive(Clone, Copy)]
enum Priority {}

#[cfg(not(target_os = "linux"))]
impl Priority {
    fn lower() -> Option<Priority> {
        None
    }

    fn set(self) -> bool {
        match self {}
    }
}
