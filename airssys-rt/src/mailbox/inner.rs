//! The state of a mailbox, behind its lock.
//!
//! Every slot is free, taken by a message (in the queue, or with the receiver and not handed out
//! yet), or reserved (by a permit, or for a waiter that is served). A slot that becomes free is
//! reserved for the first waiter as soon as that is noticed, so that no sender can get ahead of the
//! waiters. One case differs: [`Inner::offer`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::{Poll, Waker};

use super::control::{MailboxStats, StopRequest, Urgent, Wakers};
use crate::events::DeadLetterCause;
use crate::monitor::Notifications;

pub(super) struct Inner<M> {
    queue: VecDeque<M>,
    capacity: u32,
    reserved: u32,
    high_water: u32,
    stop: Option<StopRequest>,
    flags: Flags,
    /// The number of messages that the receiver has fetched, ever.
    fetched: u64,
    /// The number of messages that the receiver has handed out, ever, as far as is known.
    taken: u64,
    receiver: Option<Waker>,
    rare: Option<Box<Rare>>,
}

/// The parts that most mailboxes never need.
#[derive(Default)]
struct Rare {
    waiters: Waiters,
    notifications: Notifications,
    /// The task of a handler that waits until something overtakes messages.
    overtaken: Option<Waker>,
    dropped: u64,
    overflowed: u64,
    rejected: u64,
    waited: u64,
}

/// Facts about a mailbox, each a bit.
#[derive(Default)]
struct Flags(u8);

#[derive(Clone, Copy)]
enum Flag {
    Closed = 1,
    /// It is closed, and the actor ends once it is empty.
    Draining = 2,
    /// The actor was told to end for good: no incarnation follows, whatever its end.
    Terminated = 4,
    Signalled = 8,
    ToldFull = 16,
}

/// The flags that are read without the lock.
#[derive(Clone, Copy)]
pub(super) struct EndFlags(pub(super) u8);

impl EndFlags {
    const ALL: u8 = Flag::Closed as u8 | Flag::Terminated as u8;

    /// Returns true if messages are refused.
    pub(super) fn closed(self) -> bool {
        self.0 & Flag::Closed as u8 != 0
    }

    /// Returns true if the actor was told to end for good.
    pub(super) fn terminated(self) -> bool {
        self.0 & Flag::Terminated as u8 != 0
    }
}

impl Flags {
    #[inline]
    fn has(&self, flag: Flag) -> bool {
        self.0 & flag as u8 != 0
    }

    /// Sets or clears a flag, and returns true if it was set.
    #[inline]
    fn put(&mut self, flag: Flag, set: bool) -> bool {
        let before = self.has(flag);
        self.0 = if set { self.0 | flag as u8 } else { self.0 & !(flag as u8) };
        before
    }
}

/// The waiters for a slot, and those that have one and have not been polled since.
#[derive(Default)]
struct Waiters {
    /// Ordered by ticket: the first has waited longest. `None` for a waiter that was woken by an offer, and
    /// has not been polled since.
    waiting: BTreeMap<u64, Option<Waker>>,
    /// Waiters for which a slot is reserved and that have not been polled since.
    granted: BTreeSet<u64>,
    next_ticket: u64,
}

impl<M> Inner<M> {
    pub(super) fn new(capacity: u32) -> Self {
        Self {
            queue: VecDeque::new(),
            capacity,
            reserved: 0,
            high_water: 0,
            stop: None,
            flags: Flags::default(),
            fetched: 0,
            taken: 0,
            receiver: None,
            rare: None,
        }
    }

    #[inline]
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    pub(super) fn end_flags(&self) -> EndFlags {
        EndFlags(self.flags.0 & EndFlags::ALL)
    }

    pub(super) fn closed(&self) -> bool {
        self.flags.has(Flag::Closed)
    }

    /// The number of messages that have not been handed out.
    #[inline]
    fn depth(&self) -> usize {
        // The messages with the receiver were within the capacity when they were in the queue.
        self.queue.len() + (self.fetched - self.taken) as usize
    }

    #[inline]
    pub(super) fn free(&self) -> usize {
        self.capacity as usize - self.depth() - self.reserved as usize
    }

    pub(super) fn set_taken(&mut self, taken: u64) {
        self.taken = taken;
    }

    pub(super) fn has_waiting(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.waiters.waiting.is_empty())
    }

    pub(super) fn becomes_full(&mut self) -> bool {
        !self.flags.put(Flag::ToldFull, true)
    }

    pub(super) fn stats(&self) -> MailboxStats {
        let rare = |count: fn(&Rare) -> u64| self.rare.as_deref().map_or(0, count);
        MailboxStats {
            accepted: self.accepted(),
            dropped: rare(|rare| rare.dropped),
            overflowed: rare(|rare| rare.overflowed),
            rejected: rare(|rare| rare.rejected),
            waited: rare(|rare| rare.waited),
            depth: self.depth(),
            high_water: self.high_water as usize,
        }
    }

    /// The number of messages that were accepted, ever. Each has been fetched, is in the queue, or was
    /// dropped.
    fn accepted(&self) -> u64 {
        let lost = self.rare.as_ref().map_or(0, |rare| rare.overflowed + rare.dropped);
        self.fetched + self.queue.len() as u64 + lost
    }

    /// Counts a message that is accepted, and dropped at once.
    pub(super) fn count_overflow(&mut self) {
        self.rare().overflowed += 1;
    }

    pub(super) fn count_rejection(&mut self) {
        self.rare().rejected += 1;
    }

    /// Removes the oldest message, to make room.
    pub(super) fn evict(&mut self) -> Option<M> {
        let oldest = self.queue.pop_front()?;
        self.rare().overflowed += 1;
        Some(oldest)
    }

    pub(super) fn reserve(&mut self) {
        self.reserved += 1;
    }

    pub(super) fn fill(&mut self, message: M) -> Result<(), M> {
        self.reserved -= 1;
        if self.flags.has(Flag::Closed) {
            return Err(message);
        }
        self.push(message);
        Ok(())
    }

    pub(super) fn release(&mut self, wakers: &mut Wakers) {
        self.reserved -= 1;
        self.serve(wakers);
    }

    /// Puts a message into a free slot.
    #[inline]
    pub(super) fn push(&mut self, message: M) {
        self.queue.push_back(message);
        self.high_water = self.high_water.max(self.depth() as u32);
    }

    /// Returns true if there is a message that can be dropped.
    pub(super) fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Returns true if the receiver waits for work.
    #[inline]
    pub(super) fn sleeps(&self) -> bool {
        self.receiver.is_some()
    }

    /// Takes the waker of the receiver, if it waits for work.
    #[inline]
    pub(super) fn take_receiver(&mut self) -> Option<Waker> {
        self.receiver.take()
    }

    /// Reserves the free slots for the waiters, in their order.
    pub(super) fn serve(&mut self, wakers: &mut Wakers) {
        let mut free = self.free();
        let Some(Rare { waiters, .. }) = self.rare.as_deref_mut() else { return };
        while free > 0
            && let Some((ticket, waker)) = waiters.waiting.pop_first()
        {
            free -= 1;
            self.reserved += 1;
            waiters.granted.insert(ticket);
            wakers.extend(waker);
        }
    }

    /// Polls the waiter with this ticket, or a new one. Ready with true once a slot is reserved for it,
    /// with false if the mailbox has closed. Takes the waker of a waiter that goes on waiting, and leaves the
    /// one before it.
    pub(super) fn poll_slot(
        &mut self,
        ticket: &mut Option<u64>,
        waker: &mut Option<Waker>,
        wakers: &mut Wakers,
    ) -> Poll<bool> {
        if self.flags.has(Flag::Closed) {
            *ticket = None;
            return Poll::Ready(false);
        }
        self.serve(wakers);
        let free = self.free();
        let Rare { waiters, waited, .. } = &mut **self.rare.get_or_insert_default();
        let mine = match *ticket {
            Some(mine) if waiters.granted.remove(&mine) => {
                *ticket = None;
                return Poll::Ready(true);
            }
            Some(mine) => mine,
            // All waiters have been served if there is a slot left.
            None if free > 0 => {
                self.reserved += 1;
                return Poll::Ready(true);
            }
            None => {
                *waited += 1;
                waiters.next_ticket += 1;
                waiters.next_ticket
            }
        };
        *ticket = Some(mine);
        if let Some(given) = waker.take() {
            *waker = waiters.waiting.insert(mine, Some(given)).flatten();
        }
        Poll::Pending
    }

    /// Frees the slot of a waiter that only wanted to know of the room.
    ///
    /// That waiter will try to use the slot in a moment. If it were reserved for the next waiter now,
    /// the try would always fail, and two such waiters could pass one slot back and forth for ever. So
    /// the next waiter is only woken, and takes the slot if it is still free then.
    pub(super) fn offer(&mut self, wakers: &mut Wakers) {
        self.reserved -= 1;
        if let Some(rare) = &mut self.rare
            && let Some(mut next) = rare.waiters.waiting.first_entry()
        {
            // Taken, because a copy is user code. The waiter leaves another when it is polled.
            wakers.extend(next.get_mut().take());
        }
    }

    /// Removes a waiter that is dropped before it is served, or before it was polled since. Returns its
    /// waker, to be dropped outside the lock.
    #[must_use]
    pub(super) fn give_up(&mut self, ticket: u64, wakers: &mut Wakers) -> Option<Waker> {
        let mut removed = None;
        if let Some(Rare { waiters, .. }) = self.rare.as_deref_mut() {
            if waiters.granted.remove(&ticket) {
                self.reserved -= 1;
            } else {
                removed = waiters.waiting.remove(&ticket).flatten();
            }
        }
        // It may be the waiter that an `offer` woke.
        self.serve(wakers);
        removed
    }

    pub(super) fn request_stop(&mut self, request: StopRequest) {
        if request == StopRequest::Shutdown {
            self.flags.put(Flag::Terminated, true);
        }
        self.stop = self.stop.max(Some(request));
    }

    pub(super) fn forget_stop(&mut self, forgotten: StopRequest) {
        self.stop = self.stop.filter(|request| *request > forgotten);
    }

    pub(super) fn stop_request(&self) -> Option<StopRequest> {
        self.stop
    }

    pub(super) fn notifications(&mut self) -> &mut Notifications {
        &mut self.rare().notifications
    }

    /// Takes the urgent work with the highest priority.
    pub(super) fn take_urgent(&mut self, incarnation: u64) -> Option<Urgent> {
        if let Some(request) = self.stop.take() {
            return Some(Urgent::Stop(request));
        }
        if let Some(Rare { notifications, .. }) = self.rare.as_deref_mut() {
            let urgent = match notifications.take_failure().map(|failure| failure.of(incarnation)) {
                Some(Ok(down)) => Some(Urgent::Linked(down)),
                Some(Err(overdue)) => Some(Urgent::Overdue(overdue)),
                None => notifications.take_down().map(|down| Urgent::Down(Box::new(down))),
            };
            if urgent.is_some() {
                return urgent;
            }
        }
        self.flags.put(Flag::Signalled, false).then_some(Urgent::Signal)
    }

    pub(super) fn is_urgent(&self) -> bool {
        let notified = self.rare.as_ref().is_some_and(|rare| !rare.notifications.is_empty());
        self.stop.is_some() || notified || self.flags.has(Flag::Signalled)
    }

    pub(super) fn signal(&mut self) {
        self.flags.put(Flag::Signalled, true);
    }

    /// Returns true if messages are refused, and the actor ends once it has handled those that it has.
    #[inline]
    pub(super) fn drains(&self) -> bool {
        self.flags.has(Flag::Draining)
    }

    /// Moves messages to the receiver, whose batch is empty: all, or at most `limit`. Returns false if
    /// there are no messages.
    #[inline]
    pub(super) fn fetch(&mut self, batch: &mut VecDeque<M>, limit: usize) -> bool {
        if self.queue.len() <= limit {
            std::mem::swap(&mut self.queue, batch);
        } else {
            batch.extend(self.queue.drain(..limit));
        }
        self.fetched += batch.len() as u64;
        self.flags.put(Flag::ToldFull, false);
        !batch.is_empty()
    }

    /// Takes back the messages that were not handed out, or returns the cause of their loss.
    pub(super) fn put_back(&mut self, batch: &mut VecDeque<M>) -> Option<DeadLetterCause> {
        let messages = batch.len();
        self.fetched -= messages as u64;
        if self.flags.has(Flag::Closed) && !self.flags.has(Flag::Draining) {
            self.rare().dropped += messages as u64;
            return Some(DeadLetterCause::ActorEnded);
        }
        if self.free() < messages {
            // It is the oldest, and had no slot any more.
            self.rare().overflowed += messages as u64;
            return Some(DeadLetterCause::Overflow);
        }
        batch.append(&mut self.queue);
        std::mem::swap(&mut self.queue, batch);
        self.high_water = self.high_water.max(self.depth() as u32);
        None
    }

    /// Registers the task of the receiver: the actor's own, so this runs no code of users.
    #[inline]
    pub(super) fn set_receiver(&mut self, waker: &Waker) {
        match &mut self.receiver {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Frees the memory that an idle mailbox does not need.
    #[inline]
    pub(super) fn shrink(&mut self, batch: &mut VecDeque<M>) {
        for buffer in [&mut self.queue, batch] {
            if !fits_idle(buffer) {
                *buffer = VecDeque::new();
            }
        }
    }

    /// Returns the waker before, to be dropped outside the lock.
    #[must_use]
    pub(super) fn set_overtaken(&mut self, waker: Waker) -> Option<Waker> {
        self.rare().overtaken.replace(waker)
    }

    pub(super) fn take_overtaken(&mut self) -> Option<Waker> {
        self.rare.as_mut()?.overtaken.take()
    }

    /// Registers the receiver when it has fetched its only message, so that it need not look again
    /// before it sleeps. Returns false if it has to look: to serve waiters, to end, to take more
    /// messages, or to free memory.
    #[inline]
    pub(super) fn set_receiver_early(&mut self, batch: &VecDeque<M>, waker: &Waker) -> bool {
        let early = batch.len() == 1
            && self.queue.is_empty()
            && !self.flags.has(Flag::Closed)
            && fits_idle(batch)
            && fits_idle(&self.queue);
        if early {
            self.set_receiver(waker);
        }
        early
    }

    fn close_to_messages(&mut self, wakers: &mut Wakers) {
        self.flags.put(Flag::Closed, true);
        if let Some(rare) = &mut self.rare {
            let waiters = std::mem::take(&mut rare.waiters);
            self.reserved -= waiters.granted.len() as u32;
            wakers.extend(waiters.waiting.into_values().flatten());
        }
    }

    pub(super) fn drain(&mut self, wakers: &mut Wakers) {
        if !self.flags.has(Flag::Closed) {
            self.close_to_messages(wakers);
            self.flags.put(Flag::Draining, true);
        }
    }

    pub(super) fn close(&mut self, wakers: &mut Wakers) -> VecDeque<M> {
        self.close_to_messages(wakers);
        self.flags.put(Flag::Draining, false);
        self.receiver = None;
        wakers.extend(self.take_overtaken());
        let left = std::mem::take(&mut self.queue);
        if !left.is_empty() {
            self.rare().dropped += left.len() as u64;
        }
        left
    }
}

/// The most memory that an idle mailbox keeps in each of its two buffers.
const SPARE_BYTES: usize = 1024;

/// Returns true if an idle mailbox keeps the memory of this buffer.
#[inline]
fn fits_idle<M>(buffer: &VecDeque<M>) -> bool {
    buffer.capacity() * size_of::<M>() <= SPARE_BYTES
}
