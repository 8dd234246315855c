//! The tables of groups are empty when the members have left.

use super::Groups;
use crate::{Actor, ActorContext, ActorSystem, Child, ChildSpec};

struct Idle;

impl Child for Idle {}

impl Actor for Idle {
    type Message = ();
    type Error = std::fmt::Error;

    async fn handle_message(&mut self, _: (), _: &ActorContext<()>) -> Result<(), Self::Error> {
        Ok(())
    }
}

fn is_empty(groups: &Groups) -> bool {
    groups.registry.groups().is_empty()
}

#[tokio::test(start_paused = true)]
async fn members_that_leave_leave_nothing_behind() {
    let system = ActorSystem::new("test");
    let groups = system.groups();
    let actor = system.spawn(ChildSpec::unnamed(), || Idle).await.unwrap();
    groups.join("one", &actor).unwrap();
    groups.join("one", &actor).unwrap();
    groups.leave("one", &actor);
    assert!(is_empty(&groups));
    groups.join("one", &actor).unwrap();
    groups.join("two", &actor).unwrap();
    assert!(!is_empty(&groups));
    actor.stop();
    actor.closed().await;
    assert!(is_empty(&groups));
    groups.join("one", &actor).unwrap_err();
    assert!(is_empty(&groups));
}

/// Joins race with ends, and either may come first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_during_the_end_leaves_nothing_behind() {
    let system = ActorSystem::new("test");
    let groups = system.groups();
    let mut joined = 0;
    for _ in 0..300 {
        let actor = system.spawn(ChildSpec::unnamed(), || Idle).await.unwrap();
        let joining = tokio::spawn({
            let (groups, actor) = (groups.clone(), actor.clone());
            async move { (0..20).filter(|group| groups.join(format!("group {group}"), &actor).is_ok()).count() }
        });
        actor.stop();
        actor.closed().await;
        joined += joining.await.unwrap();
        assert!(is_empty(&groups));
    }
    assert!(joined > 0, "no join was in time");
}
