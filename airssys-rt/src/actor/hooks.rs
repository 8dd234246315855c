//! The hooks around the messages of an incarnation.

use std::error::Error;
use std::sync::Arc;

use airssys_core::ExitReason;

use super::{Actor, ActorContext, BoxError};
use crate::child::Registered;
use crate::child::Supervised;
use crate::guard::{Contained, Shown, guard, guarded};
use crate::request::ReplyTo;
use crate::stats::ActorState;

/// The failure of a start.
pub(super) struct FailedStart {
    pub(super) reason: ExitReason,
    /// False if `pre_start` has failed: the last hooks do not run.
    pub(super) runs_last_hooks: bool,
}

// The futures here are made by functions rather than by `async fn`, which stores its arguments twice:
// the longest of them counts for the memory of an idle actor.

/// Runs the first hooks, and tells the starter.
#[expect(clippy::manual_async_fn, reason = "an `async fn` would take more memory")]
pub(super) fn start<A: Actor>(
    actor: &mut Contained<A>,
    context: &ActorContext<A::Message>,
    started: &mut ReplyTo<()>,
) -> impl Future<Output = Result<(), FailedStart>> + Send {
    async move {
        if let Err(reason) = hook(guarded(|| actor.pre_start(context.child())).await) {
            return failed_start(started, context, reason, false);
        }
        if let Err(reason) = hook(guarded(|| actor.post_start(context.child())).await) {
            return failed_start(started, context, reason, true);
        }
        if let Err(reason) = result(guarded(|| actor.on_start(context)).await) {
            return failed_start(started, context, reason, true);
        }
        context.cell().enter(ActorState::Running);
        // An error means that its starter no longer waits.
        let _ = started.take().send(());
        Ok(())
    }
}

/// Tells the starter at once, before the last hooks.
fn failed_start<M: Send + 'static>(
    started: &mut ReplyTo<()>,
    context: &ActorContext<M>,
    reason: ExitReason,
    runs_last_hooks: bool,
) -> Result<(), FailedStart> {
    tell_failed_start(started, context, &reason);
    Err(FailedStart { reason, runs_last_hooks })
}

/// Tells the starter. If no starter waits, the end of a first start is logged, because no restart
/// follows that would be.
pub(super) fn tell_failed_start<M: Send + 'static>(
    started: &mut ReplyTo<()>,
    context: &ActorContext<M>,
    reason: &ExitReason,
) {
    let starter = started.take();
    if context.incarnation() == 0 && starter.is_closed() {
        let (actor, reason) = (context.cell().label(), Shown(reason));
        tracing::error!(%actor, %reason, "an actor did not start, and has ended");
    }
}

/// Runs the last hooks, and returns the first failure.
pub(super) fn end<A: Actor>(
    actor: &mut Contained<A>,
    context: &ActorContext<A::Message>,
    reason: ExitReason,
) -> impl Future<Output = ExitReason> + Send {
    let mut reason = Contained::new(reason);
    async move {
        context.cell().enter(ActorState::Stopping);
        let ended = hook(guarded(|| actor.pre_stop(context.child())).await);
        note_failure(&mut reason, ended, context);
        if let Some(children) = context.cell().own_children() {
            children.stop();
            // On the heap, because few actors have children.
            Box::pin(children.ended()).await;
        }
        let ended = hook(guarded(|| actor.post_stop(context.child())).await);
        note_failure(&mut reason, ended, context);
        reason.into_inner()
    }
}

fn hook(result: Result<Result<(), BoxError>, ExitReason>) -> Result<(), ExitReason> {
    result?.map_err(failed)
}

/// The reason of an incarnation that an error ended.
pub(super) fn failed(error: impl Into<BoxError>) -> ExitReason {
    match guard(|| error.into()) {
        Ok(error) => ExitReason::Error(Arc::<dyn Error + Send + Sync>::from(error)),
        Err(reason) => reason,
    }
}

/// The result of a handler, or the reason of its failure.
pub(super) fn result<E: Into<BoxError>>(
    returned: Result<Result<(), E>, ExitReason>,
) -> Result<(), ExitReason> {
    returned?.map_err(failed)
}

/// Keeps the first failure, which counts. A later one is only logged.
pub(super) fn note_failure<M: Send + 'static>(
    reason: &mut ExitReason,
    result: Result<(), ExitReason>,
    context: &ActorContext<M>,
) {
    match result.map_err(Contained::new) {
        Ok(()) => {}
        Err(failure) if !reason.is_failure() => *reason = failure.into_inner(),
        Err(failure) => tracing::warn!(
            actor = context.name(),
            incarnation = context.incarnation(),
            failure = %Shown(&failure),
            "an actor that had failed failed again while it ended"
        ),
    }
}
