//! `wasi:http` as a service of the host.

use std::sync::Arc;

use airssys_rt::BoxError;
use airssys_spec::manifest::{Diagnostics, ServiceTable};
use airssys_wasm::wasmtime::component::{Linker, Resource};
use airssys_wasm::{
    Entry, ExportedFunction, ExportedInterface, GuestState, Interface, Service, ServiceInstance, Waits,
    wasmtime,
};
use wasmtime_wasi_http::p2::bindings::LinkOptions;
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtx, WasiHttpCtxView};

use crate::outgoing::{Clients, HttpConfig, NoRequests, Outgoing, Resolve, SystemResolver};

/// The name of the interface that components export.
pub(crate) const HANDLER: &str = "wasi:http/incoming-handler";

/// The function of [`HANDLER`].
pub(crate) const HANDLE: &str = "handle";

/// The parameters of [`HANDLE`].
pub(crate) type HandleParams = (Resource<HostIncomingRequest>, Resource<HostResponseOutparam>);

const FUNCTIONS: &[ExportedFunction] = &[ExportedFunction::new::<HandleParams, ()>(HANDLE)];

/// The service `wasi:http`, versions 0.2: components answer requests, and send some.
#[derive(Clone)]
pub struct Http {
    resolver: Arc<dyn Resolve>,
}

/// The parts of the service that a program can replace.
#[derive(Clone, Default)]
pub struct HttpOptions {
    resolver: Option<Arc<dyn Resolve>>,
}

impl HttpOptions {
    /// Sets the resolver of the names to which components send requests. By default it is the system's.
    #[must_use]
    pub fn resolver(self, resolver: impl Resolve) -> HttpOptions {
        HttpOptions { resolver: Some(Arc::new(resolver)) }
    }
}

impl std::fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpOptions").finish_non_exhaustive()
    }
}

impl Http {
    /// Makes the service.
    pub fn new(options: HttpOptions) -> Http {
        Http { resolver: options.resolver.unwrap_or_else(|| Arc::new(SystemResolver::default())) }
    }
}

impl Default for Http {
    fn default() -> Http {
        Http::new(HttpOptions::default())
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

impl Service for Http {
    const NAME: &'static str = "http";

    type Config = HttpConfig;
    type Connection = Clients;
    type Data = HttpData;

    fn interfaces(&self) -> Vec<Interface> {
        let interface = |name| Interface { name, version: "0.2.", waits: Waits::Always };
        vec![interface("wasi:http/types"), interface("wasi:http/outgoing-handler")]
    }

    fn exports(&self) -> Vec<ExportedInterface> {
        vec![ExportedInterface { name: HANDLER, version: "0.2.", functions: FUNCTIONS }]
    }

    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()> {
        match entry {
            // Components that import it run on fibers.
            Entry::Direct => Ok(()),
            Entry::Fiber => {
                outgoing_handler::add_to_linker::<GuestState, WasiHttp>(linker, view)?;
                types::add_to_linker::<GuestState, WasiHttp>(linker, &LinkOptions::default().into(), view)
            }
        }
    }

    fn configure(&self, table: &ServiceTable) -> Result<HttpConfig, Diagnostics> {
        HttpConfig::read(table)
    }

    async fn connect(&self, config: &HttpConfig) -> Result<Clients, BoxError> {
        let (options, resolver) = (config.outgoing.clone(), Arc::clone(&self.resolver));
        tokio::task::spawn_blocking(move || Clients::new(options, resolver)).await?
    }

    fn prepare(&self, clients: &Clients, instance: &ServiceInstance<'_>) -> Result<HttpData, BoxError> {
        let outgoing = Outgoing::new(clients.of(instance.component()), instance.caller::<Http>());
        Ok(HttpData { context: context(), outgoing })
    }
}

/// The data of one incarnation of an instance.
pub struct HttpData {
    context: WasiHttpCtx,
    outgoing: Outgoing,
}

/// The most bytes of headers that a guest makes for one message, as the host keeps them.
const MAX_FIELD_BYTES: usize = 32 << 10;

/// The most resources of an instance that makes headers, bodies and streams: each can have the bytes above,
/// so all together take 16 MiB.
const MAX_RESOURCES: usize = 512;

/// Returns the context of an instance.
fn context() -> WasiHttpCtx {
    let mut context = WasiHttpCtx::new();
    context.set_field_size_limit(MAX_FIELD_BYTES);
    context
}

/// Returns the view of an instance on which the functions work.
pub(crate) fn view(state: &mut GuestState) -> WasiHttpCtxView<'_> {
    let call = state.service::<Http>();
    let trace = call.trace();
    let (data, table) = call.into_parts();
    // Before the first of them is made.
    table.set_max_capacity(MAX_RESOURCES);
    match data {
        Some(HttpData { context, outgoing }) => {
            outgoing.trace = trace;
            WasiHttpCtxView { hooks: outgoing, table, ctx: context }
        }
        // An instance has data if it imports an interface, and only those functions come here.
        None => {
            let (hooks, ctx) = (Box::leak(Box::new(NoRequests)), Box::leak(Box::new(context())));
            WasiHttpCtxView { hooks, table, ctx }
        }
    }
}
