//! A component, or one of its instances, as a target of messages.

use std::sync::Arc;

use airssys_rt::ActorRef;

use crate::routing::account::Account;
use crate::routing::envelope::Envelope;

/// A component, or one of its instances, as a target of messages.
pub(crate) struct Endpoint {
    pub(crate) account: Arc<Account>,
    /// The mailboxes behind the name: one per instance, at least one.
    pub(crate) members: Vec<ActorRef<Envelope>>,
}

impl Endpoint {
    /// Returns the live instance with the fewest messages in its mailbox.
    pub(crate) fn least_loaded(&self) -> &ActorRef<Envelope> {
        &self.members[self.least_loaded_member()]
    }

    /// Returns the index of [`Endpoint::least_loaded`].
    pub(crate) fn least_loaded_member(&self) -> usize {
        let (mut index, mut best) = (0, &self.members[0]);
        for (number, member) in self.members.iter().enumerate().skip(1) {
            if best.is_closed() || (!member.is_closed() && member.depth() < best.depth()) {
                (index, best) = (number, member);
            }
        }
        index
    }

    /// Returns an endpoint that has one of the instances as its only member.
    pub(crate) fn of_member(&self, member: ActorRef<Envelope>) -> Endpoint {
        Endpoint { account: Arc::new(self.account.of_member(member.handle())), members: vec![member] }
    }
}
