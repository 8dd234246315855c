//! Links that are made while actors end, in the interleavings that shuttle explores.
//!
//! A failure that does not reach the other side leaves a thread waiting, which shuttle reports as a
//! deadlock.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use airssys_core::{ExitReason, Overflow};
use shuttle::future::block_on;
use shuttle::sync::atomic::AtomicU64;
use shuttle::thread;
use tokio::runtime::{Builder, Runtime};

use super::Cell;
use super::inbox::Inbox;
use crate::child::Supervised as _;
use crate::mailbox::{Mailbox, StopRequest, Urgent};
use crate::services::Services;

const ITERATIONS: usize = 3000;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().unwrap());

fn check(scenario: fn()) {
    shuttle::check_random(scenario, ITERATIONS);
    shuttle::check_pct(scenario, ITERATIONS, 3);
}

fn cell(id: u64) -> Arc<Cell<()>> {
    let services = Arc::new(Services::new(RUNTIME.handle().clone()));
    Arc::new(Cell::new(None, id, Mailbox::new(1, Overflow::Wait), services))
}

/// The next urgent work of an incarnation.
fn urgent(cell: &Arc<Cell<()>>, incarnation: u64) -> Urgent {
    let mut inbox = Inbox::new(cell.clone());
    block_on(async {
        loop {
            if let Some(urgent) = poll_fn(|task| inbox.poll_any(incarnation, task)).await {
                return urgent;
            }
        }
    })
}

fn restart(cell: &Cell<()>, reason: &ExitReason) {
    cell.restarting(reason, Duration::ZERO);
}

/// Runs an actor that links its peers whenever it starts, until it is told to stop. Counts its starts.
fn run(cell: &Arc<Cell<()>>, peers: &[Arc<Cell<()>>], starts: &AtomicU64) {
    for incarnation in 0.. {
        cell.begin(incarnation);
        peers.iter().for_each(|peer| cell.link(incarnation, peer));
        starts.fetch_add(1, SeqCst);
        let reason = loop {
            match urgent(cell, incarnation) {
                Urgent::Linked(down) => break ExitReason::Linked(down),
                Urgent::Overdue(_) => {}
                Urgent::Signal => break ExitReason::Killed,
                Urgent::Stop(_) => return,
                Urgent::Down(_) => panic!("it monitors no actor"),
            }
        };
        restart(cell, &reason);
    }
}

/// Waits until each actor has started as often.
fn wait_for(starts: &[Arc<AtomicU64>], wanted: u64) {
    while starts.iter().any(|starts| starts.load(SeqCst) < wanted) {
        thread::yield_now();
    }
}

fn crash_restarts_each_once(count: usize) {
    let cells: Vec<_> = (0..count as u64).map(cell).collect();
    let starts: Vec<_> = (0..count).map(|_| Arc::new(AtomicU64::new(0))).collect();
    let threads: Vec<_> = (0..count)
        .map(|own| {
            let (cells, starts) = (cells.clone(), starts[own].clone());
            thread::spawn(move || {
                let peers: Vec<_> = cells.iter().filter(|peer| peer.id() != own as u64).cloned().collect();
                run(&cells[own], &peers, &starts);
            })
        })
        .collect();
    wait_for(&starts, 1);
    // The actor fails by itself.
    cells[0].mailbox.signal();
    wait_for(&starts, 2);
    cells.iter().for_each(|cell| cell.mailbox.request_stop(StopRequest::Shutdown));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(starts.iter().all(|starts| starts.load(SeqCst) == 2), "each has restarted once: {starts:?}");
}

#[test]
fn one_crash_restarts_two_that_link_each_other_once() {
    check(|| crash_restarts_each_once(2));
}

#[test]
fn one_crash_restarts_three_that_link_each_other_once() {
    check(|| crash_restarts_each_once(3));
}

/// A link that is made while the other side ends is with the incarnation that ends or with the next:
/// the next end reaches this side in both cases.
#[test]
fn link_made_during_an_end_is_not_lost() {
    static WITH_NEXT: AtomicUsize = AtomicUsize::new(0);
    check(|| {
        let (one, other) = (cell(1), cell(2));
        one.begin(0);
        let ends = {
            let other = other.clone();
            thread::spawn(move || {
                other.begin(0);
                restart(&other, &ExitReason::Killed);
                other.begin(1);
            })
        };
        one.link(0, &other);
        ends.join().unwrap();
        if one.incarnations.is_running(0) {
            WITH_NEXT.fetch_add(1, SeqCst);
            assert!(other.incarnations.is_running(1));
            restart(&one, &ExitReason::Killed);
            assert!(!other.incarnations.is_running(1), "the failure of this side reaches the other");
        }
        let (one, other) = (cell(1), cell(2));
        one.begin(0);
        other.begin(0);
        let links = {
            let (one, other) = (one.clone(), other.clone());
            thread::spawn(move || one.link(0, &other))
        };
        restart(&other, &ExitReason::Killed);
        other.begin(1);
        links.join().unwrap();
        restart(&other, &ExitReason::Killed);
        assert!(!one.incarnations.is_running(0), "the failure of the other side reaches this one");
    });
    assert!(WITH_NEXT.load(SeqCst) > 0);
}
