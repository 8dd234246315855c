//! A message before it is accepted.

use std::sync::Arc;

use bytes::Bytes;

use crate::observe::trace::TraceContext;

/// What a message is made of before it is accepted.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) body: Bytes,
    pub(crate) origin: Arc<Origin>,
}

/// Where a message comes from. Shared by all that are sent alike.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) sender: Arc<str>,
    pub(crate) topic: Option<Arc<str>>,
    /// The place in a trace where it was sent, if it belongs to one.
    pub(crate) trace: Option<TraceContext>,
    /// Whether it was published before its receiver subscribed.
    pub(crate) retained: bool,
}

impl Origin {
    /// Of a message that is sent to one receiver.
    pub(crate) fn of(sender: &Arc<str>, trace: Option<TraceContext>) -> Arc<Origin> {
        Arc::new(Origin { sender: Arc::clone(sender), topic: None, trace, retained: false })
    }

    /// Of a message that is published on a topic.
    pub(crate) fn on(topic: Arc<str>, sender: &Arc<str>, trace: Option<TraceContext>) -> Arc<Origin> {
        Arc::new(Origin { sender: Arc::clone(sender), topic: Some(topic), trace, retained: false })
    }
}
