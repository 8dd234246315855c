//! The stream of events of a system.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use airssys_core::{ExitReason, Identity, SupervisorFailure};
use thiserror::Error;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::guard::Contained;

/// The number of events that a stream keeps for a slow reader.
const KEPT_EVENTS: usize = 1024;

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

/// An event, which may hold the error of an actor; `None` stands for the end. The task that tells of
/// another event drops it.
type Entry = Option<Contained<Event>>;

/// A reader of the events of a system, from the time when it was made.
#[derive(Debug)]
pub struct EventStream {
    receiver: broadcast::Receiver<Entry>,
    ended: bool,
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
    /// More than 1,024 events were waiting, and the oldest were dropped. The next call goes on after
    /// them.
    pub async fn next(&mut self) -> Result<Option<Event>, MissedEvents> {
        if self.ended {
            return Ok(None);
        }
        match self.receiver.recv().await {
            Ok(Some(event)) => Ok(Some(event.into_inner())),
            Ok(None) | Err(RecvError::Closed) => {
                self.ended = true;
                Ok(None)
            }
            Err(RecvError::Lagged(count)) => Err(MissedEvents { count }),
        }
    }
}

/// The source of events. Costs next to nothing without a reader.
#[derive(Default)]
pub(crate) struct Events {
    sender: OnceLock<broadcast::Sender<Entry>>,
    ended: AtomicBool,
}

impl Events {
    pub(crate) fn stream(&self) -> EventStream {
        let sender = self.sender.get_or_init(|| broadcast::channel(KEPT_EVENTS).0);
        let receiver = sender.subscribe();
        // A reader that does not see the end here gets it from the channel.
        EventStream { receiver, ended: self.ended.load(Ordering::SeqCst) }
    }

    /// Sends an event to the readers, if there are any.
    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(sender) = self.sender.get()
            && sender.receiver_count() > 0
        {
            // The last reader may have been dropped meanwhile.
            let _ = sender.send(Some(Contained::new(event())));
        }
    }

    /// Ends the streams, because the system has stopped. Readers do not wait until the last reference
    /// to an actor is dropped.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(sender) = self.sender.get() {
            // The stream may have no reader.
            let _ = sender.send(None);
        }
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
