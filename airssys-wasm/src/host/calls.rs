//! Messages by code of the host: from outside the app, or by a native actor.

use std::sync::Arc;
use std::time::Duration;

use airssys_rt::{ActorRef, ActorState, Topic};
use airssys_spec::Limits;
use bytes::Bytes;

use crate::contract::{RequestError, SendError};
use crate::host::error::CallError;
use crate::observe::trace::TraceContext;
use crate::routing::draft::{Draft, Origin};
use crate::routing::envelope::{Envelope, ReplyTo};
use crate::routing::publish::Publisher;
use crate::routing::router::{Mode, PendingWakeup, Router};
use crate::routing::sender::Sender;
use crate::routing::topic_route::TopicRoute;

/// The messages of one sender, in one place of a trace.
pub(super) struct Calls<'a> {
    pub(super) router: &'a Router,
    pub(super) from: &'a Sender,
    /// The actor that sends; `None` from outside.
    pub(super) myself: Option<&'a ActorRef<Envelope>>,
    pub(super) trace: Option<TraceContext>,
    /// The largest reply that the sender takes, in bytes.
    pub(super) max_reply_bytes: usize,
}

impl Calls<'_> {
    pub(super) async fn send(&self, target: &str, message: Bytes) -> Result<(), CallError> {
        let result = self.deliver(target, Mode::Send, &message, || None).await;
        result.map_err(|error| CallError::refused(target, &error))
    }

    pub(super) async fn request(
        &self,
        target: &str,
        message: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, CallError> {
        let mut answer = None;
        let answered = async {
            let make = || {
                let (reply, waiter) = ReplyTo::outside(self.max_reply_bytes as u64);
                answer = Some(waiter);
                Some(reply)
            };
            let sent = self.deliver(target, Mode::Request, &message, make).await;
            sent.map_err(|error| CallError::refused(target, &error))?;
            let reply = match answer {
                Some(waiter) => waiter.await.unwrap_or(Err(RequestError::TargetStopped)),
                None => Err(RequestError::TargetStopped),
            };
            reply.map_err(|error| CallError::no_reply(target, &error))
        };
        let timed_out = |_| CallError::TimedOut { target: target.to_owned(), timeout };
        tokio::time::timeout(timeout, answered).await.map_err(timed_out)?
    }

    pub(super) fn publish(&self, topic: &str, message: Bytes) -> Result<u32, CallError> {
        self.on_topic(topic, |route| self.publisher().publish(route, message))
    }

    pub(super) fn publish_retained(
        &self,
        limits: &Limits,
        topic: &str,
        message: Bytes,
    ) -> Result<u32, CallError> {
        self.on_topic(topic, |route| self.publisher().publish_retained(limits, route, message))
    }

    /// Code of the host has all time.
    fn publisher(&self) -> Publisher<'_> {
        let Calls { router, from, myself, trace, .. } = *self;
        Publisher { router, from, myself, trace, is_over: &|| false }
    }

    pub(super) fn clear_retained(&self, topic: &str) -> Result<bool, CallError> {
        self.on_topic(topic, |route| self.router.clear_retained(self.from, route))
    }

    fn on_topic<R>(
        &self,
        topic: &str,
        act: impl FnOnce(&mut TopicRoute) -> Result<R, SendError>,
    ) -> Result<R, CallError> {
        let parsed: Topic =
            topic.parse().map_err(|source| CallError::InvalidTopic { topic: topic.to_owned(), source })?;
        let route = self.check_sender().and_then(|()| self.router.resolve_topic(self.from, parsed));
        let done = route.and_then(|mut route| act(&mut route));
        done.map_err(|error| CallError::refused(topic, &error))
    }

    /// Refuses the messages of an actor that has ended: its rights end with it.
    fn check_sender(&self) -> Result<(), SendError> {
        match self.myself.is_some_and(|myself| myself.stats().state == ActorState::Stopped) {
            true => Err(SendError::Other("the sender has stopped".to_owned())),
            false => Ok(()),
        }
    }

    /// Sends as soon as there is room.
    async fn deliver(
        &self,
        target: &str,
        mode: Mode,
        message: &Bytes,
        mut reply: impl FnMut() -> Option<ReplyTo>,
    ) -> Result<(), SendError> {
        let Calls { router, from, trace, .. } = *self;
        let origin = Origin::of(&from.instance, trace);
        loop {
            self.check_sender()?;
            let route = router.resolve(from, target, mode.into())?;
            let draft = Draft { body: message.clone(), origin: Arc::clone(&origin) };
            match router.send(from, &route, mode, draft, reply(), tokio::time::Instant::now()) {
                Err(SendError::MailboxFull) => {
                    route.endpoint.least_loaded().room().await;
                    route.endpoint.account.budget.room().await;
                }
                result => return result.map(PendingWakeup::wake),
            }
        }
    }
}

#[cfg(test)]
mod tests;
