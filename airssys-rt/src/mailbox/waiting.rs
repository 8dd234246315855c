//! The futures that wait for a slot of a mailbox.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::Mailbox;

impl<M> Mailbox<M> {
    /// Waits for room and takes it; resolves to false if the mailbox has closed.
    pub(crate) fn slot(&self) -> Slot<'_, M> {
        Slot::new(self)
    }

    /// Resolves when there is room, or the mailbox has closed.
    pub(crate) fn room(&self) -> Room<'_, M> {
        Room(Slot::new(self))
    }
}

/// Resolves to true once a slot is reserved for the caller, to false if the mailbox has closed.
pub(crate) struct Slot<'a, M> {
    mailbox: &'a Mailbox<M>,
    ticket: Option<u64>,
}

impl<'a, M> Slot<'a, M> {
    fn new(mailbox: &'a Mailbox<M>) -> Self {
        Self { mailbox, ticket: None }
    }
}

impl<M> Future for Slot<'_, M> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        let Self { mailbox, ticket } = &mut *self;
        mailbox.poll_slot(ticket, context.waker())
    }
}

impl<M> Drop for Slot<'_, M> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.mailbox.give_up(ticket);
        }
    }
}

/// Resolves once there is room, or the mailbox has closed; reserves nothing.
pub(crate) struct Room<'a, M>(Slot<'a, M>);

impl<M> Future for Room<'_, M> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Slot { mailbox, ticket } = &mut self.0;
        mailbox.poll_offer(ticket, context.waker())
    }
}
