//! What happens in a system, for whoever wants to know.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use airssys_core::{ExitReason, Identity, SupervisorFailure};
use thiserror::Error;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// How many events a stream keeps for a reader that is slow.
const KEPT: usize = 1024;

/// Something that happened in a system.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// An incarnation of an actor, or a supervisor, has started: 0 is its first.
    Started {
        /// Which.
        actor: Identity,
        /// Which of its incarnations.
        incarnation: u64,
    },
    /// An incarnation ended, and the next will start.
    Restarting {
        /// Whose.
        actor: Identity,
        /// How it ended.
        reason: ExitReason,
        /// The delay before the next start.
        after: Duration,
    },
    /// An actor, or a supervisor, ended for good.
    Stopped {
        /// Which.
        actor: Identity,
        /// How it ended.
        reason: ExitReason,
    },
    /// A supervisor gave up: it stops its children, and its own supervisor decides what follows.
    Escalated {
        /// Which.
        supervisor: Identity,
        /// Why.
        failure: Arc<SupervisorFailure>,
    },
    /// Messages were taken from their senders and will not be handled.
    DeadLetter {
        /// For whom they were.
        actor: Identity,
        /// The type of the messages.
        message: &'static str,
        /// How many: more than one only of those left in a mailbox.
        count: u64,
        /// Why.
        cause: DeadLetterCause,
    },
    /// A mailbox refused a message, made a sender wait, or dropped a message, for the first time
    /// since it last had room.
    MailboxFull {
        /// Whose.
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

/// A reader of the events of a system, from when it was made.
#[derive(Debug)]
pub struct EventStream {
    /// Nothing stands for the end.
    receiver: broadcast::Receiver<Option<Event>>,
    ended: bool,
}

/// A reader was so slow that it missed events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{count} events were missed: the reader was too slow")]
pub struct MissedEvents {
    /// How many.
    pub count: u64,
}

impl EventStream {
    /// The next event; none once the system has stopped.
    ///
    /// Cancel safety: nothing is lost if this is dropped.
    ///
    /// # Errors
    /// More than 1,024 events were waiting: the oldest are gone. The next call goes on behind them.
    pub async fn next(&mut self) -> Result<Option<Event>, MissedEvents> {
        if self.ended {
            return Ok(None);
        }
        match self.receiver.recv().await {
            Ok(Some(event)) => Ok(Some(event)),
            Ok(None) | Err(RecvError::Closed) => {
                self.ended = true;
                Ok(None)
            }
            Err(RecvError::Lagged(count)) => Err(MissedEvents { count }),
        }
    }
}

/// Where events come in. Costs next to nothing while nobody reads them.
#[derive(Default)]
pub(crate) struct Events {
    sender: OnceLock<broadcast::Sender<Option<Event>>>,
    ended: AtomicBool,
}

impl Events {
    pub(crate) fn stream(&self) -> EventStream {
        let sender = self.sender.get_or_init(|| broadcast::channel(KEPT).0);
        let receiver = sender.subscribe();
        // Whoever does not see the end here gets it from the channel.
        EventStream { receiver, ended: self.ended.load(Ordering::SeqCst) }
    }

    /// Tells the readers, if there are any.
    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(sender) = self.sender.get()
            && sender.receiver_count() > 0
        {
            // The last reader may have gone meanwhile.
            let _ = sender.send(Some(event()));
        }
    }

    /// The system has stopped. References to its actors may be there for long: the readers do not
    /// wait for them.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(sender) = self.sender.get() {
            // Nobody may be reading.
            let _ = sender.send(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn an_event_is_made_only_for_readers() {
        let events = Events::default();
        let never = || -> Event { panic!("nobody reads it") };
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
