//! WASI 0.2 as a service.
//!
//! Directly entered components get only the functions that never wait.

use airssys_rt::BoxError;
use airssys_spec::manifest::{Diagnostics, ServiceTable};
use wasmtime::StoreContextMut;
use wasmtime::component::{HasData, Linker, LinkerInstance, Resource, ResourceTable, ResourceType};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::sync::io::poll::HostPollable;
use wasmtime_wasi::p2::bindings::sync::io::streams::{HostOutputStream, StreamError as WitStreamError};
use wasmtime_wasi::p2::bindings::{cli, clocks, random};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};
use wasmtime_wasi::random::WasiRandom;

use crate::guest::service::{Interface, Service, ServiceInstance, Waits};
use crate::guest::store::{Entry, GuestState};

/// The interfaces of WASI, with their functions that never wait.
///
/// Output never waits, because it goes to the log. A component without imports that wait gets
/// pollables only from output streams, and these are always ready.
const INTERFACES: [Interface; 11] = [
    wasi("wasi:cli/*", Waits::Never),
    wasi("wasi:random/*", Waits::Never),
    wasi("wasi:clocks/wall-clock", Waits::Except(&["now", "resolution"])),
    wasi("wasi:clocks/monotonic-clock", Waits::Except(&["now", "resolution"])),
    wasi("wasi:clocks/*", Waits::Always),
    wasi("wasi:io/error", Waits::Except(&["[method]error.to-debug-string"])),
    wasi("wasi:io/poll", Waits::Except(&["[method]pollable.ready", "[method]pollable.block", "poll"])),
    wasi(
        "wasi:io/streams",
        Waits::Except(&[
            "[method]output-stream.check-write",
            "[method]output-stream.write",
            "[method]output-stream.flush",
            "[method]output-stream.blocking-flush",
            "[method]output-stream.blocking-write-and-flush",
            "[method]output-stream.subscribe",
        ]),
    ),
    wasi("wasi:io/*", Waits::Always),
    wasi("wasi:filesystem/*", Waits::Always),
    wasi("wasi:sockets/*", Waits::Always),
];

const fn wasi(name: &'static str, waits: Waits) -> Interface {
    Interface { name, version: "0.2.", waits }
}

/// WASI 0.2.
pub(crate) struct WasiService;

impl Service for WasiService {
    type Config = ();
    type Connection = ();
    type Data = ();

    fn name(&self) -> &'static str {
        "wasi"
    }

    fn interfaces(&self) -> Vec<Interface> {
        INTERFACES.into()
    }

    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()> {
        match entry {
            Entry::Direct => add_direct(linker),
            Entry::Fiber => wasmtime_wasi::p2::add_to_linker_async(linker),
        }
    }

    fn configure(&self, table: &ServiceTable) -> Result<(), Diagnostics> {
        table.read(|_| ())
    }

    async fn connect(&self, (): &()) -> Result<(), BoxError> {
        Ok(())
    }

    fn prepare(&self, (): &(), _instance: &ServiceInstance<'_>) -> Result<(), BoxError> {
        Ok(())
    }
}

type State = GuestState;
type Caller<'a> = StoreContextMut<'a, State>;
type Output = Resource<DynOutputStream>;
type Answer<T> = wasmtime::Result<(Result<T, WitStreamError>,)>;

/// Selects the resource table of a store as the data of an interface.
struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

fn add_direct(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi_io::bindings::wasi::io::error::add_to_linker::<State, HasTable>(linker, |state| {
        state.ctx().table
    })?;
    add_poll(linker.instance("wasi:io/poll@0.2.12")?)?;
    add_streams(linker.instance("wasi:io/streams@0.2.12")?)?;
    clocks::wall_clock::add_to_linker::<State, WasiClocks>(linker, State::clocks)?;
    clocks::monotonic_clock::add_to_linker::<State, WasiClocks>(linker, State::clocks)?;
    random::random::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    random::insecure::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    cli::exit::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::environment::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stdin::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stdout::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stderr::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(linker, State::cli)
}

/// Adds `wasi:io/poll`. Every pollable is ready, because it belongs to an output stream.
fn add_poll(mut poll: LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    poll.resource("pollable", ResourceType::host::<DynPollable>(), |mut store: Caller<'_>, rep| {
        HostPollable::drop(store.data_mut().ctx().table, Resource::new_own(rep))
    })?;
    poll.func_wrap("[method]pollable.ready", |_: Caller<'_>, (_,): (Resource<DynPollable>,)| Ok((true,)))?;
    poll.func_wrap("[method]pollable.block", |_: Caller<'_>, (_,): (Resource<DynPollable>,)| Ok(()))?;
    poll.func_wrap("poll", |_: Caller<'_>, (pollables,): (Vec<Resource<DynPollable>>,)| {
        if pollables.is_empty() {
            return Err(wasmtime::Error::msg("poll was called with no pollables"));
        }
        let count = u32::try_from(pollables.len())?;
        Ok(((0..count).collect::<Vec<u32>>(),))
    })
}

fn add_streams(mut streams: LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    streams.resource(
        "input-stream",
        ResourceType::host::<DynInputStream>(),
        |mut store: Caller<'_>, rep| {
            let input: Resource<DynInputStream> = Resource::new_own(rep);
            store.data_mut().ctx().table.delete(input)?;
            Ok(())
        },
    )?;
    streams.resource(
        "output-stream",
        ResourceType::host::<DynOutputStream>(),
        |mut store: Caller<'_>, rep| {
            let output: Output = Resource::new_own(rep);
            store.data_mut().ctx().table.delete(output)?;
            Ok(())
        },
    )?;
    let name = |function: &str| format!("[method]output-stream.{function}");
    streams.func_wrap(&name("check-write"), |mut store: Caller<'_>, (output,): (Output,)| {
        answer(store.data_mut().ctx().table.check_write(output))
    })?;
    streams.func_wrap(&name("write"), |mut store: Caller<'_>, (output, bytes): (Output, Vec<u8>)| {
        answer(store.data_mut().ctx().table.write(output, bytes))
    })?;
    streams.func_wrap(&name("subscribe"), |mut store: Caller<'_>, (output,): (Output,)| {
        Ok((HostOutputStream::subscribe(store.data_mut().ctx().table, output)?,))
    })?;
    for flush in ["flush", "blocking-flush"] {
        streams.func_wrap(&name(flush), |mut store: Caller<'_>, (output,): (Output,)| {
            answer(HostOutputStream::flush(store.data_mut().ctx().table, output))
        })?;
    }
    streams.func_wrap(
        &name("blocking-write-and-flush"),
        |mut store: Caller<'_>, (output, bytes): (Output, Vec<u8>)| {
            answer(store.data_mut().ctx().table.write(output, bytes))
        },
    )
}

/// Converts the result of a stream operation for the guest.
fn answer<T>(result: StreamResult<T>) -> Answer<T> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(StreamError::Closed) => Ok((Err(WitStreamError::Closed),)),
        Err(StreamError::LastOperationFailed(error) | StreamError::Trap(error)) => Err(error),
    }
}
