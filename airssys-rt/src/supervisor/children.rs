//! The children of a supervisor in the order of their start.

use std::sync::Arc;

use airssys_core::{OnLimit, RestartPolicy, Shutdown};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::child::{Key, Supervised};

/// The configuration of a child, as its supervisor keeps it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChildRules {
    pub(crate) policy: RestartPolicy,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
    /// `None` stands for the supervisor's.
    pub(crate) on_limit: Option<OnLimit>,
}

/// The state of a child's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskState {
    /// The task runs the child, or waits for the time of its restart.
    Live,
    /// The task ends the child for good, and is cleaning up.
    Leaving,
    /// The child has no task: its runner is parked until a restart.
    Parked,
    /// The child has no task: its runner is parked until the child is resumed.
    Quarantined,
}

impl TaskState {
    /// Returns true if there is a task.
    pub(super) fn is_active(self) -> bool {
        !matches!(self, Self::Parked | Self::Quarantined)
    }
}

pub(super) struct ChildEntry {
    pub(super) cell: Arc<dyn Supervised>,
    /// `None` while the task is being spawned.
    pub(super) task: Option<JoinHandle<()>>,
    pub(super) shutdown: Shutdown,
    /// The time for which the last restart was planned.
    pub(super) since: Option<Instant>,
    /// The number of restarts in a row.
    pub(super) attempt: u32,
    pub(super) policy: RestartPolicy,
    pub(super) on_limit: OnLimit,
    pub(super) significant: bool,
    pub(super) task_state: TaskState,
    /// True if it is to stop for a restart of its group.
    pub(super) doomed: bool,
    /// True if its task is being aborted on purpose.
    pub(super) aborting: bool,
    /// True if it is reported as a child that did not stop in time.
    pub(super) late: bool,
    /// The number of the task, among all tasks that the child has had.
    pub(super) tenure: u32,
}

/// The index that stands for no slot.
const NONE: u32 = u32::MAX;

struct Slot {
    serial: u32,
    prev: u32,
    /// In a free slot, the next free one.
    next: u32,
    entry: Option<ChildEntry>,
}

/// A linked list in a slab: an operation on one child takes constant time.
pub(super) struct Children {
    slots: Vec<Slot>,
    first: u32,
    last: u32,
    free: u32,
    len: usize,
    /// The serial number of the first tenant of a new slot.
    base: u32,
}

impl Children {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), first: NONE, last: NONE, free: NONE, len: 0, base: 0 }
    }

    /// Adds a child after all others.
    pub(super) fn push(&mut self, entry: ChildEntry) -> Key {
        let prev = self.last;
        let slot = match self.free {
            NONE => {
                // 2^32 children take more memory than there is.
                let slot = u32::try_from(self.slots.len()).unwrap_or(NONE);
                self.slots.push(Slot { serial: self.base, prev, next: NONE, entry: Some(entry) });
                slot
            }
            slot => {
                let free = &mut self.slots[slot as usize];
                self.free = free.next;
                free.serial = free.serial.wrapping_add(1);
                (free.prev, free.next, free.entry) = (prev, NONE, Some(entry));
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

    pub(super) fn get(&self, key: Key) -> Option<&ChildEntry> {
        self.slots.get(key.slot as usize).filter(|slot| slot.serial == key.serial)?.entry.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut ChildEntry> {
        self.slots.get_mut(key.slot as usize).filter(|slot| slot.serial == key.serial)?.entry.as_mut()
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<ChildEntry> {
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

    /// Frees the memory of the most children that there ever were. Existing keys do not fit slots
    /// that are made later.
    fn give_back_memory(&mut self) {
        const KEPT_SLOTS: usize = 1024;
        if self.slots.len() > KEPT_SLOTS {
            let latest = self.slots.iter().map(|slot| slot.serial).max().unwrap_or(0);
            *self = Self { base: latest.wrapping_add(1), ..Self::new() };
        }
    }

    /// The keys of all children, in the order of their start.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.keys_from_slot(self.first)
    }

    /// The keys of this child and the children after it.
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

    /// All children, in the order of their start.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &ChildEntry)> + '_ {
        self.keys().filter_map(|key| Some((key, self.get(key)?)))
    }
}
