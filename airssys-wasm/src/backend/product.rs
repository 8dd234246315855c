//! Products, and the traits of services that they implement.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use airssys_rt::BoxError;
use airssys_spec::manifest::{BackendTable, Diagnostics, LabelTable};

use crate::backend::current::{self, AnyLabel, Current};

/// A product that can serve labels of services.
///
/// One implementation has one type name, which `type = "…"` in a table `[backend.NAME]` says. The
/// host makes one client per table, when the first label on it is opened, and shares it between all
/// labels of all services on that table.
pub trait Backend: Send + Sync + 'static {
    /// The name of the type, such as `redis`.
    const TYPE: &'static str;

    /// The checked configuration.
    type Config: Send + Sync + 'static;
    /// The connection or pool of one table.
    type Client: Send + Sync + 'static;

    /// Reads a table, without I/O except for secrets.
    ///
    /// # Errors
    /// Every mistake in the table.
    fn configure(&self, table: &BackendTable) -> Result<Self::Config, Diagnostics>;

    /// Connects. Called again, after a delay that grows, if it fails. Dropped after 5 s.
    fn connect(&self, config: &Self::Config) -> impl Future<Output = Result<Self::Client, BoxError>> + Send;

    /// Returns the product and its version, as it answers now.
    fn describe(&self, client: &Self::Client) -> impl Future<Output = Result<String, BoxError>> + Send;

    /// Returns the product and its version for a check, beside hosts that may be running. By default it
    /// connects and asks. A product whose files only one host uses looks at them instead. Dropped after
    /// 10 s.
    fn check(&self, config: &Self::Config) -> impl Future<Output = Result<String, BoxError>> + Send {
        async {
            let client = self.connect(config).await?;
            self.describe(&client).await
        }
    }

    /// Returns the file or the folder of a configuration that no other backend may use. By default there is
    /// none.
    fn exclusive_path(&self, config: &Self::Config) -> Option<PathBuf> {
        let _ = config;
        None
    }

    /// Lists the traits of services that it implements: one call of [`Serves::label`] for each.
    fn serves(&self, serves: &mut Serves<Self>)
    where
        Self: Sized;
}

/// The trait behind the labels of a service, and the type of its embedded default.
#[derive(Clone, Copy, Debug)]
pub struct Labels {
    pub(crate) of: TypeId,
    pub(crate) default_type: &'static str,
}

impl Labels {
    /// Makes the labels of a service that opens them as `T`, such as `dyn Store`. A label without an
    /// entry in the runtime configuration is on a backend of the type `default_type`.
    pub fn of<T: ?Sized + 'static>(default_type: &'static str) -> Labels {
        Labels { of: TypeId::of::<T>(), default_type }
    }
}

pub(crate) type AnyOptions = Arc<dyn Any + Send + Sync>;
pub(crate) type AnyClient = Arc<dyn Any + Send + Sync>;

type Read = Box<dyn Fn(&LabelTable) -> Result<AnyOptions, Diagnostics> + Send + Sync>;
type Make =
    Box<dyn Fn(AnyClient, &(dyn Any + Send + Sync), &str) -> Result<AnyLabel, BoxError> + Send + Sync>;

type Apart = Box<
    dyn Fn(&(dyn Any + Send + Sync), &[(&LabelTable, &AnyOptions)]) -> Result<(), Diagnostics> + Send + Sync,
>;

/// The functions of one trait.
pub(crate) struct Served {
    pub(crate) read: Read,
    pub(crate) make: Make,
    /// Puts a label that was made anew in the place of an old one.
    pub(crate) renew: fn(&AnyLabel, &AnyLabel),
    /// `None` if labels of a backend are always apart.
    pub(crate) apart: Option<Apart>,
}

/// The traits of services that a product implements.
pub struct Serves<B: Backend> {
    traits: HashMap<TypeId, Served>,
    product: PhantomData<fn() -> B>,
}

impl<B: Backend> Serves<B> {
    pub(crate) fn of(backend: &B) -> HashMap<TypeId, Served> {
        let mut serves = Serves { traits: HashMap::new(), product: PhantomData };
        backend.serves(&mut serves);
        serves.traits
    }

    /// Adds a trait. `read` reads the options of a label, without I/O. `make` makes the label of that
    /// name, without waiting; it is called once per label and connection.
    pub fn label<T: ?Sized + Send + Sync + 'static, O: Send + Sync + 'static>(
        &mut self,
        read: impl Fn(&LabelTable) -> Result<O, Diagnostics> + Send + Sync + 'static,
        make: impl Fn(Arc<B::Client>, &O, &str) -> Arc<T> + Send + Sync + 'static,
    ) {
        let read: Read = Box::new(move |table| Ok(Arc::new(read(table)?)));
        let make: Make = Box::new(move |client, options, label| {
            let client = client.downcast().map_err(|_| "the client is another product's")?;
            let options = options.downcast_ref().ok_or("the options are another product's")?;
            let made: AnyLabel = Arc::new(Current::new(make(client, options, label)));
            Ok(made)
        });
        self.traits.insert(TypeId::of::<T>(), Served { read, make, renew: current::renew::<T>, apart: None });
    }

    /// As [`Serves::label`], for a product whose options decide whether labels are apart. `apart` gets the
    /// table and all labels on it, `*` among them, and reports those that share their data.
    pub fn label_apart<T: ?Sized + Send + Sync + 'static, O: Send + Sync + 'static>(
        &mut self,
        read: impl Fn(&LabelTable) -> Result<O, Diagnostics> + Send + Sync + 'static,
        apart: impl Fn(&B::Config, &[(&LabelTable, &O)]) -> Result<(), Diagnostics> + Send + Sync + 'static,
        make: impl Fn(Arc<B::Client>, &O, &str) -> Arc<T> + Send + Sync + 'static,
    ) {
        self.label(read, make);
        if let Some(served) = self.traits.get_mut(&TypeId::of::<T>()) {
            served.apart = Some(Box::new(move |config, labels| {
                let Some(config) = config.downcast_ref() else { return Ok(()) };
                let labels =
                    labels.iter().filter_map(|(label, options)| Some((*label, options.downcast_ref()?)));
                apart(config, &labels.collect::<Vec<_>>())
            }));
        }
    }
}
