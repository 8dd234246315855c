//! The product, as the runtime configuration names it.

use std::sync::Arc;

use airssys_rt::BoxError;
use airssys_secrets::Locker;
use airssys_wasm::manifest::{BackendTable, Diagnostics};
use airssys_wasm::{Backend, Serves};

use crate::client::Client;
use crate::locker::VaultLocker;
use crate::options::{self, LabelOptions, Options};

/// Vault and OpenBao: `type = "vault"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vault;

impl Backend for Vault {
    const TYPE: &'static str = "vault";

    type Config = Options;
    type Client = Client;

    fn configure(&self, table: &BackendTable) -> Result<Options, Diagnostics> {
        options::of_backend(table)
    }

    async fn connect(&self, options: &Options) -> Result<Client, BoxError> {
        Client::connect(options).await
    }

    async fn describe(&self, client: &Client) -> Result<String, BoxError> {
        client.version().await
    }

    fn serves(&self, serves: &mut Serves<Vault>) {
        serves.label::<dyn Locker, _>(options::of_label, |client, options: &LabelOptions, label| {
            let path = options.path(&client.prefix, label);
            Arc::new(VaultLocker::new(client, path))
        });
    }
}
