//! Calls from services, which enter the exports of an instance.

use std::time::Instant;

use super::ComponentActor;
use crate::contract::Ending;
use crate::guest::entry_call::{EntryEnd, QueuedEntry};
use crate::guest::failure::GuestFailure;
use crate::routing::envelope::Envelope;

impl ComponentActor {
    /// Enters the guest with a call. An instance that lives on returns when the call has ended. With an
    /// instance for each call, it returns as soon as the call has a place.
    pub(super) async fn handle_call(&mut self, mut envelope: Envelope) -> Result<(), GuestFailure> {
        if let Some(calls) = &mut self.per_request {
            calls.begin(&self.template, envelope, &mut self.last_message).await;
            return Ok(());
        }
        let Some(instance) = self.instance.as_mut() else { return Ok(()) };
        let Some(mut call) = envelope.take_call().and_then(QueuedEntry::call_of) else { return Ok(()) };
        let delivered_at = Instant::now();
        let (current, _) = self.template.deliver(&mut self.last_message, envelope, delivered_at);
        self.template.instance.endpoint.account.stats.called();
        instance.begin_message();
        let began = instance.moment(delivered_at);
        instance.guest().batch.start_single(current, delivered_at, began);
        match instance.enter(&mut *call).await {
            Ok(()) => {
                self.finish_single(Ok(Ending::Done))?;
                call.ended(EntryEnd::Returned);
                Ok(())
            }
            Err(failure) => {
                // The store is dropped first, and its streams with it.
                let failed = self.finish_single(Err(failure.clone()));
                call.ended(EntryEnd::Failed(&failure));
                failed
            }
        }
    }
}
