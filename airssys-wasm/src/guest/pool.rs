//! The allocation of instances: from a pool of reserved address space, or one by one.

use airssys_spec::Limits;
use wasmtime::{Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::compile::settings::Settings;

/// The most core instances of a component. A composed component has one for each of its modules and
/// shims.
pub(crate) const MAX_CORE_INSTANCES: u32 = 1_000;

/// The most linear memories of a component.
pub(crate) const MAX_MEMORIES: u32 = 100;

/// The most tables of a component.
pub(crate) const MAX_TABLES: u32 = 1_000;

/// The most bytes of the host's data about an instance, all its core instances together.
pub(crate) const MAX_INSTANCE_BYTES: usize = 16 << 20;

/// The most bytes of a memory that stay resident in the pool after its instance has ended.
const RESIDENT_MEMORY_BYTES: usize = 128 << 10;

/// The most bytes of a table that stay resident in the pool after its instance has ended.
const RESIDENT_TABLE_BYTES: usize = 16 << 10;

/// The memories and tables of one or more instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) memories: u32,
    pub(crate) tables: u32,
}

impl Room {
    /// Returns the room that so many instances take.
    pub(crate) fn times(self, instances: u32) -> Room {
        let (memories, tables) =
            (self.memories.saturating_mul(instances), self.tables.saturating_mul(instances));
        Room { memories, tables }
    }

    /// Returns the room of both.
    pub(crate) fn plus(self, other: Room) -> Room {
        let memories = self.memories.saturating_add(other.memories);
        Room { memories, tables: self.tables.saturating_add(other.tables) }
    }

    /// Returns a room that holds either.
    pub(crate) fn or(self, other: Room) -> Room {
        Room { memories: self.memories.max(other.memories), tables: self.tables.max(other.tables) }
    }

    /// Returns true if it holds `other`.
    pub(crate) fn holds(self, other: Room) -> bool {
        self.or(other) == self
    }
}

/// The size of a pool of instances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSize {
    pub(crate) instances: u32,
    pub(crate) room: Room,
    pub(crate) table_elements: usize,
}

/// Makes an engine whose instances come from a pool of reserved address space. It holds at least one
/// component of the largest size.
pub(crate) fn pooled(size: PoolSize) -> wasmtime::Result<(wasmtime::Engine, Room)> {
    let mut config = Settings::Pooled.config();
    let room = size.room.or(Room { memories: MAX_MEMORIES, tables: MAX_TABLES });
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(size.instances)
        // Takes no address space, because the data about an instance are on the heap.
        .total_core_instances(u32::MAX)
        .total_memories(room.memories)
        .total_tables(room.tables)
        .total_stacks(size.instances)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_memories_per_module(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_tables_per_module(MAX_TABLES)
        .max_core_instance_size(MAX_INSTANCE_BYTES)
        .max_component_instance_size(MAX_INSTANCE_BYTES)
        .max_memory_size(Limits::HOST_MAX.memory_bytes)
        .table_elements(size.table_elements);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        // The scan finds the pages that an instance wrote. They are reset in place, and stay resident
        // for the next instance. Without it, all pages of a fiber's stack would be written.
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(RESIDENT_MEMORY_BYTES)
            .table_keep_resident(RESIDENT_TABLE_BYTES);
    }
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok((wasmtime::Engine::new(&config)?, room))
}

/// Makes an engine that allocates each instance separately. Its guests check the bounds of each access.
pub(crate) fn one_by_one() -> wasmtime::Result<wasmtime::Engine> {
    wasmtime::Engine::new(&Settings::OneByOne.config())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_holds_what_takes_no_more_of_either() {
        let room = |memories, tables| Room { memories, tables };
        assert!(room(2, 3).holds(room(2, 3)));
        assert!(!room(2, 3).holds(room(3, 1)) && !room(2, 3).holds(room(1, 4)));
        assert_eq!(room(2, 3).times(4).plus(room(1, 0)), room(9, 12));
        assert_eq!(room(2, 3).times(u32::MAX).plus(room(1, 1)), room(u32::MAX, u32::MAX));
    }
}
