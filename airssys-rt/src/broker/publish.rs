//! Publishing: to all subscribers or to none, or to those that have room.

use std::fmt;

use airssys_core::{Overflow, Topic};
use smallvec::SmallVec;
use thiserror::Error;

use super::{MessageBroker, Subscriber};
use crate::{ActorRef, Permit, ReserveError, SendError};

/// The result of a publication.
#[non_exhaustive]
pub struct Published<M> {
    /// The number of subscribers that got it.
    pub delivered: usize,
    /// The subscribers that did not get it, and why. No copies were made for them.
    pub skipped: SmallVec<[(ActorRef<M>, SkipReason); 2]>,
}

/// The reason why a subscriber did not get a publication that others may have got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// Its mailbox is full, and rejects messages, or the publication does not wait.
    Full,
    /// It has ended for good.
    Closed,
    /// The publisher's `accept` returned false for it.
    Refused,
}

/// The error of a publication that reached no subscriber.
#[derive(Error)]
#[non_exhaustive]
pub enum PublishError<M> {
    /// A subscriber whose mailbox waits for room is full.
    #[error("the mailbox of `{}` is full", .subscriber.name())]
    Full {
        /// The message.
        message: M,
        /// The subscriber: wait for its [`room`](ActorRef::room).
        subscriber: ActorRef<M>,
    },
}

/// A subscriber, and its room.
type Reserved<'s, M, T> = (&'s Subscriber<M, T>, Permit<M>);

/// Room for a publication in the mailbox of every subscriber that is to get it.
///
/// For publishers whose message is not the same for every subscriber: reserve room in all mailboxes,
/// then make each subscriber's message and send it through its permit. Dropping a permit gives its
/// room back.
#[non_exhaustive]
pub struct Reservation<'s, M, T = ()> {
    /// The subscribers that get the publication, with their room.
    pub places: SmallVec<[Reserved<'s, M, T>; 8]>,
    /// The subscribers that do not get it, and why.
    pub skipped: SmallVec<[(&'s Subscriber<M, T>, SkipReason); 2]>,
}

/// Subscribers with room for one message each. Dropped, it gives back the room that was not used.
///
/// A [`Permit`] for each would clone a reference.
struct Room<'s, M, T> {
    subscribers: SmallVec<[&'s Subscriber<M, T>; 8]>,
    /// The number of subscribers whose room was used.
    used: usize,
    /// The subscribers that do not get the publication, and why.
    skipped: SmallVec<[(&'s Subscriber<M, T>, SkipReason); 2]>,
}

impl<'s, M, T> Room<'s, M, T> {
    /// Reserves room at every subscriber that `accept` returns true for, or returns the first that is
    /// full and waits for room.
    fn reserve(
        subscribers: impl Iterator<Item = &'s Subscriber<M, T>>,
        accept: impl Fn(&Subscriber<M, T>) -> bool,
    ) -> Result<Self, &'s Subscriber<M, T>> {
        let mut room = Self { subscribers: SmallVec::new(), used: 0, skipped: SmallVec::new() };
        for subscriber in subscribers {
            if !accept(subscriber) {
                room.skipped.push((subscriber, SkipReason::Refused));
                continue;
            }
            match subscriber.actor.cell().try_reserve() {
                Ok(()) => room.subscribers.push(subscriber),
                Err(ReserveError::Closed) => room.skipped.push((subscriber, SkipReason::Closed)),
                Err(ReserveError::Full) if subscriber.actor.overflow() == Overflow::Wait => {
                    return Err(subscriber);
                }
                Err(ReserveError::Full) => room.skipped.push((subscriber, SkipReason::Full)),
            }
        }
        Ok(room)
    }

    /// Takes the next subscriber. Its room is up to the caller.
    fn next(&mut self) -> Option<&'s Subscriber<M, T>> {
        let subscriber = *self.subscribers.get(self.used)?;
        self.used += 1;
        Some(subscriber)
    }

    /// Returns true if one subscriber is left.
    fn is_at_last(&self) -> bool {
        self.used + 1 == self.subscribers.len()
    }
}

impl<M, T> Drop for Room<'_, M, T> {
    fn drop(&mut self) {
        while let Some(subscriber) = self.next() {
            subscriber.actor.cell().mailbox.release();
        }
    }
}

impl<'s, M, T> Reservation<'s, M, T> {
    /// Reserves room at every subscriber that `accept` returns true for, or at no subscriber.
    ///
    /// Skips subscribers that are full and reject messages, that have ended, or that `accept` refuses.
    ///
    /// # Errors
    /// The first subscriber whose mailbox is full and waits for room ([`Overflow::Wait`]).
    pub fn new(
        subscribers: &'s [Subscriber<M, T>],
        accept: impl Fn(&Subscriber<M, T>) -> bool,
    ) -> Result<Self, &'s Subscriber<M, T>> {
        let mut room = Room::reserve(subscribers.iter(), accept)?;
        let mut places = SmallVec::with_capacity(room.subscribers.len());
        while let Some(subscriber) = room.next() {
            places.push((subscriber, Permit::of_reserved(subscriber.actor.cell())));
        }
        Ok(Self { places, skipped: std::mem::take(&mut room.skipped) })
    }
}

impl<M: Clone, T: Clone> MessageBroker<M, T> {
    /// Puts a message into the mailbox of every subscriber of the topic, or into no mailbox.
    ///
    /// If a subscriber is full and its mailbox waits for room ([`Overflow::Wait`]), no subscriber gets
    /// the message. Skips subscribers that are full and reject messages, or that have ended. Those that
    /// have ended are unsubscribed, too.
    pub fn try_publish(&self, topic: &Topic, message: M) -> Result<Published<M>, PublishError<M>> {
        self.try_publish_if(topic, message, |_| true)
    }

    /// As [`try_publish`](Self::try_publish), and skips subscribers that `accept` returns false for.
    pub fn try_publish_if(
        &self,
        topic: &Topic,
        message: M,
        accept: impl Fn(&Subscriber<M, T>) -> bool,
    ) -> Result<Published<M>, PublishError<M>> {
        let published =
            publish_to(self.find(topic).iter().map(|subscriber| &***subscriber), message, accept)?;
        self.unsubscribe_ended(&published);
        Ok(published)
    }

    /// Puts a message into the mailbox of every subscriber of the topic that has room now.
    ///
    /// A full subscriber does not keep the message from the others. It is skipped if its mailbox
    /// rejects messages or waits; otherwise its mailbox drops a message. Subscribers that have ended
    /// are skipped, and unsubscribed.
    pub fn publish_now(&self, topic: &Topic, message: M) -> Published<M> {
        self.publish_now_if(topic, message, |_| true)
    }

    /// As [`publish_now`](Self::publish_now), and skips subscribers that `accept` returns false for.
    pub fn publish_now_if(
        &self,
        topic: &Topic,
        message: M,
        accept: impl Fn(&Subscriber<M, T>) -> bool,
    ) -> Published<M> {
        let mut published = Published { delivered: 0, skipped: SmallVec::new() };
        for subscriber in self.find(topic) {
            let skipped = match accept(&subscriber) {
                true => match subscriber.actor.try_send(message.clone()) {
                    Ok(()) => {
                        published.delivered += 1;
                        continue;
                    }
                    Err(SendError::Full(_)) => SkipReason::Full,
                    Err(SendError::Closed(_) | SendError::Quarantined(_)) => SkipReason::Closed,
                },
                false => SkipReason::Refused,
            };
            published.skipped.push((subscriber.actor.clone(), skipped));
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

    /// As [`try_publish`](Self::try_publish), to these subscribers: for publishers that keep a result
    /// of [`matching`](Self::matching). Does not unsubscribe those that have ended.
    pub fn try_publish_to(
        subscribers: &[Subscriber<M, T>],
        message: M,
    ) -> Result<Published<M>, PublishError<M>> {
        publish_to(subscribers.iter(), message, |_| true)
    }

    /// As [`try_publish`](Self::try_publish), but waits while a subscriber is full whose mailbox waits
    /// for room.
    ///
    /// Cancel safety: if dropped before it resolves, no subscriber has got the message.
    pub async fn publish(&self, topic: &Topic, message: M) -> Published<M> {
        self.publish_if(topic, message, |_| true).await
    }

    /// As [`publish`](Self::publish), and skips subscribers that `accept` returns false for.
    ///
    /// Cancel safety: as there.
    pub async fn publish_if(
        &self,
        topic: &Topic,
        mut message: M,
        accept: impl Fn(&Subscriber<M, T>) -> bool,
    ) -> Published<M> {
        loop {
            match self.try_publish_if(topic, message, &accept) {
                Ok(published) => return published,
                Err(PublishError::Full { message: again, subscriber }) => {
                    subscriber.room().await;
                    message = again;
                }
            }
        }
    }
}

/// Sends to these subscribers, or to no subscriber.
fn publish_to<'s, M: Clone + 's, T: 's>(
    subscribers: impl Iterator<Item = &'s Subscriber<M, T>>,
    message: M,
    accept: impl Fn(&Subscriber<M, T>) -> bool,
) -> Result<Published<M>, PublishError<M>> {
    let mut room = match Room::reserve(subscribers, accept) {
        Ok(reserved) => reserved,
        Err(full) => return Err(PublishError::Full { message, subscriber: full.actor.clone() }),
    };
    let mut skipped: SmallVec<_> =
        room.skipped.iter().map(|(skipped, reason)| (skipped.actor.clone(), *reason)).collect();
    let mut delivered = 0;
    let mut left = Some(message);
    for _ in 0..room.subscribers.len() {
        // The last subscriber gets the message itself. Copied first, because a copy that panics uses no
        // room.
        let copy = if room.is_at_last() { left.take() } else { left.clone() };
        let (Some(subscriber), Some(copy)) = (room.next(), copy) else { break };
        match subscriber.actor.cell().mailbox.fill(copy) {
            Ok(()) => delivered += 1,
            Err(_) => skipped.push((subscriber.actor.clone(), SkipReason::Closed)),
        }
    }
    Ok(Published { delivered, skipped })
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
