//! The app's own host interface: `example:prices`, in `wit/prices.wit`.

use std::collections::BTreeMap;
use std::sync::Arc;

use airssys_rt::BoxError;
use airssys_wasm::wasmtime::{self, component::Linker};
use airssys_wasm::{Entry, GuestState, HasService, Interface, Service, ServiceCall, ServiceInstance, Waits};

use self::example::prices::prices::{self, PriceError};

airssys_wasm::wasmtime::component::bindgen!({
    path: "wit",
    world: "customer",
    wasmtime_crate: airssys_wasm::wasmtime,
});

/// The prices of articles, in cents, by shelf and article.
pub type PriceList = BTreeMap<(&'static str, &'static str), u64>;

/// The service behind the interface.
pub struct Prices(pub Arc<PriceList>);

impl Service for Prices {
    const NAME: &'static str = "prices";

    type Config = ();
    type Connection = ();
    type Data = Arc<PriceList>;

    fn interfaces(&self) -> Vec<Interface> {
        // No function waits, so components that import it are called directly.
        vec![Interface { name: "example:prices/prices", version: "0.1.0", waits: Waits::Never }]
    }

    fn link(&self, linker: &mut Linker<GuestState>, _entry: Entry) -> wasmtime::Result<()> {
        prices::add_to_linker::<_, HasService<Prices>>(linker, GuestState::service::<Prices>)
    }

    fn prepare(&self, (): &(), _instance: &ServiceInstance<'_>) -> Result<Arc<PriceList>, BoxError> {
        // Every instance shares the list.
        Ok(Arc::clone(&self.0))
    }
}

impl prices::Host for ServiceCall<'_, Prices> {
    fn price(&mut self, shelf: String, article: String) -> Result<u64, PriceError> {
        self.count("price", |call| {
            // Decides about the right `prices/SHELF:read`. A denial is counted and audited.
            call.may_use(&shelf, "read").map_err(|_| PriceError::AccessDenied)?;
            let prices = call.data().ok();
            let price = prices.and_then(|prices| prices.get(&(shelf.as_str(), article.as_str())));
            price.copied().ok_or(PriceError::UnknownArticle)
        })
    }
}
