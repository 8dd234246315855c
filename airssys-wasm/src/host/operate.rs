//! The operator's actions on running components.

use std::sync::Arc;

use airssys_rt::{Topic, TopicPattern};
use airssys_spec::{Capability, GrantChange, GrantError, GrantVerb};
use bytes::Bytes;

use crate::contract::{SendError, send_error_text};
use crate::host::ComponentHost;
use crate::observe::audit::{AuditEvent, LetterChange};
use crate::observe::dead_letters::{DeadLetter, RetryError};
use crate::observe::denials::Denial;
use crate::policy::grants::ComponentGrants;
use crate::routing::retained::RetainedMessage;

impl ComponentHost {
    /// Returns the rights that each component asks for and has at present, sorted by name.
    pub fn grants(&self) -> Vec<ComponentGrants> {
        self.shared.grants()
    }

    /// Gives a component a right that it [asks for](crate::ComponentSpec::asks), until the right is
    /// revoked or the component is retired. Its next call uses the right, even on an existing route.
    /// Initial subscriptions that a revocation ended are restored if they are allowed again.
    ///
    /// # Errors
    /// [`GrantError`] if no component has this name, the pattern is invalid, or the component does not
    /// ask for the right.
    pub fn grant(
        &self,
        component: &str,
        capability: Capability,
        pattern: &str,
    ) -> Result<GrantChange, GrantError> {
        self.shared.change_grant(GrantVerb::Give, component, capability, pattern)
    }

    /// Revokes every grant of a component that the pattern covers. Its next call is denied, even on an
    /// existing route. Messages that were accepted before are handled. Subscriptions that are no longer
    /// allowed are ended.
    ///
    /// # Errors
    /// [`GrantError`] if no component has this name, the pattern is invalid, or a grant is wider than
    /// the pattern.
    pub fn revoke(
        &self,
        component: &str,
        capability: Capability,
        pattern: &str,
    ) -> Result<GrantChange, GrantError> {
        self.shared.change_grant(GrantVerb::Revoke, component, capability, pattern)
    }

    /// Returns the latest denials, the latest first: at most [`MAX_DENIALS`](crate::MAX_DENIALS) of each
    /// component.
    pub fn denials(&self) -> Vec<Denial> {
        self.shared.denials()
    }

    /// Hands a dead letter to its receiver again, as a new message with the same sender, topic and trace.
    /// The message is handled, or becomes a new dead letter.
    ///
    /// Any instance of the receiver gets it, and its reply is dropped. The sender's rights are not
    /// checked, because the operator sends it. Does not wait for room, and evicts no other message,
    /// whatever the receiver's overflow policy.
    ///
    /// # Errors
    /// [`RetryError`] if no dead letter with this id is kept, or if the receiver refuses it. A refused
    /// letter is kept.
    pub fn retry_dead_letter(&self, id: u64) -> Result<(), RetryError> {
        let letter = self.dead_letters().discard(id).ok_or(RetryError::Unknown { id })?;
        // A message has a codec prefix at least.
        if letter.message.is_empty() {
            let receiver = letter.receiver.to_string();
            let reason =
                format!("it was a call of the service `{}`, whose caller has been told", letter.sender);
            self.dead_letters().put_back(letter);
            return Err(RetryError::Refused { id, receiver, reason, no_room: false });
        }
        match self.shared.router.send_again(&self.shared.outside, &letter) {
            Ok(()) => {
                tracing::info!(id, receiver = %letter.receiver, "a dead letter was handed to its receiver again");
                self.record_letter(&letter, LetterChange::Retried);
                Ok(())
            }
            Err(error) => {
                let no_room = matches!(error, SendError::MailboxFull);
                let (receiver, reason) = (letter.receiver.to_string(), send_error_text(&error));
                self.dead_letters().put_back(letter);
                Err(RetryError::Refused { id, receiver, reason, no_room })
            }
        }
    }

    /// Deletes a dead letter and returns it. Returns `None` if it is not kept. The counts stay, because
    /// they are of all dead letters.
    pub fn drop_dead_letter(&self, id: u64) -> Option<DeadLetter> {
        let letter = self.dead_letters().discard(id)?;
        tracing::info!(id, receiver = %letter.receiver, "a dead letter was dropped");
        self.record_letter(&letter, LetterChange::Dropped);
        Some(letter)
    }

    /// Returns the retained messages of all topics, or of those that match a pattern, sorted by topic.
    pub fn retained(&self, pattern: Option<&TopicPattern>) -> Vec<RetainedMessage> {
        self.shared.router.retained(pattern)
    }

    /// Returns the retained message of a topic: its description, and the whole message with its codec
    /// prefix. Returns `None` if the topic is invalid or has none.
    pub fn retained_message(&self, topic: &str) -> Option<(RetainedMessage, Bytes)> {
        self.shared.router.retained_message(&Topic::parse(topic).ok()?)
    }

    fn record_letter(&self, letter: &DeadLetter, change: LetterChange) {
        let (sender, receiver) = (Arc::clone(&letter.sender), Arc::clone(&letter.receiver));
        let event = AuditEvent::DeadLetter { id: letter.id, sender, receiver, change };
        self.shared.router.app.trail.record(event);
    }
}
