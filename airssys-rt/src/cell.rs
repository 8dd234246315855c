//! What outlives an actor's incarnations: its name, its mailbox, its figures.

mod counters;
mod handling;

use std::any::Any;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering, fence};
use std::sync::{Arc, LazyLock, OnceLock, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use airssys_core::{Down, ExitReason, Identity, Overflow};
use futures_util::FutureExt;
use tokio::sync::Notify;

pub(crate) use self::counters::Counters;
pub(crate) use self::handling::Handling;
use crate::errors::{ReserveError, SendError, SendWithError, TrySendError};
use crate::family::Family;
use crate::mailbox::{Mailbox, StopRequest};
use crate::monitor::{Hears, Watchers};
use crate::services::Services;
use crate::supervisor::{Key, Order, SupervisorNode};
use crate::{DeadLetterCause, Event, SupervisorSnapshot};

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
/// `accepted` is the sum of `handled`, `failed`, `overflowed`, `dropped` and `depth`, and of the
/// message that is being handled, if there is one. The figures are read one after another: those of
/// an actor that is at work may miss what it handles meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct ActorStats {
    /// Messages taken from their senders.
    pub accepted: u64,
    /// Messages handed back to their senders because the mailbox was full.
    pub rejected: u64,
    /// Sends that had to wait for room.
    pub waited: u64,
    /// Messages dropped because the mailbox was full: [`Overflow::DropOldest`](crate::Overflow) or
    /// `DropNewest`.
    pub overflowed: u64,
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
    /// The most messages there have been in the mailbox at once. Those that the actor has handled
    /// since it last looked for new ones may count too.
    pub high_water: usize,
    /// Messages of its own timers that it has got: not among the accepted.
    pub ticks: u64,
    /// Time spent in the handler, waits in it included. Handlers that wait are timed each, others
    /// by the wake-up, and of the wake-ups for a single message one in eight stands for all.
    pub busy: Duration,
    /// Where it is in its life.
    pub state: ActorState,
}

/// The name of those that have none.
static NAMELESS: LazyLock<Arc<str>> = LazyLock::new(Arc::default);

pub(crate) struct Cell<M> {
    name: Option<Arc<str>>,
    id: u64,
    services: Arc<Services>,
    pub(crate) mailbox: Mailbox<M>,
    pub(crate) counters: Counters,
    state: AtomicU8,
    started: AtomicBool,
    /// Whether it has ever been in a group.
    grouped: AtomicBool,
    audience: OnceLock<Box<Audience>>,
    /// How it ended for good; nothing stands for the most common end, a shutdown.
    exit: OnceLock<Option<Box<ExitReason>>>,
    home: OnceLock<Home>,
}

/// Those who want to know of an actor's end, or end with it.
#[derive(Default)]
pub(crate) struct Audience {
    watchers: Watchers,
    ended: Notify,
    family: Family,
}

/// Where an actor lives, once it has been started.
pub(crate) struct Home {
    pub(crate) node: Weak<SupervisorNode>,
    pub(crate) key: Key,
}

impl<M> Cell<M> {
    pub(crate) fn new(name: Option<Arc<str>>, id: u64, mailbox: Mailbox<M>, services: Arc<Services>) -> Self {
        Self {
            name,
            id,
            services,
            mailbox,
            counters: Counters::default(),
            state: AtomicU8::new(ActorState::Starting as u8),
            started: AtomicBool::new(false),
            grouped: AtomicBool::new(false),
            audience: OnceLock::new(),
            exit: OnceLock::new(),
            home: OnceLock::new(),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        self.name.as_ref().unwrap_or(&NAMELESS)
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// Counts a message as failed, unless it is declared handled before this is dropped: so a
    /// handler that is aborted counts too.
    pub(crate) fn handling(&self) -> Handling<'_, M> {
        Handling::new(self)
    }

    pub(crate) fn stats(&self) -> ActorStats {
        let state = self.state();
        let handled = self.counters.handled.load(Ordering::Relaxed);
        let failed = self.counters.failed.load(Ordering::Relaxed);
        let figures = self.mailbox.figures();
        ActorStats {
            accepted: figures.accepted,
            rejected: figures.rejected,
            waited: figures.waited,
            overflowed: figures.overflowed,
            handled,
            failed,
            restarts: self.counters.restarts.load(Ordering::Relaxed),
            dropped: figures.dropped,
            depth: figures.depth,
            high_water: figures.high_water,
            ticks: self.counters.ticks.load(Ordering::Relaxed),
            busy: Duration::from_nanos(self.counters.busy_ns.load(Ordering::Relaxed)),
            state,
        }
    }

    /// Messages that have been accepted and not been handled, the one being handled included.
    pub(crate) fn load(&self) -> u64 {
        // First what is done: the messages that come meanwhile are not missed.
        let done =
            self.counters.handled.load(Ordering::Acquire) + self.counters.failed.load(Ordering::Acquire);
        let figures = self.mailbox.figures();
        figures.accepted.saturating_sub(done + figures.overflowed + figures.dropped)
    }

    pub(crate) fn state(&self) -> ActorState {
        ActorState::of(self.state.load(Ordering::Acquire))
    }

    pub(crate) async fn send(&self, message: M) -> Result<(), SendError<M>> {
        match self.send_now(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(message)) => Err(SendError::Closed(message)),
            Err(TrySendError::Full(message)) => match self.mailbox.overflow() {
                Overflow::Wait => self.mailbox.send_waiting(message).await,
                _ => Err(SendError::Full(message)),
            },
        }
    }

    /// Sends, unless that means to wait: then it hands the message back.
    #[inline]
    pub(crate) fn send_now(&self, message: M) -> Result<(), TrySendError<M>> {
        self.settle_send(self.mailbox.send_now(message))
    }

    pub(crate) fn try_send(&self, message: M) -> Result<(), TrySendError<M>> {
        self.settle_send(self.mailbox.try_send(message))
    }

    #[inline]
    fn settle_send(&self, sent: Result<Option<M>, TrySendError<M>>) -> Result<(), TrySendError<M>> {
        match sent {
            Ok(None) => Ok(()),
            Ok(Some(dropped)) => {
                self.overflowed(dropped);
                Ok(())
            }
            Err(TrySendError::Full(message)) => {
                self.note_full();
                Err(TrySendError::Full(message))
            }
            Err(closed) => Err(closed),
        }
    }

    /// Makes a message and sends it, and leaves the actor asleep if it is: says whether.
    #[inline]
    pub(crate) fn try_send_with<E>(
        &self,
        make: impl FnOnce() -> Result<M, E>,
    ) -> Result<bool, SendWithError<E>> {
        let (sleeps, dropped) = self.mailbox.send_with(make).inspect_err(|error| {
            if matches!(error, SendWithError::Full) {
                self.note_full();
            }
        })?;
        if let Some(dropped) = dropped {
            self.overflowed(dropped);
        }
        Ok(sleeps)
    }

    fn overflowed(&self, dropped: M) {
        self.note_full();
        self.lose(dropped, DeadLetterCause::Overflow);
    }

    pub(crate) fn try_reserve(&self) -> Result<(), ReserveError> {
        match self.mailbox.try_reserve() {
            Ok(None) => Ok(()),
            Ok(Some(dropped)) => {
                self.overflowed(dropped);
                Ok(())
            }
            Err(error) => {
                if error == ReserveError::Full {
                    self.note_full();
                }
                Err(error)
            }
        }
    }

    /// Waits for a slot of the mailbox and takes it; false if it has closed.
    pub(crate) async fn slot(&self) -> bool {
        let mut slot = self.mailbox.slot();
        let mut waits = false;
        poll_fn(|task| {
            let turn = slot.poll_unpin(task);
            if turn.is_pending() && !std::mem::replace(&mut waits, true) {
                self.note_full();
            }
            turn
        })
        .await
    }

    fn note_full(&self) {
        if self.mailbox.is_news_that_full() {
            let capacity = self.mailbox.capacity();
            self.services.events.tell(|| Event::MailboxFull { actor: self.identity(), capacity });
        }
    }

    /// Drops a message that nobody will handle.
    pub(crate) fn lose(&self, message: M, cause: DeadLetterCause) {
        self.tell_lost(1, cause);
        self.drop_message(message);
    }

    /// Drops messages that nobody will handle.
    pub(crate) fn lose_all(&self, messages: VecDeque<M>, cause: DeadLetterCause) {
        if !messages.is_empty() {
            self.tell_lost(messages.len() as u64, cause);
            messages.into_iter().for_each(|message| self.drop_message(message));
        }
    }

    pub(crate) fn tell_lost(&self, count: u64, cause: DeadLetterCause) {
        let message = std::any::type_name::<M>();
        self.services.events.tell(|| Event::DeadLetter { actor: self.identity(), message, count, cause });
    }

    fn drop_message(&self, message: M) {
        if catch_unwind(AssertUnwindSafe(|| drop(message))).is_err() {
            tracing::error!(actor = %self.identity(), "a message panicked when it was dropped");
        }
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity { name: self.name().clone(), id: self.id }
    }

    pub(crate) fn home(&self) -> Option<&Home> {
        self.home.get()
    }

    /// The number of the incarnation that runs, or ran last.
    pub(crate) fn incarnation(&self) -> u64 {
        self.counters.restarts.load(Ordering::Relaxed)
    }

    pub(crate) fn watchers(&self) -> &Watchers {
        &self.audience().watchers
    }

    /// The children of this actor.
    pub(crate) fn family(&self) -> &Family {
        &self.audience().family
    }

    /// The same, if it may have some.
    pub(crate) fn own_family(&self) -> Option<&Family> {
        self.audience.get().map(|audience| &audience.family)
    }

    /// How the actor ended for good, if it has.
    pub(crate) fn reason(&self) -> Option<ExitReason> {
        let reason = self.exit.get()?.as_deref();
        Some(reason.cloned().unwrap_or(ExitReason::Shutdown))
    }

    fn audience(&self) -> &Audience {
        let audience = self.audience.get_or_init(Box::default);
        // Either this actor's end is seen by whoever looks for it next, or they are seen by `announce`.
        fence(Ordering::SeqCst);
        audience
    }

    /// How the actor ended, if it has ended for good.
    pub(crate) fn already_down(&self) -> Option<Down> {
        let reason = self.reason()?;
        Some(Down::new(self.identity(), reason, false))
    }

    /// Has the supervisor abort the incarnation.
    pub(crate) fn kill(&self) {
        if let Some(home) = self.home.get()
            && let Some(node) = home.node.upgrade()
        {
            node.kill(home.key);
        }
    }

    /// Notified when the actor has ended for good and its reason is set.
    pub(crate) fn ended(&self) -> &Notify {
        &self.audience().ended
    }

    pub(crate) async fn exit(&self) -> ExitReason {
        loop {
            let ended = self.ended().notified();
            if let Some(reason) = self.reason() {
                return reason;
            }
            ended.await;
        }
    }
}

impl ActorState {
    fn of(number: u8) -> Self {
        [Self::Starting, Self::Running, Self::Restarting, Self::Stopping]
            .into_iter()
            .find(|state| *state as u8 == number)
            .unwrap_or(Self::Stopped)
    }
}

/// A [`Cell`] whatever its messages are, or a supervisor.
pub(crate) trait AnyCell: Any + Send + Sync {
    /// Empty if it has none.
    fn name(&self) -> &Arc<str>;
    fn id(&self) -> u64;
    fn services(&self) -> &Services;
    /// None for a supervisor.
    fn stats(&self) -> Option<ActorStats>;
    fn is_supervisor(&self) -> bool {
        false
    }
    /// Whether it is the supervisor of an actor's children, which stops and starts with that actor.
    fn is_owned(&self) -> bool {
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
    /// Its group has stopped and is about to start again: the stop is over.
    fn rejoin(&self);
    /// A new incarnation is about to begin.
    fn begin(&self, incarnation: u64);
    fn enter(&self, state: ActorState);
    /// Whether an incarnation has ever run.
    fn started(&self) -> bool;
    /// Whether it takes no more messages.
    fn is_closed(&self) -> bool;
    /// It is about to join a group.
    fn mark_grouped(&self) {}
    /// Whether it may be in a group.
    fn is_grouped(&self) -> bool {
        false
    }
    /// Closes the mailbox for good and drops what is in it.
    fn close(&self);
    /// Tells those who wait or watch that the actor has ended for good.
    fn announce(&self, reason: ExitReason);
    /// Tells those who watch that an incarnation ended and another will start.
    fn restarting(&self, reason: &ExitReason, after: Duration);

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

    fn services(&self) -> &Services {
        self.services()
    }

    fn stats(&self) -> Option<ActorStats> {
        Some(self.stats())
    }

    fn state(&self) -> ActorState {
        self.state()
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
        self.counters.restarts.store(incarnation, Ordering::Relaxed);
        self.mailbox.forget_stop(StopRequest::Own);
    }

    fn rejoin(&self) {
        self.mailbox.forget_stop(StopRequest::Group);
    }

    fn enter(&self, state: ActorState) {
        if state == ActorState::Running {
            self.started.store(true, Ordering::Release);
            let incarnation = self.counters.restarts.load(Ordering::Relaxed);
            self.services.events.tell(|| Event::Started { actor: self.identity(), incarnation });
        }
        // An incarnation that was aborted while it blocks its worker may go on after the end.
        let next = |before| (before != ActorState::Stopped as u8).then_some(state as u8);
        let _ = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
    }

    fn started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    fn is_closed(&self) -> bool {
        self.mailbox.is_closed()
    }

    fn mark_grouped(&self) {
        self.grouped.store(true, Ordering::Relaxed);
    }

    fn is_grouped(&self) -> bool {
        self.grouped.load(Ordering::Relaxed)
    }

    fn close(&self) {
        self.lose_all(self.mailbox.close(), DeadLetterCause::ActorEnded);
        self.enter(ActorState::Stopped);
    }

    fn announce(&self, reason: ExitReason) {
        // The first reason counts.
        let kept = match &reason {
            ExitReason::Shutdown => None,
            other => Some(Box::new(other.clone())),
        };
        if self.exit.set(kept).is_err() {
            return;
        }
        fence(Ordering::SeqCst);
        let audience = self.audience.get();
        if let Some(audience) = audience {
            audience.family.stop();
            audience.ended.notify_waiters();
        }
        self.services.events.tell(|| Event::Stopped { actor: self.identity(), reason: reason.clone() });
        if let Some(audience) = audience {
            let actor = self.identity();
            audience.watchers.tell(&Down::new(actor, reason, false));
        }
    }

    fn restarting(&self, reason: &ExitReason, after: Duration) {
        self.enter(ActorState::Restarting);
        self.services.events.tell(|| Event::Restarting {
            actor: self.identity(),
            reason: reason.clone(),
            after,
        });
        if let Some(audience) = self.audience.get() {
            audience.family.stop();
            let (actor, reason) = (self.identity(), reason.clone());
            audience.watchers.tell(&Down::new(actor, reason, true));
        }
    }
}

impl<M: Send + 'static> Hears for Cell<M> {
    fn id(&self) -> u64 {
        self.id
    }

    fn has_ended(&self) -> bool {
        self.exit.get().is_some()
    }

    fn hear(&self, down: Down) {
        self.mailbox.hear(|heard| heard.hear(down));
    }

    fn unhear(&self, id: u64) {
        self.mailbox.hear(|heard| heard.forget(id));
    }

    fn fail_with(&self, incarnation: u64, down: Down) {
        self.mailbox.hear(|heard| heard.fail(incarnation, down));
    }
}
