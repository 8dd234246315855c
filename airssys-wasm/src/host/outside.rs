//! Messages from outside the app.

use std::sync::Arc;
use std::time::Duration;

use airssys_rt::Topic;
use airssys_spec::Limits;
use bytes::Bytes;

use crate::contract::{RequestError, SendError};
use crate::host::error::CallError;
use crate::host::{ComponentHost, Shared};
use crate::observe::trace::TraceContext;
use crate::routing::draft::{Draft, Origin};
use crate::routing::envelope::ReplyTo;
use crate::routing::router::{Mode, Sleeper};
use crate::routing::topic_route::TopicRoute;

impl ComponentHost {
    /// Sends a message (codec prefix and body) from outside; waits for room.
    ///
    /// Cancel safe: if dropped before it returns, the message was sent or it was not.
    ///
    /// # Errors
    /// [`CallError::Refused`] if the component is unknown, has ended, or does not take it.
    pub async fn send(&self, target: &str, message: impl Into<Bytes>) -> Result<(), CallError> {
        self.send_in(target, message.into(), None).await
    }

    pub(super) async fn send_in(
        &self,
        target: &str,
        message: Bytes,
        trace: Option<TraceContext>,
    ) -> Result<(), CallError> {
        let result = self.deliver(target, Mode::Send, &message, trace, || None).await;
        result.map_err(|error| CallError::refused(target, &error))
    }

    /// Sends a request from outside and waits for its reply: codec prefix and body, or nothing.
    ///
    /// Cancel safe: if dropped, the reply is dropped.
    ///
    /// # Errors
    /// [`CallError`] if it was not taken, rejected, or not answered within `timeout`.
    pub async fn request(
        &self,
        target: &str,
        message: impl Into<Bytes>,
        timeout: Duration,
    ) -> Result<Bytes, CallError> {
        self.request_in(target, message.into(), timeout, None).await
    }

    pub(super) async fn request_in(
        &self,
        target: &str,
        message: Bytes,
        timeout: Duration,
        trace: Option<TraceContext>,
    ) -> Result<Bytes, CallError> {
        let mut answer = None;
        let answered = async {
            let make = || {
                let (reply, waiter) = ReplyTo::outside();
                answer = Some(waiter);
                Some(reply)
            };
            let sent = self.deliver(target, Mode::Request, &message, trace, make).await;
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

    /// Publishes a message (codec prefix and body) from outside; how many subscribers took it.
    /// Does not wait for room.
    ///
    /// # Errors
    /// [`CallError`] if the topic is not one, or a subscriber that waits has no room.
    pub fn publish(&self, topic: &str, message: impl Into<Bytes>) -> Result<u32, CallError> {
        self.publish_in(topic, message.into(), None)
    }

    pub(super) fn publish_in(
        &self,
        topic: &str,
        message: Bytes,
        trace: Option<TraceContext>,
    ) -> Result<u32, CallError> {
        let Shared { router, outside, .. } = &*self.shared;
        self.on_topic(topic, |route| router.publish(outside, None, route, message, trace))
    }

    /// As [`ComponentHost::publish`], and keeps the message as the topic's last: whoever subscribes
    /// later gets it at once.
    ///
    /// # Errors
    /// [`CallError`], also if more is retained from outside than [`Limits::HOST_MAX`] allows.
    pub fn publish_retained(&self, topic: &str, message: impl Into<Bytes>) -> Result<u32, CallError> {
        let Shared { router, outside, .. } = &*self.shared;
        let limits = &Limits::HOST_MAX;
        let message = message.into();
        self.on_topic(topic, |route| router.publish_retained(outside, None, limits, route, message, None))
    }

    /// Forgets the message that is retained of a topic, whoever published it; false if there is none.
    ///
    /// # Errors
    /// [`CallError::InvalidTopic`].
    pub fn clear_retained(&self, topic: &str) -> Result<bool, CallError> {
        let Shared { router, outside, .. } = &*self.shared;
        self.on_topic(topic, |route| router.clear_retained(outside, route))
    }

    fn on_topic<R>(
        &self,
        topic: &str,
        act: impl FnOnce(&mut TopicRoute) -> Result<R, SendError>,
    ) -> Result<R, CallError> {
        let parsed: Topic =
            topic.parse().map_err(|source| CallError::InvalidTopic { topic: topic.to_owned(), source })?;
        let route = self.shared.router.resolve_topic(&self.shared.outside, parsed);
        let done = route.and_then(|mut route| act(&mut route));
        done.map_err(|error| CallError::refused(topic, &error))
    }

    /// Sends as soon as there is room.
    async fn deliver(
        &self,
        target: &str,
        mode: Mode,
        message: &Bytes,
        trace: Option<TraceContext>,
        mut reply: impl FnMut() -> Option<ReplyTo>,
    ) -> Result<(), SendError> {
        let Shared { router, outside, .. } = &*self.shared;
        let origin = Origin::of(&outside.instance, trace);
        loop {
            let route = router.resolve(outside, target)?;
            let draft = Draft { body: message.clone(), origin: Arc::clone(&origin) };
            match router.send(outside, &route, mode, draft, reply(), tokio::time::Instant::now()) {
                Err(SendError::MailboxFull) => {
                    route.endpoint.least_loaded().room().await;
                    route.endpoint.account.budget.room().await;
                }
                result => return result.map(Sleeper::wake),
            }
        }
    }
}
