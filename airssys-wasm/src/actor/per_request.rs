//! Calls that each get an instance of their own.

use std::sync::Arc;
use std::time::Instant;

use airssys_rt::BoxError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::template::{INSTANTIATION, InstanceTemplate};
use crate::contract::{BoundedText, Ending};
use crate::guest::batch::CurrentMessage;
use crate::guest::entry_call::{EntryCall, EntryEnd, QueuedEntry};
use crate::guest::failure::GuestFailure;
use crate::routing::envelope::Envelope;
use crate::routing::spans;

/// The calls of a component that run, each in an instance of its own. Dropped, they are ended.
pub(super) struct PerRequest {
    places: Arc<Semaphore>,
    running: JoinSet<()>,
}

impl PerRequest {
    /// Runs at most `at_once` calls at once.
    pub(super) fn new(at_once: usize) -> PerRequest {
        PerRequest { places: Arc::new(Semaphore::new(at_once)), running: JoinSet::new() }
    }

    /// Waits for a place, and begins a call there. Those behind it wait in the mailbox meanwhile.
    pub(super) async fn begin(
        &mut self,
        template: &Arc<InstanceTemplate>,
        mut envelope: Envelope,
        last_id: &mut u64,
    ) {
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
        let Some(call) = envelope.take_call().and_then(QueuedEntry::call_of) else { return };
        while self.running.try_join_next().is_some() {}
        let delivered_at = Instant::now();
        let (current, _) = template.deliver(last_id, envelope, delivered_at);
        template.instance.endpoint.account.stats.called();
        self.running.spawn(run(Arc::clone(template), current, call, delivered_at, place));
    }

    /// Waits until all calls have ended.
    pub(super) async fn finished(&mut self) {
        while self.running.join_next().await.is_some() {}
    }
}

/// Runs a call in a new instance. A failure costs this call only.
async fn run(
    template: Arc<InstanceTemplate>,
    current: CurrentMessage,
    mut call: Box<dyn EntryCall>,
    delivered_at: Instant,
    _place: OwnedSemaphorePermit,
) {
    let made = match timeout(template.start_timeout(), template.instantiate(current.id)).await {
        Ok(made) => made.map_err(failure_of_start),
        Err(_) => Err(template.timed_out(INSTANTIATION)),
    };
    let (mut instance, callbacks) = match made {
        Ok(made) => made,
        Err(failure) => return give_up(current, call, &failure),
    };
    instance.guest().start_deadline = None;
    instance.begin_message();
    let began = instance.moment(delivered_at);
    instance.guest().batch.start_single(current, delivered_at, began);
    let entered = instance.enter(&mut *call).await;
    let took = instance.returned().since(began);
    let current = instance.guest().batch.pop();
    callbacks.close();
    // The store is dropped first, and its streams with it.
    drop(instance);
    match (entered, current) {
        (Ok(()), current) => {
            if let Some(current) = current {
                current.finish(Ending::Done, (began.at, took));
            }
            call.ended(EntryEnd::Returned);
        }
        (Err(failure), Some(current)) => give_up(current, call, &failure),
        (Err(failure), None) => call.ended(EntryEnd::Failed(&failure)),
    }
}

fn give_up(current: CurrentMessage, call: Box<dyn EntryCall>, failure: &GuestFailure) {
    let reason = failure.dead_letter_reason();
    spans::given_up(current.span, &reason);
    current.envelope.give_up(reason);
    call.ended(EntryEnd::Failed(failure));
}

/// Returns the failure of an instance that was not made.
fn failure_of_start(error: BoxError) -> GuestFailure {
    match error.downcast::<GuestFailure>() {
        Ok(failure) => *failure,
        Err(error) => GuestFailure::StartRefused { message: BoundedText::of(&error) },
    }
}
