//! One incarnation of an actor, from `pre_start` to `post_stop`.

use std::any::Any;
use std::error::Error;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::{Actor, ActorContext, BoxError};
use crate::ExitReason;
use crate::cell::{ActorState, AnyCell, Cell};
use crate::mailbox::{Event, Inbox, StopRequest};
use crate::sync::lock;

/// How many messages and signals an actor handles before its neighbours get a turn.
const BUDGET: u32 = 64;

/// Makes incarnations of an actor, whatever its type.
pub(crate) trait Runner: Send {
    /// An incarnation, to be run by a task of its own. It never panics.
    fn incarnation(&mut self, number: u64) -> Pin<Box<dyn Future<Output = ExitReason> + Send>>;
}

pub(crate) struct Factory<A: Actor, F> {
    cell: Arc<Cell<A::Message>>,
    /// Shared with the running incarnation, which calls it: user code never runs in the supervisor.
    make: Arc<Mutex<F>>,
    started: Option<oneshot::Sender<()>>,
    actor: PhantomData<fn() -> A>,
}

impl<A: Actor, F: FnMut() -> A> Factory<A, F> {
    /// `started` hears of the first incarnation's start; if that fails, it is dropped.
    pub(crate) fn new(cell: Arc<Cell<A::Message>>, make: F, started: oneshot::Sender<()>) -> Self {
        Self { cell, make: Arc::new(Mutex::new(make)), started: Some(started), actor: PhantomData }
    }
}

impl<A: Actor, F: FnMut() -> A + Send + 'static> Runner for Factory<A, F> {
    fn incarnation(&mut self, number: u64) -> Pin<Box<dyn Future<Output = ExitReason> + Send>> {
        let (cell, make, started) = (self.cell.clone(), self.make.clone(), self.started.take());
        Box::pin(async move {
            cell.begin(number);
            let mut actor = match catch_unwind(AssertUnwindSafe(|| lock(&make)())) {
                Ok(actor) => actor,
                Err(panic) => return panicked(panic),
            };
            let context = ActorContext::new(cell.clone(), number);
            let mut inbox = Inbox::new(cell);
            let reason = live(&mut actor, &context, &mut inbox, started).await;
            match catch_unwind(AssertUnwindSafe(|| drop(actor))) {
                Ok(()) => reason,
                Err(panic) => first_failure(reason, panicked(panic), &context),
            }
        })
    }
}

async fn live<A: Actor>(
    actor: &mut A,
    context: &ActorContext<A::Message>,
    inbox: &mut Inbox<A::Message>,
    started: Option<oneshot::Sender<()>>,
) -> ExitReason {
    let child = context.child();
    if let Err(reason) = hook(async { actor.pre_start(child).await }).await {
        return reason;
    }
    let mut reason = match hook(async { actor.post_start(child).await }).await {
        Ok(()) => {
            inbox.cell().enter(ActorState::Running);
            // Whoever waits for the start may have given up.
            started.map(|started| started.send(()));
            let reason = guarded(handle_messages(actor, context, inbox)).await.unwrap_or_else(|panic| panic);
            // The slot of a message that failed is free, whenever the next incarnation starts.
            inbox.settle();
            reason
        }
        Err(reason) => reason,
    };
    inbox.cell().enter(ActorState::Stopping);
    if let Err(failure) = hook(async { actor.pre_stop(child).await }).await {
        reason = first_failure(reason, failure, context);
    }
    if let Err(failure) = hook(async { actor.post_stop(child).await }).await {
        reason = first_failure(reason, failure, context);
    }
    reason
}

async fn handle_messages<A: Actor>(
    actor: &mut A,
    context: &ActorContext<A::Message>,
    inbox: &mut Inbox<A::Message>,
) -> ExitReason {
    let cell = inbox.cell().clone();
    let mut budget = BUDGET;
    loop {
        let result = match poll_fn(|task| inbox.poll_next(task)).await {
            Event::Message(message) => {
                let handling = cell.counters.handling();
                let mut handler = pin!(actor.handle_message(message, context));
                let mut waits = false;
                let result = poll_fn(|task| {
                    let poll = handler.as_mut().poll(task);
                    if poll.is_pending() && !waits {
                        waits = true;
                        // Those who wait for room need not wait for this handler.
                        inbox.settle();
                    }
                    poll
                })
                .await;
                if result.is_ok() {
                    handling.done();
                }
                result
            }
            Event::Signal => actor.on_signal(context).await,
            Event::Stop(StopRequest::Shutdown) => return ExitReason::Shutdown,
            Event::Stop(StopRequest::Own | StopRequest::Asked) => return ExitReason::Normal,
        };
        if let Err(error) = result {
            return ExitReason::Error(Arc::new(error));
        }
        budget -= 1;
        if budget == 0 {
            tokio::task::yield_now().await;
            budget = BUDGET;
        }
    }
}

/// Runs user code; a panic is a reason to end.
///
/// What it leaves half-changed is the actor, which only sees its last hooks after that.
async fn guarded<T>(code: impl Future<Output = T>) -> Result<T, ExitReason> {
    AssertUnwindSafe(code).catch_unwind().await.map_err(panicked)
}

async fn hook(code: impl Future<Output = Result<(), BoxError>>) -> Result<(), ExitReason> {
    let result: Result<(), BoxError> = guarded(code).await?;
    result.map_err(|error| ExitReason::Error(Arc::<dyn Error + Send + Sync>::from(error)))
}

fn panicked(panic: Box<dyn Any + Send>) -> ExitReason {
    let message = match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().unwrap_or(&"a panic without a message").to_string(),
    };
    ExitReason::Panic(message)
}

/// The failure that counts: a later one is only logged.
fn first_failure<M: Send + 'static>(
    reason: ExitReason,
    failure: ExitReason,
    context: &ActorContext<M>,
) -> ExitReason {
    if reason.is_failure() {
        tracing::warn!(
            actor = context.name(),
            incarnation = context.incarnation(),
            %failure,
            "an actor that had failed failed again while it ended"
        );
        reason
    } else {
        failure
    }
}
