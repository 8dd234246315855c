//! Actors and supervisors as the rest of the system knows them, without their types.

use std::any::Any;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use airssys_core::ExitReason;
use tokio::task;

use crate::causes::Causes;
use crate::mailbox::StopRequest;
use crate::services::Services;
use crate::shutdown::ShutdownOrder;
use crate::snapshot::ChildSnapshot;
use crate::stats::{ActorState, ActorStats};

/// The place of a child in its supervisor: a slot, and a number that tells the tenants of the slot
/// apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) slot: u32,
    pub(crate) serial: u32,
}

/// A supervisor as its children know it.
pub(crate) trait Parent: Any + Send + Sync {
    /// Aborts this [life](Supervised::life) of a child; the supervisor decides what follows.
    fn kill(&self, key: Key, life: u32);
    /// Returns true if a child is quarantined, alone or with this supervisor.
    fn has_quarantined(&self, key: Key) -> bool;
    /// Starts a quarantined child again. Returns false if it is not quarantined, or its supervisor is
    /// not running.
    fn resume(&self, key: Key) -> bool;
    /// Ends a child that was told to end for good, if it is quarantined, alone or with the supervisor.
    fn dismiss(&self, key: Key);
}

/// The supervisor of an actor that has been started, and the actor's place there.
pub(crate) struct ParentLink {
    /// One for all children, because each keeps it: half the size of a `Weak<dyn Parent>`.
    pub(crate) parent: Arc<Weak<dyn Parent>>,
    pub(crate) key: Key,
}

impl ParentLink {
    /// The supervisor, while the system is there.
    pub(crate) fn get(&self) -> Option<(Arc<dyn Parent>, Key)> {
        Some((self.parent.upgrade()?, self.key))
    }
}

/// An actor or a supervisor, as the registry and groups know it.
pub(crate) trait Registered: Any + Send + Sync {
    /// Empty if it has no name.
    fn name(&self) -> &Arc<str>;
    fn id(&self) -> u64;
    /// Returns `None` for a supervisor.
    fn stats(&self) -> Option<ActorStats>;
    /// Returns true if it takes no more messages.
    fn is_closed(&self) -> bool;
    /// Called before it joins a group.
    fn mark_grouped(&self) {}
    /// Returns true if it may be in a group.
    fn is_grouped(&self) -> bool {
        false
    }
    /// Closes the mailbox for good and drops the messages in it.
    fn close(&self);
    /// Tells waiters, watchers and readers of events that it has ended for good.
    fn announce(&self, reason: ExitReason);

    /// Its name in logs and reports.
    fn label(&self) -> String {
        match self.name() {
            name if name.is_empty() => format!("#{}", self.id()),
            name => name.to_string(),
        }
    }
}

/// The facts about an end that a supervisor decides by, beside its reason.
pub(crate) struct EndedLife {
    /// True if an incarnation has ever started.
    pub(crate) started: bool,
    /// True if the child was told to end for good.
    pub(crate) terminated: bool,
    /// True if the failure counts towards no limit.
    pub(crate) excused: bool,
    /// True if a restart was asked for before the incarnation had started.
    pub(crate) restarted_early: bool,
}

/// A child of a supervisor, as that supervisor knows it.
pub(crate) trait Supervised: Registered {
    fn services(&self) -> &Services;
    fn is_supervisor(&self) -> bool {
        false
    }
    /// The number of the actor whose children it supervises, if it does: it stops and starts with that
    /// actor.
    fn owner(&self) -> Option<u64> {
        None
    }
    fn snapshot(&self) -> ChildSnapshot;
    /// Adds the actors without a name in its part of the tree.
    fn unnamed(&self, _: &mut Vec<Arc<dyn Registered>>) {}
    /// Returns true if it is a supervisor, and this is the task of a child in its part of the tree.
    fn has_task(&self, _: task::Id) -> bool {
        false
    }
    fn state(&self) -> ActorState;
    /// Called once, before its task starts.
    fn set_parent(&self, parent: ParentLink);
    /// Ready once a stop like this, or a greater one, is requested. For the time between
    /// incarnations.
    fn poll_stop(&self, least: StopRequest, context: &Context<'_>) -> Poll<StopRequest>;
    fn stop(&self, request: StopRequest);
    /// Returns true if its task can move to another runtime.
    fn is_movable(&self) -> bool {
        false
    }
    /// Returns true if it was told to end for good.
    fn terminated(&self) -> bool;
    /// As `terminated`, for the moment between two incarnations. It costs less, and may miss an order
    /// that comes at this moment, which the next incarnation obeys.
    fn seems_terminated(&self) -> bool {
        self.terminated()
    }
    /// The number of its life: an incarnation, with the wait before it. Read and changed under the
    /// supervisor's lock. Others may read it to name the life that they mean.
    fn life(&self) -> u32 {
        0
    }
    /// Called when the supervisor decides about the end of an incarnation. Once for each, because an
    /// excuse and an early restart are for one end.
    fn end_life(&self) -> EndedLife {
        let (started, terminated) = (self.started(), self.seems_terminated());
        EndedLife { started, terminated, excused: false, restarted_early: false }
    }
    /// Withdraws the stop of its group, which has stopped and is about to start again.
    fn rejoin(&self);
    fn enter(&self, state: ActorState);
    /// The number of the incarnation that runs, or ran last; 0 before the first.
    fn incarnation(&self) -> u64;
    /// Has the failure that ends the incarnation count towards no limit.
    fn excuse_failure(&self) {}
    /// Returns true if an incarnation has ever run.
    fn started(&self) -> bool;
    /// Tells watchers and readers of events that an incarnation ended and another will start. Returns
    /// the failures for which it restarts, if they spread.
    fn restarting(&self, reason: &ExitReason, after: Duration) -> Causes;
    /// Called before it starts again because of these failures, which may be those of others.
    fn restart_for(&self, causes: &Causes);
    /// Tells watchers that an incarnation ended, and no other will start unless it is resumed.
    fn quarantined(&self, reason: &ExitReason);
    /// Ends its children that were told to end for good, once it is quarantined.
    fn dismiss_members(&self) {}

    /// Stops it for good; if it is a supervisor, by this order.
    fn shut_down(&self, _: &ShutdownOrder) {
        self.stop(StopRequest::Shutdown);
    }
}
