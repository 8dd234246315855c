//! The names that the end of an actor touches.

use std::sync::mpsc;
use std::time::Duration;

use airssys_core::Overflow;
use dashmap::try_result::TryResult;
use tokio::runtime::Builder;

use super::*;
use crate::mailbox::Mailbox;

fn cell(services: &Arc<Services>, id: u64) -> Arc<Cell<u64>> {
    let mailbox = Mailbox::<u64>::new(1, Overflow::Wait);
    Arc::new(Cell::new(Some(format!("actor-{id}").into()), id, mailbox, services.clone()))
}

/// All other parts of the table are locked while an actor ends: the end only needs its own.
#[test]
fn end_of_an_actor_touches_no_other_name() {
    const NAMES: u64 = 100_000;
    let runtime = Builder::new_current_thread().build().unwrap();
    let services = Arc::new(Services::new(runtime.handle().clone()));
    let registry = Arc::new(Registry::new(services.clone()));
    for id in 0..NAMES {
        assert!(registry.register(&cell(&services, id)));
    }
    let ending = registry.actors.get("actor-500").unwrap().clone();

    // Holding an entry locks its part of the table. All parts but one are locked.
    let own = registry.actors.get_mut("actor-500").unwrap();
    let mut others = Vec::new();
    for id in 0..NAMES {
        if let TryResult::Present(entry) = registry.actors.try_get_mut(&*format!("actor-{id}")) {
            others.push(entry);
        }
    }
    drop(own);
    assert!(others.len() > 1, "there is more than one part");

    let (done, is_done) = mpsc::channel();
    let retires = registry.clone();
    let thread = std::thread::spawn(move || {
        retires.retire(&*ending, ExitReason::Normal);
        done.send(()).unwrap();
    });
    // Long enough for any machine: the timeout only expires if the end waits for a lock.
    assert!(is_done.recv_timeout(Duration::from_secs(60)).is_ok(), "it needs the rest of the table");
    thread.join().unwrap();
    drop(others);
    assert!(registry.find::<u64>("actor-500").is_none());
    assert_eq!(registry.all().len() as u64, NAMES - 1);
}
