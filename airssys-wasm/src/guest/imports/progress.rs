//! `airssys:component/progress`, through which a guest shows its progress within a batch.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmList};

use crate::guest::progress::Progress;
use crate::guest::store::GuestState;

pub(super) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    linker.instance("airssys:component/progress@0.2.0")?.func_wrap(
        "show",
        |mut store: StoreContextMut<'_, GuestState>, (numbers,): (WasmList<u64>,)| {
            let count = numbers.len();
            if count != 1 {
                wasmtime::bail!("progress.show takes a list of one number, and got one of {count}");
            }
            if store.data_mut().progress.replace(Progress(numbers)).is_some() {
                wasmtime::bail!("progress.show was called twice; call it once per instance");
            }
            Ok(())
        },
    )
}
