//! Products whose types are erased.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use airssys_rt::BoxError;
use airssys_spec::manifest::{BackendTable, Diagnostics};

use crate::backend::product::{AnyClient, Backend, Served, Serves};

type Connected<'a> = Pin<Box<dyn Future<Output = Result<AnyClient, BoxError>> + Send + 'a>>;
type Checked<'a> = Pin<Box<dyn Future<Output = Result<String, BoxError>> + Send + 'a>>;
pub(super) type AnyConfig = Arc<dyn Any + Send + Sync>;

/// A [`Backend`] whose types are erased.
pub(super) trait AnyBackend: Send + Sync {
    fn kind(&self) -> &'static str;
    fn served(&self) -> &HashMap<TypeId, Served>;
    fn configure(&self, table: &BackendTable) -> Result<AnyConfig, Diagnostics>;
    fn connect<'a>(&'a self, config: &'a (dyn Any + Send + Sync)) -> Connected<'a>;
    fn check<'a>(&'a self, config: &'a (dyn Any + Send + Sync)) -> Checked<'a>;
    fn exclusive_path(&self, config: &(dyn Any + Send + Sync)) -> Option<PathBuf>;
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

    fn check<'a>(&'a self, config: &'a (dyn Any + Send + Sync)) -> Checked<'a> {
        Box::pin(async move {
            let config = config.downcast_ref().ok_or("the configuration is another product's")?;
            self.backend.check(config).await
        })
    }

    fn exclusive_path(&self, config: &(dyn Any + Send + Sync)) -> Option<PathBuf> {
        self.backend.exclusive_path(config.downcast_ref()?)
    }
}
