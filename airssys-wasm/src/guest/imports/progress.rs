//! `airssys:component/progress`: where a guest shows which message of a run it is on.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmList};

use crate::guest::progress::Progress;
use crate::guest::store::GuestState;

pub(super) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    linker.instance("airssys:component/progress@0.2.0")?.func_wrap(
        "show",
        |mut store: StoreContextMut<'_, GuestState>, (place,): (WasmList<u64>,)| {
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
