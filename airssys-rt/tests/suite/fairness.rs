//! Actors that are always busy yield to other tasks.

use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorSystem, BoxError, Child, ChildContext, ChildSpec, ReplyTo, RestartStrategy,
    SupervisorConfig,
};

/// Always busy: each message sends the next, or each signal makes the next.
struct Busy;

enum Work {
    More,
    Signal,
}

impl Child for Busy {}

impl Actor for Busy {
    type Message = Work;
    type Error = std::fmt::Error;

    async fn handle_message(&mut self, work: Work, context: &ActorContext<Work>) -> Result<(), Self::Error> {
        match work {
            Work::More => context.self_ref().try_send(Work::More).map_err(|_| std::fmt::Error)?,
            Work::Signal => context.self_ref().signal(),
        }
        Ok(())
    }

    async fn on_signal(&mut self, context: &ActorContext<Work>) -> Result<(), Self::Error> {
        context.self_ref().signal();
        Ok(())
    }
}

struct Echo;

impl Child for Echo {}

impl Actor for Echo {
    type Message = ReplyTo<()>;
    type Error = std::fmt::Error;

    async fn handle_message(
        &mut self,
        reply: ReplyTo<()>,
        _: &ActorContext<ReplyTo<()>>,
    ) -> Result<(), Self::Error> {
        reply.send(()).map_err(|()| std::fmt::Error)
    }
}

#[tokio::test(flavor = "current_thread")]
async fn busy_actor_does_not_starve_other_tasks() {
    let system = airssys_rt::ActorSystem::new("test");
    let echo = system.spawn(ChildSpec::new("echo"), || Echo).await.unwrap();
    let busy = system.spawn(ChildSpec::new("busy"), || Busy).await.unwrap();
    let signalled = system.spawn(ChildSpec::new("signalled"), || Busy).await.unwrap();
    busy.send(Work::More).await.unwrap();
    signalled.send(Work::Signal).await.unwrap();
    for _ in 0..100 {
        echo.request(|reply| reply, Duration::from_secs(10)).await.unwrap();
    }
    let handled = busy.stats().handled;
    assert!((64..100 * 64 * 10).contains(&handled), "{handled}");
    let report = system.shutdown(Duration::from_secs(10)).await;
    assert_eq!(report.stopped, ["signalled", "busy", "echo"]);
}

/// The number of incarnations that fail to start.
const BAD_STARTS: u64 = 10_000;

struct Fragile;

impl Child for Fragile {
    async fn pre_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        match (1..=BAD_STARTS).contains(&context.incarnation()) {
            true => Err(std::fmt::Error.into()),
            false => Ok(()),
        }
    }
}

impl Actor for Fragile {
    type Message = Work;
    type Error = std::fmt::Error;

    async fn handle_message(&mut self, _: Work, _: &ActorContext<Work>) -> Result<(), Self::Error> {
        Err(std::fmt::Error)
    }
}

#[tokio::test(flavor = "current_thread")]
async fn failing_actor_does_not_starve_other_tasks() {
    let config = SupervisorConfig {
        max_restarts: u32::MAX,
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let echo = system.spawn(ChildSpec::new("echo"), || Echo).await.unwrap();
    let fragile = system.spawn(ChildSpec::new("fragile"), || Fragile).await.unwrap();
    fragile.send(Work::More).await.unwrap();
    echo.request(|reply| reply, Duration::from_secs(10)).await.unwrap();
    let restarts = fragile.stats().restarts;
    assert!((1..BAD_STARTS / 10).contains(&restarts), "{restarts}");
}
