//! Runs that repeat: one thread, a paused clock, and an order that is drawn from a seed.

use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Poll;

use fastrand::Rng;
use tokio::runtime::Builder;

thread_local! {
    /// Draws which polls are put off, in a run that has a seed.
    static TURNS: RefCell<Option<Rng>> = const { RefCell::new(None) };
}

/// Runs a test on a runtime of its own, in this thread, with tokio's clock paused.
///
/// While a task has something to do, no time passes. When all wait, the clock jumps to the first
/// timer. So an hour takes no time, and the test takes the same course in every run:
///
/// | repeats | does not |
/// |---|---|
/// | which task runs next, and so the order of all messages, events, starts and stops | the work of other threads, that of `spawn_blocking` included |
/// | timers, timeouts and delays, of actors and of `tokio::time` | `std::time` |
/// | random numbers of `fastrand`'s functions, and so the jitter of a backoff | those of other generators, the order of a `HashMap`, a `tokio::select!` that is not `biased` |
///
/// Sockets and other drivers are off: using one panics. Tasks that are left when the test has
/// returned are dropped.
///
/// # Panics
///
/// If the test does, or inside another runtime.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    run_as(Rng::with_seed(0), None, test)
}

/// As [`run`], but in another order, which depends on the seed and repeats with it: each poll of an
/// actor, of a supervisor or of the test itself may be put off.
///
/// The guarantees hold in each of these orders: messages of one sender arrive as they were sent.
///
/// # Panics
///
/// As [`run`].
pub fn run_with_seed<T>(seed: u64, test: impl Future<Output = T>) -> T {
    let mut random = Rng::with_seed(seed);
    let turns = random.fork();
    run_as(random, Some(turns), test)
}

/// Runs a test as [`run_with_seed`] does, with one seed after another.
///
/// ```
/// use airssys_rt::testing::{Probe, explore};
/// use airssys_rt::ActorSystem;
///
/// explore(0..20, async || {
///     let system = ActorSystem::new("test");
///     let probe = Probe::spawn(&system, "probe").await.unwrap();
///     for number in 0..3 {
///         probe.actor_ref().send(number).await.unwrap();
///     }
///     for number in 0..3 {
///         assert_eq!(probe.expect_message().await, number);
///     }
/// });
/// ```
///
/// # Panics
///
/// As soon as the test does: the seed goes to the standard error.
pub fn explore<F: AsyncFn()>(seeds: impl IntoIterator<Item = u64>, test: F) {
    for seed in seeds {
        let tried = catch_unwind(AssertUnwindSafe(|| run_with_seed(seed, test())));
        if let Err(panic) = tried {
            eprintln!("this was seed {seed}: `run_with_seed({seed}, …)` repeats it");
            resume_unwind(panic);
        }
    }
}

fn run_as<T>(random: Rng, turns: Option<Rng>, test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => panic!("cannot start a runtime: {error}"),
    };
    // Restored after the runtime and its tasks have been dropped.
    let _before = Before::set(random, turns);
    let runtime = runtime;
    runtime.block_on(shaken(test))
}

/// Restores the random numbers that the thread had before.
struct Before {
    seed: u64,
    turns: Option<Rng>,
}

impl Before {
    fn set(random: Rng, turns: Option<Rng>) -> Self {
        let seed = fastrand::get_seed();
        fastrand::seed(random.get_seed());
        Self { seed, turns: TURNS.replace(turns) }
    }
}

impl Drop for Before {
    fn drop(&mut self) {
        fastrand::seed(self.seed);
        TURNS.set(self.turns.take());
    }
}

/// Returns true in a run that has a seed.
pub(crate) fn is_shaken() -> bool {
    TURNS.with_borrow(Option::is_some)
}

/// The same task. In a run that has a seed, its polls are put off at random.
pub(crate) fn shaken<F: Future>(task: F) -> impl Future<Output = F::Output> + use<F> {
    let mut task = Box::pin(task);
    poll_fn(move |context| {
        if waits() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        task.as_mut().poll(context)
    })
}

fn waits() -> bool {
    TURNS.with_borrow_mut(|turns| turns.as_mut().is_some_and(Rng::bool))
}
