//! `airssys:component/callbacks`, through which a guest that waits within a call takes its callbacks.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::Linker;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::{Pollable, subscribe};

use crate::guest::store::GuestState;
use crate::routing::callbacks::Callbacks;

type Caller<'a> = StoreContextMut<'a, GuestState>;

pub(super) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    let mut callbacks = linker.instance("airssys:component/callbacks@0.2.0")?;
    callbacks.func_wrap("subscribe", |mut store: Caller<'_>, (): ()| {
        let state = store.data_mut();
        let arrival = Arrival(Arc::clone(&state.guest.callbacks));
        let arrival = state.table.push(arrival)?;
        Ok((subscribe(&mut state.table, arrival)?,))
    })?;
    callbacks.func_wrap("next", |mut store: Caller<'_>, (): ()| {
        let guest = &mut store.data_mut().guest;
        let next = guest.sampled(|guest| guest.callbacks.take_ready());
        Ok((next.map(|resolved| (resolved.request, resolved.callback)),))
    })
}

/// Ready while the instance has a callback to take.
struct Arrival(Arc<Callbacks>);

#[async_trait]
impl Pollable for Arrival {
    async fn ready(&mut self) {
        self.0.arrived().await;
    }
}
