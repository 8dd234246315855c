//! The length of a list of watchers, and the failure that is kept.

use std::sync::atomic::{AtomicBool, Ordering};

use airssys_core::{ExitReason, Identity};

use super::*;

struct Recorder {
    id: u64,
    ended: AtomicBool,
    notifications: Mutex<Notifications>,
}

impl Recorder {
    fn new(id: u64) -> Arc<Self> {
        Arc::new(Self { id, ended: AtomicBool::new(false), notifications: Mutex::default() })
    }
}

impl Watcher for Recorder {
    fn id(&self) -> u64 {
        self.id
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    fn notify(&self, of: WatcherKey, down: Down) {
        lock(&self.notifications).add(of, down);
    }

    fn withdraw(&self, of: WatcherKey) {
        lock(&self.notifications).withdraw(of);
    }

    fn was_restarted_for(&self, _: &Arc<Down>) -> bool {
        false
    }

    fn renew_link(&self, _: WatcherKey, _: u64, _: u64) -> bool {
        false
    }

    fn fail_with(&self, incarnation: u64, down: Arc<Down>) {
        lock(&self.notifications).fail(incarnation, down);
    }
}

fn down(id: u64) -> Arc<Down> {
    let actor = Identity { name: Arc::default(), id };
    Arc::new(Down::new(actor, ExitReason::Killed, true))
}

/// Many actors watch one until their own end, half by a monitor and half by a link.
#[test]
fn list_of_watchers_forgets_those_that_have_ended() {
    let (watchers, incarnations) = (Watchers::default(), Incarnations::new());
    let lasting: Vec<_> = (0..100).map(Recorder::new).collect();
    for watcher in &lasting {
        let watcher: Arc<dyn Watcher> = watcher.clone();
        watchers.monitor(&watcher, true);
    }
    for id in 1000..11_000 {
        let recorder = Recorder::new(id);
        let watcher: Arc<dyn Watcher> = recorder.clone();
        match id % 2 {
            0 => watchers.monitor(&watcher, true),
            _ => assert_eq!(watchers.link(&incarnations, &watcher, 0), 0),
        }
        recorder.ended.store(true, Ordering::Relaxed);
    }
    assert!(lock(&watchers.list).by_id.len() <= 200, "at most twice the live watchers");
    watchers.notify_all((7, 0), &incarnations, &down(7));
    assert!(
        lasting.iter().all(|watcher| !lock(&watcher.notifications).is_empty()),
        "the live watchers are notified"
    );
}

#[test]
fn failure_of_a_past_incarnation_hides_no_other() {
    let mut notifications = Notifications::default();
    notifications.fail(0, down(1));
    notifications.fail(1, down(2));
    notifications.fail(1, down(3));
    notifications.fail(0, down(4));
    assert_eq!(notifications.take_failure(1).unwrap().actor.id, 2);
    notifications.fail(1, down(5));
    assert!(notifications.take_failure(2).is_none());
    assert!(notifications.is_empty());
}
