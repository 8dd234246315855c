//! The product, as the runtime configuration names it.

use std::sync::Arc;

use airssys_keyvalue::Store;
use airssys_rt::BoxError;
use airssys_wasm::manifest::{BackendTable, Diagnostics};
use airssys_wasm::{Backend, Serves};

use crate::connection::{Connection, Effect};
use crate::options::{self, LabelOptions, Options};
use crate::store::RedisStore;

/// Redis and Valkey: `type = "redis"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Redis;

impl Backend for Redis {
    const TYPE: &'static str = "redis";

    type Config = Options;
    type Client = Connection;

    fn configure(&self, table: &BackendTable) -> Result<Options, Diagnostics> {
        options::of_backend(table)
    }

    async fn connect(&self, options: &Options) -> Result<Connection, BoxError> {
        // Fails if the program has a provider already, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        Ok(Connection::open(options).await?)
    }

    async fn describe(&self, connection: &Connection) -> Result<String, BoxError> {
        let info = |mut manager| async move {
            redis::cmd("INFO").arg("server").query_async::<String>(&mut manager).await
        };
        let asked = tokio::time::timeout(connection.timeout, connection.call(Effect::Reads, info));
        let info = asked.await??;
        let line = |key: &str| info.lines().find_map(|line| line.strip_prefix(key));
        // Valkey says the version of Redis with which it is compatible too.
        let valkey = line("valkey_version:").map(|version| format!("Valkey {version}"));
        let redis = || line("redis_version:").map(|version| format!("Redis {version}"));
        Ok(valkey.or_else(redis).unwrap_or_else(|| "a server that speaks the protocol of Redis".to_owned()))
    }

    fn serves(&self, serves: &mut Serves<Redis>) {
        let make = |connection, options: &LabelOptions, label: &str| -> Arc<dyn Store> {
            Arc::new(RedisStore::new(connection, options.prefix(label)))
        };
        serves.label_apart::<dyn Store, _>(options::of_label, |_, labels| options::check_apart(labels), make);
    }
}
