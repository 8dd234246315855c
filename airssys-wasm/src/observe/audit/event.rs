//! The events that an audit records.

use std::sync::Arc;

use airssys_message::Codec;
use airssys_spec::{Capability, Denied, GrantVerb};

/// An event that an audit records.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AuditEvent {
    /// A component tried an action that its capabilities do not allow.
    Denied(Denied),
    /// A call of a component was refused because it had reached a limit of its own.
    QuotaExceeded {
        /// The component.
        component: Arc<str>,
        /// The limit's key in the manifest.
        limit: &'static str,
        /// The receiver, for a per-target limit.
        target: Option<Arc<str>>,
        /// The maximum.
        most: u64,
    },
    /// A right of a component changed while it runs.
    GrantChanged {
        /// The component.
        component: Arc<str>,
        /// The kind of access.
        capability: Capability,
        /// The pattern; `None` for [`Capability::Input`].
        object: Option<Arc<str>>,
        /// The change: given or revoked.
        change: GrantVerb,
        /// The patterns that are no longer granted, because the revoked pattern covers them.
        removed: Vec<String>,
    },
    /// The operator cleared the retained message of a topic.
    RetainedCleared {
        /// The topic.
        topic: Arc<str>,
        /// The instance that published the message.
        sender: Arc<str>,
    },
    /// The operator removed a dead letter.
    DeadLetter {
        /// Its id.
        id: u64,
        /// The instance that sent it.
        sender: Arc<str>,
        /// The component that it was sent to.
        receiver: Arc<str>,
        /// The operation of the operator.
        change: LetterChange,
    },
    /// The operator resumed a quarantined component, instance or group.
    Resumed {
        /// The instance or the group that starts again.
        name: Arc<str>,
    },
    /// The operator reloaded secrets, and one has changed.
    Reloaded {
        /// The setting or the backend.
        name: Arc<str>,
    },
    /// A component was allowed to use an item of a service that records its uses, such as a secret. The
    /// item's value is not in it.
    ServiceUsed {
        /// The service.
        service: &'static str,
        /// The component.
        component: Arc<str>,
        /// The instance.
        instance: Arc<str>,
        /// The label.
        label: Arc<str>,
        /// The function.
        function: &'static str,
        /// The item, or `None` for a list.
        item: Option<Arc<str>>,
        /// False if the service failed.
        succeeded: bool,
    },
    /// A message was accepted, or a publication was made.
    Message {
        /// The way in which it was sent.
        kind: MessageKind,
        /// The instance that sent it.
        sender: Arc<str>,
        /// The name that it was sent to, or the instance that received a retained message; `None` for
        /// a publication.
        receiver: Option<Arc<str>>,
        /// The topic; for a publication, with the number of subscribers that accepted it.
        topic: Option<(Arc<str>, u32)>,
        /// The size of codec prefix and body, in bytes.
        size: u64,
        /// Its codec.
        codec: Codec,
    },
}

/// An operation that removes a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterChange {
    /// Its receiver got it again.
    Retried,
    /// It was deleted.
    Dropped,
}

/// The way in which a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageKind {
    /// As a message.
    Send,
    /// As a request.
    Request,
    /// On a topic.
    Publish,
    /// As a retained message, to a new subscriber.
    Retained,
    /// By clearing the retained message of a topic.
    ClearRetained,
}
