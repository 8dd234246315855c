//! Copies of a publication that no mailbox took.

use std::sync::Arc;

use crate::routing::draft::Draft;
use crate::routing::endpoint::Endpoint;
use crate::routing::envelope::Envelope;
use crate::routing::sender::Sender;

/// Copies of a publication that no mailbox took. They become dead letters, which are logged, so
/// that this waits until no lock is held.
#[derive(Default)]
pub(super) struct Undelivered {
    skipped: Vec<(Arc<Endpoint>, Draft, Sender)>,
    /// Envelopes for mailboxes that closed after the reservation. Each becomes a dead letter when it
    /// is dropped.
    closed: Vec<Envelope>,
}

impl Undelivered {
    /// Adds a copy that its receiver does not accept or has no room for.
    pub(super) fn add_skipped(&mut self, endpoint: &Arc<Endpoint>, draft: &Draft, from: &Sender) {
        self.skipped.push((Arc::clone(endpoint), draft.clone(), from.clone()));
    }

    /// Adds copies that were accepted for a mailbox which has closed since.
    pub(super) fn add_closed(&mut self, envelopes: impl IntoIterator<Item = Envelope>) {
        self.closed.extend(envelopes);
    }

    /// Puts the copies into the dead letters. The caller holds no lock.
    pub(super) fn dead_letter(self) {
        self.skipped.iter().for_each(|(endpoint, draft, from)| endpoint.account.dead_letter(draft, from));
    }
}
