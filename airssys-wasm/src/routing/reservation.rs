//! Room for a publication in the mailboxes of its subscribers, reserved before any copy is sent.

use std::sync::Arc;

use airssys_rt::{ActorRef, Permit, Reservation, ReserveError, SkipReason};
use smallvec::SmallVec;

use crate::policy::byte_budget::HeldBytes;
use crate::routing::endpoint::Endpoint;
use crate::routing::envelope::Envelope;
use crate::routing::sender::Sender;
use crate::routing::topic_route::Subscribed;

/// Reserved room for one copy: the receiver, its mailbox's permit, and bytes of its budget.
pub(super) type ReservedPlace<'s> = (&'s Arc<Endpoint>, Permit<Envelope>, HeldBytes<'s>);

/// Reserved room for the copies of a publication, and the subscribers that get none.
pub(super) struct ReservedPlaces<'s> {
    pub(super) places: SmallVec<[ReservedPlace<'s>; 8]>,
    pub(super) skipped: SmallVec<[(&'s Subscribed, SkipReason); 2]>,
}

impl<'s> ReservedPlaces<'s> {
    /// Reserves room at all subscribers that accept the publication. Returns the first subscriber
    /// that makes publishers wait and has no room.
    ///
    /// A publisher cannot wait for its own mailbox. If that is full, the publisher is skipped. Once `is_late`
    /// returns true, nothing more is reserved.
    pub(super) fn reserve(
        from: &Sender,
        subscribers: &'s [Subscribed],
        body: &[u8],
        myself: Option<&ActorRef<Envelope>>,
        is_late: &dyn Fn() -> bool,
    ) -> Result<ReservedPlaces<'s>, &'s Subscribed> {
        let is_own = |s: &Subscribed| myself.is_some_and(|myself| myself.id() == s.actor.id());
        let accepts = |s: &Subscribed| !is_late() && s.tag.account.accepts_message(body, from).is_ok();
        let reserved = match Reservation::new(subscribers, accepts) {
            Err(full) if is_own(full) => Reservation::new(subscribers, |s| accepts(s) && !is_own(s))?,
            reserved => reserved?,
        };
        let mut room = ReservedPlaces { places: SmallVec::new(), skipped: reserved.skipped };
        for (subscriber, permit) in reserved.places {
            match subscriber.tag.account.budget.take(body.len()) {
                Some(held) => room.places.push((&subscriber.tag, permit, held)),
                None if subscriber.tag.account.waits() && !is_own(subscriber) => return Err(subscriber),
                None => room.skipped.push((subscriber, SkipReason::Full)),
            }
        }
        Ok(room)
    }

    /// Reserves room at subscribers whose full mailboxes drop their oldest message for it.
    pub(super) fn reserve_evicting(&mut self, from: &Sender, subscribers: &'s [Subscribed], body: &[u8]) {
        for subscriber in subscribers {
            if subscriber.tag.account.accepts_message(body, from).is_err() {
                self.skipped.push((subscriber, SkipReason::Refused));
                continue;
            }
            let held = subscriber.tag.account.budget.take(body.len()).ok_or(ReserveError::Full);
            match held.and_then(|held| Ok((subscriber.actor.try_reserve()?, held))) {
                Ok((permit, held)) => self.places.push((&subscriber.tag, permit, held)),
                Err(ReserveError::Closed) => self.skipped.push((subscriber, SkipReason::Closed)),
                Err(_) => self.skipped.push((subscriber, SkipReason::Full)),
            }
        }
    }
}
