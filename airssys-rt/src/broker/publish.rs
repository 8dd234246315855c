//! Publishing: to all subscribers that wait for room or to none, or to those that have room.

use std::fmt;

use airssys_core::{Overflow, Topic};
use smallvec::SmallVec;
use thiserror::Error;

use super::{MessageBroker, Subscriber};
use crate::{ActorRef, Permit, ReserveError, TrySendError};

/// What became of a publication.
#[non_exhaustive]
pub struct Published<M> {
    /// How many subscribers got it.
    pub delivered: usize,
    /// Those that did not, and why: their copies were never made.
    pub skipped: SmallVec<[(ActorRef<M>, SkipReason); 2]>,
}

/// Why a subscriber did not get a publication that others may have got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// Its mailbox is full, and rejects, or nobody was to wait for it.
    Full,
    /// It has ended for good.
    Closed,
    /// The publisher's `accept` refused it.
    Refused,
}

/// Why a publication reached nobody.
#[derive(Error)]
#[non_exhaustive]
pub enum PublishError<M> {
    /// A subscriber whose mailbox waits for room has none.
    #[error("the mailbox of `{}` is full", .subscriber.name())]
    Full {
        /// What was to be published.
        message: M,
        /// The subscriber: wait for its [`room`](ActorRef::room).
        subscriber: ActorRef<M>,
    },
}

/// A subscriber, and its room.
type Reserved<'s, M, T> = (&'s Subscriber<M, T>, Permit<M>);

/// Room for a publication in the mailbox of every subscriber that is to get it.
///
/// For publishers whose message is not the same for every subscriber: take room from all, then
/// make each subscriber's message and send it through its permit. Dropping a permit gives its room
/// back.
#[non_exhaustive]
pub struct Reservation<'s, M, T = ()> {
    /// The subscribers that are to get the publication, with their room.
    pub places: SmallVec<[Reserved<'s, M, T>; 8]>,
    /// Those that are not, and why.
    pub skipped: SmallVec<[(&'s Subscriber<M, T>, SkipReason); 2]>,
}

impl<'s, M, T> Reservation<'s, M, T> {
    /// Takes room from every subscriber that `accept` agrees to, or from none.
    ///
    /// One that is full and rejects, one that has ended and one that `accept` refuses are
    /// skipped.
    ///
    /// # Errors
    /// The first subscriber whose mailbox waits for room ([`Overflow::Wait`]) and has none.
    pub fn new(
        subscribers: &'s [Subscriber<M, T>],
        accept: impl Fn(&Subscriber<M, T>) -> bool,
    ) -> Result<Self, &'s Subscriber<M, T>> {
        let mut reserved = Reservation { places: SmallVec::new(), skipped: SmallVec::new() };
        for subscriber in subscribers {
            if !accept(subscriber) {
                reserved.skipped.push((subscriber, SkipReason::Refused));
                continue;
            }
            match subscriber.actor.try_reserve() {
                Ok(permit) => reserved.places.push((subscriber, permit)),
                Err(ReserveError::Closed) => reserved.skipped.push((subscriber, SkipReason::Closed)),
                Err(ReserveError::Full) if subscriber.actor.overflow() == Overflow::Wait => {
                    return Err(subscriber);
                }
                Err(ReserveError::Full) => reserved.skipped.push((subscriber, SkipReason::Full)),
            }
        }
        Ok(reserved)
    }
}

impl<M: Clone, T: Clone> MessageBroker<M, T> {
    /// Puts a message into the mailbox of every subscriber of the topic that `accept` agrees to,
    /// or into none.
    ///
    /// If a subscriber whose mailbox waits for room ([`Overflow::Wait`]) is full, nobody gets the
    /// message. One that is full and rejects, one that has ended and one that `accept` refuses
    /// are skipped. One that has ended is unsubscribed, too.
    pub fn try_publish(
        &self,
        topic: &Topic,
        message: M,
        accept: impl Fn(&Subscriber<M, T>) -> bool,
    ) -> Result<Published<M>, PublishError<M>> {
        let published = Self::try_publish_to(&self.matching(topic), message, accept)?;
        self.unsubscribe_ended(&published);
        Ok(published)
    }

    /// Puts a message into the mailbox of every subscriber of the topic that `accept` agrees to and
    /// that has room now.
    ///
    /// One that has none does not keep it from the others: it is skipped, whether its mailbox rejects
    /// or waits, or its mailbox drops a message. One that has ended is skipped, and unsubscribed.
    pub fn publish_now(
        &self,
        topic: &Topic,
        message: M,
        accept: impl Fn(&Subscriber<M, T>) -> bool,
    ) -> Published<M> {
        let mut published = Published { delivered: 0, skipped: SmallVec::new() };
        for subscriber in self.matching(topic) {
            let sent = match accept(&subscriber) {
                true => subscriber.actor.try_send(message.clone()),
                false => {
                    published.skipped.push((subscriber.actor, SkipReason::Refused));
                    continue;
                }
            };
            match sent {
                Ok(()) => published.delivered += 1,
                Err(TrySendError::Full(_)) => published.skipped.push((subscriber.actor, SkipReason::Full)),
                Err(TrySendError::Closed(_)) => {
                    published.skipped.push((subscriber.actor, SkipReason::Closed))
                }
            }
        }
        self.unsubscribe_ended(&published);
        published
    }

    fn unsubscribe_ended(&self, published: &Published<M>) {
        for (subscriber, reason) in &published.skipped {
            if *reason == SkipReason::Closed {
                self.unsubscribe_all(subscriber.id());
            }
        }
    }

    /// As [`try_publish`](Self::try_publish), to these subscribers: for publishers that keep what
    /// [`matching`](Self::matching) gave. Unsubscribes nobody.
    pub fn try_publish_to(
        subscribers: &[Subscriber<M, T>],
        message: M,
        accept: impl Fn(&Subscriber<M, T>) -> bool,
    ) -> Result<Published<M>, PublishError<M>> {
        let reserved = match Reservation::new(subscribers, accept) {
            Ok(reserved) => reserved,
            Err(full) => return Err(PublishError::Full { message, subscriber: full.actor.clone() }),
        };
        let mut skipped: SmallVec<_> =
            reserved.skipped.iter().map(|(skipped, reason)| (skipped.actor.clone(), *reason)).collect();
        let copies = reserved.places.len();
        let mut delivered = 0;
        let mut left = Some(message);
        for (index, (subscriber, permit)) in reserved.places.into_iter().enumerate() {
            // The last gets the message itself.
            let copy = if index + 1 == copies { left.take() } else { left.clone() };
            match copy.map(|copy| permit.send(copy)) {
                Some(Ok(())) => delivered += 1,
                _ => skipped.push((subscriber.actor.clone(), SkipReason::Closed)),
            }
        }
        Ok(Published { delivered, skipped })
    }

    /// As [`try_publish`](Self::try_publish), and waits while a subscriber that waits for room
    /// has none.
    ///
    /// Cancel safety: if dropped before it resolves, nobody has got the message.
    pub async fn publish(
        &self,
        topic: &Topic,
        mut message: M,
        accept: impl Fn(&Subscriber<M, T>) -> bool,
    ) -> Published<M> {
        loop {
            match self.try_publish(topic, message, &accept) {
                Ok(published) => return published,
                Err(PublishError::Full { message: again, subscriber }) => {
                    subscriber.room().await;
                    message = again;
                }
            }
        }
    }
}

impl<M> fmt::Debug for Published<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published")
            .field("delivered", &self.delivered)
            .field("skipped", &self.skipped)
            .finish()
    }
}

impl<M> fmt::Debug for PublishError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Full { subscriber, .. } = self;
        f.debug_struct("Full").field("subscriber", &subscriber.name()).finish_non_exhaustive()
    }
}
