//! One incarnation of an actor, from `pre_start` to `post_stop`.

use std::any::Any;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::{Actor, ActorContext, BoxError};
use crate::ExitReason;
use crate::cell::{ActorState, AnyCell, Cell};
use crate::mailbox::Event;

/// How many messages and signals an actor handles before its neighbours get a turn.
const BUDGET: u32 = 64;

pub(super) async fn live<A: Actor>(
    actor: &mut A,
    context: &ActorContext<A::Message>,
    cell: &Cell<A::Message>,
    started: Option<oneshot::Sender<()>>,
) -> ExitReason {
    let child = context.child();
    if let Err(reason) = hook(async { actor.pre_start(child).await }).await {
        return reason;
    }
    let mut reason = match hook(async { actor.post_start(child).await }).await {
        Ok(()) => {
            cell.enter(ActorState::Running);
            // Whoever waits for the start may have given up.
            started.map(|started| started.send(()));
            handle_messages(actor, context, cell).await
        }
        Err(reason) => reason,
    };
    cell.enter(ActorState::Stopping);
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
    cell: &Cell<A::Message>,
) -> ExitReason {
    let mut budget = BUDGET;
    loop {
        let result = match cell.mailbox.next().await {
            Event::Stop(request) => return request.reason(),
            Event::Signal => guarded(async { actor.on_signal(context).await }).await,
            Event::Message(message) => {
                let handling = cell.handling();
                let result = guarded(async { actor.handle_message(message, context).await }).await;
                if let Ok(Ok(())) = &result {
                    handling.done();
                }
                result
            }
        };
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return ExitReason::Error(Arc::new(error)),
            Err(reason) => return reason,
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
