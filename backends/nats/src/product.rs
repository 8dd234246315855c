//! The product, as the runtime configuration names it.

use std::sync::Arc;

use airssys_blobstore::Container;
use airssys_keyvalue::Store;
use airssys_rt::BoxError;
use airssys_wasm::manifest::{BackendTable, Diagnostics};
use airssys_wasm::{Backend, Serves};
use async_nats::HeaderMap;
use bytes::Bytes;

use crate::connection::{Connection, Effect};
use crate::errors::Failure;
use crate::objects::NatsContainer;
use crate::options::{self, LabelOptions, Options};
use crate::store::NatsStore;

/// NATS with JetStream: `type = "nats"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nats;

impl Backend for Nats {
    const TYPE: &'static str = "nats";

    type Config = Options;
    type Client = Connection;

    fn configure(&self, table: &BackendTable) -> Result<Options, Diagnostics> {
        options::of_backend(table)
    }

    async fn connect(&self, options: &Options) -> Result<Connection, BoxError> {
        Connection::open(options).await
    }

    async fn describe(&self, connection: &Connection) -> Result<String, BoxError> {
        let account = connection.ask(Effect::Repeatable, "$JS.API.INFO", HeaderMap::new(), Bytes::new());
        match account.await {
            Ok(_) => Ok(format!("NATS {} with JetStream", connection.client.server_info().version)),
            Err(Failure::NoResponders) => Err("the server has JetStream switched off".into()),
            Err(Failure::Timeout) => Err("the server does not answer".into()),
            Err(_) => Err("the connection is lost".into()),
        }
    }

    fn serves(&self, serves: &mut Serves<Nats>) {
        serves.label::<dyn Store, _>(options::of_label, |connection, options: &LabelOptions, label| {
            Arc::new(NatsStore::new(connection, &options.bucket(label), options.max_bytes))
        });
        serves.label::<dyn Container, _>(options::of_label, |connection, options: &LabelOptions, label| {
            Arc::new(NatsContainer::new(connection, &options.bucket(label), options.max_bytes))
        });
    }
}
