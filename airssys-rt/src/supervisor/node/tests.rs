//! Stops between two incarnations of a supervisor, which are only visible from outside with two threads.

use airssys_core::{Overflow, RestartPolicy, Shutdown};
use futures_util::FutureExt;
use tokio::sync::watch;

use super::*;
use crate::ReplyTo;
use crate::cell::Cell;
use crate::mailbox::Mailbox;
use crate::supervisor::entry::ChildRules;
use crate::supervisor::parked::ParkedRunner;

fn node() -> SupervisorNode {
    let registry = Arc::new(Registry::new(Arc::new(Services::new(Handle::current()))));
    let health = watch::Sender::new(Health::Sound);
    let root = SupervisorNode::root("root".into(), SupervisorConfig::default(), registry, health);
    root.below(&SupervisorSpec::new("below"), None)
}

#[tokio::test]
async fn a_stop_of_the_group_counts_until_it_has_stopped() {
    let node = Arc::new(node());
    node.begin(0);
    assert!(node.supervise(ReplyTo::to_none()).now_or_never().is_none(), "it is running");
    node.stop(StopRequest::Group);
    assert!(node.supervise(ReplyTo::to_none()).now_or_never().is_some(), "it ends");
    node.finish();

    node.stop(StopRequest::Group);
    node.begin(1);
    assert!(node.supervise(ReplyTo::to_none()).now_or_never().is_some(), "it was told to before it began");
    node.finish();

    node.stop(StopRequest::Group);
    node.rejoin();
    node.begin(2);
    assert!(node.supervise(ReplyTo::to_none()).now_or_never().is_none(), "its group starts again");

    node.finish();
    node.stop(StopRequest::Shutdown);
    node.rejoin();
    node.begin(3);
    assert!(node.supervise(ReplyTo::to_none()).now_or_never().is_some(), "it ends for good");
}

/// Its parent's group restarts between its admission and the first step of its task.
#[tokio::test]
async fn first_start_that_the_restart_of_the_group_overtakes_has_not_failed() {
    for (request, is_started) in [(StopRequest::Group, true), (StopRequest::Shutdown, false)] {
        let node = Arc::new(node());
        node.stop(request);
        let (sender, started) = crate::request::slot_here().await;
        node.begin(0);
        assert!(node.supervise(sender).now_or_never().is_some(), "it ends");
        node.finish();
        assert_eq!((started.await.is_ok(), node.end_life().started), (is_started, is_started));
    }
}

struct Idle;

impl ParkedRunner for Idle {
    fn spawn(self: Box<Self>, _: Duration, _: ReplyTo<()>) -> Option<task::JoinHandle<()>> {
        None
    }

    fn discard(self: Box<Self>) {}
}

/// The child blocks its thread until its supervisor is in quarantine.
#[tokio::test]
async fn a_late_child_of_a_quarantined_supervisor_ends_when_it_is_told_to() {
    for told_before in [true, false] {
        let node = Arc::new(node());
        node.begin(0);
        let services = node.registry().services().clone();
        let cell = Arc::new(Cell::<()>::new(None, 7, Mailbox::new(1, Overflow::Wait), services));
        let rules = ChildRules {
            policy: RestartPolicy::Permanent,
            shutdown: Shutdown::default(),
            significant: false,
            on_limit: None,
        };
        let Admission::Added(key) = node.add(cell.clone(), rules) else { panic!("it is running") };
        cell.enter(ActorState::Running);
        node.enter(ActorState::Quarantined);
        assert!(!cell.is_quarantined(), "it has a task");
        if told_before {
            cell.stop_for_good();
            assert!(cell.reason().is_none());
        }
        node.park(key, Box::new(Idle), ExitReason::Killed);
        if !told_before {
            assert!(cell.is_quarantined());
            assert_eq!(cell.state(), ActorState::Quarantined);
            cell.stop_for_good();
        }
        assert!(matches!(cell.reason(), Some(ExitReason::Shutdown)));
        assert!(node.is_childless());
    }
}
