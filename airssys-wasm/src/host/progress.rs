//! `airssys:component/progress`: where a guest shows which message of a run it is on.

use wasmtime::component::{Linker, WasmList};
use wasmtime::{StoreContext, StoreContextMut};

use crate::instance::InstanceState;

/// A number in the guest's memory, which the host reads when it wants to.
///
/// The guest writes what it likes there: it decides which of its own messages counts as the one that
/// failed, as it decides what comes of each.
pub(crate) struct Progress(WasmList<u64>);

impl Progress {
    pub(crate) fn read(&self, store: StoreContext<'_, InstanceState>) -> u64 {
        self.0.as_le_slice(store).first().copied().map_or(0, u64::from_le)
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    linker.instance("airssys:component/progress@0.2.0")?.func_wrap(
        "show",
        |mut store: StoreContextMut<'_, InstanceState>, (place,): (WasmList<u64>,)| {
            let shown = place.len();
            if shown != 1 {
                wasmtime::bail!("progress.show takes a list of one number, and got one of {shown}");
            }
            if store.data_mut().progress.replace(Progress(place)).is_some() {
                wasmtime::bail!("progress.show was called twice");
            }
            Ok(())
        },
    )
}
