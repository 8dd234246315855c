//! What outlives an actor's incarnations: its name, its mailbox, its figures.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll};

use tokio::sync::watch;

use crate::mailbox::{Mailbox, StopRequest};
use crate::supervisor::{Key, Order, SupervisorNode};
use crate::sync::lock;
use crate::{ExitReason, SupervisorSnapshot};

/// Where an actor is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ActorState {
    /// It is registered, and its first incarnation has not started yet.
    Starting,
    /// It handles messages.
    Running,
    /// An incarnation has ended, and the next has not started yet.
    Restarting,
    /// An incarnation is ending: its last hooks run.
    Stopping,
    /// It has ended for good.
    Stopped,
}

/// The figures of an actor, over all of its incarnations.
///
/// `accepted` is the sum of `handled`, `failed`, `dropped` and `depth`, and of the message that is
/// being handled, if there is one. The figures are read one after another: those of an actor that
/// is at work may miss what it handles meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct ActorStats {
    /// Messages taken into the mailbox.
    pub accepted: u64,
    /// Messages whose handler returned without an error.
    pub handled: u64,
    /// Messages whose handler failed, panicked or was aborted.
    pub failed: u64,
    /// Incarnations after the first.
    pub restarts: u64,
    /// Messages left in the mailbox when the actor ended for good.
    pub dropped: u64,
    /// Messages in the mailbox now.
    pub depth: usize,
    /// The most messages there have been in the mailbox at once.
    pub high_water: usize,
    /// Where it is in its life.
    pub state: ActorState,
}

pub(crate) struct Cell<M> {
    name: Arc<str>,
    id: u64,
    pub(crate) mailbox: Mailbox<M>,
    handled: AtomicU64,
    failed: AtomicU64,
    restarts: AtomicU64,
    progress: Mutex<Progress>,
    exit: watch::Sender<Option<ExitReason>>,
    home: OnceLock<Home>,
}

/// Where an actor lives, once it has been started.
pub(crate) struct Home {
    pub(crate) node: Weak<SupervisorNode>,
    pub(crate) key: Key,
}

struct Progress {
    state: ActorState,
    started: bool,
}

impl<M> Cell<M> {
    pub(crate) fn new(name: Arc<str>, id: u64, mailbox: Mailbox<M>) -> Self {
        Self {
            name,
            id,
            mailbox,
            handled: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            progress: Mutex::new(Progress { state: ActorState::Starting, started: false }),
            exit: watch::Sender::new(None),
            home: OnceLock::new(),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn stats(&self) -> ActorStats {
        let state = lock(&self.progress).state;
        let handled = self.handled.load(Ordering::Relaxed);
        let failed = self.failed.load(Ordering::Relaxed);
        let figures = self.mailbox.figures();
        ActorStats {
            accepted: figures.accepted,
            handled,
            failed,
            restarts: self.restarts.load(Ordering::Relaxed),
            dropped: figures.dropped,
            depth: figures.depth,
            high_water: figures.high_water,
            state,
        }
    }

    /// Counts a message as failed, unless it is declared handled before this is dropped: so a
    /// handler that is aborted counts too.
    pub(crate) fn handling(&self) -> Handling<'_> {
        Handling { handled: &self.handled, failed: &self.failed, done: false }
    }

    pub(crate) fn home(&self) -> Option<&Home> {
        self.home.get()
    }

    pub(crate) async fn exit(&self) -> ExitReason {
        let mut exit = self.exit.subscribe();
        let ended = exit.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        // The sender lives in `self`: there is always a reason.
        ended.unwrap_or(ExitReason::Shutdown)
    }
}

pub(crate) struct Handling<'a> {
    handled: &'a AtomicU64,
    failed: &'a AtomicU64,
    done: bool,
}

impl Handling<'_> {
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Handling<'_> {
    fn drop(&mut self) {
        let count = if self.done { self.handled } else { self.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A [`Cell`] whatever its messages are, or a supervisor.
pub(crate) trait AnyCell: Any + Send + Sync {
    /// Empty if it has none.
    fn name(&self) -> &Arc<str>;
    fn id(&self) -> u64;
    /// None for a supervisor.
    fn stats(&self) -> Option<ActorStats>;
    fn is_supervisor(&self) -> bool {
        false
    }
    /// None for an actor.
    fn snapshot(&self) -> Option<SupervisorSnapshot> {
        None
    }
    /// Adds the actors without a name in its part of the tree.
    fn unnamed(&self, _: &mut Vec<Arc<dyn AnyCell>>) {}
    fn state(&self) -> ActorState;
    fn settle_in(&self, home: Home);
    /// Ready once a stop like this, or a greater one, is asked for. For the time between
    /// incarnations.
    fn poll_stop(&self, least: StopRequest, context: &Context<'_>) -> Poll<StopRequest>;
    fn stop(&self, request: StopRequest);
    /// Whether the actor was told to end for good.
    fn terminated(&self) -> bool;
    /// A new incarnation is about to begin.
    fn begin(&self, incarnation: u64);
    fn enter(&self, state: ActorState);
    /// Whether an incarnation has ever run.
    fn started(&self) -> bool;
    /// Closes the mailbox for good and drops what is in it.
    fn close(&self);
    /// Tells those who wait that the actor has ended for good.
    fn announce(&self, reason: ExitReason);

    /// As `stop`, for good, and if it is a supervisor, within these limits.
    fn shut_down(&self, order: &Order) {
        let _ = order;
        self.stop(StopRequest::Shutdown);
    }
}

impl dyn AnyCell {
    /// What logs and reports call it.
    pub(crate) fn label(&self) -> String {
        match self.name() {
            name if name.is_empty() => format!("#{}", self.id()),
            name => name.to_string(),
        }
    }
}

impl<M: Send + 'static> AnyCell for Cell<M> {
    fn name(&self) -> &Arc<str> {
        self.name()
    }

    fn id(&self) -> u64 {
        self.id()
    }

    fn stats(&self) -> Option<ActorStats> {
        Some(self.stats())
    }

    fn state(&self) -> ActorState {
        lock(&self.progress).state
    }

    fn settle_in(&self, home: Home) {
        let _ = self.home.set(home);
    }

    fn poll_stop(&self, least: StopRequest, context: &Context<'_>) -> Poll<StopRequest> {
        self.mailbox.poll_stop(least, context)
    }

    fn stop(&self, request: StopRequest) {
        self.mailbox.request_stop(request);
    }

    fn terminated(&self) -> bool {
        self.mailbox.terminated()
    }

    fn begin(&self, incarnation: u64) {
        self.restarts.store(incarnation, Ordering::Relaxed);
        self.mailbox.forget_own_stop();
    }

    fn enter(&self, state: ActorState) {
        let mut progress = lock(&self.progress);
        progress.started |= state == ActorState::Running;
        // An incarnation that was aborted while it blocks its worker may go on after the end.
        if progress.state != ActorState::Stopped {
            progress.state = state;
        }
    }

    fn started(&self) -> bool {
        lock(&self.progress).started
    }

    fn close(&self) {
        for message in self.mailbox.close() {
            if catch_unwind(AssertUnwindSafe(|| drop(message))).is_err() {
                tracing::error!(actor = %self.name, "a message panicked when it was dropped");
            }
        }
        self.enter(ActorState::Stopped);
    }

    fn announce(&self, reason: ExitReason) {
        // The first reason counts.
        self.exit.send_if_modified(|exit| {
            let first = exit.is_none();
            exit.get_or_insert(reason);
            first
        });
    }
}
