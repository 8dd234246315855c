//! One incarnation of an actor, from `pre_start` to `post_stop`.

use std::any::Any;
use std::error::Error;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::stopwatch::Stopwatch;
use super::{Actor, ActorContext, BoxError};
use crate::ExitReason;
use crate::cell::{ActorState, AnyCell};
use crate::mailbox::{Inbox, Urgent};

/// How many messages and signals an actor handles before its neighbours get a turn.
const BUDGET: u32 = 64;

pub(super) async fn live<A: Actor>(
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
fn timed<T, M>(
    mut handler: Pin<&mut impl Future<Output = T>>,
    inbox: &mut Inbox<M>,
    stopwatch: &mut Stopwatch,
) -> impl Future<Output = T> {
    let mut waits = false;
    poll_fn(move |task| {
        let result = handler.as_mut().poll(task);
        if result.is_pending() && !waits {
            waits = true;
            inbox.settle();
            stopwatch.take_exactly(&inbox.cell().counters);
        }
        result
    })
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

pub(super) fn panicked(panic: Box<dyn Any + Send>) -> ExitReason {
    let message = match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().unwrap_or(&"a panic without a message").to_string(),
    };
    ExitReason::Panic(message)
}

/// The failure that counts: a later one is only logged.
pub(super) fn first_failure<M: Send + 'static>(
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
