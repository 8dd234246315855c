//! What outsiders do not see: how long a list of watchers gets, and which failure is kept.

use std::sync::atomic::{AtomicBool, Ordering};

use airssys_core::{ExitReason, Identity};

use super::*;

struct Ear {
    id: u64,
    ended: AtomicBool,
    heard: Mutex<Heard>,
}

impl Ear {
    fn new(id: u64) -> Arc<Self> {
        Arc::new(Self { id, ended: AtomicBool::new(false), heard: Mutex::default() })
    }
}

impl Hears for Ear {
    fn id(&self) -> u64 {
        self.id
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    fn hear(&self, down: Down) {
        lock(&self.heard).hear(down);
    }

    fn unhear(&self, id: u64) {
        lock(&self.heard).forget(id);
    }

    fn fail_with(&self, incarnation: u64, down: Down) {
        lock(&self.heard).fail(incarnation, down);
    }
}

fn down(id: u64) -> Down {
    let actor = Identity { name: Arc::default(), id };
    Down::new(actor, ExitReason::Killed, true)
}

/// However many watch an actor until their own end, whether by a monitor or by a link.
#[test]
fn the_list_is_as_long_as_there_are_watchers() {
    let watchers = Watchers::default();
    let lasting: Vec<_> = (0..100).map(Ear::new).collect();
    for ear in &lasting {
        let ear: Arc<dyn Hears> = ear.clone();
        watchers.monitor(&ear, true);
    }
    for id in 1000..11_000 {
        let ear = Ear::new(id);
        let hears: Arc<dyn Hears> = ear.clone();
        match id % 2 {
            0 => watchers.monitor(&hears, true),
            _ => watchers.link(&hears, Some(0)),
        }
        ear.ended.store(true, Ordering::Relaxed);
    }
    assert!(lock(&watchers.list).by_id.len() <= 200, "twice those that are left");
    watchers.tell(&down(7));
    assert!(lasting.iter().all(|ear| !lock(&ear.heard).is_empty()), "those who live hear of it");
}

#[test]
fn a_failure_that_means_an_incarnation_that_is_over_hides_no_other() {
    let mut heard = Heard::default();
    heard.fail(0, down(1));
    heard.fail(1, down(2));
    heard.fail(1, down(3));
    heard.fail(0, down(4));
    assert_eq!(heard.take_failure(1).unwrap().actor.id, 2);
    heard.fail(1, down(5));
    assert!(heard.take_failure(2).is_none());
    assert!(heard.is_empty());
}
