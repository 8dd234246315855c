//! One incarnation of an actor, from `pre_start` to `post_stop`.

use std::any::Any;
use std::error::Error;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use airssys_core::ExitReason;
use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::pace::Pace;
use super::{Actor, ActorContext, BoxError};
use crate::cell::Cell;
use crate::cell::handling::Handling;
use crate::cell::inbox::{Behind, Inbox};
use crate::child::Supervised;
use crate::mailbox::Urgent;
use crate::stats::ActorState;

// The futures here are made by functions rather than by `async fn`, which stores its arguments twice:
// the memory of an idle actor is mostly this future.

/// Runs an actor from `pre_start` to `post_stop`.
#[expect(clippy::manual_async_fn, reason = "an `async fn` would take twice the memory")]
pub(super) fn live<A: Actor>(
    actor: &mut A,
    context: &ActorContext<A::Message>,
    started: &mut Option<oneshot::Sender<()>>,
) -> impl Future<Output = ExitReason> + Send {
    async move {
        let cell = context.self_ref().cell();
        if let Err(reason) = hook(async { actor.pre_start(context.child()).await }).await {
            started.take();
            return reason;
        }
        if let Err(reason) = hook(async { actor.post_start(context.child()).await }).await {
            started.take();
            return end(actor, context, reason).await;
        }
        let begun = guarded(async { actor.on_start(context).await }).await;
        if let Err(reason) = begun.and_then(|result| result.map_err(failed)) {
            started.take();
            return end(actor, context, reason).await;
        }
        cell.enter(ActorState::Running);
        // The receiver may have been dropped.
        started.take().map(|started| started.send(()));
        let reason = guarded(handle_messages(actor, context)).await.unwrap_or_else(|panic| panic);
        end(actor, context, reason).await
    }
}

/// Runs the last hooks, and returns the first failure.
async fn end<A: Actor>(
    actor: &mut A,
    context: &ActorContext<A::Message>,
    mut reason: ExitReason,
) -> ExitReason {
    context.self_ref().cell().enter(ActorState::Stopping);
    if let Err(failure) = hook(async { actor.pre_stop(context.child()).await }).await {
        reason = first_failure(reason, failure, context);
    }
    if let Some(children) = context.self_ref().cell().own_children() {
        children.stop();
        // On the heap, because few actors have children.
        Box::pin(children.ended()).await;
    }
    if let Err(failure) = hook(async { actor.post_stop(context.child()).await }).await {
        reason = first_failure(reason, failure, context);
    }
    reason
}

/// The message loop: next work, run it, yield if the budget is spent.
#[expect(clippy::manual_async_fn, reason = "an `async fn` would take twice the memory")]
fn handle_messages<A: Actor>(
    actor: &mut A,
    context: &ActorContext<A::Message>,
) -> impl Future<Output = ExitReason> + Send {
    async move {
        let mut inbox = Inbox::new(context.self_ref().cell().clone());
        let mut pace = Pace::begin();
        loop {
            // Each arm returns by itself, and a message at hand is not matched on: a value that is kept
            // over an `await` takes memory in every idle actor.
            let work = if inbox.is_ready() && !(pace.polls_timers && context.timers.any()) {
                message_at_hand(context, &mut inbox, &mut pace)
            } else {
                poll_fn(|task| poll_work(context, &mut inbox, &mut pace, task)).await
            };
            match work {
                Work::Fetched => continue,
                Work::Urgent(urgent) => {
                    if let Some(reason) = obey(actor, context, urgent).await {
                        return reason;
                    }
                }
                Work::Message(message, handling) => {
                    let mut behind = messages_behind(&mut inbox, &pace, handling.as_ref());
                    let result = {
                        let handler = pin!(actor.handle_batch(message, &mut behind, context));
                        timed(handler, context.self_ref().cell(), &mut pace).await
                    };
                    if let Some(reason) = count(result, handling, behind, &mut pace) {
                        return reason;
                    }
                }
            }
            if pace.spends_last() {
                pace.yield_worker(&context.self_ref().cell().counters).await;
            }
        }
    }
}

/// The work of an actor.
enum Work<'a, M> {
    /// A message. One of the actor's own timers has no account of its handling.
    Message(M, Option<Handling<'a, M>>),
    /// Nothing: messages have been fetched.
    Fetched,
    Urgent(Urgent),
}

/// Takes the next message of the batch.
#[inline]
fn message_at_hand<'a, M: Send + 'static>(
    context: &'a ActorContext<M>,
    inbox: &mut Inbox<M>,
    pace: &mut Pace,
) -> Work<'a, M> {
    pace.polls_timers = false;
    let handling = || Handling::new(&**context.self_ref().cell());
    inbox.pop().map_or(Work::Fetched, |message| Work::Message(message, Some(handling())))
}

/// Waits for work between two wake-ups.
fn poll_work<'a, M: Send + 'static>(
    context: &ActorContext<M>,
    inbox: &mut Inbox<M>,
    pace: &mut Pace,
    task: &mut Context<'_>,
) -> Poll<Work<'a, M>> {
    pace.pause(&context.self_ref().cell().counters);
    let work = ready!(poll_sources(context, inbox, pace.ticked, task));
    pace.polls_timers = false;
    pace.ticked = matches!(work, Work::Message(..));
    pace.resume(inbox.has_one());
    Poll::Ready(work)
}

/// Polls the timers and the mailbox. A timer that is always due takes turns with the mailbox:
/// `ticked` says that the last message was from a timer.
fn poll_sources<'a, M: Send + 'static>(
    context: &ActorContext<M>,
    inbox: &mut Inbox<M>,
    ticked: bool,
    task: &mut Context<'_>,
) -> Poll<Work<'a, M>> {
    let mut fetch = |task: &mut Context<'_>| {
        let fetched = inbox.poll_fetch(context.incarnation(), task);
        fetched.map(|urgent| urgent.map_or(Work::Fetched, Work::Urgent))
    };
    if ticked && let Poll::Ready(work) = fetch(task) {
        return Poll::Ready(work);
    }
    match context.timers.poll_due(task) {
        Poll::Ready(message) => {
            context.self_ref().cell().counters.count_tick();
            Poll::Ready(Work::Message(message, None))
        }
        Poll::Pending if ticked => Poll::Pending,
        Poll::Pending => fetch(task),
    }
}

/// The messages that a handler may take with its first. A message of a timer has no place in the
/// mailbox, so there are none behind it.
fn messages_behind<'a, M>(
    inbox: &'a mut Inbox<M>,
    pace: &Pace,
    handling: Option<&Handling<'_, M>>,
) -> Behind<'a, M> {
    Behind::new(inbox, handling.map_or(0, |_| pace.left()))
}

/// Counts the messages of a handler that has returned; gives the reason if that ends the incarnation.
#[inline]
fn count<M, E: Error + Send + Sync + 'static>(
    result: Result<Result<(), E>, ExitReason>,
    handling: Option<Handling<'_, M>>,
    behind: Behind<'_, M>,
    pace: &mut Pace,
) -> Option<ExitReason> {
    let more = behind.into_taken();
    pace.spend(more);
    match (result, handling) {
        (Ok(Ok(())), handling) => {
            handling.into_iter().for_each(|one| one.done(more));
            None
        }
        (Ok(Err(error)), handling) => {
            handling.into_iter().for_each(|one| one.failed(more));
            Some(failed(error))
        }
        (Err(panic), handling) => {
            handling.into_iter().for_each(|one| one.panicked(more));
            Some(panic)
        }
    }
}

/// Does the urgent work that overtakes messages; gives the reason if that ends the incarnation.
async fn obey<A: Actor>(
    actor: &mut A,
    context: &ActorContext<A::Message>,
    urgent: Urgent,
) -> Option<ExitReason> {
    let done = match urgent {
        Urgent::Signal => actor.on_signal(context).await,
        Urgent::Down(down) => actor.on_down(*down, context).await,
        Urgent::Linked(down) => return Some(ExitReason::Linked(down)),
        Urgent::Stop(request) => return Some(request.reason()),
    };
    done.err().map(failed)
}

fn failed(error: impl Error + Send + Sync + 'static) -> ExitReason {
    ExitReason::Error(Arc::new(error))
}

/// Runs a handler, and catches its panic right here, because each frame to unwind costs as much as a
/// message. While the handler waits, senders that wait for room are served.
fn timed<T, M>(
    mut handler: Pin<&mut impl Future<Output = T>>,
    cell: &Cell<M>,
    pace: &mut Pace,
) -> impl Future<Output = Result<T, ExitReason>> {
    let mut waits = false;
    poll_fn(move |task| {
        // A panic may leave the actor half-changed, which then only runs its last hooks.
        let result = match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(task))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panicked(panic))),
        };
        if result.is_pending() && !waits {
            waits = true;
            cell.mailbox.serve();
            pace.time_alone(&cell.counters);
        }
        result
    })
}

/// Runs user code, and turns a panic into the reason of the end.
///
/// A panic may leave the actor half-changed, which then only runs its last hooks.
fn guarded<T>(code: impl Future<Output = T> + Send) -> impl Future<Output = Result<T, ExitReason>> + Send {
    AssertUnwindSafe(code).catch_unwind().map(|result| result.map_err(panicked))
}

fn hook(
    code: impl Future<Output = Result<(), BoxError>> + Send,
) -> impl Future<Output = Result<(), ExitReason>> + Send {
    guarded(code).map(|result| match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(ExitReason::Error(Arc::<dyn Error + Send + Sync>::from(error))),
        Err(panic) => Err(panic),
    })
}

pub(super) fn panicked(panic: Box<dyn Any + Send>) -> ExitReason {
    let message = match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().unwrap_or(&"a panic without a message").to_string(),
    };
    ExitReason::Panic(message)
}

/// The first failure, which counts. A later one is only logged.
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
