//! One incarnation of an actor, from `pre_start` to `post_stop`.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use airssys_core::ExitReason;

use super::hooks::{end, failed, note_failure, result, start, tell_failed_start};
use super::pace::Pace;
use super::runner::{ActorRunner, Make};
use super::{Actor, ActorContext, BoxError};
use crate::cell::behind::Behind;
use crate::cell::inbox::Inbox;
use crate::guard::{Contained, guard, guarded};
use crate::mailbox::{Fetched, Urgent};
use crate::timers::Due;

/// Runs an actor from `pre_start` to `post_stop`.
///
/// The memory of an idle actor is mostly this future. So it is made by a function rather than by an
/// `async fn`, which stores its arguments twice, and it is one block, because a nested future stores
/// its captures. A value that is kept over an `await` takes memory in every idle actor, and a value
/// that is moved in parts counts as kept.
#[expect(clippy::manual_async_fn, reason = "an `async fn` would take more memory")]
pub(super) fn live<A: Actor, F: Make<A>>(
    runner: &mut ActorRunner<A, F>,
) -> impl Future<Output = ExitReason> + Send {
    async move {
        runner.context.begin();
        let mut actor = match guard(|| runner.make.make()) {
            Ok(actor) => Contained::new(actor),
            Err(reason) => {
                tell_failed_start(&mut runner.started, &runner.context, &reason);
                return reason;
            }
        };
        let reason = 'messages: {
            if let Err(not_started) = start(&mut actor, &runner.context, &mut runner.started).await {
                match not_started.runs_last_hooks {
                    true => break 'messages not_started.reason,
                    false => return part(actor, runner, not_started.reason),
                }
            }
            let mut pace = Pace::begin();
            // Messages that the incarnation before has left at hand are work of this wake-up.
            if runner.inbox.is_ready() {
                pace.resume(runner.inbox.has_one());
            }
            loop {
                let step = if runner.inbox.is_ready() && !(pace.polls_timers && runner.context.timers.any()) {
                    pace.polls_timers = false;
                    Step::Handle
                } else {
                    poll_fn(|task| poll_work(&runner.context, &mut runner.inbox, &mut pace, task)).await
                };
                match step {
                    Step::Handle | Step::Tick => {
                        let mut behind = Behind::new(&mut runner.inbox, step == Step::Handle, pace.left());
                        let result = {
                            let handler = handler(&mut actor, &mut behind, &runner.context);
                            timed(pin!(handler), &runner.context, &mut pace).await
                        };
                        match count(result, behind) {
                            Ok(messages) => pace.spend(messages),
                            Err(reason) => break 'messages reason,
                        }
                    }
                    Step::Urgent => {
                        if let Err(reason) = obey(&mut actor, &runner.context).await {
                            break 'messages reason;
                        }
                    }
                    Step::Failed => {
                        if let Some(Err(reason)) = runner.context.timers.take_due() {
                            break 'messages reason;
                        }
                    }
                }
                if pace.spends_last() {
                    pace.yield_worker(&runner.context.cell().counters).await;
                }
            }
        };
        // The slot of a message that failed is free, even if the next incarnation starts late.
        runner.context.cell().mailbox.serve();
        let reason = end(&mut actor, &runner.context, reason).await;
        part(actor, runner, reason)
    }
}

/// Drops the actor and its timers, and returns the first failure.
fn part<A: Actor, F>(
    actor: Contained<A>,
    runner: &mut ActorRunner<A, F>,
    mut reason: ExitReason,
) -> ExitReason {
    note_failure(&mut reason, actor.discard(), &runner.context);
    let ended = runner.context.timers.end();
    note_failure(&mut reason, ended, &runner.context);
    reason
}

/// The kind of an actor's next work. The work itself stays where it is until it is done, because moving
/// it from one future to the next costs as much as fetching it.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// Handles a message of the mailbox.
    Handle,
    /// Handles a message of one of the actor's own timers, which is not counted.
    Tick,
    /// Does what overtakes messages.
    Urgent,
    /// One of the actor's own timers failed to make its message.
    Failed,
}

/// Waits for work between two wake-ups.
#[inline]
fn poll_work<M: Send + 'static>(
    context: &ActorContext<M>,
    inbox: &mut Inbox<M>,
    pace: &mut Pace,
    task: &mut Context<'_>,
) -> Poll<Step> {
    pace.pause(&context.cell().counters);
    let polled = match context.timers.any() {
        true => poll_sources(context, inbox, pace, task),
        false => poll_inbox(inbox, pace, task),
    };
    let Poll::Ready(step) = polled else {
        pace.rest();
        return Poll::Pending;
    };
    pace.polls_timers = false;
    pace.ticked = step == Step::Tick;
    pace.resume(inbox.has_one());
    Poll::Ready(step)
}

/// Polls the timers and the mailbox. A timer that is always due takes turns with the mailbox:
/// `ticked` says that the last message was from a timer.
#[inline(never)]
fn poll_sources<M: Send + 'static>(
    context: &ActorContext<M>,
    inbox: &mut Inbox<M>,
    pace: &mut Pace,
    task: &mut Context<'_>,
) -> Poll<Step> {
    if pace.ticked
        && let Poll::Ready(step) = poll_inbox(inbox, pace, task)
    {
        return Poll::Ready(step);
    }
    match context.timers.poll_due(task) {
        Poll::Ready(Due::Message) => {
            context.cell().count_tick();
            Poll::Ready(Step::Tick)
        }
        Poll::Ready(Due::Failure) => Poll::Ready(Step::Failed),
        Poll::Pending if pace.ticked => Poll::Pending,
        Poll::Pending => poll_inbox(inbox, pace, task),
    }
}

#[inline]
fn poll_inbox<M: Send + 'static>(
    inbox: &mut Inbox<M>,
    pace: &mut Pace,
    task: &mut Context<'_>,
) -> Poll<Step> {
    if std::mem::take(&mut pace.registered) && inbox.is_done() {
        return Poll::Pending;
    }
    inbox.poll_fetch(Some(&mut pace.registered), task).map(|fetched| match fetched {
        Fetched::Messages => Step::Handle,
        Fetched::Urgent => Step::Urgent,
    })
}

/// Does the urgent work that overtakes messages; gives the reason if that ends the incarnation.
#[expect(clippy::manual_async_fn, reason = "an `async fn` would take more memory")]
fn obey<A: Actor>(
    actor: &mut Contained<A>,
    context: &ActorContext<A::Message>,
) -> impl Future<Output = Result<(), ExitReason>> + Send {
    async move {
        match context.cell().mailbox.take_urgent(context.incarnation()) {
            None => Ok(()),
            Some(Urgent::Overdue(down)) => {
                drop(down);
                Ok(())
            }
            Some(Urgent::Signal) => result(guarded(|| actor.on_signal(context)).await),
            // On the heap, because few actors are notified.
            Some(Urgent::Down(down)) => {
                result(Box::pin(guarded(|| actor.on_down(down.into_inner(), context))).await)
            }
            Some(Urgent::Linked(down)) => Err(ExitReason::Linked(down)),
            Some(Urgent::Stop(request)) => Err(request.reason()),
        }
    }
}

/// The future of a handler. Its message is taken when it is made.
#[inline]
fn handler<'a, A: Actor>(
    actor: &'a mut Contained<A>,
    behind: &'a mut Behind<'_, A::Message>,
    context: &'a ActorContext<A::Message>,
) -> impl Future<Output = Result<Result<(), A::Error>, ExitReason>> {
    guarded(|| {
        let message = match behind.first() {
            Some(message) => message,
            None => match context.timers.take_due() {
                Some(Ok(message)) => message,
                _ => unreachable!("a step comes with its message"),
            },
        };
        actor.handle_batch(message, behind, context)
    })
}

/// Runs a handler. A panic is caught right there, because each frame to unwind costs as much as a
/// message. While the handler waits, senders that wait for room are served.
fn timed<T, M: Send + 'static>(
    mut handler: Pin<&mut impl Future<Output = Result<T, ExitReason>>>,
    context: &ActorContext<M>,
    pace: &mut Pace,
) -> impl Future<Output = Result<T, ExitReason>> {
    pace.alone = false;
    poll_fn(move |task| {
        let result = handler.as_mut().poll(task);
        if result.is_pending() && !pace.alone {
            pace.alone = true;
            context.cell().mailbox.serve_meanwhile();
            pace.time_alone(&context.cell().counters);
        }
        result
    })
}

/// Counts the messages of a handler that has returned. Returns the number of those that it took
/// beside the first, or the reason if that ends the incarnation.
#[inline]
fn count<M, E: Into<BoxError>>(
    result: Result<Result<(), E>, ExitReason>,
    behind: Behind<'_, M>,
) -> Result<u8, ExitReason> {
    match result {
        Ok(Ok(())) => Ok(behind.handled()),
        Ok(Err(error)) => Err(failed(error)),
        Err(reason) => {
            behind.panicked();
            Err(reason)
        }
    }
}
