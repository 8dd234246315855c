//! The progress that a guest shows within a batch.

use wasmtime::StoreContext;
use wasmtime::component::WasmList;

/// A number in the guest's memory, which the host reads when it wants to.
///
/// The guest writes what it likes there: it decides which of its own messages counts as the one that
/// failed, as it decides what comes of each.
pub(crate) struct Progress(pub(crate) WasmList<u64>);

impl Progress {
    pub(crate) fn read<T: 'static>(&self, store: StoreContext<'_, T>) -> u64 {
        self.0.as_le_slice(store).first().copied().map_or(0, u64::from_le)
    }
}
