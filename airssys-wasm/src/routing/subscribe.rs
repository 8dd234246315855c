//! Subscriptions to topics.

use std::sync::Arc;

use airssys_rt::{ActorRef, TopicPattern};
use airssys_spec::{Denied, Limits};
use tokio::time::Instant;

use crate::contract::SendError;
use crate::observe::audit::MessageKind;
use crate::observe::usage::SubscriptionsHeld;
use crate::policy::name_bytes::{SUBSCRIPTION_BYTES, most_bytes, subscription_cost};
use crate::policy::quota::Exceeded;
use crate::routing::endpoint::Endpoint;
use crate::routing::envelope::Envelope;
use crate::routing::publish::ONLY_MEMBER;
use crate::routing::retained::RetainedEntry;
use crate::routing::router::Router;
use crate::routing::sender::Sender;
use crate::routing::undelivered::Undelivered;

/// The result of a subscription, before anything is logged about it.
#[must_use = "call `finish` when no lock is held, so that undelivered messages are not lost"]
pub(crate) struct SubscribeOutcome {
    is_new: bool,
    /// Retained messages that the subscriber's mailbox did not take.
    undelivered: Undelivered,
}

impl SubscribeOutcome {
    /// Dead-letters undelivered messages. Returns true if the subscription is new. The caller holds
    /// no lock.
    pub(crate) fn finish(self) -> bool {
        self.undelivered.dead_letter();
        self.is_new
    }
}

impl Router {
    /// Subscribes an instance as its manifest says. Returns true if the subscription is new.
    pub(crate) fn subscribe(
        &self,
        from: &Sender,
        pattern: TopicPattern,
        subscriber: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
    ) -> Result<bool, Denied> {
        let subscribe = || self.restore(pattern.clone(), subscriber, endpoint);
        let decided = from.grants.subscribe(&from.subject, &pattern, subscribe);
        decided.map(SubscribeOutcome::finish).inspect_err(|denied| from.was_denied(denied))
    }

    /// Subscribes an instance at its own request. It costs as much quota as a message, and is saved
    /// in the state folder.
    pub(crate) fn subscribe_itself(
        &self,
        from: &Sender,
        pattern: TopicPattern,
        subscriber: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
    ) -> Result<(), SendError> {
        // Runs while no right can be revoked, so that no forbidden subscription is saved.
        let subscribe = || -> Result<SubscribeOutcome, Exceeded> {
            // A denied subscription costs nothing, like a denied message.
            from.quota.take(None, 0, Instant::now())?;
            let outcome = self.restore(pattern.clone(), subscriber, endpoint);
            if let Some(state) = self.app.state().filter(|_| outcome.is_new) {
                state.subscribed(&from.instance, &pattern);
            }
            Ok(outcome)
        };
        let decided = from.grants.subscribe(&from.subject, &pattern, subscribe);
        let outcome = decided
            .inspect_err(|denied| from.was_denied(denied))
            .map_err(|_| SendError::AccessDenied)?
            .map_err(|exceeded| from.exceeded(exceeded))?;
        outcome.finish();
        Ok(())
    }

    /// Subscribes an instance whose right has been checked, and delivers the retained messages.
    pub(crate) fn restore(
        &self,
        pattern: TopicPattern,
        subscriber: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
    ) -> SubscribeOutcome {
        let mut undelivered = Undelivered::default();
        let retained = self.retained.lock();
        let older = self.subscriptions(subscriber);
        let is_new = self.broker.subscribe_tagged(pattern.clone(), subscriber.clone(), Arc::clone(endpoint));
        if is_new {
            for (topic, entry) in retained.matching(&pattern) {
                // An older subscription that matches the topic has delivered the message already.
                if !older.iter().any(|older| older.matches(topic)) {
                    self.deliver_retained(entry, subscriber, endpoint, &mut undelivered);
                }
            }
        }
        drop(retained);
        SubscribeOutcome { is_new, undelivered }
    }

    /// Delivers a retained message to a new subscriber. Without room it goes to the dead letters,
    /// because its publisher does not wait for it.
    fn deliver_retained(
        &self,
        entry: &RetainedEntry,
        subscriber: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
        undelivered: &mut Undelivered,
    ) {
        let RetainedEntry { draft, from, .. } = entry;
        let accepted = endpoint.account.accepts_message(&draft.body, from).ok();
        let held = accepted.and_then(|()| endpoint.account.budget.take(draft.body.len()));
        // The mailbox comes last, because reserving may evict its oldest message.
        match held.and_then(|held| Some((subscriber.try_reserve().ok()?, held))) {
            Some((permit, held)) => {
                let (receiver, now) = ((&endpoint.account, ONLY_MEMBER), std::time::Instant::now());
                let envelope = Envelope::accept(draft.clone(), held, receiver, None, now);
                match permit.send(envelope) {
                    Ok(()) => {
                        self.record_retained(MessageKind::Retained, from, draft, Some(subscriber.name()))
                    }
                    Err(closed) => undelivered.add_closed([closed]),
                }
            }
            None => undelivered.add_skipped(endpoint, draft, from),
        }
    }

    /// Returns the patterns that an instance is subscribed to.
    pub(crate) fn subscriptions(&self, subscriber: &ActorRef<Envelope>) -> Vec<TopicPattern> {
        self.broker.subscriptions(subscriber.id())
    }

    /// Returns the subscriptions that count against an instance's limits: the active ones, and the
    /// suspended ones that are restored when allowed again.
    pub(crate) fn subscriptions_held(
        &self,
        from: &Sender,
        subscriber: &ActorRef<Envelope>,
    ) -> SubscriptionsHeld {
        let (active, suspended) = (self.subscriptions(subscriber), from.grants.suspended(subscriber.id()));
        let patterns = active.iter().chain(&suspended);
        let bytes = patterns.map(subscription_cost).sum();
        SubscriptionsHeld { count: active.len() + suspended.len(), bytes }
    }

    /// Checks the limits of an instance for one subscription more, which it does not have yet.
    pub(crate) fn has_room_for_subscription(
        &self,
        from: &Sender,
        pattern: &TopicPattern,
        subscriber: &ActorRef<Envelope>,
        limits: &Limits,
    ) -> Result<(), Exceeded> {
        let held = self.subscriptions_held(from, subscriber);
        if held.count >= limits.subscriptions {
            return Err(Exceeded::of("subscriptions", limits.subscriptions));
        }
        match held.bytes + subscription_cost(pattern) > most_bytes(limits) {
            true => Err(Exceeded::of(SUBSCRIPTION_BYTES, most_bytes(limits))),
            false => Ok(()),
        }
    }

    pub(crate) fn unsubscribe(&self, pattern: &TopicPattern, subscriber: &ActorRef<Envelope>) -> bool {
        self.broker.unsubscribe(pattern, subscriber.id())
    }

    pub(crate) fn unsubscribe_all(&self, subscriber: &ActorRef<Envelope>) {
        self.broker.unsubscribe_all(subscriber.id());
    }
}
