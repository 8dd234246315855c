//! One incarnation of an actor, from `pre_start` to `post_stop`.

use std::any::Any;
use std::error::Error;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::stopwatch::Stopwatch;
use super::{Actor, ActorContext, BoxError};
use crate::ExitReason;
use crate::cell::{ActorState, AnyCell, Cell};
use crate::mailbox::{Inbox, Urgent};
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
            let mut inbox = Inbox::new(cell, number);
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
    let mut stopwatch = Stopwatch::default();
    let mut budget = BUDGET;
    loop {
        let result = if let Some(message) = inbox.pop() {
            let handling = cell.handling();
            let result = timed(pin!(actor.handle_message(message, context)), inbox, &mut stopwatch).await;
            if result.is_ok() {
                handling.done();
            }
            result
        } else {
            stopwatch.pause(&cell.counters);
            let work = poll_fn(|task| poll_work(context, inbox, task)).await;
            stopwatch.resume(inbox.has_one());
            match work {
                Work::Messages => continue,
                Work::Tick(message) => {
                    cell.counters.count_tick();
                    timed(pin!(actor.handle_message(message, context)), inbox, &mut stopwatch).await
                }
                Work::Urgent(Urgent::Signal) => actor.on_signal(context).await,
                Work::Urgent(Urgent::Down(down)) => actor.on_down(*down, context).await,
                Work::Urgent(Urgent::Linked(down)) => return ExitReason::Linked(down),
                Work::Urgent(Urgent::Stop(request)) => return request.reason(),
            }
        };
        if let Err(error) = result {
            return ExitReason::Error(Arc::new(error));
        }
        budget -= 1;
        if budget == 0 {
            budget = BUDGET;
            stopwatch.pause(&cell.counters);
            tokio::task::yield_now().await;
            stopwatch.resume(false);
            if let Some(message) = poll_fn(|task| due_now(context, task)).await {
                cell.counters.count_tick();
                let result = timed(pin!(actor.handle_message(message, context)), inbox, &mut stopwatch).await;
                if let Err(error) = result {
                    return ExitReason::Error(Arc::new(error));
                }
            }
        }
    }
}

/// What there is to do when no message is at hand.
enum Work<M> {
    /// There are some now.
    Messages,
    /// The message of a timer.
    Tick(M),
    Urgent(Urgent),
}

fn poll_work<M: Send + 'static>(
    context: &ActorContext<M>,
    inbox: &mut Inbox<M>,
    task: &mut Context<'_>,
) -> Poll<Work<M>> {
    if let Poll::Ready(message) = context.timers.poll_due(task) {
        return Poll::Ready(Work::Tick(message));
    }
    inbox.poll_fetch(task).map(|urgent| urgent.map_or(Work::Messages, Work::Urgent))
}

/// The message of a timer that is due.
fn due_now<M: Send + 'static>(context: &ActorContext<M>, task: &mut Context<'_>) -> Poll<Option<M>> {
    Poll::Ready(match context.timers.poll_due(task) {
        Poll::Ready(message) => Some(message),
        Poll::Pending => None,
    })
}

/// Runs a handler. When it waits, those who wait for room need not wait for it.
async fn timed<M, T>(handler: impl Future<Output = T>, inbox: &mut Inbox<M>, stopwatch: &mut Stopwatch) -> T {
    let mut handler = pin!(handler);
    let mut waits = false;
    poll_fn(|task| {
        let result = handler.as_mut().poll(task);
        if result.is_pending() && !waits {
            waits = true;
            inbox.settle();
            stopwatch.take_exactly(&inbox.cell().counters);
        }
        result
    })
    .await
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
