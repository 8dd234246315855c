//! Values and code of users that run late, in a task that is not their actor's: an error that is dropped
//! with its last notification or event, a reason that is displayed, a subscriber of the logs.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, BoxError, Child, ChildContext, ChildSpec, ExitReason,
    OnLimit, ReplyTo, RestartPolicy, Shutdown, SupervisionStrategy, SupervisorConfig, SupervisorSpec,
};
use futures_util::Stream;
use tokio::sync::oneshot;
use tokio::task::coop::{consume_budget, has_budget_remaining};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::tree::{SECOND, config};

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

/// The error of a [`Subject`].
#[derive(Debug, Default)]
struct Failure {
    _bomb: Option<Bomb>,
    /// Asked for its children whenever the error is displayed.
    asked: Option<ActorSystem>,
}

impl Failure {
    fn bomb() -> Self {
        Self { _bomb: Some(Bomb), asked: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let children = self.asked.as_ref().map(|system| system.root().children().len());
        write!(f, "told to fail beside {children:?} children")
    }
}

impl std::error::Error for Failure {}

enum Say {
    Fail(Failure),
    /// Fails with the first, and then in `post_stop`.
    FailTwice(Failure, Failure),
    Ask(ReplyTo<u64>),
    Monitor(ActorRef<Say>),
    /// Says that it is being handled, and returns when told to.
    Hold(oneshot::Sender<()>, oneshot::Receiver<()>),
    /// As `Hold`, and then stops monitoring this actor.
    Leave(oneshot::Sender<()>, oneshot::Receiver<()>, ActorRef<Say>),
    Attach(Box<dyn Stream<Item = Say> + Send + Unpin>),
    SpendBudgetAndStop,
}

#[derive(Default)]
struct Subject {
    at_the_end: Option<Failure>,
}

impl Child for Subject {
    async fn post_stop(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        self.at_the_end.take().map_or(Ok(()), |failure| Err(failure.into()))
    }
}

impl Actor for Subject {
    type Message = Say;
    type Error = Failure;

    async fn handle_message(&mut self, message: Say, context: &ActorContext<Say>) -> Result<(), Failure> {
        match message {
            Say::Fail(failure) => return Err(failure),
            Say::FailTwice(failure, at_the_end) => {
                self.at_the_end = Some(at_the_end);
                return Err(failure);
            }
            Say::Ask(reply) => reply.send(context.incarnation()).unwrap_or_default(),
            Say::Monitor(other) => context.monitor(&other),
            Say::Hold(here, go) => {
                here.send(()).unwrap();
                let _ = go.await;
            }
            Say::Leave(here, go, other) => {
                here.send(()).unwrap();
                let _ = go.await;
                context.demonitor(&other);
            }
            Say::Attach(stream) => context.attach(stream),
            Say::SpendBudgetAndStop => {
                while has_budget_remaining() {
                    consume_budget().await;
                }
                context.stop_self();
            }
        }
        Ok(())
    }
}

fn system() -> ActorSystem {
    let config = SupervisorConfig { max_restarts: u32::MAX, ..config(SupervisionStrategy::OneForOne) };
    ActorSystem::builder("test").supervisor(config).build()
}

async fn start(system: &ActorSystem, name: &str) -> ActorRef<Say> {
    system.spawn(ChildSpec::new(name), Subject::default).await.unwrap()
}

/// The number of the incarnation that answers.
async fn ask(actor: &ActorRef<Say>) -> u64 {
    actor.request(Say::Ask, 1000 * SECOND).await.unwrap()
}

async fn fail(actor: &ActorRef<Say>, failure: Failure) {
    actor.send(Say::Fail(failure)).await.unwrap();
}

/// A watcher that is held in a handler, and the actor that it monitors, which has failed once: the
/// notification holds the last reference to its error.
async fn held_watcher(system: &ActorSystem) -> (ActorRef<Say>, oneshot::Sender<()>, ActorRef<Say>) {
    let (watcher, watched) = (start(system, "watcher").await, start(system, "watched").await);
    watcher.send(Say::Monitor(watched.clone())).await.unwrap();
    let ((here, is_here), (go, told_to_go)) = (oneshot::channel(), oneshot::channel());
    watcher.send(Say::Leave(here, told_to_go, watched.clone())).await.unwrap();
    is_here.await.unwrap();
    fail(&watched, Failure::bomb()).await;
    assert_eq!(ask(&watched).await, 1);
    (watcher, go, watched)
}

#[tokio::test(start_paused = true)]
async fn actor_is_restarted_when_its_notification_replaces_an_error_that_panics() {
    let system = system();
    let (watcher, _go, watched) = held_watcher(&system).await;
    fail(&watched, Failure::default()).await;
    assert_eq!(ask(&watched).await, 2);
    assert_eq!(watcher.stats().restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn actor_is_restarted_when_both_its_errors_panic() {
    let system = system();
    let (watcher, _go, watched) = held_watcher(&system).await;
    for incarnation in 2..5 {
        fail(&watched, Failure::bomb()).await;
        assert_eq!(ask(&watched).await, incarnation);
    }
    assert_eq!(watcher.stats().restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn killed_actor_is_restarted_when_its_notification_replaces_an_error_that_panics() {
    let system = system();
    let (_watcher, _go, watched) = held_watcher(&system).await;
    watched.kill();
    assert_eq!(ask(&watched).await, 2);
    watched.stop();
    assert!(matches!(watched.closed().await, ExitReason::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn withdrawn_notification_with_an_error_that_panics_fails_no_watcher() {
    let system = system();
    let (watcher, go, _watched) = held_watcher(&system).await;
    go.send(()).unwrap();
    assert_eq!(ask(&watcher).await, 0);
}

#[tokio::test(start_paused = true)]
async fn ended_watcher_drops_its_notifications_without_a_panic() {
    let system = system();
    let (watcher, go, watched) = held_watcher(&system).await;
    watcher.stop();
    go.send(()).unwrap();
    assert!(matches!(watcher.closed().await, ExitReason::Shutdown));
    drop(watcher);
    assert_eq!(ask(&watched).await, 1);
}

#[tokio::test(start_paused = true)]
async fn actor_that_fails_twice_with_errors_that_panic_is_restarted() {
    let system = system();
    let actor = start(&system, "actor").await;
    actor.send(Say::FailTwice(Failure::bomb(), Failure::bomb())).await.unwrap();
    assert_eq!(ask(&actor).await, 1);
}

/// Panics when it is polled, and again when it is dropped.
struct BadStream(Bomb);

impl Stream for BadStream {
    type Item = Say;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Say>> {
        panic!("polled");
    }
}

#[tokio::test(start_paused = true)]
async fn stream_that_panics_in_its_poll_and_in_its_drop_fails_the_incarnation() {
    let system = system();
    let actor = start(&system, "actor").await;
    actor.send(Say::Attach(Box::new(BadStream(Bomb)))).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(ask(&actor).await, 1);
}

#[tokio::test(start_paused = true)]
async fn event_with_an_error_that_panics_is_dropped_by_others_without_a_panic() {
    let system = system();
    let unread = system.events();
    let (first, other) = (start(&system, "first").await, start(&system, "other").await);
    fail(&first, Failure::bomb()).await;
    assert_eq!(ask(&first).await, 1);
    // Each restart makes two events, and the channel keeps 1,024.
    for incarnation in 1..=600 {
        fail(&other, Failure::default()).await;
        assert_eq!(ask(&other).await, incarnation);
    }
    drop(unread);
}

#[tokio::test]
async fn kill_after_the_end_of_an_incarnation_leaves_its_reason() {
    let system = system();
    let spec = ChildSpec::new("actor").restart(RestartPolicy::Transient);
    let actor = system.spawn(spec, Subject::default).await.unwrap();
    actor.send(Say::SpendBudgetAndStop).await.unwrap();
    // The task of the actor is ahead of this one, ends the incarnation and yields.
    let killer = tokio::spawn({
        let actor = actor.clone();
        async move { actor.kill() }
    });
    assert!(matches!(actor.closed().await, ExitReason::Normal));
    killer.await.unwrap();
    assert!(system.root().children().is_empty());
}

/// A subscriber that does this for each event, once it has displayed it.
struct Layer<F>(F);

impl<F: Fn(&str) + 'static> Subscriber for Layer<F>
where
    F: Send + Sync,
{
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        (self.0)(&text.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

/// A supervisor whose children may not be restarted.
fn strict(on_limit: OnLimit) -> SupervisorSpec {
    SupervisorSpec::new("strict").config(SupervisorConfig {
        max_restarts: 0,
        on_limit,
        ..config(SupervisionStrategy::OneForOne)
    })
}

/// Asks for the children and the snapshot of a system, for which the states of its supervisors are
/// locked.
fn look_at(system: &ActorSystem) {
    system.snapshot();
    system.root().children();
}

#[tokio::test(start_paused = true)]
async fn reason_and_logs_may_look_at_the_supervisor_that_writes_them() {
    for on_limit in [OnLimit::Escalate, OnLimit::Quarantine, OnLimit::End] {
        let system = system();
        let _layer = tracing::subscriber::set_default(Layer({
            let system = system.clone();
            move |_: &str| look_at(&system)
        }));
        let strict = system.root().supervise(strict(on_limit)).await.unwrap();
        let actor = strict.spawn(ChildSpec::new("actor"), Subject::default).await.unwrap();
        fail(&actor, Failure { asked: Some(system.clone()), ..Failure::default() }).await;
        tokio::time::sleep(SECOND).await;
        actor.stop();
        let spec = ChildSpec::new("slow").shutdown(Shutdown::After(Duration::from_millis(10)));
        let slow = system.spawn(spec, Subject::default).await.unwrap();
        let ((here, is_here), (_go, told_to_go)) = (oneshot::channel(), oneshot::channel());
        slow.send(Say::Hold(here, told_to_go)).await.unwrap();
        is_here.await.unwrap();
        assert_eq!(system.shutdown(10 * SECOND).await.late, ["slow"], "{on_limit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn subscriber_that_panics_stops_no_decision_of_a_supervisor() {
    let system = system();
    let _layer = tracing::subscriber::set_default(Layer(|line: &str| panic!("cannot write {line}")));
    let actor = start(&system, "actor").await;
    fail(&actor, Failure::default()).await;
    assert_eq!(ask(&actor).await, 1);
    actor.kill();
    assert_eq!(ask(&actor).await, 2);
    let strict = system.root().supervise(strict(OnLimit::Quarantine)).await.unwrap();
    let other = strict.spawn(ChildSpec::new("other"), Subject::default).await.unwrap();
    fail(&other, Failure::default()).await;
    tokio::time::sleep(SECOND).await;
    assert!(other.resume());
    assert_eq!(ask(&other).await, 1);
    let ((here, is_here), (_go, told_to_go)) = (oneshot::channel(), oneshot::channel());
    actor.send(Say::Hold(here, told_to_go)).await.unwrap();
    is_here.await.unwrap();
    assert_eq!(system.shutdown(10 * SECOND).await.late, ["actor"]);
}

/// The last reference to a supervisor that gave up holds its reason.
#[tokio::test(start_paused = true)]
async fn supervisor_that_gave_up_is_dropped_without_a_panic() {
    let limits = SupervisorConfig { max_restarts: 0, ..config(SupervisionStrategy::OneForOne) };
    let system = system();
    let spec = SupervisorSpec::new("group").config(limits).restart(RestartPolicy::Temporary);
    let group = system.supervise(spec).await.unwrap();
    let actor = group.spawn(ChildSpec::new("actor"), Subject::default).await.unwrap();
    fail(&actor, Failure::bomb()).await;
    assert!(matches!(group.closed().await, ExitReason::Escalated(_)));
    drop(actor);
    system.shutdown(SECOND).await;
    drop(group);
}

/// The health of a system that failed holds its reason too.
#[tokio::test(start_paused = true)]
async fn system_that_failed_is_dropped_without_a_panic() {
    let limits = SupervisorConfig { max_restarts: 0, ..config(SupervisionStrategy::OneForOne) };
    let system = ActorSystem::builder("test").supervisor(limits).build();
    let actor = start(&system, "actor").await;
    fail(&actor, Failure::bomb()).await;
    assert!(matches!(system.ended().await, ExitReason::Escalated(_)));
    drop(system.failed().await);
    drop(actor);
    system.shutdown(SECOND).await;
    drop(system);
}
