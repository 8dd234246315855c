//! The children of a supervisor in the order of their start.

use std::sync::Arc;

use airssys_core::{RestartPolicy, Shutdown};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::cell::AnyCell;

/// Where a child is: its slot, and which of the slot's tenants it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    slot: u32,
    serial: u32,
}

/// What a child is doing, as far as its supervisor is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It has a task, which runs it or waits for the time of its restart.
    Live,
    /// Its task has decided that it ends, and is cleaning up.
    Leaving,
    /// It has no task: its runner is kept for a restart.
    Parked,
}

pub(super) struct Entry {
    pub(super) cell: Arc<dyn AnyCell>,
    /// None while the task is being spawned.
    pub(super) task: Option<JoinHandle<()>>,
    pub(super) shutdown: Shutdown,
    /// When the last restart was to take place.
    pub(super) since: Option<Instant>,
    /// Restarts in a row.
    pub(super) attempt: u32,
    pub(super) policy: RestartPolicy,
    pub(super) significant: bool,
    pub(super) place: Place,
    /// It is to stop for a restart of its group.
    pub(super) doomed: bool,
    /// Its task is being aborted on purpose.
    pub(super) aborting: bool,
    /// It is in the report as one that did not stop in time.
    pub(super) late: bool,
    /// Which task this is, of those that it has had.
    pub(super) tenure: u32,
}

/// No slot.
const NONE: u32 = u32::MAX;

struct Slot {
    serial: u32,
    prev: u32,
    /// In a free slot, the next free one.
    next: u32,
    entry: Option<Entry>,
}

/// A list in a slab: every operation on one child takes the same time however many there are.
pub(super) struct Children {
    slots: Vec<Slot>,
    first: u32,
    last: u32,
    free: u32,
    len: usize,
    /// The serial of a slot's first tenant.
    base: u32,
}

impl Children {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), first: NONE, last: NONE, free: NONE, len: 0, base: 0 }
    }

    /// Adds a child behind all others.
    pub(super) fn push(&mut self, entry: Entry) -> Key {
        let prev = self.last;
        let slot = match self.free {
            NONE => {
                // 2^32 children take more memory than there is.
                let slot = u32::try_from(self.slots.len()).unwrap_or(NONE);
                self.slots.push(Slot { serial: self.base, prev, next: NONE, entry: Some(entry) });
                slot
            }
            slot => {
                let place = &mut self.slots[slot as usize];
                self.free = place.next;
                place.serial = place.serial.wrapping_add(1);
                (place.prev, place.next, place.entry) = (prev, NONE, Some(entry));
                slot
            }
        };
        match prev {
            NONE => self.first = slot,
            prev => self.slots[prev as usize].next = slot,
        }
        self.last = slot;
        self.len += 1;
        Key { slot, serial: self.slots[slot as usize].serial }
    }

    pub(super) fn get(&self, key: Key) -> Option<&Entry> {
        self.slots.get(key.slot as usize).filter(|slot| slot.serial == key.serial)?.entry.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Entry> {
        self.slots.get_mut(key.slot as usize).filter(|slot| slot.serial == key.serial)?.entry.as_mut()
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Entry> {
        let slot = self.slots.get_mut(key.slot as usize).filter(|slot| slot.serial == key.serial)?;
        let entry = slot.entry.take()?;
        let (prev, next) = (slot.prev, slot.next);
        slot.next = self.free;
        self.free = key.slot;
        match prev {
            NONE => self.first = next,
            prev => self.slots[prev as usize].next = next,
        }
        match next {
            NONE => self.last = prev,
            next => self.slots[next as usize].prev = prev,
        }
        self.len -= 1;
        if self.len == 0 {
            self.give_back_memory();
        }
        Some(entry)
    }

    /// What the most children ever took is not kept for ever. No key that is about fits a slot
    /// made later.
    fn give_back_memory(&mut self) {
        const KEPT: usize = 1024;
        if self.slots.len() > KEPT {
            let latest = self.slots.iter().map(|slot| slot.serial).max().unwrap_or(0);
            *self = Self { base: latest.wrapping_add(1), ..Self::new() };
        }
    }

    /// All keys, the first started first.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.keys_from_slot(self.first)
    }

    /// This child and those after it.
    pub(super) fn keys_from(&self, key: Key) -> impl Iterator<Item = Key> + '_ {
        let slot = if self.get(key).is_some() { key.slot } else { NONE };
        self.keys_from_slot(slot)
    }

    fn keys_from_slot(&self, slot: u32) -> impl Iterator<Item = Key> + '_ {
        let mut next = slot;
        std::iter::from_fn(move || {
            let slot = self.slots.get(next as usize)?;
            let key = Key { slot: next, serial: slot.serial };
            next = slot.next;
            Some(key)
        })
    }

    /// All children, the first started first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Entry)> + '_ {
        self.keys().filter_map(|key| Some((key, self.get(key)?)))
    }
}
