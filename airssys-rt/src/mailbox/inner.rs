//! The state of a mailbox, behind its lock.
//!
//! Every slot is free, taken by a message, or reserved (by a permit, or for a waiter whose turn it
//! is). A slot that becomes free is reserved at once for the first who waits, so that nobody can
//! get ahead of those who wait. One case differs: [`Inner::offer`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::{Poll, Waker};

use super::{Event, Figures, StopRequest, Wakers};
use crate::errors::{ReserveError, TrySendError};

pub(super) struct Inner<M> {
    capacity: usize,
    queue: VecDeque<M>,
    reserved: usize,
    closed: bool,
    /// Those who wait for a slot, by ticket: the first has waited longest.
    waiting: BTreeMap<u64, Waker>,
    /// Those for whom a slot is reserved and who have not been polled since.
    granted: BTreeSet<u64>,
    next_ticket: u64,
    receiver: Option<Waker>,
    stop: Option<StopRequest>,
    /// It was to end for good: whatever its end is like, there is no next incarnation.
    terminated: bool,
    signalled: bool,
    accepted: u64,
    dropped: u64,
    high_water: usize,
}

impl<M> Inner<M> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            queue: VecDeque::new(),
            reserved: 0,
            closed: false,
            waiting: BTreeMap::new(),
            granted: BTreeSet::new(),
            next_ticket: 0,
            receiver: None,
            stop: None,
            terminated: false,
            signalled: false,
            accepted: 0,
            dropped: 0,
            high_water: 0,
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn closed(&self) -> bool {
        self.closed
    }

    pub(super) fn free(&self) -> usize {
        self.capacity - self.queue.len() - self.reserved
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            accepted: self.accepted,
            dropped: self.dropped,
            depth: self.queue.len(),
            high_water: self.high_water,
        }
    }

    pub(super) fn put(&mut self, message: M, wakers: &mut Wakers) -> Result<(), TrySendError<M>> {
        match (self.closed, self.free()) {
            (true, _) => Err(TrySendError::Closed(message)),
            (false, 0) => Err(TrySendError::Full(message)),
            (false, _) => {
                self.push(message, wakers);
                Ok(())
            }
        }
    }

    pub(super) fn try_reserve(&mut self) -> Result<(), ReserveError> {
        match (self.closed, self.free()) {
            (true, _) => Err(ReserveError::Closed),
            (false, 0) => Err(ReserveError::Full),
            (false, _) => {
                self.reserved += 1;
                Ok(())
            }
        }
    }

    pub(super) fn fill(&mut self, message: M, wakers: &mut Wakers) -> Result<(), M> {
        self.reserved -= 1;
        if self.closed {
            return Err(message);
        }
        self.push(message, wakers);
        Ok(())
    }

    pub(super) fn release(&mut self, wakers: &mut Wakers) {
        self.reserved -= 1;
        self.serve(wakers);
    }

    fn push(&mut self, message: M, wakers: &mut Wakers) {
        self.queue.push_back(message);
        self.accepted += 1;
        self.high_water = self.high_water.max(self.queue.len());
        wakers.extend(self.receiver.take());
    }

    /// Reserves what is free for those who wait, in their order.
    fn serve(&mut self, wakers: &mut Wakers) {
        while self.free() > 0
            && let Some((ticket, waker)) = self.waiting.pop_first()
        {
            self.reserved += 1;
            self.granted.insert(ticket);
            wakers.push(waker);
        }
    }

    /// Polls the waiter with this ticket, or a new one: ready once a slot is reserved for it, with
    /// false if the mailbox has closed.
    pub(super) fn poll_turn(
        &mut self,
        ticket: &mut Option<u64>,
        waker: &Waker,
        wakers: &mut Wakers,
    ) -> Poll<bool> {
        if self.closed {
            *ticket = None;
            return Poll::Ready(false);
        }
        let first = self.waiting.first_key_value().map(|(first, _)| *first);
        let granted = match *ticket {
            Some(mine) if self.granted.remove(&mine) => true,
            // After an `offer`, the first takes its slot itself.
            mine if mine == first && self.free() > 0 => {
                self.waiting.pop_first();
                self.reserved += 1;
                self.serve(wakers);
                true
            }
            _ => false,
        };
        if granted {
            *ticket = None;
            return Poll::Ready(true);
        }
        let mine = *ticket.get_or_insert_with(|| {
            self.next_ticket += 1;
            self.next_ticket
        });
        self.waiting.entry(mine).and_modify(|old| old.clone_from(waker)).or_insert_with(|| waker.clone());
        Poll::Pending
    }

    /// Frees the slot of a waiter that only wanted to know of it.
    ///
    /// That waiter will try to use the slot in a moment. Were it reserved for the next who waits
    /// already now, the try would always fail, and two such waiters could pass one slot back and
    /// forth for ever. So the next is only woken: it takes the slot if it is still there then.
    pub(super) fn offer(&mut self, wakers: &mut Wakers) {
        self.reserved -= 1;
        if let Some((_, next)) = self.waiting.first_key_value() {
            wakers.push(next.clone());
        }
    }

    /// Forgets a waiter that is dropped before its turn, or before it knew of it.
    pub(super) fn give_up(&mut self, ticket: u64, wakers: &mut Wakers) {
        if self.granted.remove(&ticket) {
            self.reserved -= 1;
        } else {
            self.waiting.remove(&ticket);
        }
        // It may have been the one that an `offer` woke.
        self.serve(wakers);
    }

    pub(super) fn terminated(&self) -> bool {
        self.terminated
    }

    pub(super) fn request_stop(&mut self, request: StopRequest, wakers: &mut Wakers) {
        self.terminated |= request == StopRequest::Shutdown;
        self.stop = self.stop.max(Some(request));
        wakers.extend(self.receiver.take());
    }

    pub(super) fn forget_own_stop(&mut self) {
        let only_that = |request: &StopRequest| matches!(request, StopRequest::Own | StopRequest::Group);
        self.stop = self.stop.filter(|request| !only_that(request));
    }

    pub(super) fn stop_request(&self) -> Option<StopRequest> {
        self.stop
    }

    pub(super) fn signal(&mut self, wakers: &mut Wakers) {
        self.signalled = true;
        wakers.extend(self.receiver.take());
    }

    pub(super) fn take(&mut self, wakers: &mut Wakers) -> Option<Event<M>> {
        if let Some(request) = self.stop.take() {
            return Some(Event::Stop(request));
        }
        if std::mem::take(&mut self.signalled) {
            return Some(Event::Signal);
        }
        let message = self.queue.pop_front()?;
        self.serve(wakers);
        Some(Event::Message(message))
    }

    pub(super) fn set_receiver(&mut self, waker: &Waker) {
        match &mut self.receiver {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    pub(super) fn close(&mut self, wakers: &mut Wakers) -> VecDeque<M> {
        self.closed = true;
        self.granted.clear();
        wakers.extend(std::mem::take(&mut self.waiting).into_values());
        self.receiver = None;
        let left = std::mem::take(&mut self.queue);
        self.dropped += left.len() as u64;
        left
    }
}
