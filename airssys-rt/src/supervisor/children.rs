//! The children of a supervisor in the order of their start.

use super::entry::ChildEntry;
use crate::child::Key;

/// The index that stands for no slot.
const NONE: u32 = u32::MAX;

/// A slot takes 48 bytes for each child, so an entry has the serial number of the tenant.
struct Slot {
    /// In a free slot, the serial number of its last tenant.
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
    pub(super) fn push(&mut self, mut entry: ChildEntry) -> Key {
        let prev = self.last;
        let (slot, serial) = match self.free {
            NONE => {
                // 2^32 children take more memory than there is.
                let slot = u32::try_from(self.slots.len()).unwrap_or(NONE);
                entry.serial = self.base;
                self.slots.push(Slot { prev, next: NONE, entry: Some(entry) });
                (slot, self.base)
            }
            slot => {
                let free = &mut self.slots[slot as usize];
                self.free = free.next;
                entry.serial = free.prev.wrapping_add(1);
                let serial = entry.serial;
                (free.prev, free.next, free.entry) = (prev, NONE, Some(entry));
                (slot, serial)
            }
        };
        match prev {
            NONE => self.first = slot,
            prev => self.slots[prev as usize].next = slot,
        }
        self.last = slot;
        self.len += 1;
        Key { slot, serial }
    }

    pub(super) fn get(&self, key: Key) -> Option<&ChildEntry> {
        self.slots.get(key.slot as usize)?.entry.as_ref().filter(|entry| entry.serial == key.serial)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut ChildEntry> {
        self.slots.get_mut(key.slot as usize)?.entry.as_mut().filter(|entry| entry.serial == key.serial)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<ChildEntry> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        let entry = slot.entry.take_if(|entry| entry.serial == key.serial)?;
        let (prev, next) = (slot.prev, slot.next);
        (slot.prev, slot.next) = (key.serial, self.free);
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

    /// Frees the memory of the most children that there ever were. All slots are free. Existing keys
    /// do not fit slots that are made later.
    fn give_back_memory(&mut self) {
        const KEPT_SLOTS: usize = 1024;
        if self.slots.len() > KEPT_SLOTS {
            let latest = self.slots.iter().map(|slot| slot.prev).max().unwrap_or(0);
            *self = Self { base: latest.wrapping_add(1), ..Self::new() };
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
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
            let key = Key { slot: next, serial: slot.entry.as_ref()?.serial };
            next = slot.next;
            Some(key)
        })
    }

    /// All children, in the order of their start.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &ChildEntry)> + '_ {
        self.keys().filter_map(|key| Some((key, self.get(key)?)))
    }
}
