//! Process groups: their members, and how long they stay.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, Child, ChildSpec, Groups, JoinError, RestartPolicy,
};

use crate::support::probe::{Do, Log, Probe, hold};

const SECOND: Duration = Duration::from_secs(1);

async fn start(system: &ActorSystem, name: &str) -> ActorRef<Do> {
    let spec = ChildSpec::new(name).restart(RestartPolicy::Transient);
    system.spawn(spec, || Probe::new(&Log::default())).await.unwrap()
}

struct Other;

impl Child for Other {}

impl Actor for Other {
    type Message = String;
    type Error = std::fmt::Error;

    async fn handle_message(&mut self, _: String, _: &ActorContext<String>) -> Result<(), Self::Error> {
        Ok(())
    }
}

fn names(groups: &Groups, group: &str) -> Vec<String> {
    groups.members::<Do>(group).iter().map(|actor| actor.name().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn members_are_listed_in_the_order_in_which_they_joined() {
    let system = ActorSystem::new("test");
    let groups = system.groups();
    let (a, b, c) = (start(&system, "a").await, start(&system, "b").await, start(&system, "c").await);
    for actor in [&c, &a, &b] {
        assert_eq!(groups.join("all", actor), Ok(true));
    }
    assert_eq!(names(&groups, "all"), ["c", "a", "b"]);
    assert_eq!(groups.join("all", &c), Ok(false), "it is in it already");
    assert_eq!(names(&groups, "all"), ["c", "a", "b"]);

    assert!(groups.leave("all", &c));
    assert!(!groups.leave("all", &c));
    assert!(!groups.leave("none", &c));
    assert_eq!(names(&groups, "all"), ["a", "b"]);
    assert_eq!(groups.join("all", &c), Ok(true));
    assert_eq!(names(&groups, "all"), ["a", "b", "c"]);
    assert_eq!(names(&groups, "none"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn members_are_filtered_by_message_type() {
    let system = ActorSystem::new("test");
    let groups = system.groups();
    let probe = start(&system, "probe").await;
    let other = system.spawn(ChildSpec::unnamed(), || Other).await.unwrap();
    groups.join("all", &other).unwrap();
    groups.join("all", &probe).unwrap();
    assert_eq!(names(&groups, "all"), ["probe"]);
    let strings = groups.members::<String>("all");
    assert_eq!(strings.iter().map(ActorRef::id).collect::<Vec<_>>(), [other.id()]);
    assert!(groups.members::<u8>("all").is_empty());
}

#[tokio::test(start_paused = true)]
async fn group_exists_while_it_has_a_member() {
    let system = ActorSystem::new("test");
    let groups = system.groups();
    let (a, b) = (start(&system, "a").await, start(&system, "b").await);
    assert!(groups.names().is_empty());
    for group in ["z", "y", "x"] {
        groups.join(group, &a).unwrap();
    }
    groups.join("x", &b).unwrap();
    assert_eq!(system.groups().names(), ["x", "y", "z"]);
    groups.leave("z", &a);
    assert_eq!(groups.names(), ["x", "y"]);
    a.stop();
    a.closed().await;
    assert_eq!(groups.names(), ["x"]);
    b.stop();
    b.closed().await;
    assert!(groups.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_member_stays_across_restarts_and_leaves_when_it_ends_for_good() {
    let system = ActorSystem::new("test");
    let groups = system.groups();
    let (a, b) = (start(&system, "a").await, start(&system, "b").await);
    groups.join("all", &a).unwrap();
    groups.join("all", &b).unwrap();
    a.send(Do::Panic).await.unwrap();
    assert_eq!(a.request(Do::Ask, SECOND).await.unwrap(), 1, "it was restarted");
    assert_eq!(names(&groups, "all"), ["a", "b"]);
    a.stop();
    a.closed().await;
    assert_eq!(names(&groups, "all"), ["b"], "who sees the end does not find it");
    assert_eq!(groups.join("all", &a), Err(JoinError::Ended));
    assert!(!groups.leave("all", &a));
    system.shutdown(SECOND).await;
    assert!(groups.names().is_empty());
}

/// Reads the groups when it is dropped with its actor, whose mailbox is closed already.
struct LooksAround(Groups, Arc<AtomicBool>);

impl Drop for LooksAround {
    fn drop(&mut self) {
        assert!(self.0.members::<LooksAround>("all").is_empty() && self.0.names().is_empty());
        self.1.store(true, Ordering::Relaxed);
    }
}

struct Holder;

impl Child for Holder {}

impl Actor for Holder {
    type Message = LooksAround;
    type Error = std::fmt::Error;

    async fn handle_message(
        &mut self,
        _: LooksAround,
        _: &ActorContext<LooksAround>,
    ) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn closed_actors_are_not_listed_as_members() {
    let system = ActorSystem::new("test");
    let groups = system.groups();
    let prepared = system.prepare::<LooksAround>(ChildSpec::new("holder")).unwrap();
    let actor = prepared.actor_ref();
    groups.join("all", &actor).unwrap();
    assert_eq!(groups.members::<LooksAround>("all").len(), 1, "what is prepared takes messages");
    let looked = Arc::new(AtomicBool::new(false));
    actor.send(LooksAround(groups.clone(), looked.clone())).await.unwrap();
    drop(prepared);
    assert!(looked.load(Ordering::Relaxed));
    assert!(groups.names().is_empty());
    // The name is free, and the group has no member.
    system.spawn(ChildSpec::new("holder"), || Holder).await.unwrap();
    assert!(groups.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_drains_is_in_no_group() {
    let system = ActorSystem::new("test");
    let groups = system.groups();
    let actor = start(&system, "a").await;
    groups.join("all", &actor).unwrap();
    let (message, is_here, go) = hold();
    actor.send(message).await.unwrap();
    is_here.await.unwrap();
    actor.drain();
    assert!(names(&groups, "all").is_empty());
    assert!(groups.names().is_empty());
    assert_eq!(groups.join("more", &actor), Err(JoinError::Ended));
    drop(go);
    actor.closed().await;
}

#[tokio::test(start_paused = true)]
async fn systems_have_groups_of_their_own() {
    let (one, two) = (ActorSystem::new("one"), ActorSystem::new("two"));
    let (a, b) = (start(&one, "a").await, start(&two, "b").await);
    assert_eq!(a.id(), b.id());
    one.groups().join("all", &a).unwrap();
    assert_eq!(one.groups().join("all", &b), Err(JoinError::OtherSystem));
    assert!(!one.groups().leave("all", &b));
    assert!(two.groups().names().is_empty());
    assert_eq!(names(&one.groups(), "all"), ["a"]);
    let error = one.groups().join("all", &b).unwrap_err();
    assert_eq!(error.to_string(), "the actor belongs to another actor system");
    assert_eq!(format!("{:?}", one.groups()), r#"Groups(["all"])"#);
}
