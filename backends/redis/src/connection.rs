//! The connection of a table, which all its labels share.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use airssys_keyvalue::StoreError;
use airssys_wasm::FailureLog;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, RedisResult, TlsCertificates};

use crate::errors::{is_stuck, translate};
use crate::options::Options;

/// The delay before the first new attempt of a lost connection.
const MIN_DELAY: Duration = Duration::from_millis(50);

/// The least time between two connections that replace one that is stuck.
const RENEWAL: Duration = Duration::from_secs(1);

/// A connection that is made again when it is lost.
pub struct Connection {
    client: Client,
    config: ConnectionManagerConfig,
    /// The connection, and the time at which it replaced one that was stuck.
    manager: Mutex<(ConnectionManager, Option<Instant>)>,
    pub(crate) timeout: Duration,
    log: FailureLog,
}

/// The effect of a call, which decides whether it may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Writes,
}

impl Connection {
    pub(crate) async fn open(options: &Options) -> RedisResult<Connection> {
        let client = match &options.ca {
            None => Client::open(options.server.clone())?,
            Some(ca) => {
                let certificates = TlsCertificates { client_tls: None, root_cert: Some(ca.clone()) };
                Client::build_with_tls(options.server.clone(), certificates)?
            }
        };
        let config = ConnectionManagerConfig::new()
            .set_min_delay(MIN_DELAY)
            .set_max_delay(options.max_delay)
            .set_number_of_retries(options.max_retries)
            .set_connection_timeout(Some(options.timeout))
            .set_response_timeout(Some(options.timeout));
        let manager = client.get_connection_manager_with_config(config.clone()).await?;
        let manager = Mutex::new((manager, None));
        let log = FailureLog::new(&*options.name);
        Ok(Connection { client, config, manager, timeout: options.timeout, log })
    }

    fn manager(&self) -> ConnectionManager {
        self.manager.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Sends a call. A call whose connection is lost is sent once more if it only reads, or if the
    /// server has not seen it.
    pub(crate) async fn call<T, F: Future<Output = RedisResult<T>>>(
        &self,
        effect: Effect,
        send: impl Fn(ConnectionManager) -> F,
    ) -> Result<T, StoreError> {
        let sent = match send(self.manager()).await {
            Err(error) if error.is_connection_refusal() || (effect == Effect::Reads && is_lost(&error)) => {
                send(self.manager()).await
            }
            sent => sent,
        };
        sent.inspect(|_| self.log.works()).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &RedisError) -> StoreError {
        if is_stuck(error) {
            self.renew();
        }
        translate(error, &self.log)
    }

    /// Replaces a connection that the library would not make again.
    fn renew(&self) {
        let mut manager = self.manager.lock().unwrap_or_else(PoisonError::into_inner);
        if manager.1.is_some_and(|renewed| renewed.elapsed() < RENEWAL) {
            return;
        }
        match ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone()) {
            Ok(renewed) => *manager = (renewed, Some(Instant::now())),
            Err(error) => self.log.failed(&error),
        }
    }
}

fn is_lost(error: &RedisError) -> bool {
    error.is_connection_dropped() || (error.is_io_error() && !error.is_timeout())
}
