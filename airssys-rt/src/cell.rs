//! The part of an actor that outlives its incarnations: its name, its mailbox, its counters.

pub(crate) mod behind;
pub(crate) mod children;
mod counters;
mod exit;
mod flags;
pub(crate) mod inbox;
mod links;
#[cfg(all(test, shuttle))]
mod model;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use airssys_core::{Down, ExitReason, Identity, Overflow};
use futures_util::FutureExt;
use once_cell::race::OnceBox;
use tokio::sync::Notify;

use self::children::ActorChildren;
pub(crate) use self::counters::Counters;
use self::exit::{Exit, FullReason};
use self::flags::{Flag, Flags};
use crate::causes::Causes;
use crate::child::{EndedLife, Parent, ParentLink, Registered, Supervised};
use crate::errors::{ReserveError, SendError, SendWithError};
use crate::events::{DeadLetterCause, Event};
use crate::guard::discard;
use crate::incarnations::Incarnations;
use crate::mailbox::{Mailbox, StopRequest};
use crate::monitor::Watchers;
use crate::services::Services;
use crate::snapshot::{ActorSnapshot, ChildSnapshot};
use crate::stats::{ActorState, ActorStats};

/// The name of actors that have none.
static NAMELESS: LazyLock<Arc<str>> = LazyLock::new(Arc::default);

pub(crate) struct Cell<M> {
    name: Option<Arc<str>>,
    id: u64,
    services: Arc<Services>,
    pub(crate) mailbox: Mailbox<M>,
    pub(crate) counters: Counters,
    incarnations: Incarnations,
    state: AtomicU8,
    flags: Flags,
    /// The number of ends of incarnations that the supervisor has decided about, modulo 2^32.
    life: AtomicU32,
    exit: Exit,
    rare: OnceBox<Rare>,
    /// Set once it has been started.
    parent: OnceLock<ParentLink>,
}

/// The parts that most actors never need: the tasks and actors that are told of an actor's end or end
/// with it, and counts of what seldom happens.
#[derive(Default)]
struct Rare {
    watchers: Watchers,
    ended: Notify,
    children: ActorChildren,
    exit: FullReason,
    ticks: AtomicU64,
}

impl<M> Cell<M> {
    pub(crate) fn new(name: Option<Arc<str>>, id: u64, mailbox: Mailbox<M>, services: Arc<Services>) -> Self {
        Self {
            name,
            id,
            services,
            mailbox,
            counters: Counters::default(),
            incarnations: Incarnations::new(),
            state: AtomicU8::new(ActorState::Starting as u8),
            flags: Flags::default(),
            life: AtomicU32::new(0),
            exit: Exit::default(),
            rare: OnceBox::new(),
            parent: OnceLock::new(),
        }
    }

    /// Called before it is started.
    pub(crate) fn mark_movable(&self) {
        self.flags.set(Flag::Movable);
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

    pub(crate) fn stats(&self) -> ActorStats {
        let state = self.state();
        let handled = self.counters.handled.load(Ordering::Relaxed);
        let failed = self.counters.failed.load(Ordering::Relaxed);
        let mailbox = self.mailbox.stats();
        ActorStats {
            accepted: mailbox.accepted,
            rejected: mailbox.rejected,
            waited: mailbox.waited,
            overflowed: mailbox.overflowed,
            handled,
            failed,
            restarts: self.incarnations.current(),
            dropped: mailbox.dropped,
            depth: mailbox.depth,
            high_water: mailbox.high_water,
            ticks: self.rare.get().map_or(0, |rare| rare.ticks.load(Ordering::Relaxed)),
            busy: Duration::from_nanos(self.counters.busy_ns.load(Ordering::Relaxed)),
            state,
        }
    }

    /// The number of messages accepted and not handled, the one being handled included.
    pub(crate) fn load(&self) -> u64 {
        // The handled messages are read first, so that messages that come meanwhile are not missed.
        let done =
            self.counters.handled.load(Ordering::Acquire) + self.counters.failed.load(Ordering::Acquire);
        let mailbox = self.mailbox.stats();
        mailbox.accepted.saturating_sub(done + mailbox.overflowed + mailbox.dropped)
    }

    pub(crate) fn state(&self) -> ActorState {
        // An incarnation that was aborted while it blocks its worker may go on after the end.
        match self.exit.is_set() {
            true => ActorState::Stopped,
            false => ActorState::from_u8(self.state.load(Ordering::Acquire)),
        }
    }

    pub(crate) async fn send(&self, message: M) -> Result<(), SendError<M>> {
        match self.send_now(message) {
            Err(SendError::Full(message)) if self.mailbox.overflow() == Overflow::Wait => {
                // On the heap, because a handler that sends has this future in the memory of its actor.
                Box::pin(self.mailbox.send_waiting(message)).await
            }
            sent => sent,
        }
    }

    /// Sends, and hands the message back instead of waiting.
    #[inline]
    pub(crate) fn send_now(&self, message: M) -> Result<(), SendError<M>> {
        self.count_send(self.mailbox.send_now(message))
    }

    pub(crate) fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        self.count_send(self.mailbox.try_send(message))
    }

    #[inline]
    fn count_send(&self, sent: Result<Option<M>, SendError<M>>) -> Result<(), SendError<M>> {
        match sent {
            Ok(None) => Ok(()),
            Ok(Some(dropped)) => {
                self.overflowed(dropped);
                Ok(())
            }
            Err(SendError::Full(message)) => {
                self.note_full();
                Err(SendError::Full(message))
            }
            Err(closed) => Err(closed),
        }
    }

    /// Makes a message and sends it without waking the actor; returns true if the actor sleeps.
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

    /// Waits for a slot of the mailbox and takes it; returns false if the mailbox has closed.
    pub(crate) async fn slot(&self) -> bool {
        let mut slot = self.mailbox.slot();
        let mut waits = false;
        poll_fn(|task| {
            let polled = slot.poll_unpin(task);
            if polled.is_pending() && !std::mem::replace(&mut waits, true) {
                self.note_full();
            }
            polled
        })
        .await
    }

    fn note_full(&self) {
        if self.mailbox.becomes_full() {
            let capacity = self.mailbox.capacity();
            self.services.events.tell(|| Event::MailboxFull { actor: self.identity(), capacity });
        }
    }

    /// Drops a message as a dead letter.
    pub(crate) fn lose(&self, message: M, cause: DeadLetterCause) {
        self.tell_lost(1, cause);
        self.drop_message(message);
    }

    /// Drops messages as dead letters.
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
        if let Err(reason) = discard(message) {
            tracing::error!(actor = %self.identity(), %reason, "a message panicked when it was dropped");
        }
    }

    /// Counts messages on which the actor failed.
    pub(crate) fn add_failed(&self, messages: u64) {
        self.counters.failed.fetch_add(messages, Ordering::Relaxed);
    }

    /// Counts a message of a timer.
    pub(crate) fn count_tick(&self) {
        self.rare.get_or_init(Box::default).ticks.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity { name: self.name().clone(), id: self.id }
    }

    /// The supervisor, once the actor has been started, and while the system is there.
    pub(crate) fn parent(&self) -> Option<Arc<dyn Parent>> {
        Some(self.parent.get()?.get()?.0)
    }

    /// Begins the next incarnation.
    pub(crate) fn begin_next(&self) {
        self.begin(self.incarnations.next());
    }

    /// The number of the incarnation that runs, or ran last; 0 before the first.
    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnations.current()
    }

    pub(crate) fn begin(&self, incarnation: u64) {
        self.incarnations.begin(incarnation);
        self.flags.take(Flag::RestartedEarly);
        self.mailbox.forget_stop(StopRequest::Restart);
    }

    pub(crate) fn watchers(&self) -> &Watchers {
        &self.rare().watchers
    }

    /// The children of this actor.
    pub(crate) fn children(&self) -> &ActorChildren {
        &self.rare().children
    }

    /// The children of this actor, if it may have some.
    pub(crate) fn own_children(&self) -> Option<&ActorChildren> {
        self.rare.get().map(|rare| &rare.children)
    }

    /// How the actor ended for good, if it has.
    pub(crate) fn reason(&self) -> Option<ExitReason> {
        self.exit.get(self.rare.get().map(|rare| &rare.exit))
    }

    fn rare(&self) -> &Rare {
        let rare = self.rare.get_or_init(Box::default);
        // Either the caller sees this actor's end when it looks next, or `announce` sees the caller's.
        fence(Ordering::SeqCst);
        rare
    }

    /// How the actor ended, if it has ended for good.
    pub(crate) fn already_down(&self) -> Option<Down> {
        let reason = self.reason()?;
        Some(Down::new(self.identity(), reason, false))
    }

    /// Ends the children of an incarnation that has ended, and notifies its watchers. Another may follow.
    ///
    /// Returns the failure for which it ended, if that spreads.
    fn notify_of_incarnation(&self, reason: &ExitReason) -> Causes
    where
        M: Send + 'static,
    {
        let mut causes = Causes::default();
        if let Some(rare) = self.rare.get() {
            rare.children.stop();
            let down = Arc::new(Down::new(self.identity(), reason.clone(), true));
            rare.watchers.notify_all(self.watcher_key(), &self.incarnations, &down);
            if reason.is_failure() {
                causes.add(&down.first());
            }
        }
        causes
    }

    /// Asks the supervisor to abort the incarnation that is there now, and no later one.
    pub(crate) fn kill(&self) {
        let life = self.life.load(Ordering::Acquire);
        if let Some((parent, key)) = self.parent.get().and_then(ParentLink::get) {
            parent.kill(key, life);
        }
    }

    /// Returns true if the actor is quarantined, alone or with a supervisor above it. Takes the lock of
    /// its supervisor, as a look at changes of the tree has to.
    pub(crate) fn is_quarantined(&self) -> bool {
        self.parent.get().and_then(ParentLink::get).is_some_and(|(parent, key)| parent.has_quarantined(key))
    }

    /// Asks the supervisor to start a quarantined actor again; returns false if it does not.
    pub(crate) fn resume(&self) -> bool {
        self.parent.get().and_then(ParentLink::get).is_some_and(|(parent, key)| parent.resume(key))
    }

    /// Ends the incarnation, so that the next follows.
    pub(crate) fn restart(&self) {
        if self.resume() {
            return;
        }
        if matches!(self.state(), ActorState::Starting | ActorState::Restarting) {
            self.flags.set(Flag::RestartedEarly);
        }
        self.mailbox.request_stop(StopRequest::Restart);
    }

    /// Ends the actor for good, for the holder of a reference.
    pub(crate) fn stop_for_good(&self) {
        self.mailbox.request_stop(StopRequest::Shutdown);
        // Without a task, only its supervisor can end it. If it is put into quarantine after this, the
        // supervisor sees the request.
        if self.state() == ActorState::Quarantined
            && let Some((parent, key)) = self.parent.get().and_then(ParentLink::get)
        {
            parent.dismiss(key);
        }
    }

    /// Ends the actor for good after the messages in its mailbox. A quarantined actor ends at once.
    pub(crate) fn drain(&self) {
        self.mailbox.drain();
        // Under the lock of the supervisor, so that a quarantine meanwhile is seen by one of the two.
        if let Some((parent, key)) = self.parent.get().and_then(ParentLink::get) {
            parent.dismiss(key);
        }
    }

    /// Notified when the actor has ended for good and its reason is set.
    pub(crate) fn ended(&self) -> &Notify {
        &self.rare().ended
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

impl<M: Send + 'static> Registered for Cell<M> {
    fn name(&self) -> &Arc<str> {
        self.name()
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn stats(&self) -> Option<ActorStats> {
        Some(self.stats())
    }

    fn is_closed(&self) -> bool {
        self.mailbox.is_closed()
    }

    fn mark_grouped(&self) {
        self.flags.set(Flag::Grouped);
    }

    fn is_grouped(&self) -> bool {
        self.flags.has(Flag::Grouped)
    }

    fn close(&self) {
        self.lose_all(self.mailbox.close(), DeadLetterCause::ActorEnded);
        self.enter(ActorState::Stopped);
    }

    fn announce(&self, reason: ExitReason) {
        if !self.exit.set(&reason, || &self.rare.get_or_init(Box::default).exit) {
            return;
        }
        self.incarnations.end();
        fence(Ordering::SeqCst);
        let rare = self.rare.get();
        if let Some(rare) = rare {
            rare.children.stop();
            rare.ended.notify_waiters();
        }
        self.services.events.tell(|| Event::Stopped { actor: self.identity(), reason: reason.clone() });
        if let Some(rare) = rare {
            let down = Down::new(self.identity(), reason, false);
            rare.watchers.notify_all(self.watcher_key(), &self.incarnations, &Arc::new(down));
        }
    }
}

impl<M: Send + 'static> Supervised for Cell<M> {
    fn services(&self) -> &Services {
        self.services()
    }

    fn snapshot(&self) -> ChildSnapshot {
        let (name, stats) = (self.name().to_string(), self.stats());
        ChildSnapshot::Actor(ActorSnapshot { name, id: self.id, stats })
    }

    fn state(&self) -> ActorState {
        self.state()
    }

    fn incarnation(&self) -> u64 {
        self.incarnation()
    }

    fn excuse_failure(&self) {
        self.flags.set(Flag::Excused);
    }

    fn set_parent(&self, parent: ParentLink) {
        let _ = self.parent.set(parent);
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

    fn seems_terminated(&self) -> bool {
        self.mailbox.seems_terminated()
    }

    fn life(&self) -> u32 {
        self.life.load(Ordering::Relaxed)
    }

    fn end_life(&self) -> EndedLife {
        self.life.store(self.life.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
        EndedLife {
            started: self.started(),
            terminated: self.seems_terminated(),
            excused: self.flags.take(Flag::Excused),
            restarted_early: self.flags.take(Flag::RestartedEarly),
        }
    }

    fn is_movable(&self) -> bool {
        self.flags.has(Flag::Movable)
    }

    fn rejoin(&self) {
        self.mailbox.forget_stop(StopRequest::Group);
    }

    fn enter(&self, state: ActorState) {
        if state == ActorState::Running {
            self.flags.set(Flag::Started);
            let incarnation = self.incarnations.current();
            self.services.events.tell(|| Event::Started { actor: self.identity(), incarnation });
        }
        self.state.store(state as u8, Ordering::Release);
    }

    fn started(&self) -> bool {
        self.flags.has(Flag::Started)
    }

    fn restarting(&self, reason: &ExitReason, after: Duration) -> Causes {
        self.enter(ActorState::Restarting);
        self.incarnations.end();
        fence(Ordering::SeqCst);
        self.services.events.tell(|| Event::Restarting {
            actor: self.identity(),
            reason: reason.clone(),
            after,
        });
        self.notify_of_incarnation(reason)
    }

    fn restart_for(&self, causes: &Causes) {
        // An actor without watchers has no links.
        if let Some(rare) = self.rare.get() {
            rare.watchers.restart_for(causes);
        }
    }

    fn quarantined(&self, reason: &ExitReason) {
        self.incarnations.end();
        fence(Ordering::SeqCst);
        self.notify_of_incarnation(reason);
    }
}
