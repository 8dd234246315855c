//! Products whose types are erased.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use airssys_rt::BoxError;
use airssys_spec::manifest::{BackendTable, Diagnostics};

use crate::backend::product::{AnyClient, Backend, Served, Serves};

type Connected<'a> = Pin<Box<dyn Future<Output = Result<AnyClient, BoxError>> + Send + 'a>>;
type Described<'a> = Pin<Box<dyn Future<Output = Result<String, BoxError>> + Send + 'a>>;
pub(super) type AnyConfig = Arc<dyn Any + Send + Sync>;

/// A [`Backend`] whose types are erased.
pub(super) trait AnyBackend: Send + Sync {
    fn kind(&self) -> &'static str;
    fn served(&self) -> &HashMap<TypeId, Served>;
    fn configure(&self, table: &BackendTable) -> Result<AnyConfig, Diagnostics>;
    fn connect<'a>(&'a self, config: &'a (dyn Any + Send + Sync)) -> Connected<'a>;
    fn describe<'a>(&'a self, client: &'a (dyn Any + Send + Sync)) -> Described<'a>;
}

pub(super) struct Erased<B> {
    backend: B,
    served: HashMap<TypeId, Served>,
}

impl<B: Backend> Erased<B> {
    pub(super) fn new(backend: B) -> Erased<B> {
        Erased { served: Serves::of(&backend), backend }
    }
}

impl<B: Backend> AnyBackend for Erased<B> {
    fn kind(&self) -> &'static str {
        B::TYPE
    }

    fn served(&self) -> &HashMap<TypeId, Served> {
        &self.served
    }

    fn configure(&self, table: &BackendTable) -> Result<AnyConfig, Diagnostics> {
        Ok(Arc::new(self.backend.configure(table)?))
    }

    fn connect<'a>(&'a self, config: &'a (dyn Any + Send + Sync)) -> Connected<'a> {
        Box::pin(async move {
            let config = config.downcast_ref().ok_or("the configuration is another product's")?;
            let client: AnyClient = Arc::new(self.backend.connect(config).await?);
            Ok(client)
        })
    }

    fn describe<'a>(&'a self, client: &'a (dyn Any + Send + Sync)) -> Described<'a> {
        Box::pin(async move {
            let client = client.downcast_ref().ok_or("the client is another product's")?;
            self.backend.describe(client).await
        })
    }
}
