//! Messages from outside the app.

use std::time::Duration;

use airssys_spec::Limits;
use bytes::Bytes;

use crate::host::ComponentHost;
use crate::host::calls::Calls;
use crate::host::error::CallError;
use crate::observe::trace::TraceContext;

impl ComponentHost {
    /// Sends a message (codec prefix and body) from outside; waits for room.
    ///
    /// Cancel safe: if dropped before it returns, the message was sent or it was not.
    ///
    /// # Errors
    /// [`CallError::Refused`] if the target is unknown, has ended, or does not take it.
    pub async fn send(&self, target: &str, message: impl Into<Bytes>) -> Result<(), CallError> {
        self.calls(None).send(target, message.into()).await
    }

    /// Sends a request from outside and waits for its reply: codec prefix and body, or nothing. The reply may
    /// have as many bytes as the largest message that a component of the app accepts.
    ///
    /// Cancel safe: if dropped, the reply is dropped.
    ///
    /// # Errors
    /// [`CallError`] if it was not taken, rejected, not answered within `timeout`, or answered with a larger
    /// reply.
    pub async fn request(
        &self,
        target: &str,
        message: impl Into<Bytes>,
        timeout: Duration,
    ) -> Result<Bytes, CallError> {
        self.calls(None).request(target, message.into(), timeout).await
    }

    /// Publishes a message (codec prefix and body) from outside; returns the number of subscribers
    /// that took it. Does not wait for room.
    ///
    /// # Errors
    /// [`CallError`] if the topic is not one, or a subscriber that waits has no room.
    pub fn publish(&self, topic: &str, message: impl Into<Bytes>) -> Result<u32, CallError> {
        self.calls(None).publish(topic, message.into())
    }

    /// As [`ComponentHost::publish`], and keeps the message as the topic's last: later subscribers
    /// get it at once.
    ///
    /// # Errors
    /// [`CallError`], also if more is retained from outside than [`Limits::HOST_MAX`] allows.
    pub fn publish_retained(&self, topic: &str, message: impl Into<Bytes>) -> Result<u32, CallError> {
        self.calls(None).publish_retained(&Limits::HOST_MAX, topic, message.into())
    }

    /// Forgets the message that is retained of a topic, whoever published it. Returns false if
    /// there is none.
    ///
    /// # Errors
    /// [`CallError::InvalidTopic`].
    pub fn clear_retained(&self, topic: &str) -> Result<bool, CallError> {
        self.calls(None).clear_retained(topic)
    }

    /// Returns the messages from outside, in a place of a trace.
    pub(super) fn calls(&self, trace: Option<TraceContext>) -> Calls<'_> {
        let (router, from) = (&*self.shared.router, &self.shared.outside);
        Calls { router, from, myself: None, trace, max_reply_bytes: router.app.largest_message() }
    }
}
