//! The slot for a reply, with requester, receiver and clock in the interleavings of shuttle.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use shuttle::future::block_on;
use shuttle::thread::spawn;

use super::deadlines::{Entry, Expire};
use super::{Reply, ReplyTo, Slot, Unanswered, slot, slot_in};

const ITERATIONS: usize = 3000;

fn check(scenario: fn()) {
    shuttle::check_random(scenario, ITERATIONS);
    shuttle::check_pct(scenario, ITERATIONS, 3);
}

/// A reply that counts its drops.
struct Answer(Arc<AtomicU32>);

impl Drop for Answer {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy)]
enum Answers {
    Replies,
    Drops,
    Never,
}

/// The ends of a request that expires in this millisecond.
fn slot_until<R: Send + 'static>(requester: &Waker, deadline: u64) -> (ReplyTo<R>, Reply<R>) {
    let slot = Slot::ready();
    assert!(slot.ask(requester.clone(), Some(Entry::at(deadline))).is_some());
    slot.ends()
}

async fn ends<R: Send + 'static>() -> (ReplyTo<R>, Reply<R>) {
    poll_fn(|task| Poll::Ready(slot_until(task.waker(), 1))).await
}

/// Makes a request; the receiver and the clock have threads of their own.
fn ask(answers: Answers, expires: bool) {
    let drops = Arc::<AtomicU32>::default();
    let (got, handed_back) = block_on(async {
        let (reply_to, reply) = ends::<Answer>().await;
        let clock = expires.then(|| {
            let slot = reply.slot();
            spawn(move || assert_eq!(slot.expire(Entry::at(1)), None))
        });
        let answer = Answer(drops.clone());
        let answering = spawn(move || match answers {
            Answers::Replies => (reply_to.send(answer).is_err(), None),
            Answers::Drops => {
                drop((reply_to, answer));
                (false, None)
            }
            Answers::Never => (false, Some((reply_to, answer))),
        });
        let got = reply.await;
        let (handed_back, kept) = answering.join().unwrap();
        if let Some((reply_to, answer)) = kept {
            assert!(reply_to.is_closed());
            assert!(reply_to.send(answer).is_err(), "the answer reached a requester that had gone");
        }
        clock.map(|clock| clock.join().unwrap());
        (got, handed_back)
    });
    match (answers, got) {
        (Answers::Replies, Ok(answer)) => {
            assert!(!handed_back, "it was delivered and handed back");
            assert_eq!(drops.load(Ordering::Relaxed), 0);
            drop(answer);
        }
        (Answers::Replies, Err(Unanswered::TimedOut)) => assert!(expires && handed_back),
        (Answers::Drops, Err(Unanswered::Dropped)) => {}
        (Answers::Drops | Answers::Never, Err(Unanswered::TimedOut)) => assert!(expires),
        _ => panic!("a reply out of nowhere, or none"),
    }
    assert_eq!(drops.load(Ordering::Relaxed), 1);
}

#[test]
fn a_reply_comes_or_is_handed_back() {
    check(|| {
        ask(Answers::Replies, false);
        ask(Answers::Replies, true);
    });
}

#[test]
fn dropped_request_is_reported() {
    check(|| {
        ask(Answers::Drops, false);
        ask(Answers::Drops, true);
    });
}

#[test]
fn unanswered_request_times_out() {
    check(|| ask(Answers::Never, true));
}

/// The requester stops waiting: after its first poll, or without one.
#[test]
fn late_reply_is_dropped_once() {
    check(|| {
        for looks in 0..3 {
            let drops = Arc::<AtomicU32>::default();
            let (reply_to, mut reply) = slot_until::<Answer>(Waker::noop(), 1);
            let expires = reply.slot();
            let clock = spawn(move || expires.expire(Entry::at(1)));
            let answer = Answer(drops.clone());
            let answering = spawn(move || reply_to.send(answer).is_err());
            let mut got = None;
            for _ in 0..looks {
                let mut context = Context::from_waker(Waker::noop());
                if got.is_none()
                    && let Poll::Ready(outcome) = std::pin::Pin::new(&mut reply).poll(&mut context)
                {
                    got = Some(outcome);
                }
            }
            drop(reply);
            let handed_back = answering.join().unwrap();
            clock.join().unwrap();
            assert!(!(handed_back && matches!(got, Some(Ok(_)))));
            drop(got);
            assert_eq!(drops.load(Ordering::Relaxed), 1);
        }
    });
}

/// A request that is polled by another task than the one that made it: the last poller is woken.
#[test]
fn a_request_that_moves_is_woken_where_it_is() {
    check(|| {
        let (reply_to, mut reply) = slot::<u32>(Waker::noop());
        reply.moved();
        let answering = spawn(move || reply_to.send(7).is_ok());
        assert!(matches!(block_on(reply), Ok(7)));
        assert!(answering.join().unwrap());
    });
}

/// The clock comes to the entry of an earlier request while the slot is used for the next.
#[test]
fn entry_of_an_earlier_request_ends_no_later_one() {
    check(|| {
        let (reply_to, mut reply) = slot_until::<u32>(Waker::noop(), 1);
        let slot = reply.slot();
        let expires = slot.clone();
        let clock = spawn(move || expires.expire(Entry::at(1)));
        let handed_back = reply_to.send(7).is_err();
        reply.moved();
        let got = block_on(reply);
        if handed_back {
            assert!(matches!(got, Err(Unanswered::TimedOut)));
            assert_eq!(clock.join().unwrap(), None);
            return;
        }
        assert!(matches!(got, Ok(7)));
        let unfiled = slot.ask(Waker::noop().clone(), Some(Entry::at(2)));
        let (reply_to, mut reply) = slot.clone().ends();
        let later = clock.join().unwrap();
        // Either the requester or the clock adds the entry.
        assert_eq!(unfiled.or(later), Some(Entry::at(2)));
        assert!(unfiled.is_none() || later.is_none());
        assert!(!reply_to.is_closed());
        assert_eq!(slot.expire(Entry::at(2)), None);
        reply.moved();
        assert!(matches!(block_on(reply), Err(Unanswered::TimedOut)));
        assert!(reply_to.send(8).is_err());
    });
}

/// The deadline of an earlier request is over while the slot is used for one that has none.
#[test]
fn deadline_of_an_earlier_request_ends_no_later_one_without() {
    check(|| {
        let (reply_to, mut reply) = slot_until::<u32>(Waker::noop(), 1);
        let used = reply.slot();
        assert!(reply_to.send(7).is_ok());
        reply.moved();
        assert!(matches!(block_on(reply), Ok(7)));
        let (reply_to, mut reply) = slot_in(used.clone(), Waker::noop());
        let clock = spawn(move || {
            assert_eq!(used.expire(Entry::at(1)), None);
            used.abandon(Entry::at(1));
        });
        let answering = spawn(move || reply_to.send(8).is_ok());
        reply.moved();
        assert!(matches!(block_on(reply), Ok(8)));
        assert!(answering.join().unwrap());
        clock.join().unwrap();
    });
}
