//! Names: their owners, and how long they are held.

use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorState, ActorSystem, Child, ChildSpec, ExitReason, PrepareError, RestartPolicy,
    StartError, SupervisorSpec,
};

use crate::support::probe::{Do, Log, Probe};

const SECOND: Duration = Duration::from_secs(1);

fn make() -> impl FnMut() -> Probe + Send + 'static {
    let log = Log::default();
    move || Probe::new(&log)
}

#[tokio::test(start_paused = true)]
async fn a_name_belongs_to_one_until_it_ends_for_good() {
    let system = ActorSystem::new("test");
    let spec = || ChildSpec::new("probe").restart(RestartPolicy::Transient);
    let first = system.spawn(spec(), make()).await.unwrap();
    assert_eq!(system.whereis::<Do>("probe").unwrap().id(), first.id());
    let error = system.spawn(spec(), make()).await.unwrap_err();
    assert!(matches!(error, StartError::Prepare(PrepareError::NameTaken { name }) if name == "probe"));

    first.stop();
    first.closed().await;
    assert!(system.whereis::<Do>("probe").is_none());
    let second = system.spawn(spec(), make()).await.unwrap();
    assert_ne!(second.id(), first.id());
    assert!(first.is_closed() && !second.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_name_is_found_with_its_own_messages_only() {
    let system = ActorSystem::new("test");
    system.spawn(ChildSpec::new("probe"), make()).await.unwrap();
    assert!(system.whereis::<Do>("probe").is_some());
    assert!(system.whereis::<String>("probe").is_none());
    assert!(system.whereis::<Do>("prob").is_none());
}

#[tokio::test(start_paused = true)]
async fn prepared_actor_holds_its_name_until_it_is_dropped() {
    let system = ActorSystem::new("test");
    let prepared = system.prepare::<Do>(ChildSpec::new("probe")).unwrap();
    let actor = system.whereis::<Do>("probe").unwrap();
    assert_eq!(actor.stats().state, ActorState::Starting);
    assert!(system.prepare::<Do>(ChildSpec::new("probe")).is_err());
    drop(prepared);
    assert!(matches!(actor.closed().await, ExitReason::Shutdown));
    assert!(system.whereis::<Do>("probe").is_none());
    system.spawn(ChildSpec::new("probe"), make()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn invalid_configuration_is_refused() {
    let system = ActorSystem::new("test");
    assert_eq!(system.prepare::<Do>(ChildSpec::new("")).unwrap_err(), PrepareError::EmptyName);
    let error = system.prepare::<Do>(ChildSpec::new("probe").capacity(0)).unwrap_err();
    assert_eq!(error, PrepareError::NoCapacity { name: "probe".into() });

    let other = ActorSystem::new("other");
    let prepared = other.prepare(ChildSpec::new("probe")).unwrap();
    let error = system.start(prepared, make()).await.unwrap_err();
    assert!(matches!(error, StartError::OtherSystem { name } if name == "probe"));
    assert!(other.whereis::<Do>("probe").is_none());
}

#[tokio::test(start_paused = true)]
async fn all_actors_are_listed() {
    let system = ActorSystem::new("shop");
    assert_eq!(system.name(), "shop");
    let first = system.spawn(ChildSpec::new("first"), make()).await.unwrap();
    let _second = system.prepare::<Do>(ChildSpec::new("second")).unwrap();
    first.request(Do::Ask, SECOND).await.unwrap();
    let actors = system.actors();
    let names: Vec<_> = actors.iter().map(|actor| actor.name.as_str()).collect();
    assert_eq!(names, ["first", "second"]);
    assert_eq!(actors[0].id, first.id());
    assert_eq!(actors[0].stats, first.stats());
    assert_eq!((actors[0].stats.state, actors[0].stats.handled), (ActorState::Running, 1));
    assert_eq!(actors[1].stats.state, ActorState::Starting);
}

/// Looks for its actor when it is dropped.
struct Looks(ActorSystem, std::sync::mpsc::Sender<bool>);

impl Drop for Looks {
    fn drop(&mut self) {
        let _ = self.1.send(self.0.whereis::<Looks>("probe").is_some());
    }
}

struct Idle;

impl Child for Idle {}

impl Actor for Idle {
    type Message = Looks;
    type Error = std::fmt::Error;

    async fn handle_message(&mut self, _: Looks, context: &ActorContext<Looks>) -> Result<(), Self::Error> {
        context.self_ref().stop();
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn closed_actor_has_no_name() {
    let system = ActorSystem::new("test");
    let probe = system.spawn(ChildSpec::new("probe"), || Idle).await.unwrap();
    let (sender, found) = std::sync::mpsc::channel();
    for _ in 0..2 {
        probe.send(Looks(system.clone(), sender.clone())).await.unwrap();
    }
    probe.closed().await;
    assert_eq!(found.try_iter().collect::<Vec<_>>(), [true, false], "while it runs, and when it has ended");
}

/// Its mailbox is closed, and its name taken until it has ended.
#[tokio::test(start_paused = true)]
async fn draining_actor_is_not_found() {
    let system = ActorSystem::new("test");
    let probe = system.spawn(ChildSpec::new("probe"), make()).await.unwrap();
    let prepared = system.prepare::<Do>(ChildSpec::new("prepared")).unwrap();
    assert!(system.whereis::<Do>("prepared").is_some());
    for actor in [probe.clone(), prepared.actor_ref()] {
        actor.drain();
        assert!(actor.is_closed());
        assert!(system.whereis::<Do>(actor.name()).is_none());
        let error = system.prepare::<Do>(ChildSpec::new(actor.name())).unwrap_err();
        assert_eq!(error, PrepareError::NameTaken { name: actor.name().into() });
    }
    probe.closed().await;
    system.spawn(ChildSpec::new("probe"), make()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn actor_that_was_stopped_before_its_start_does_not_start() {
    let system = ActorSystem::new("test");
    let prepared = system.prepare::<Do>(ChildSpec::new("probe")).unwrap();
    let actor = prepared.actor_ref();
    actor.stop();
    let error = system.start(prepared, make()).await.unwrap_err();
    assert!(matches!(&error, StartError::Stopped { name } if name == "probe"));
    assert_eq!(error.to_string(), "`probe` cannot start: it was stopped before it was started");
    assert!(matches!(actor.closed().await, ExitReason::Shutdown));

    let pool = system.root().prepare_supervisor(SupervisorSpec::new("pool")).unwrap();
    let supervisor = pool.supervisor_ref();
    supervisor.stop();
    let error = system.root().start_supervisor(pool).await.unwrap_err();
    assert!(matches!(error, StartError::Stopped { name } if name == "pool"));
    assert!(matches!(supervisor.closed().await, ExitReason::Shutdown));
    system.spawn(ChildSpec::new("pool"), make()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn capacity_is_what_the_mailbox_takes() {
    let system = ActorSystem::new("test");
    let most = u32::MAX as usize;
    for (wanted, capacity) in
        [(1, 1), (most - 1, most - 1), (most, most), (most + 1, most), (usize::MAX, most)]
    {
        let prepared = system.prepare::<Do>(ChildSpec::unnamed().capacity(wanted)).unwrap();
        let actor = prepared.actor_ref();
        assert_eq!((actor.capacity(), actor.handle().capacity()), (capacity, capacity));
    }
}
