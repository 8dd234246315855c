//! WASI 0.2 as a service.
//!
//! Directly entered components get only the functions that never wait.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use wasmtime::component::{HasData, Linker, LinkerInstance, Resource, ResourceTable, ResourceType, WasmList};
use wasmtime::{AsContext, StoreContextMut};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::Host as _;
use wasmtime_wasi::p2::bindings::io::poll as async_poll;
use wasmtime_wasi::p2::bindings::sync::io::poll::HostPollable;
use wasmtime_wasi::p2::bindings::sync::io::streams::{HostOutputStream, StreamError as WitStreamError};
use wasmtime_wasi::p2::bindings::{cli, clocks, random};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};
use wasmtime_wasi::random::WasiRandom;

use crate::guest::service::{Interface, Service, Waits};
use crate::guest::store::{Entry, GuestState, MAX_RESOURCES};
use crate::guest::wasi::PERMIT;

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

const CHECK_WRITE: &str = "[method]output-stream.check-write";

/// The most pollables of one call of `poll`: as many as an instance can hold.
const MAX_POLLABLES: usize = MAX_RESOURCES;

/// The most bytes of one call of `blocking-write-and-flush`, as WASI says.
const MAX_BLOCKING_WRITE: usize = 4_096;

/// WASI 0.2.
pub(crate) struct WasiService;

impl Service for WasiService {
    const NAME: &'static str = "wasi";

    type Config = ();
    type Connection = ();
    type Data = ();

    fn interfaces(&self) -> Vec<Interface> {
        INTERFACES.into()
    }

    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()> {
        match entry {
            Entry::Direct => add_direct(linker),
            Entry::Fiber => wasmtime_wasi::p2::add_to_linker_async(linker),
        }?;
        linker.allow_shadowing(true);
        add_bounded(linker, entry)?;
        linker.allow_shadowing(false);
        Ok(())
    }
}

type State = GuestState;
type Caller<'a> = StoreContextMut<'a, State>;
type Output = Resource<DynOutputStream>;
type Pollables = WasmList<Resource<DynPollable>>;
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

/// Replaces functions whose work a guest could make as long as it likes, or whose time counts.
fn add_bounded(linker: &mut Linker<State>, entry: Entry) -> wasmtime::Result<()> {
    if entry == Entry::Fiber {
        linker.instance("wasi:io/poll@0.2.12")?.func_wrap_async(
            "poll",
            |mut store: Caller<'_>, (pollables,): (Pollables,)| {
                Box::new(async move {
                    let stats = Arc::clone(&store.data().guest.instance.sender.stats);
                    let pollables = stats.host_call(|| pollables_of(&mut store, &pollables))?;
                    let mut ready = pin!(async_poll::Host::poll(store.data_mut().ctx().table, pollables));
                    // Its waits are not time of the host.
                    Ok((poll_fn(|task| stats.host_call(|| ready.as_mut().poll(task))).await?,))
                })
            },
        )?;
        linker.instance("wasi:io/streams@0.2.12")?.func_wrap(
            CHECK_WRITE,
            |mut store: Caller<'_>, (output,): (Output,)| {
                let (checked,) = sampled(&mut store, |state| Ok(state.ctx().table.check_write(output)))?;
                answer(&mut store, checked)
            },
        )?;
        let mut clock = linker.instance("wasi:clocks/monotonic-clock@0.2.12")?;
        clock.func_wrap("subscribe-duration", |mut store: Caller<'_>, (duration,): (u64,)| {
            timed(&mut store, |state| state.clocks().subscribe_duration(duration))
        })?;
        clock.func_wrap("subscribe-instant", |mut store: Caller<'_>, (instant,): (u64,)| {
            timed(&mut store, |state| state.clocks().subscribe_instant(instant))
        })?;
    }
    let mut clock = linker.instance("wasi:clocks/wall-clock@0.2.12")?;
    clock.func_wrap("now", |mut store: Caller<'_>, (): ()| {
        sampled(&mut store, |state| clocks::wall_clock::Host::now(&mut state.clocks()))
    })?;
    let mut clock = linker.instance("wasi:clocks/monotonic-clock@0.2.12")?;
    clock.func_wrap("now", |mut store: Caller<'_>, (): ()| {
        sampled(&mut store, |state| clocks::monotonic_clock::Host::now(&mut state.clocks()))
    })?;
    linker.instance("wasi:random/random@0.2.12")?.func_wrap(
        "get-random-bytes",
        |mut store: Caller<'_>, (count,): (u64,)| {
            timed(&mut store, |state| random::random::Host::get_random_bytes(state.ctx().ctx.random(), count))
        },
    )?;
    linker.instance("wasi:random/insecure@0.2.12")?.func_wrap(
        "get-insecure-random-bytes",
        |mut store: Caller<'_>, (count,): (u64,)| {
            timed(&mut store, |state| {
                random::insecure::Host::get_insecure_random_bytes(state.ctx().ctx.random(), count)
            })
        },
    )
}

/// Makes a call of the host, and counts its time.
fn timed<R>(
    store: &mut Caller<'_>,
    call: impl FnOnce(&mut State) -> wasmtime::Result<R>,
) -> wasmtime::Result<(R,)> {
    let state = store.data_mut();
    let stats = Arc::clone(&state.guest.instance.sender.stats);
    Ok((stats.host_call(|| call(state))?,))
}

/// Makes a short call of the host. Some are timed, and stand for the others.
fn sampled<R>(
    store: &mut Caller<'_>,
    call: impl FnOnce(&mut State) -> wasmtime::Result<R>,
) -> wasmtime::Result<(R,)> {
    let state = store.data_mut();
    let sample = state.guest.call_samples.next();
    let result = call(state)?;
    if let Some(sample) = sample {
        state.guest.stats().host_calls_took(sample.took());
    }
    Ok((result,))
}

/// Returns the pollables of a call of `poll`. Traps the guest if there are none or too many.
fn pollables_of(store: &mut Caller<'_>, list: &Pollables) -> wasmtime::Result<Vec<Resource<DynPollable>>> {
    match list.len() {
        0 => wasmtime::bail!("poll was called with no pollables"),
        count if count > MAX_POLLABLES => {
            wasmtime::bail!("poll was called with {count} pollables; pass at most {MAX_POLLABLES}")
        }
        _ => list.iter(store)?.collect(),
    }
}

/// Returns the bytes of a write. Traps the guest if there are more than `most`.
fn bytes_of(
    store: &mut Caller<'_>,
    function: &str,
    list: &WasmList<u8>,
    most: usize,
) -> wasmtime::Result<Vec<u8>> {
    let count = list.len();
    if count > most {
        wasmtime::bail!("{function} was called with {count} bytes; pass at most {most}");
    }
    Ok(list.as_le_slice(store.as_context()).to_vec())
}

/// Adds `wasi:io/poll`. Every pollable is ready, because it belongs to an output stream.
fn add_poll(mut poll: LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    poll.resource("pollable", ResourceType::host::<DynPollable>(), |mut store: Caller<'_>, rep| {
        HostPollable::drop(store.data_mut().ctx().table, Resource::new_own(rep))
    })?;
    poll.func_wrap("[method]pollable.ready", |_: Caller<'_>, (_,): (Resource<DynPollable>,)| Ok((true,)))?;
    poll.func_wrap("[method]pollable.block", |_: Caller<'_>, (_,): (Resource<DynPollable>,)| Ok(()))?;
    poll.func_wrap("poll", |mut store: Caller<'_>, (pollables,): (Pollables,)| {
        let stats = Arc::clone(&store.data().guest.instance.sender.stats);
        stats.host_call(|| {
            let count = u32::try_from(pollables_of(&mut store, &pollables)?.len())?;
            Ok(((0..count).collect::<Vec<u32>>(),))
        })
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
    streams.func_wrap(CHECK_WRITE, |mut store: Caller<'_>, (output,): (Output,)| {
        let (checked,) = sampled(&mut store, |state| Ok(state.ctx().table.check_write(output)))?;
        answer(&mut store, checked)
    })?;
    streams.func_wrap(&name("write"), |mut store: Caller<'_>, (output, bytes): (Output, WasmList<u8>)| {
        let bytes = bytes_of(&mut store, "write", &bytes, PERMIT)?;
        let written = store.data_mut().ctx().table.write(output, bytes);
        answer(&mut store, written)
    })?;
    streams.func_wrap(&name("subscribe"), |mut store: Caller<'_>, (output,): (Output,)| {
        Ok((HostOutputStream::subscribe(store.data_mut().ctx().table, output)?,))
    })?;
    for flush in ["flush", "blocking-flush"] {
        streams.func_wrap(&name(flush), |mut store: Caller<'_>, (output,): (Output,)| {
            let flushed = HostOutputStream::flush(store.data_mut().ctx().table, output);
            answer(&mut store, flushed)
        })?;
    }
    streams.func_wrap(
        &name("blocking-write-and-flush"),
        |mut store: Caller<'_>, (output, bytes): (Output, WasmList<u8>)| {
            let bytes = bytes_of(&mut store, "blocking-write-and-flush", &bytes, MAX_BLOCKING_WRITE)?;
            let written = store.data_mut().ctx().table.write(output, bytes);
            answer(&mut store, written)
        },
    )
}

/// Converts the result of a stream operation for the guest.
fn answer<T>(store: &mut Caller<'_>, result: StreamResult<T>) -> Answer<T> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(StreamError::Closed) => Ok((Err(WitStreamError::Closed),)),
        Err(StreamError::LastOperationFailed(error)) => {
            let error = store.data_mut().ctx().table.push(error)?;
            Ok((Err(WitStreamError::LastOperationFailed(error)),))
        }
        Err(StreamError::Trap(error)) => Err(error),
    }
}
