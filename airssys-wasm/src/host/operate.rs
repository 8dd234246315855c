//! What an operator does to components that run.

use std::sync::Arc;

use airssys_rt::TopicPattern;
use airssys_spec::{Capability, GrantChange, GrantError, GrantVerb};

use crate::host::ComponentHost;
use crate::observe::audit::{AuditEvent, LetterChange};
use crate::observe::dead_letters::{DeadLetter, RetryError};
use crate::observe::denials::Denial;
use crate::policy::grants::ComponentGrants;
use crate::routing::retained::RetainedMessage;

impl ComponentHost {
    /// What each component asks for and what it may do at present, in the order of their names.
    pub fn grants(&self) -> Vec<ComponentGrants> {
        self.shared.grants()
    }

    /// Gives a component something that it [asks for](crate::ComponentSpec::asks), until it is
    /// revoked or the component is retired. Its next call sees it, whatever routes it has made
    /// before. Subscriptions from the start that a revocation ended and that are allowed again are
    /// restored.
    ///
    /// # Errors
    /// [`GrantError`] if there is no such component, the pattern is none, or the component does not
    /// ask for it.
    pub fn grant(
        &self,
        component: &str,
        capability: Capability,
        pattern: &str,
    ) -> Result<GrantChange, GrantError> {
        self.shared.change_grant(GrantVerb::Give, component, capability, pattern)
    }

    /// Revokes every grant of a component that the pattern covers. Its next call sees it, whatever
    /// routes it has made before; messages that were accepted before are handled. Subscriptions that
    /// are no longer allowed are ended.
    ///
    /// # Errors
    /// [`GrantError`] if there is no such component, the pattern is none, or what is granted is
    /// wider than the pattern.
    pub fn revoke(
        &self,
        component: &str,
        capability: Capability,
        pattern: &str,
    ) -> Result<GrantChange, GrantError> {
        self.shared.change_grant(GrantVerb::Revoke, component, capability, pattern)
    }

    /// What components were denied lately, the latest first: at most
    /// [`MAX_DENIALS`](crate::MAX_DENIALS) of each component.
    pub fn denials(&self) -> Vec<Denial> {
        self.shared.denials()
    }

    /// Hands a dead letter to its receiver again, with its sender, its topic and its trace, as a new message:
    /// it is handled, or becomes a new dead letter. Of a pool, any instance gets it; nobody waits
    /// for a reply. Whether the sender may still send is not asked: it is the operator who sends.
    /// Does not wait for room.
    ///
    /// # Errors
    /// [`RetryError`] if there is no such letter or it is not taken; then it stays where it is.
    pub fn retry_dead_letter(&self, id: u64) -> Result<(), RetryError> {
        let letter = self.dead_letters().discard(id).ok_or(RetryError::Unknown { id })?;
        match self.shared.router.send_again(&self.shared.outside, &letter) {
            Ok(()) => {
                tracing::info!(id, receiver = %letter.receiver, "a dead letter was handed to its receiver again");
                self.record_letter(&letter, LetterChange::Retried);
                Ok(())
            }
            Err(error) => {
                let (receiver, reason) =
                    (letter.receiver.to_string(), crate::contract::send_error_text(&error));
                self.dead_letters().put_back(letter);
                Err(RetryError::Refused { id, receiver, reason })
            }
        }
    }

    /// Takes a dead letter out for good; none if it is not kept. The counts stay: they tell what
    /// there was.
    pub fn drop_dead_letter(&self, id: u64) -> Option<DeadLetter> {
        let letter = self.dead_letters().discard(id)?;
        tracing::info!(id, receiver = %letter.receiver, "a dead letter was dropped");
        self.record_letter(&letter, LetterChange::Dropped);
        Some(letter)
    }

    /// What is retained of the topics that match a pattern, or of all, in the order of the topics.
    pub fn retained(&self, pattern: Option<&TopicPattern>) -> Vec<RetainedMessage> {
        self.shared.router.retained(pattern)
    }

    fn record_letter(&self, letter: &DeadLetter, change: LetterChange) {
        let (sender, receiver) = (Arc::clone(&letter.sender), Arc::clone(&letter.receiver));
        let event = AuditEvent::DeadLetter { id: letter.id, sender, receiver, change };
        self.shared.router.app.trail.record(event);
    }
}
