//! The end of a system: in order and within its deadline, whatever the actors do.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use airssys_rt::{
    ActorRef, ActorSystem, ChildSpec, ExitReason, PrepareError, RestartStrategy, ShutdownReport, StartError,
    SupervisionStrategy, SupervisorConfig,
};
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::support::blocks::{Blocks, block};
use crate::support::probe::{Do, Log, Probe, hang, hold};

const SECOND: Duration = Duration::from_secs(1);

async fn start(system: &ActorSystem, log: &Log, spec: ChildSpec) -> ActorRef<Do> {
    let log = log.clone();
    system.spawn(spec, move || Probe::new(&log)).await.unwrap()
}

async fn hung(system: &ActorSystem, log: &Log, spec: ChildSpec) -> ActorRef<Do> {
    let actor = start(system, log, spec).await;
    let (message, hangs) = hang();
    actor.send(message).await.unwrap();
    hangs.await.unwrap();
    actor
}

#[tokio::test(start_paused = true)]
async fn actors_stop_in_reverse_order() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    for name in ["a", "b", "c"] {
        start(&system, &log, ChildSpec::new(name)).await;
    }
    let b = system.whereis::<Do>("b").unwrap();
    let report = system.shutdown(SECOND).await;
    assert_eq!(report.stopped, ["c", "b", "a"]);
    assert!(report.late.is_empty());
    let order: Vec<_> = log.all().into_iter().filter(|line| line.ends_with(" stopped")).collect();
    assert_eq!(order, ["c stopped", "b stopped", "a stopped"]);
    assert!(matches!(b.closed().await, ExitReason::Shutdown));
    assert!(b.try_send(Do::Stop).is_err());
}

#[tokio::test(start_paused = true)]
async fn the_running_handler_finishes_and_queued_messages_are_dropped() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = start(&system, &log, ChildSpec::new("probe")).await;
    let (message, is_held, go) = hold();
    actor.send(message).await.unwrap();
    actor.send(Do::Note(1)).await.unwrap();
    is_held.await.unwrap();
    let release = async {
        tokio::time::sleep(SECOND).await;
        go.send(()).unwrap();
    };
    let (report, ()) = tokio::join!(system.shutdown(10 * SECOND), release);
    assert_eq!(report.stopped, ["probe"]);
    let stats = actor.stats();
    assert_eq!((stats.handled, stats.dropped, stats.failed), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn each_child_has_its_own_time_to_stop() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    start(&system, &log, ChildSpec::new("first")).await;
    hung(&system, &log, ChildSpec::new("two").shutdown(2 * SECOND)).await;
    hung(&system, &log, ChildSpec::new("three").shutdown(3 * SECOND)).await;
    let before = Instant::now();
    let report = system.shutdown(60 * SECOND).await;
    assert_eq!(before.elapsed(), 5 * SECOND);
    assert_eq!(report.stopped, ["first"]);
    assert_eq!(report.late, ["three", "two"]);
    assert_eq!(log.only("dropped").len(), 3, "nobody is left behind");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_and_does_not_make_others_late() {
    let restart_strategy = RestartStrategy::Fixed { delay: 3600 * SECOND };
    let config = SupervisorConfig { restart_strategy, ..SupervisorConfig::default() };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let log = Log::default();
    start(&system, &log, ChildSpec::new("first")).await;
    let restarts = start(&system, &log, ChildSpec::new("restarts")).await;
    restarts.send(Do::Fail).await.unwrap();
    let hung = hung(&system, &log, ChildSpec::new("hung")).await;
    start(&system, &log, ChildSpec::new("last")).await;
    let before = Instant::now();
    let report = system.shutdown(SECOND).await;
    assert!(before.elapsed() <= SECOND, "{:?}", before.elapsed());
    assert_eq!(report.stopped, ["last", "restarts", "first"]);
    assert_eq!(report.late, ["hung"]);
    assert!(matches!(hung.closed().await, ExitReason::Killed));
}

#[tokio::test(start_paused = true)]
async fn zero_delay_is_zero() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = hung(&system, &log, ChildSpec::new("hung")).await;
    let before = Instant::now();
    assert_eq!(system.shutdown(Duration::ZERO).await.late, ["hung"]);
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert!(matches!(actor.closed().await, ExitReason::Killed));
}

#[tokio::test(start_paused = true)]
async fn endless_timeouts_are_accepted() {
    let system = ActorSystem::new("test");
    start(&system, &Log::default(), ChildSpec::new("probe").shutdown(Duration::MAX)).await;
    assert_eq!(system.shutdown(Duration::MAX).await.stopped, ["probe"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_actor_that_blocks_its_thread_does_not_hold_it_up() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    start(&system, &log, ChildSpec::new("first")).await;
    let actor = system.spawn(ChildSpec::new("blocks").shutdown(SECOND / 10), || Blocks).await.unwrap();
    let go = block(&actor).await;
    let before = Instant::now();
    let report = system.shutdown(60 * SECOND).await;
    assert!(before.elapsed() < 30 * SECOND, "{:?}", before.elapsed());
    assert_eq!((report.stopped, report.late), (vec!["first".into()], vec!["blocks".into()]));
    go.send(()).unwrap();
    assert!(matches!(actor.closed().await, ExitReason::Killed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_actors_are_gone_when_the_shutdown_returns() {
    for _ in 0..50 {
        let system = ActorSystem::new("test");
        let log = Log::default();
        for name in ["a", "b", "c"] {
            hung(&system, &log, ChildSpec::new(name).shutdown(Duration::ZERO)).await;
        }
        assert_eq!(system.shutdown(10 * SECOND).await.late, ["c", "b", "a"]);
        assert_eq!(log.only("dropped").len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_after_a_shutdown() {
    let system = ActorSystem::new("test");
    let prepared = system.prepare(ChildSpec::new("prepared")).unwrap();
    let waits = prepared.actor_ref();
    assert_eq!(system.shutdown(SECOND).await.stopped, Vec::<String>::new());

    let log = Log::default();
    let error = system.start(prepared, move || Probe::new(&log)).await.unwrap_err();
    assert!(matches!(error, StartError::SystemStopped { name } if name == "prepared"));
    assert!(matches!(waits.closed().await, ExitReason::Shutdown));
    let error = system.prepare::<Do>(ChildSpec::new("later")).unwrap_err();
    assert!(matches!(error, PrepareError::SystemStopped { name } if name == "later"));
    assert!(system.actors().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_second_shutdown_waits_for_the_first_and_hurries_it() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    hung(&system, &log, ChildSpec::new("hung")).await;
    let before = Instant::now();
    let again = async |deadline| {
        tokio::task::yield_now().await;
        assert_eq!(system.shutdown(deadline).await, Default::default());
        before.elapsed()
    };
    let first = async {
        assert_eq!(system.shutdown(10 * SECOND).await.late, ["hung"]);
        before.elapsed()
    };
    let (first, short, long) = tokio::join!(first, again(SECOND), again(60 * SECOND));
    assert!(short <= SECOND && (first, long) == (short, short), "{first:?} {short:?} {long:?}");
    // The shutdown is over.
    assert_eq!(system.shutdown(SECOND).await, Default::default());
    assert_eq!(before.elapsed(), first);
}

#[tokio::test(start_paused = true)]
async fn system_without_a_holder_stops() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let first = start(&system, &log, ChildSpec::new("first")).await;
    let second = start(&system, &log, ChildSpec::new("second")).await;
    drop(system.clone());
    assert_eq!(first.request(Do::Ask, SECOND).await.unwrap(), 0);
    drop(system);
    assert!(matches!(second.closed().await, ExitReason::Shutdown));
    assert!(matches!(first.closed().await, ExitReason::Shutdown));
    assert_eq!(log.only("dropped").len(), 2);
}

type Report = Pin<Box<dyn Future<Output = ShutdownReport> + Send>>;

/// Begins a shutdown at the first event, in the middle of the step that made it.
struct OnEvent(Mutex<Option<Report>>);

impl Wake for OnEvent {
    fn wake(self: Arc<Self>) {
        if let Some(report) = &mut *self.0.lock().unwrap() {
            assert!(report.as_mut().now_or_never().is_none(), "it has only begun");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn child_waiting_for_its_group_is_reported_once() {
    let config = SupervisorConfig { strategy: SupervisionStrategy::OneForAll, ..SupervisorConfig::default() };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let log = Log::default();
    let first = start(&system, &log, ChildSpec::new("first")).await;
    start(&system, &log, ChildSpec::new("second")).await;
    let mut events = system.events();
    let shutdown = async move { system.shutdown(SECOND).await };
    let on_event = Arc::new(OnEvent(Mutex::new(Some(Box::pin(shutdown)))));
    let waker = Waker::from(on_event.clone());
    let mut event = pin!(events.next());
    assert!(event.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    first.kill();
    first.closed().await;
    let report = on_event.0.lock().unwrap().take().unwrap();
    assert_eq!(report.await.stopped, ["second", "first"]);
}
