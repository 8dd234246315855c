//! Plans of faults.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thiserror::Error;

use crate::sync::lock;

/// The place of a fault. Each place counts on its own, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Place {
    /// Before the actor gets a message; those of its timers count too.
    Message,
    /// Before [`pre_start`](crate::Child::pre_start). Its number is that of the incarnation; the first
    /// is 1.
    PreStart,
    /// Before [`post_start`](crate::Child::post_start).
    PostStart,
    /// Before [`pre_stop`](crate::Child::pre_stop).
    PreStop,
    /// Before [`post_stop`](crate::Child::post_stop).
    PostStop,
    /// Before [`on_start`](crate::Actor::on_start).
    OnStart,
    /// Before [`on_down`](crate::Actor::on_down).
    OnDown,
    /// Before [`on_signal`](crate::Actor::on_signal).
    OnSignal,
}

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The error [`Injected`], in place of the actor's code.
    Fail,
    /// A panic, in place of the actor's code.
    Panic,
    /// A delay before the actor's code, on tokio's clock.
    Delay(Duration),
    /// A wait that never ends, in place of the actor's code.
    Hang,
}

/// The error of a [`Fault::Fail`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("told to fail at {place} {number}")]
#[non_exhaustive]
pub struct Injected {
    /// The place.
    pub place: Place,
    /// The number of times that the actors had been there.
    pub number: u64,
}

/// A plan of faults for an actor: the third message fails, the second start panics.
///
/// [`wrap`](Self::wrap) puts it between the runtime and an actor of any type, which need not change.
/// Counts run over all incarnations, and over all actors that share the plan; its clones are one
/// plan. Each fault happens once.
///
/// ```
/// use std::time::Duration;
/// use airssys_rt::testing::{self, Faults};
/// use airssys_rt::{Actor, ActorContext, ActorSystem, Child, ChildSpec, ReplyTo, RequestError};
///
/// #[derive(Default)]
/// struct Counter(u32);
///
/// impl Child for Counter {}
///
/// impl Actor for Counter {
///     type Message = ReplyTo<u32>;
///     type Error = std::convert::Infallible;
///
///     async fn handle_message(
///         &mut self,
///         reply: ReplyTo<u32>,
///         _: &ActorContext<ReplyTo<u32>>,
///     ) -> Result<(), Self::Error> {
///         self.0 += 1;
///         drop(reply.send(self.0));
///         Ok(())
///     }
/// }
///
/// testing::run(async {
///     let system = ActorSystem::new("test");
///     // The second message panics, and so does the start of the incarnation that follows.
///     let faults = Faults::new().panic_nth(2).panic_start(2).hang_nth(4);
///     let counter = system.spawn(ChildSpec::new("counter"), faults.wrap(Counter::default)).await.unwrap();
///
///     let second = Duration::from_secs(1);
///     let ask = || counter.request(|reply| reply, second);
///     assert_eq!(ask().await.unwrap(), 1);
///     assert!(matches!(ask().await, Err(RequestError::NoReply)));
///     assert_eq!(ask().await.unwrap(), 1, "another incarnation");
///     assert!(matches!(ask().await, Err(RequestError::TimedOut)));
///     counter.kill();
///     assert_eq!(ask().await.unwrap(), 1);
///     assert_eq!(counter.stats().restarts, 3);
///     assert_eq!(faults.left(), 0, "all faults have happened");
/// });
/// ```
#[derive(Clone, Default)]
pub struct Faults {
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    faults: BTreeMap<(Place, u64), Fault>,
    /// The number of times that actors have been at each place.
    counts: BTreeMap<Place, u64>,
}

impl Faults {
    /// A plan without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fault for the `number`th time that an actor is at this place; the first is 1. It replaces
    /// a fault that was planned there.
    ///
    /// # Panics
    ///
    /// If it could never happen, because `number` is 0 or has been reached.
    #[track_caller]
    pub fn at(self, place: Place, number: u64, fault: Fault) -> Self {
        let mut plan = lock(&self.plan);
        let count = plan.counts.get(&place).copied().unwrap_or_default();
        assert!(number > count, "{place} {number} never comes: the next is {}", count + 1);
        plan.faults.insert((place, number), fault);
        drop(plan);
        self
    }

    /// The `number`th message fails: the actor does not get it, and its incarnation has failed.
    ///
    /// # Panics
    ///
    /// As [`at`](Self::at). The methods below panic likewise.
    #[track_caller]
    pub fn fail_nth(self, number: u64) -> Self {
        self.at(Place::Message, number, Fault::Fail)
    }

    /// The `number`th message panics in place of the actor.
    #[track_caller]
    pub fn panic_nth(self, number: u64) -> Self {
        self.at(Place::Message, number, Fault::Panic)
    }

    /// The actor gets the `number`th message after this delay.
    #[track_caller]
    pub fn delay_nth(self, number: u64, delay: Duration) -> Self {
        self.at(Place::Message, number, Fault::Delay(delay))
    }

    /// The actor hangs on the `number`th message, until it is killed.
    #[track_caller]
    pub fn hang_nth(self, number: u64) -> Self {
        self.at(Place::Message, number, Fault::Hang)
    }

    /// The `number`th start fails, in `pre_start`. An actor whose first start fails has ended.
    #[track_caller]
    pub fn fail_start(self, number: u64) -> Self {
        self.at(Place::PreStart, number, Fault::Fail)
    }

    /// The `number`th start panics, in `pre_start`.
    #[track_caller]
    pub fn panic_start(self, number: u64) -> Self {
        self.at(Place::PreStart, number, Fault::Panic)
    }

    /// The number of times that actors have been at this place.
    pub fn count(&self, place: Place) -> u64 {
        lock(&self.plan).counts.get(&place).copied().unwrap_or_default()
    }

    /// The number of faults that have not happened yet. If there are some at the end of a test, it has
    /// not tested everything.
    pub fn left(&self) -> usize {
        lock(&self.plan).faults.len()
    }

    /// Injects the planned fault, when an actor is at this place.
    pub(super) async fn reach(&self, place: Place) -> Result<(), Injected> {
        let (number, fault) = {
            let mut plan = lock(&self.plan);
            let count = plan.counts.entry(place).or_default();
            *count += 1;
            let number = *count;
            (number, plan.faults.remove(&(place, number)))
        };
        let injected = Injected { place, number };
        match fault {
            None => Ok(()),
            Some(Fault::Fail) => Err(injected),
            Some(Fault::Panic) => panic!("told to panic at {place} {number}"),
            Some(Fault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            Some(Fault::Hang) => std::future::pending().await,
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = lock(&self.plan);
        f.debug_struct("Faults").field("left", &plan.faults).field("counts", &plan.counts).finish()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "message",
            Self::PreStart => "pre_start",
            Self::PostStart => "post_start",
            Self::PreStop => "pre_stop",
            Self::PostStop => "post_stop",
            Self::OnStart => "on_start",
            Self::OnDown => "on_down",
            Self::OnSignal => "on_signal",
        })
    }
}
