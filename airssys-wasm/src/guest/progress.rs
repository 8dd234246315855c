//! The progress that a guest shows within a batch.

use wasmtime::StoreContext;
use wasmtime::component::WasmList;

/// The number in the guest's memory at which it shows its progress. The host reads it at any time.
///
/// The guest can write any number. One that is not in the batch counts for nothing. A false one within it
/// harms only the guest: another of its own messages counts as the failed one.
pub(crate) struct Progress(pub(crate) WasmList<u64>);

impl Progress {
    pub(crate) fn read<T: 'static>(&self, store: StoreContext<'_, T>) -> u64 {
        self.0.as_le_slice(store).first().copied().map_or(0, u64::from_le)
    }
}
