//! A component, or one of its instances, as a target of messages.

use std::sync::Arc;
use std::time::SystemTime;

use airssys_message::{Accepts, Codec, CodecRefused};
use airssys_rt::{ActorRef, Overflow};

use crate::bindings::{SendError, SizeLimit};
use crate::byte_budget::ByteBudget;
use crate::dead_letters::{DeadLetter, DeadLetterReason, DeadLetters};
use crate::in_flight::InFlightPart;
use crate::message::{Draft, Envelope};
use crate::router::Sender;
use crate::stats::{ComponentStats, ComponentSummary};

/// A component, or one of its instances, as a target of messages.
pub(crate) struct Endpoint {
    /// The component's name in the app.
    pub(crate) name: Arc<str>,
    /// The mailboxes behind the name: one per instance.
    pub(crate) members: Vec<ActorRef<Envelope>>,
    /// The codecs it accepts, and the one it prefers.
    pub(crate) accepts: Accepts,
    /// The largest message it takes, in bytes.
    pub(crate) max_message_bytes: u64,
    /// How many bytes may wait in its mailboxes.
    pub(crate) budget: Arc<ByteBudget>,
    /// What a message meets when a mailbox is full.
    pub(crate) overflow: Overflow,
    pub(crate) stats: Arc<ComponentStats>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) in_flight: InFlightPart,
}

impl Endpoint {
    /// Looks at a message's size and codec: the name of the refusal and the error, if it is one.
    pub(crate) fn accepts_message(
        &self,
        message: &[u8],
        from: &Sender,
    ) -> Result<(), (&'static str, SendError)> {
        let size = message.len() as u64;
        if size > self.max_message_bytes {
            let limit = self.max_message_bytes;
            return Err(("message-too-large", SendError::MessageTooLarge(SizeLimit { size, limit })));
        }
        let refused = |text: String| Err(("codec-refused", SendError::CodecRefused(text)));
        match Codec::split(message) {
            Ok((codec, _)) if self.accepts.contains(codec) => Ok(()),
            Ok((codec, _)) => {
                let receiver = self.name.to_string();
                let sender = from.accepts.map(|accepts| (from.instance.to_string(), accepts));
                refused(CodecRefused { codec, receiver, receiver_accepts: self.accepts, sender }.to_string())
            }
            Err(error) => refused(error.to_string()),
        }
    }

    /// The instance with the fewest messages that has not ended.
    pub(crate) fn least_loaded(&self) -> &ActorRef<Envelope> {
        &self.members[self.least_loaded_member()]
    }

    pub(crate) fn least_loaded_member(&self) -> usize {
        let (mut index, mut best) = (0, &self.members[0]);
        for (number, member) in self.members.iter().enumerate().skip(1) {
            if best.is_closed() || (!member.is_closed() && member.depth() < best.depth()) {
                (index, best) = (number, member);
            }
        }
        index
    }

    /// A mailbox without room. Not counted among the refusals: the sender can come again.
    pub(crate) fn full(&self) -> SendError {
        self.stats.mailbox_full();
        SendError::MailboxFull
    }

    /// Whether a full mailbox makes publishers wait, rather than lose its copy.
    pub(crate) fn waits(&self) -> bool {
        self.overflow == Overflow::Wait
    }

    /// Whether a message that was in a mailbox and is no longer has made way for a newer one: its
    /// receiver is there.
    pub(crate) fn made_way(&self) -> bool {
        self.overflow == Overflow::DropOldest && self.members.iter().any(|member| !member.is_closed())
    }

    /// The same component with one of its instances only.
    pub(crate) fn alone(&self, member: ActorRef<Envelope>) -> Endpoint {
        Endpoint {
            name: Arc::clone(&self.name),
            members: vec![member],
            budget: Arc::clone(&self.budget),
            stats: Arc::clone(&self.stats),
            dead_letters: Arc::clone(&self.dead_letters),
            in_flight: self.in_flight.clone(),
            ..*self
        }
    }

    /// What the component did, with what the runtime knows of its instances.
    pub(crate) fn summary(&self, name: &str) -> ComponentSummary {
        let mut summary = self.stats.summary(name);
        summary.instances = self.members.len();
        for stats in self.members.iter().map(ActorRef::stats) {
            summary.restarts += stats.restarts;
            summary.depth += stats.depth;
            summary.high_water = summary.high_water.max(stats.high_water);
        }
        summary
    }

    pub(crate) fn refuse(&self, reason: &'static str, error: SendError) -> SendError {
        tracing::debug!(receiver = %self.name, reason, "message refused to its sender");
        self.stats.refused(reason);
        error
    }

    /// A message that there is no room for, or that does not suit a subscriber: it goes to the dead
    /// letters.
    pub(crate) fn skip(&self, draft: &Draft, from: &Sender) {
        let reason = match self.accepts_message(&draft.body, from) {
            Err((_, SendError::MessageTooLarge(SizeLimit { size, limit }))) => {
                DeadLetterReason::TooLarge { size, limit }
            }
            Err((_, SendError::CodecRefused(text))) => DeadLetterReason::CodecRefused(text),
            _ => DeadLetterReason::MailboxFull,
        };
        self.stats.dead_lettered();
        self.dead_letters.add(DeadLetter {
            id: 0,
            receiver: Arc::clone(&self.name),
            instance: None,
            sender: Arc::clone(&draft.origin.sender),
            topic: draft.origin.topic.clone(),
            trace: draft.origin.trace,
            message: draft.body.clone(),
            reason,
            attempts: 0,
            at: SystemTime::now(),
        });
    }
}
