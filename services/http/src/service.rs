//! `wasi:http` as a service of the host.

use airssys_rt::BoxError;
use airssys_wasm::wasmtime::component::{Linker, Resource};
use airssys_wasm::{
    Entry, ExportedFunction, ExportedInterface, GuestState, Interface, Service, ServiceInstance, Waits,
    wasmtime,
};
use hyper::{Request, Response};
use wasmtime_wasi_http::p2::bindings::LinkOptions;
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

/// The name of the interface that components export.
pub(crate) const HANDLER: &str = "wasi:http/incoming-handler";

/// The function of [`HANDLER`].
pub(crate) const HANDLE: &str = "handle";

/// The parameters of [`HANDLE`].
pub(crate) type HandleParams = (Resource<HostIncomingRequest>, Resource<HostResponseOutparam>);

const FUNCTIONS: &[ExportedFunction] = &[ExportedFunction::new::<HandleParams, ()>(HANDLE)];

/// The service `wasi:http`, versions 0.2.
///
/// It lets components answer requests. Outgoing requests are denied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Http;

impl Service for Http {
    const NAME: &'static str = "http";

    type Config = ();
    type Connection = ();
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

    fn prepare(&self, (): &(), _instance: &ServiceInstance<'_>) -> Result<HttpData, BoxError> {
        Ok(HttpData::default())
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

impl Default for HttpData {
    fn default() -> HttpData {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(MAX_FIELD_BYTES);
        HttpData { context, outgoing: Outgoing }
    }
}

/// Returns the view of an instance on which the functions work.
pub(crate) fn view(state: &mut GuestState) -> WasiHttpCtxView<'_> {
    let (data, table) = state.service::<Http>().into_parts();
    // Before the first of them is made.
    table.set_max_capacity(MAX_RESOURCES);
    // An instance has data if it imports an interface, and only those functions come here.
    let data = data.unwrap_or_else(|| Box::leak(Box::default()));
    WasiHttpCtxView { hooks: &mut data.outgoing, table, ctx: &mut data.context }
}

/// The outgoing requests of an instance.
#[derive(Default)]
struct Outgoing;

type Io = Box<dyn Future<Output = Result<(), HttpError>> + Send>;

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        _: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), HttpError>> + Send> {
        Box::new(std::future::ready(Err(HttpError::HttpRequestDenied)))
    }
}
