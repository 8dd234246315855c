//! The mailbox with its senders and its receiver, in the interleavings that shuttle explores.
//!
//! A task that is not woken waits for ever, which shuttle reports as a deadlock.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker, ready};

use airssys_core::Overflow;
use shuttle::future::block_on;
use shuttle::thread::{JoinHandle, spawn};
use tokio::runtime::{Builder, Runtime};

use super::{Fetched, Mailbox, StopRequest, Urgent};
use crate::cell::Cell;
use crate::cell::inbox::Inbox;
use crate::errors::{ReserveError, SendError};
use crate::services::Services;

const ITERATIONS: usize = 3000;

/// An actor that is never run: the mailbox does not need it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().unwrap());

/// Sender and number.
type Message = (u64, u64);

fn check(scenario: fn()) {
    shuttle::check_random(scenario, ITERATIONS);
    shuttle::check_pct(scenario, ITERATIONS, 3);
}

fn cell(capacity: usize, overflow: Overflow) -> Arc<Cell<Message>> {
    let services = Arc::new(Services::new(RUNTIME.handle().clone()));
    Arc::new(Cell::new(Some("model".into()), 1, Mailbox::new(capacity, overflow), services))
}

/// The next message or urgent work of a receiver, as an incarnation takes it.
async fn next(inbox: &mut Inbox<Message>) -> Result<Message, Urgent> {
    loop {
        if let Some(message) = inbox.pop() {
            return Ok(message);
        }
        if let Some(urgent) = poll_fn(|task| inbox.poll_any(0, task)).await {
            return Err(urgent);
        }
    }
}

/// Takes messages as an incarnation does, in one task: a task that was registered with its only message
/// does not look again. Ends at a stop, or after so many messages, and gives the signals too.
fn receive_in_one_task(cell: &Arc<Cell<Message>>, count: usize) -> (Vec<Message>, u64) {
    let mut inbox = Inbox::new(cell.clone());
    let (mut received, mut signals, mut registered) = (Vec::new(), 0, false);
    block_on(poll_fn(|task| {
        while received.len() < count {
            if inbox.is_ready()
                && let Some(message) = inbox.pop()
            {
                received.push(message);
                continue;
            }
            if std::mem::take(&mut registered) && inbox.is_done() {
                return Poll::Pending;
            }
            if let Fetched::Urgent = ready!(inbox.poll_fetch(Some(&mut registered), task)) {
                match cell.mailbox.take_urgent(0) {
                    Some(Urgent::Stop(_)) => break,
                    Some(Urgent::Signal) => signals += 1,
                    _ => {}
                }
            }
        }
        Poll::Ready(())
    }));
    (received, signals)
}

/// Takes this number of messages.
fn receive(cell: &Arc<Cell<Message>>, count: usize) -> Vec<Message> {
    let mut inbox = Inbox::new(cell.clone());
    let mut received = Vec::new();
    while received.len() < count {
        if let Ok(message) = block_on(next(&mut inbox)) {
            received.push(message);
        }
    }
    received
}

/// Takes messages until the receiver is told to stop.
fn receive_all(cell: &Arc<Cell<Message>>) -> Vec<Message> {
    let mut inbox = Inbox::new(cell.clone());
    let mut received = Vec::new();
    loop {
        match block_on(next(&mut inbox)) {
            Ok(message) => received.push(message),
            Err(Urgent::Stop(_)) => return received,
            Err(_) => {}
        }
    }
}

/// Sends this number of messages; returns the number that was accepted.
fn sender(cell: &Arc<Cell<Message>>, sender: u64, count: u64) -> JoinHandle<u64> {
    let cell = cell.clone();
    spawn(move || {
        let sent = |number| match block_on(cell.send((sender, number))) {
            Ok(()) => true,
            Err(SendError::Closed(message) | SendError::Full(message) | SendError::Quarantined(message)) => {
                assert_eq!(message, (sender, number), "another message came back");
                false
            }
        };
        (0..count).filter(|number| sent(*number)).count() as u64
    })
}

fn in_order(received: &[Message]) {
    for sender in 0..4 {
        let numbers: Vec<_> = received.iter().filter(|(from, _)| *from == sender).map(|(_, n)| n).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "{received:?}");
    }
}

fn total(senders: Vec<JoinHandle<u64>>) -> u64 {
    senders.into_iter().map(|sender| sender.join().unwrap()).sum()
}

#[test]
fn every_message_comes_once_and_in_order() {
    check(|| {
        for capacity in [1, 3] {
            let cell = cell(capacity, Overflow::Wait);
            let senders = vec![sender(&cell, 0, 3), sender(&cell, 1, 3)];
            let received = receive(&cell, 6);
            in_order(&received);
            assert_eq!(total(senders), 6);
            let mailbox = cell.mailbox.stats();
            assert_eq!((mailbox.accepted, mailbox.depth), (6, 0));
            assert!(mailbox.high_water <= capacity);
        }
    });
}

#[test]
fn receiver_that_does_not_look_again_misses_no_message() {
    check(|| {
        for capacity in [1, 2, 4] {
            let cell = cell(capacity, Overflow::Wait);
            let senders = vec![sender(&cell, 0, 3), sender(&cell, 1, 2)];
            let (received, _) = receive_in_one_task(&cell, 5);
            in_order(&received);
            assert_eq!(total(senders), 5);
        }
    });
}

#[test]
fn receiver_that_does_not_look_again_serves_waiters_for_reserved_room() {
    check(|| {
        let cell = cell(2, Overflow::Wait);
        let own = cell.clone();
        let receiver = spawn(move || receive_in_one_task(&own, 3));
        let taken = cell.mailbox.try_reserve().is_ok();
        let sent = total(vec![sender(&cell, 0, 1), sender(&cell, 1, 1)]);
        assert!(taken && cell.mailbox.fill((2, 0)).is_ok());
        assert_eq!((receiver.join().unwrap().0.len(), sent), (3, 2));
    });
}

#[test]
fn receiver_that_does_not_look_again_misses_neither_signal_nor_end() {
    check(|| {
        let cell = cell(2, Overflow::Wait);
        let own = cell.clone();
        let receiver = spawn(move || receive_in_one_task(&own, usize::MAX));
        let senders = vec![sender(&cell, 0, 1), sender(&cell, 1, 1)];
        cell.mailbox.signal();
        let sent = total(senders);
        cell.mailbox.drain();
        let (received, signals) = receiver.join().unwrap();
        assert_eq!((received.len() as u64, sent, signals), (2, 2, 1));
    });
}

#[test]
fn capacity_is_never_exceeded_in_any_interleaving() {
    check(|| {
        let cell = cell(2, Overflow::Wait);
        let senders = vec![sender(&cell, 0, 3), sender(&cell, 1, 3)];
        let own = cell.clone();
        let observer = spawn(move || {
            for _ in 0..4 {
                assert!(own.mailbox.stats().depth <= 2);
            }
        });
        in_order(&receive(&cell, 6));
        assert_eq!(total(senders), 6);
        observer.join().unwrap();
    });
}

#[test]
fn waiters_get_a_slot_or_are_told_of_the_end() {
    check(|| {
        let cell = cell(1, Overflow::Wait);
        let senders = vec![sender(&cell, 0, 2), sender(&cell, 1, 2)];
        let (own, waiting) = (cell.clone(), cell.clone());
        let room = spawn(move || block_on(waiting.mailbox.room()));
        let closer = spawn(move || own.mailbox.close().len() as u64);
        let received = {
            let mut inbox = Inbox::new(cell.clone());
            let mut received = Vec::new();
            // At most one message: the rest is for the close.
            let first = block_on(poll_fn(|task| match pin!(next(&mut inbox)).poll(task) {
                Poll::Ready(first) => Poll::Ready(first.ok()),
                Poll::Pending => Poll::Ready(None),
            }));
            received.extend(first);
            received
        };
        closer.join().unwrap();
        room.join().unwrap();
        let accepted = total(senders);
        let mailbox = cell.mailbox.stats();
        assert_eq!(mailbox.accepted, accepted);
        assert_eq!(mailbox.dropped + received.len() as u64 + mailbox.depth as u64, accepted);
        assert!(cell.mailbox.is_closed());
    });
}

#[test]
fn cancelled_waiter_blocks_no_other_waiter() {
    check(|| {
        let cell = cell(1, Overflow::Wait);
        let gives_up = |number| {
            let cell = cell.clone();
            spawn(move || {
                let mut sent = 0;
                let mut send = Box::pin(cell.send((2, number)));
                if send.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    sent = 1;
                }
                sent
            })
        };
        let mut senders = vec![sender(&cell, 0, 2), gives_up(0), sender(&cell, 1, 2), gives_up(1)];
        let own = cell.clone();
        let receiver = spawn(move || receive_all(&own));
        let given_up = senders.remove(3).join().unwrap() + senders.remove(1).join().unwrap();
        assert_eq!(total(senders), 4);
        cell.mailbox.drain();
        let received = receiver.join().unwrap();
        assert_eq!(received.len() as u64, 4 + given_up);
    });
}

#[test]
fn permits_and_rooms_are_used_given_back_and_passed_on() {
    check(|| {
        let cell = cell(1, Overflow::Wait);
        let holder = |used: bool| {
            let cell = cell.clone();
            spawn(move || {
                let taken = cell.mailbox.try_reserve().is_ok();
                match (taken, used) {
                    (true, true) => u64::from(cell.mailbox.fill((2, 0)).is_ok()),
                    (true, false) => {
                        cell.mailbox.release();
                        0
                    }
                    (false, _) => 0,
                }
            })
        };
        let tries = {
            let cell = cell.clone();
            spawn(move || {
                loop {
                    match cell.mailbox.try_send((3, 0)) {
                        Ok(_) => return 1,
                        Err(SendError::Closed(_) | SendError::Quarantined(_)) => return 0,
                        Err(_) => block_on(cell.mailbox.room()),
                    }
                }
            })
        };
        let senders = vec![holder(true), sender(&cell, 0, 1), holder(false), sender(&cell, 1, 1), tries];
        let own = cell.clone();
        let receiver = spawn(move || receive_all(&own));
        let accepted = total(senders);
        cell.mailbox.drain();
        assert_eq!(receiver.join().unwrap().len() as u64, accepted);
        assert!(accepted >= 3);
    });
}

#[test]
fn messages_accepted_before_a_drain_are_handled_before_the_end() {
    check(|| {
        let cell = cell(2, Overflow::Wait);
        let senders = vec![sender(&cell, 0, 3), sender(&cell, 1, 3)];
        let own = cell.clone();
        let receiver = spawn(move || receive_all(&own));
        let permit = cell.mailbox.try_reserve().is_ok();
        cell.mailbox.drain();
        let mut accepted = 0;
        if permit {
            assert!(cell.mailbox.fill((2, 0)).is_err(), "it has closed");
        }
        accepted += total(senders);
        let received = receiver.join().unwrap();
        in_order(&received);
        assert_eq!(received.len() as u64, accepted);
        assert!(cell.mailbox.terminated());
        assert!(matches!(cell.mailbox.try_reserve(), Err(ReserveError::Closed)));
    });
}

#[test]
fn messages_left_by_an_incarnation_are_there_for_the_next() {
    check(|| {
        for overflow in [Overflow::Wait, Overflow::Reject] {
            let cell = cell(3, overflow);
            let senders = vec![sender(&cell, 0, 3), sender(&cell, 1, 3)];
            let own = cell.clone();
            let receiver = spawn(move || {
                let mut received = receive(&own, 1);
                received.extend(receive_all(&own));
                received
            });
            // At least one message is accepted: the first incarnation waits for it.
            let accepted = total(senders);
            cell.mailbox.drain();
            let received = receiver.join().unwrap();
            in_order(&received);
            assert_eq!(received.len() as u64, accepted);
        }
    });
}

#[test]
fn signals_and_stops_are_never_missed() {
    check(|| {
        let cell = cell(1, Overflow::Wait);
        let flood = sender(&cell, 0, 2);
        let own = cell.clone();
        let receiver = spawn(move || {
            let mut inbox = Inbox::new(own.clone());
            let (mut received, mut signals) = (0, 0);
            let mut told = false;
            loop {
                match block_on(next(&mut inbox)) {
                    Ok(_) => {
                        assert!(!told, "the stop was there first");
                        received += 1;
                    }
                    Err(Urgent::Signal) => signals += 1,
                    Err(Urgent::Stop(request)) => {
                        assert_eq!(request, StopRequest::Shutdown);
                        told = true;
                    }
                    Err(_) => panic!("nobody is watched"),
                }
                if told {
                    return (received, signals);
                }
            }
        });
        cell.mailbox.signal();
        assert_eq!(flood.join().unwrap(), 2);
        cell.mailbox.signal();
        cell.mailbox.request_stop(StopRequest::Shutdown);
        let (received, signals) = receiver.join().unwrap();
        let mailbox = cell.mailbox.stats();
        assert_eq!((received + mailbox.depth as u64, mailbox.accepted), (2, 2));
        assert!(signals <= 2);
    });
}

#[test]
fn dropping_mailbox_refuses_no_message() {
    check(|| {
        for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
            let cell = cell(1, overflow);
            let senders = vec![sender(&cell, 0, 3), sender(&cell, 1, 3)];
            let own = cell.clone();
            let receiver = spawn(move || receive_all(&own));
            assert_eq!(total(senders), 6, "{overflow:?} refused a message");
            cell.mailbox.drain();
            let received = receiver.join().unwrap();
            in_order(&received);
            let mailbox = cell.mailbox.stats();
            assert_eq!((mailbox.accepted, mailbox.rejected), (6, 0));
            assert_eq!(received.len() as u64 + mailbox.overflowed, 6);
            assert!(mailbox.high_water <= 1);
        }
    });
}

/// An incarnation that ends with a fetched message that it has not handed out.
#[test]
fn a_receiver_that_ends_loses_nothing() {
    check(|| {
        for overflow in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Wait] {
            let cell = cell(2, overflow);
            let senders = vec![sender(&cell, 0, 2), sender(&cell, 1, 2)];
            let own = cell.clone();
            let receiver = spawn(move || {
                {
                    let mut inbox = Inbox::new(own.clone());
                    let mut context = Context::from_waker(Waker::noop());
                    let _ = inbox.poll_any(0, &mut context);
                }
                receive_all(&own)
            });
            let accepted = total(senders);
            cell.mailbox.drain();
            let received = receiver.join().unwrap();
            in_order(&received);
            let mailbox = cell.mailbox.stats();
            assert_eq!(accepted, 4);
            assert_eq!(received.len() as u64 + mailbox.overflowed, 4, "{overflow:?} {mailbox:?}");
            assert_eq!(mailbox.depth, 0);
        }
    });
}
