//! User code that panics, wherever it runs, is a failure of its incarnation, and no more than that.
//!
//! User code also runs where a value of its types is dropped. All panics here have a payload that
//! panics when it is dropped, and so on.

use std::fmt;
use std::future::pending;
use std::sync::Arc;

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, BoxError, Child, ChildContext, ChildSpec, Down, ExitReason,
    ReplyTo, RestartPolicy, SupervisionStrategy,
};
use tokio::sync::oneshot;

use crate::support::tree::{SECOND, config};

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        blow_up();
    }
}

fn blow_up() {
    std::panic::panic_any(Bomb);
}

/// The place in which user code panics.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Make,
    PreStart,
    PostStart,
    OnStart,
    Handler,
    HandlerNotAsync,
    Signal,
    Down,
    PreStop,
    PostStop,
    /// Its drop, after the last hook.
    Actor,
    /// The message of a timer that never fires.
    Timer,
    /// The closure of an interval, when it is called.
    Interval,
    /// The closure of an interval, when it is dropped.
    IntervalDropped,
    /// The error of a handler, when it is displayed.
    ErrorDisplayed,
    /// The error of a handler, when it is dropped.
    ErrorDropped,
}

const ALL: [Place; 16] = [
    Place::Make,
    Place::PreStart,
    Place::PostStart,
    Place::OnStart,
    Place::Handler,
    Place::HandlerNotAsync,
    Place::Signal,
    Place::Down,
    Place::PreStop,
    Place::PostStop,
    Place::Actor,
    Place::Timer,
    Place::Interval,
    Place::IntervalDropped,
    Place::ErrorDisplayed,
    Place::ErrorDropped,
];

/// Panics in one place, in its second incarnation.
struct Brittle {
    place: Place,
    incarnation: u64,
    other: Option<ActorRef<Say>>,
}

impl Brittle {
    fn is_at(&self, place: Place) -> bool {
        self.incarnation == 1 && self.place == place
    }

    fn reach(&self, place: Place) {
        if self.is_at(place) {
            blow_up();
        }
    }
}

impl Drop for Brittle {
    fn drop(&mut self) {
        self.reach(Place::Actor);
    }
}

enum Say {
    /// Ends this incarnation, if it has not ended before.
    End,
    Ask(ReplyTo<u64>),
    Held(Bomb),
}

struct BrittleError {
    displays: bool,
    bomb: Option<Bomb>,
}

impl fmt::Debug for BrittleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrittleError").field("bomb", &self.bomb.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Display for BrittleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.displays {
            blow_up();
        }
        f.write_str("told to fail")
    }
}

impl std::error::Error for BrittleError {}

impl Child for Brittle {
    async fn pre_start(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        self.reach(Place::PreStart);
        Ok(())
    }

    async fn post_start(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        self.reach(Place::PostStart);
        Ok(())
    }

    async fn pre_stop(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        self.reach(Place::PreStop);
        Ok(())
    }

    async fn post_stop(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        self.reach(Place::PostStop);
        Ok(())
    }
}

impl Actor for Brittle {
    type Message = Say;
    type Error = BrittleError;

    async fn on_start(&mut self, context: &ActorContext<Say>) -> Result<(), BrittleError> {
        if self.is_at(Place::Timer) {
            context.send_after(1000 * SECOND, Say::Held(Bomb));
        }
        if self.is_at(Place::Interval) {
            context.send_interval(SECOND, || {
                blow_up();
                Say::End
            });
        }
        if self.is_at(Place::IntervalDropped) {
            let bomb = Arc::new(Bomb);
            context.send_interval(1000 * SECOND, move || {
                let _ = &bomb;
                Say::End
            });
        }
        if self.is_at(Place::Signal) {
            context.self_ref().signal();
        }
        if let Some(other) = self.other.as_ref().filter(|_| self.is_at(Place::Down)) {
            context.monitor(other);
            other.stop();
        }
        self.reach(Place::OnStart);
        Ok(())
    }

    fn handle_message(
        &mut self,
        message: Say,
        context: &ActorContext<Say>,
    ) -> impl Future<Output = Result<(), BrittleError>> + Send {
        if matches!(message, Say::End) {
            self.reach(Place::HandlerNotAsync);
        }
        async move {
            match message {
                Say::Ask(reply) => {
                    let _ = reply.send(context.incarnation());
                    return Ok(());
                }
                Say::Held(_) => return Ok(()),
                Say::End if self.incarnation == 0 => {}
                Say::End => {
                    self.reach(Place::Handler);
                    // Waits, so that what is due meanwhile comes first.
                    if self.is_at(Place::Interval) {
                        tokio::time::sleep(2 * SECOND).await;
                        return Ok(());
                    }
                }
            }
            let bomb = self.is_at(Place::ErrorDropped).then_some(Bomb);
            Err(BrittleError { displays: !self.is_at(Place::ErrorDisplayed), bomb })
        }
    }

    async fn on_signal(&mut self, _: &ActorContext<Say>) -> Result<(), BrittleError> {
        self.reach(Place::Signal);
        Ok(())
    }

    async fn on_down(&mut self, _: Down, _: &ActorContext<Say>) -> Result<(), BrittleError> {
        self.reach(Place::Down);
        Ok(())
    }
}

async fn start(system: &ActorSystem, spec: ChildSpec, place: Place) -> ActorRef<Say> {
    let other = match place {
        Place::Down => {
            let never = || Brittle { place: Place::Make, incarnation: 0, other: None };
            let spec = ChildSpec::new("other").restart(RestartPolicy::Temporary);
            Some(system.spawn(spec, never).await.unwrap())
        }
        _ => None,
    };
    let mut made = 0;
    let make = move || {
        let brittle = Brittle { place, incarnation: made, other: other.clone() };
        made += 1;
        brittle.reach(Place::Make);
        brittle
    };
    system.spawn(spec, make).await.unwrap()
}

async fn ask(actor: &ActorRef<Say>) -> u64 {
    actor.request(Say::Ask, 1000 * SECOND).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn permanent_actor_is_restarted_wherever_its_code_panics() {
    for place in ALL {
        for strategy in [SupervisionStrategy::OneForOne, SupervisionStrategy::OneForAll] {
            let system = ActorSystem::builder("test").supervisor(config(strategy)).build();
            let actor = start(&system, ChildSpec::new("brittle"), place).await;
            actor.send(Say::End).await.unwrap();
            // The second incarnation fails in its start, on its own, or on this.
            actor.send(Say::End).await.unwrap();
            tokio::time::sleep(10 * SECOND).await;
            let last = ask(&actor).await;
            assert!(last >= 2, "{place:?}, {strategy:?}: {last}");
            assert!(!system.is_failing(), "{place:?}, {strategy:?}");
            assert!(system.shutdown(SECOND).await.late.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn panic_while_an_actor_stops_is_the_reason_of_its_end() {
    for place in [Place::PreStop, Place::PostStop, Place::Actor, Place::Timer, Place::IntervalDropped] {
        let system = ActorSystem::builder("test").supervisor(config(SupervisionStrategy::OneForOne)).build();
        let actor = start(&system, ChildSpec::new("brittle"), place).await;
        actor.send(Say::End).await.unwrap();
        assert_eq!(ask(&actor).await, 1);
        actor.stop();
        let reason = actor.closed().await;
        assert!(matches!(reason, ExitReason::Panic(_)), "{place:?}: {reason}");
    }
}

/// An actor that is aborted drops all of its values while the task ends. More than one may panic.
struct Loaded(Bomb);

impl Child for Loaded {}

impl Actor for Loaded {
    type Message = (oneshot::Sender<()>, Bomb);
    type Error = std::fmt::Error;

    async fn on_start(&mut self, context: &ActorContext<Self::Message>) -> Result<(), std::fmt::Error> {
        for _ in 0..2 {
            context.send_after(1000 * SECOND, (oneshot::channel().0, Bomb));
            let bomb = Bomb;
            context.send_interval(1000 * SECOND, move || {
                let _ = &bomb;
                (oneshot::channel().0, Bomb)
            });
        }
        Ok(())
    }

    async fn handle_message(
        &mut self,
        (here, bomb): Self::Message,
        _: &ActorContext<Self::Message>,
    ) -> Result<(), std::fmt::Error> {
        // One only: a future that panics twice in its drop aborts the process, whoever drops it.
        here.send(()).unwrap();
        pending::<()>().await;
        drop(bomb);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn killed_actor_full_of_values_that_panic_is_restarted() {
    let system = ActorSystem::builder("test").supervisor(config(SupervisionStrategy::OneForOne)).build();
    let bomb = Arc::new(Bomb);
    let make = move || {
        let _ = &bomb;
        Loaded(Bomb)
    };
    let actor = system.spawn(ChildSpec::new("loaded"), make).await.unwrap();
    for incarnation in 0..3 {
        let (here, is_here) = oneshot::channel();
        actor.send((here, Bomb)).await.unwrap();
        is_here.await.unwrap();
        assert_eq!(actor.stats().restarts, incarnation);
        let (unread, _) = oneshot::channel();
        actor.kill();
        if incarnation == 2 {
            actor.send((unread, Bomb)).await.unwrap();
        }
    }
    // The messages, the closure and the last incarnation go too.
    actor.stop();
    actor.closed().await;
    assert!(!system.is_failing());
    assert!(system.shutdown(SECOND).await.late.is_empty());
}

/// The supervisor is stopping, so the closure that makes the actor is dropped by the starter.
#[tokio::test(start_paused = true)]
async fn closure_that_panics_when_it_is_refused_leaves_an_error() {
    let system = ActorSystem::new("test");
    let prepared = system.prepare(ChildSpec::new("loaded")).unwrap();
    system.root().stop();
    system.root().closed().await;
    let bomb = Bomb;
    let make = move || {
        let _ = &bomb;
        Loaded(Bomb)
    };
    assert!(system.start(prepared, make).await.is_err());
}
