//! The account of a receiver: its acceptance rules, budget and counters, without its mailboxes.

use std::sync::Arc;
use std::time::SystemTime;

use airssys_message::{Accepts, Codec, CodecRefused};
use airssys_rt::{ActorHandle, Overflow};

use crate::contract::SendError;
use crate::observe::dead_letters::{DeadLetter, DeadLetters};
use crate::observe::in_flight::InFlightPart;
use crate::observe::stats::ComponentStats;
use crate::policy::byte_budget::ByteBudget;
use crate::routing::draft::Draft;
use crate::routing::refusal::Refusal;
use crate::routing::sender::Sender;

/// The account of a component, or of one of its instances, as a receiver.
pub(crate) struct Account {
    /// The component's name in the app.
    pub(crate) name: Arc<str>,
    /// The instances behind the name.
    pub(crate) members: Vec<ActorHandle>,
    /// The codecs that it accepts, and the one that it prefers.
    pub(crate) accepts: Accepts,
    /// The largest message that it accepts, in bytes; 0 if it takes no messages.
    pub(crate) max_message_bytes: u64,
    /// The bytes that may wait in its mailboxes.
    pub(crate) budget: Arc<ByteBudget>,
    /// The policy of a full mailbox.
    pub(crate) overflow: Overflow,
    pub(crate) stats: Arc<ComponentStats>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) in_flight: InFlightPart,
}

impl Account {
    /// Checks the size and the codec of a message.
    pub(crate) fn accepts_message(&self, message: &[u8], from: &Sender) -> Result<(), Refusal> {
        let size = message.len() as u64;
        if size > self.max_message_bytes {
            if self.max_message_bytes == 0 {
                return Err(Refusal::NoHandler(format!(
                    "`{}` takes no messages: it does not export airssys:component/handler",
                    self.name
                )));
            }
            return Err(Refusal::TooLarge { size, limit: self.max_message_bytes });
        }
        match Codec::split(message) {
            Ok((codec, _)) if self.accepts.contains(codec) => Ok(()),
            Ok((codec, _)) => {
                let receiver = self.name.to_string();
                let sender = from.accepts.map(|accepts| (from.instance.to_string(), accepts));
                let refused = CodecRefused { codec, receiver, receiver_accepts: self.accepts, sender };
                Err(Refusal::CodecRefused(refused.to_string()))
            }
            Err(error) => Err(Refusal::CodecRefused(error.to_string())),
        }
    }

    /// Counts a refusal, and returns the error that the sender gets.
    pub(crate) fn refuse(&self, refusal: Refusal) -> SendError {
        match refusal {
            Refusal::MailboxFull => self.stats.mailbox_full(),
            _ => {
                let reason = refusal.counter();
                tracing::debug!(receiver = %self.name, reason, "message refused to its sender");
                self.stats.refused(reason);
            }
        }
        refusal.into_error()
    }

    /// Returns true if a full mailbox makes publishers wait instead of dropping a message.
    pub(crate) fn waits(&self) -> bool {
        self.overflow == Overflow::Wait
    }

    /// Returns true if a message that left a mailbox unhandled was evicted by a newer one.
    pub(crate) fn evicts(&self) -> bool {
        self.overflow == Overflow::DropOldest && self.members.iter().any(|member| !member.is_closed())
    }

    /// Puts a message into the dead letters that the receiver does not accept or has no room for.
    pub(crate) fn dead_letter(&self, draft: &Draft, from: &Sender) {
        let refusal = self.accepts_message(&draft.body, from).err().unwrap_or(Refusal::MailboxFull);
        self.stats.dead_lettered();
        self.dead_letters.add(DeadLetter {
            id: 0,
            receiver: Arc::clone(&self.name),
            instance: None,
            sender: Arc::clone(&draft.origin.sender),
            topic: draft.origin.topic.clone(),
            trace: draft.origin.trace,
            message: draft.body.clone(),
            reason: refusal.into_reason(),
            attempts: 0,
            at: SystemTime::now(),
        });
    }

    /// Returns an account that has one of the instances as its only member.
    pub(crate) fn of_member(&self, member: ActorHandle) -> Account {
        Account {
            name: Arc::clone(&self.name),
            members: vec![member],
            budget: Arc::clone(&self.budget),
            stats: Arc::clone(&self.stats),
            dead_letters: Arc::clone(&self.dead_letters),
            in_flight: self.in_flight.clone(),
            ..*self
        }
    }
}
