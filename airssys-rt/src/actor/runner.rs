//! An actor as its supervisor runs it: incarnation after incarnation.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use airssys_core::ExitReason;
use tokio::sync::oneshot;

use super::incarnation::{first_failure, live, panicked};
use super::{Actor, ActorContext};
use crate::cell::Cell;
use crate::child::Supervised;
use crate::supervisor::task::Runnable;

pub(crate) struct ActorRunner<A: Actor, F> {
    cell: Arc<Cell<A::Message>>,
    make: F,
    started: Option<oneshot::Sender<()>>,
    actor: PhantomData<fn() -> A>,
}

impl<A: Actor, F: FnMut() -> A> ActorRunner<A, F> {
    /// `started` is notified of the first start, and dropped if it fails.
    pub(crate) fn new(cell: Arc<Cell<A::Message>>, make: F, started: oneshot::Sender<()>) -> Self {
        Self { cell, make, started: Some(started), actor: PhantomData }
    }
}

impl<A: Actor, F: FnMut() -> A + Send + 'static> Runnable for ActorRunner<A, F> {
    fn cell(&self) -> &dyn Supervised {
        &*self.cell
    }

    fn incarnation(&mut self, number: u64) -> impl Future<Output = ExitReason> + Send {
        let context = ActorContext::new(self.cell.clone(), number);
        async move {
            self.cell.begin(context.incarnation());
            let mut actor = match catch_unwind(AssertUnwindSafe(&mut self.make)) {
                Ok(actor) => actor,
                Err(panic) => {
                    self.started = None;
                    return panicked(panic);
                }
            };
            let reason = live(&mut actor, &context, &mut self.started).await;
            match catch_unwind(AssertUnwindSafe(|| drop(actor))) {
                Ok(()) => reason,
                Err(panic) => first_failure(reason, panicked(panic), &context),
            }
        }
    }

    fn tell_start(&mut self, started: oneshot::Sender<()>) {
        self.started = Some(started);
    }
}
