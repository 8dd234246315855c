//! One incarnation of an actor, from `pre_start` to `post_stop`.

use std::any::Any;
use std::error::Error;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use airssys_core::ExitReason;
use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::stopwatch::Stopwatch;
use super::turns::Turns;
use super::{Actor, ActorContext, BoxError};
use crate::cell::{ActorState, AnyCell, Cell, Handling};
use crate::mailbox::{Behind, Inbox, Urgent};

// The futures here are made by functions, rather than being `async fn`: what is captured by a block
// takes its place once, what is passed to an `async fn` twice, and an idle actor is mostly this.

/// Runs an actor that has been made, from `pre_start` to `post_stop`.
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
        // Whoever waits for the start may have given up.
        started.take().map(|started| started.send(()));
        let reason = guarded(handle_messages(actor, context)).await.unwrap_or_else(|panic| panic);
        end(actor, context, reason).await
    }
}

/// Runs the last hooks; gives the failure that came first.
async fn end<A: Actor>(
    actor: &mut A,
    context: &ActorContext<A::Message>,
    mut reason: ExitReason,
) -> ExitReason {
    context.self_ref().cell().enter(ActorState::Stopping);
    if let Err(failure) = hook(async { actor.pre_stop(context.child()).await }).await {
        reason = first_failure(reason, failure, context);
    }
    if let Some(children) = context.self_ref().cell().own_family() {
        children.stop();
        // What is rare is on the heap.
        Box::pin(children.ended()).await;
    }
    if let Err(failure) = hook(async { actor.post_stop(context.child()).await }).await {
        reason = first_failure(reason, failure, context);
    }
    reason
}

#[expect(clippy::manual_async_fn, reason = "an `async fn` would take twice the memory")]
fn handle_messages<A: Actor>(
    actor: &mut A,
    context: &ActorContext<A::Message>,
) -> impl Future<Output = ExitReason> + Send {
    async move {
        let mut inbox = Inbox::new(context.self_ref().cell().clone());
        let mut stopwatch = Stopwatch::default();
        let mut turns = Turns::begin();
        // Whether it is time to look at the timers, although there are messages.
        let mut looks = false;
        let mut ticked = false;
        loop {
            let work = if inbox.is_ready() && !(looks && context.timers.any()) {
                let handling = || context.self_ref().cell().handling();
                inbox.pop().map_or(Work::Fetched, |message| Work::Message(message, Some(handling())))
            } else {
                stopwatch.pause(context);
                let work = poll_fn(|task| poll_work(context, &mut inbox, ticked, task)).await;
                ticked = matches!(work, Work::Message(_, None));
                stopwatch.resume(inbox.has_one());
                work
            };
            looks = false;
            match work {
                Work::Message(message, handling) => {
                    // One of its own timers has no place in the mailbox that others could be behind.
                    let most = handling.as_ref().map_or(0, |_| stopwatch.left());
                    let mut behind = Behind::new(&mut inbox, most);
                    let result = {
                        let handler = pin!(actor.handle_run(message, &mut behind, context));
                        timed(handler, context.self_ref().cell(), &mut stopwatch).await
                    };
                    let more = behind.settle();
                    stopwatch.spend(more);
                    match (result, handling) {
                        (Ok(Ok(())), handling) => handling.into_iter().for_each(|one| one.done(more)),
                        (Ok(Err(error)), handling) => {
                            handling.into_iter().for_each(|one| one.failed(more));
                            return failed(error);
                        }
                        (Err(panic), handling) => {
                            handling.into_iter().for_each(|one| one.panicked(more));
                            return panic;
                        }
                    }
                }
                Work::Fetched => continue,
                Work::Urgent(urgent) => {
                    if let Some(reason) = obey(actor, context, urgent).await {
                        return reason;
                    }
                }
            }
            if stopwatch.is_their_turn() {
                stopwatch.pause(context);
                turns.pass().await;
                stopwatch.resume(false);
                looks = true;
            }
        }
    }
}

/// Does what overtakes the messages; gives the reason if that is the end.
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

/// What an actor does next.
enum Work<'a, M> {
    /// Handles a message; one of its own timers does not count as handled.
    Message(M, Option<Handling<'a, M>>),
    /// Nothing: there are messages at hand now.
    Fetched,
    Urgent(Urgent),
}

/// What there is to do when no message is at hand, or when it is time to look at the timers.
///
/// A timer that is always due takes turns with the rest: `ticked` says that it has just had one.
fn poll_work<'a, M: Send + 'static>(
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

/// Runs a handler, and catches its panic right here: each frame to unwind costs as much as a message.
/// When it waits, those who wait for room need not wait for it.
fn timed<T, M>(
    mut handler: Pin<&mut impl Future<Output = T>>,
    cell: &Cell<M>,
    stopwatch: &mut Stopwatch,
) -> impl Future<Output = Result<T, ExitReason>> {
    let mut waits = false;
    poll_fn(move |task| {
        // What a panic leaves half-changed is the actor, which only sees its last hooks after that.
        let result = match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(task))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panicked(panic))),
        };
        if result.is_pending() && !waits {
            waits = true;
            cell.mailbox.serve();
            stopwatch.take_exactly(&cell.counters);
        }
        result
    })
}

/// Runs user code; a panic is a reason to end.
///
/// What it leaves half-changed is the actor, which only sees its last hooks after that.
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
