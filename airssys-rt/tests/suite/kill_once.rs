//! A kill ends the incarnation that it means, and no later one, wherever that incarnation is.

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, BoxError, Child, ChildContext, ChildSpec, RestartPolicy,
    RestartStrategy, SupervisionStrategy, SupervisorConfig, testing,
};

use crate::support::probe::{Log, Told};
use crate::support::tree::{SECOND, Say, ask, config, leaf, leaf_with};

/// A place in which an actor kills itself and goes on without waiting.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Make,
    PreStart,
    PostStart,
    OnStart,
    Signal,
    Handler,
    PreStop,
    PostStop,
    Dropped,
}

use Place::*;

/// The way on from that place.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    Fails,
    Panics,
    GoesOn,
}

/// Its first incarnation fails, its second kills itself in one place, its third answers.
struct Doomed {
    place: Place,
    then: Then,
    actor: ActorRef<Say>,
    incarnation: u64,
}

impl Doomed {
    fn pass(&self, place: Place) -> Result<(), Told> {
        if self.incarnation != 1 || self.place != place {
            return Ok(());
        }
        self.actor.kill();
        match self.then {
            Then::Fails => Err(Told),
            Then::Panics => panic!("told to panic"),
            Then::GoesOn => Ok(()),
        }
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let _ = self.pass(Dropped);
    }
}

impl Child for Doomed {
    async fn pre_start(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        Ok(self.pass(PreStart)?)
    }

    async fn post_start(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        Ok(self.pass(PostStart)?)
    }

    async fn pre_stop(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        Ok(self.pass(PreStop)?)
    }

    async fn post_stop(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        Ok(self.pass(PostStop)?)
    }
}

impl Actor for Doomed {
    type Message = Say;
    type Error = Told;

    async fn on_start(&mut self, context: &ActorContext<Say>) -> Result<(), Told> {
        if self.place == Signal {
            context.self_ref().signal();
        }
        self.pass(OnStart)
    }

    async fn on_signal(&mut self, _: &ActorContext<Say>) -> Result<(), Told> {
        self.pass(Signal)
    }

    async fn handle_message(&mut self, message: Say, context: &ActorContext<Say>) -> Result<(), Told> {
        match (message, self.incarnation) {
            (Say::Ask(reply), _) => {
                // An abort of this incarnation comes here.
                tokio::task::yield_now().await;
                reply.send(context.incarnation()).unwrap_or_default();
            }
            (_, 0) => return Err(Told),
            (_, 1) => {
                context.stop_self();
                self.pass(Handler)?;
            }
            (..) => {}
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_of_an_incarnation_that_ends_by_itself_costs_one_restart_and_no_message() {
    for place in [Make, PreStart, PostStart, OnStart, Signal, Handler, PreStop, PostStop, Dropped] {
        for then in [Then::Fails, Then::Panics, Then::GoesOn] {
            for strategy in [SupervisionStrategy::OneForOne, SupervisionStrategy::OneForAll] {
                let system = ActorSystem::builder("test").supervisor(config(strategy)).build();
                let prepared = system.prepare(ChildSpec::new("doomed")).unwrap();
                let actor = prepared.actor_ref();
                let mut made = 0;
                let make = {
                    let actor = actor.clone();
                    move || {
                        let doomed = Doomed { place, then, actor: actor.clone(), incarnation: made };
                        made += 1;
                        match doomed.pass(Make) {
                            Err(_) => panic!("a maker cannot return an error"),
                            Ok(()) => doomed,
                        }
                    }
                };
                system.start(prepared, make).await.unwrap();
                actor.send(Say::Fail).await.unwrap();
                actor.send(Say::Note(1)).await.unwrap();
                assert_eq!(ask(&actor).await, 2, "{place:?}, {then:?}, {strategy:?}");
                assert_eq!(ask(&actor).await, 2, "{place:?}, {then:?}, {strategy:?}");
                let stats = actor.stats();
                assert_eq!((stats.restarts, stats.accepted - stats.handled), (2, stats.failed));
            }
        }
    }
}

/// In every order of a failure and kills from another task, each kill costs at most one incarnation,
/// and an incarnation that was not there yet is not hit.
#[test]
fn kills_before_a_failure_never_hit_the_incarnation_after_it() {
    testing::explore(0..300, async || {
        let system = ActorSystem::builder("test").supervisor(config(SupervisionStrategy::OneForOne)).build();
        let log = Log::default();
        let actor = leaf(system.root(), &log, "a").await;
        actor.send(Say::Fail).await.unwrap();
        actor.kill();
        let first = ask(&actor).await;
        assert!(first >= 1);
        // All of these kill one incarnation.
        for _ in 0..3 {
            actor.kill();
        }
        assert_eq!(ask(&actor).await, first + 1);
        assert_eq!(actor.stats().restarts, first + 1);
    });
}

/// A restart after a kill waits as one after a failure does: a stop cuts it short.
#[tokio::test(start_paused = true)]
async fn a_stop_cuts_the_delay_after_a_kill_short() {
    let delay = RestartStrategy::Fixed { delay: 100 * SECOND };
    let config = SupervisorConfig { restart_strategy: delay, ..SupervisorConfig::default() };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let spec = ChildSpec::new("a").restart(RestartPolicy::Transient);
    let actor = leaf_with(system.root(), &Log::default(), spec, |_| {}).await;
    let before = tokio::time::Instant::now();
    actor.kill();
    tokio::time::sleep(SECOND).await;
    actor.stop();
    actor.closed().await;
    assert_eq!(before.elapsed(), SECOND);
}
