//! A message before it is accepted.

use std::sync::Arc;

use bytes::Bytes;

use crate::observe::trace::TraceContext;

/// A message before a receiver accepts it.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) body: Bytes,
    pub(crate) origin: Arc<Origin>,
}

/// The origin of a message. Messages of the same origin share it.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) sender: Arc<str>,
    pub(crate) topic: Option<Arc<str>>,
    /// The trace context in which it was sent, if it belongs to a trace.
    pub(crate) trace: Option<TraceContext>,
    /// True if it was published before its receiver subscribed.
    pub(crate) retained: bool,
}

impl Origin {
    /// Makes the origin of messages sent to one receiver.
    pub(crate) fn of(sender: &Arc<str>, trace: Option<TraceContext>) -> Arc<Origin> {
        Arc::new(Origin { sender: Arc::clone(sender), topic: None, trace, retained: false })
    }

    /// Makes the origin of messages published on a topic.
    pub(crate) fn on(topic: Arc<str>, sender: &Arc<str>, trace: Option<TraceContext>) -> Arc<Origin> {
        Arc::new(Origin { sender: Arc::clone(sender), topic: Some(topic), trace, retained: false })
    }
}
