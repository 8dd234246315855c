//! The stream of events of a system.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use airssys_core::{ExitReason, Identity, SupervisorFailure};
use smallvec::SmallVec;
use thiserror::Error;
use tokio::task::coop::poll_proceed;

use crate::guard::Contained;
use crate::sync::lock;

/// The number of events that a stream keeps for a slow reader.
const KEPT_EVENTS: usize = 1024;

/// The share of one actor. Beyond it, its events make room for those of others.
const SHARE: usize = KEPT_EVENTS / 8;

/// Something that happened in a system.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// An incarnation of an actor or of a supervisor has started.
    Started {
        /// The actor or supervisor.
        actor: Identity,
        /// The number of the incarnation: 0 for the first.
        incarnation: u64,
    },
    /// An incarnation ended, and the next will start.
    Restarting {
        /// The actor or supervisor.
        actor: Identity,
        /// How the incarnation ended.
        reason: ExitReason,
        /// The delay before the next start.
        after: Duration,
    },
    /// An actor or a supervisor ended for good.
    Stopped {
        /// The actor or supervisor.
        actor: Identity,
        /// How it ended.
        reason: ExitReason,
    },
    /// A supervisor gave up: it stops its children, and its own supervisor decides about a restart.
    Escalated {
        /// The supervisor.
        supervisor: Identity,
        /// The failure.
        failure: Arc<SupervisorFailure>,
    },
    /// A child of a supervisor alone gave up, because it was restarted too often: it is
    /// [quarantined](airssys_core::OnLimit::Quarantine), or has [ended](airssys_core::OnLimit::End).
    GaveUp {
        /// The actor or supervisor.
        actor: Identity,
        /// The failure.
        failure: Arc<SupervisorFailure>,
        /// True if it can be [resumed](crate::ActorRef::resume).
        quarantined: bool,
    },
    /// Messages were accepted and will not be handled.
    DeadLetter {
        /// Their receiver.
        actor: Identity,
        /// The type of the messages.
        message: &'static str,
        /// Their number; more than one only for messages left in a mailbox.
        count: u64,
        /// The reason.
        cause: DeadLetterCause,
    },
    /// A mailbox refused a message, made a sender wait, or dropped a message, for the first time
    /// since it last had room.
    MailboxFull {
        /// The owner of the mailbox.
        actor: Identity,
        /// The most messages that it takes.
        capacity: usize,
    },
}

/// Why a message will not be handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeadLetterCause {
    /// The mailbox was full and its policy drops messages.
    Overflow,
    /// The handler failed on it, panicked or was aborted.
    HandlerFailed,
    /// It was in the mailbox when the actor ended for good.
    ActorEnded,
}

/// A reader of the events of a system, from the time when it was made.
pub struct EventStream {
    shared: Arc<Shared>,
    /// The number of its queue.
    number: u64,
}

/// The error of a reader that was too slow, and missed events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{count} events were missed: the reader was too slow")]
pub struct MissedEvents {
    /// The number of missed events.
    pub count: u64,
}

impl EventStream {
    /// The next event; `None` once the system has stopped.
    ///
    /// Cancel safety: nothing is lost if this is dropped.
    ///
    /// # Errors
    /// More than 1,024 events were waiting, and some were dropped: the oldest of the actor with the most, or
    /// the oldest of all if every actor had at most 128. The next call goes on with those that are left.
    pub async fn next(&mut self) -> Result<Option<Event>, MissedEvents> {
        poll_fn(|task| {
            // A reader that always finds an event yields to other tasks as well.
            let budget = ready!(poll_proceed(task));
            let polled = self.poll_next(task);
            if polled.is_ready() {
                budget.made_progress();
            }
            polled
        })
        .await
    }

    fn poll_next(&self, task: &Context<'_>) -> Poll<Result<Option<Event>, MissedEvents>> {
        let waker = task.waker().clone();
        let _replaced = {
            let Readers { queues, ended, .. } = &mut *lock(&self.shared.readers);
            let Some(queue) = queues.get_mut(&self.number) else { return Poll::Ready(Ok(None)) };
            let count = std::mem::take(&mut queue.missed);
            if count > 0 {
                return Poll::Ready(Err(MissedEvents { count }));
            }
            match queue.take(0) {
                Some(event) => return Poll::Ready(Ok(Some(event.into_inner()))),
                None if *ended => return Poll::Ready(Ok(None)),
                None => queue.waker.replace(waker),
            }
        };
        Poll::Pending
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.shared.count.fetch_sub(1, Ordering::Relaxed);
        let unread = lock(&self.shared.readers).queues.remove(&self.number);
        // Its events are dropped outside the lock.
        drop(unread);
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventStream({})", self.number)
    }
}

/// The source of events. Costs next to nothing without a reader.
#[derive(Default)]
pub(crate) struct Events {
    shared: Arc<Shared>,
}

/// The queues of all readers.
///
/// An event may hold the error of an actor, so it is user code when the last copy is dropped, and that
/// may send messages or read events itself. So no event is dropped and no reader woken under the lock,
/// as the channels of tokio do.
#[derive(Default)]
struct Shared {
    /// The number of readers.
    count: AtomicUsize,
    readers: Mutex<Readers>,
}

type DroppedEvents = SmallVec<[Contained<Event>; 2]>;

#[derive(Default)]
struct Readers {
    queues: BTreeMap<u64, Queue>,
    last_number: u64,
    ended: bool,
}

/// The events that a reader has not read.
#[derive(Default)]
struct Queue {
    /// The task that drops an event copes with a panic in that.
    events: VecDeque<Contained<Event>>,
    /// The number of events of each actor, by its id.
    counts: HashMap<u64, usize>,
    /// The number of events that have been dropped since the last that was read.
    missed: u64,
    waker: Option<Waker>,
}

impl Queue {
    fn add(&mut self, event: Contained<Event>) {
        *self.counts.entry(event.actor().id).or_default() += 1;
        self.events.push_back(event);
    }

    fn take(&mut self, place: usize) -> Option<Contained<Event>> {
        let event = self.events.remove(place)?;
        if let Entry::Occupied(mut count) = self.counts.entry(event.actor().id) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        Some(event)
    }

    /// Takes out the event that makes room: the oldest of the actor with the most events, or the oldest of
    /// all if none has more than its share.
    fn evict(&mut self) -> Option<Contained<Event>> {
        self.missed += 1;
        let most = self.counts.iter().max_by_key(|(_, count)| **count);
        let place = match most {
            Some((actor, count)) if *count > SHARE => {
                self.events.iter().position(|event| event.actor().id == *actor)
            }
            _ => None,
        };
        self.take(place.unwrap_or_default())
    }
}

impl Event {
    /// Returns the actor or supervisor that it is about.
    fn actor(&self) -> &Identity {
        match self {
            Event::Started { actor, .. }
            | Event::Restarting { actor, .. }
            | Event::Stopped { actor, .. }
            | Event::Escalated { supervisor: actor, .. }
            | Event::GaveUp { actor, .. }
            | Event::DeadLetter { actor, .. }
            | Event::MailboxFull { actor, .. } => actor,
        }
    }
}

impl Events {
    pub(crate) fn stream(&self) -> EventStream {
        let mut readers = lock(&self.shared.readers);
        readers.last_number += 1;
        let number = readers.last_number;
        readers.queues.insert(number, Queue::default());
        self.shared.count.fetch_add(1, Ordering::Relaxed);
        EventStream { shared: self.shared.clone(), number }
    }

    /// Sends an event to the readers, if there are any.
    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        if self.shared.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let event = Contained::new(event());
        self.update(|readers, dropped| {
            for queue in readers.queues.values_mut().filter(|_| !readers.ended) {
                if queue.events.len() == KEPT_EVENTS {
                    dropped.extend(queue.evict());
                }
                queue.add(event.clone());
            }
        });
    }

    /// Ends the streams, because the system has stopped. Readers do not wait until the last reference
    /// to an actor is dropped.
    pub(crate) fn end(&self) {
        self.update(|readers, _| readers.ended = true);
    }

    /// Changes the queues, and wakes the readers. Events that `change` takes out are dropped outside
    /// the lock.
    fn update(&self, change: impl FnOnce(&mut Readers, &mut DroppedEvents)) {
        let mut dropped = DroppedEvents::new();
        let mut wakers = SmallVec::<[Waker; 2]>::new();
        let mut readers = lock(&self.shared.readers);
        change(&mut readers, &mut dropped);
        wakers.extend(readers.queues.values_mut().filter_map(|queue| queue.waker.take()));
        drop(readers);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // The runtime may have dropped the tasks of the system before its end.
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn event_is_made_only_for_readers() {
        let events = Events::default();
        let never = || -> Event { panic!("it has no reader") };
        events.tell(never);
        let actor = Identity { name: "a".into(), id: 1 };
        let mut stream = events.stream();
        events.tell(|| Event::Started { actor, incarnation: 3 });
        let event = stream.next().now_or_never().unwrap().unwrap();
        assert!(matches!(event, Some(Event::Started { incarnation: 3, .. })));
        drop(stream);
        events.tell(never);
    }
}
