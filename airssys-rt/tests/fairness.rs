//! Actors that always have something to do leave their neighbours a turn.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use airssys_rt::{Actor, ActorContext, Child, ChildSpec, ReplyTo};

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
async fn a_busy_actor_does_not_starve_its_neighbours() {
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
