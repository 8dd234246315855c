//! The client of a table, which all its labels share.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use airssys_rt::BoxError;
use airssys_secrets::SecretError;
use airssys_spec::file;
use airssys_wasm::{Backoff, FailureLog};
use reqwest::Method;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::login::Session;
use crate::options::Options;
use crate::server::{Answer, RequestError, Server};

/// The delays between attempts to reach a server that cannot be reached.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// The most bytes of a file with certificates: 1 MiB.
const MAX_CA_BYTES: u64 = 1 << 20;

/// The client of a table.
pub struct Client {
    server: Server,
    session: Session,
    backoff: Mutex<Backoff<()>>,
    log: FailureLog,
    pub(crate) mount: String,
    pub(crate) prefix: String,
    pub(crate) timeout: Duration,
}

/// The answer to `sys/seal-status`.
#[derive(Deserialize)]
struct Status {
    version: String,
}

/// The answer to `auth/token/lookup-self`, whose content is of no interest.
#[derive(Deserialize)]
struct LookUp {}

impl Client {
    /// Connects, and checks the token.
    pub(crate) async fn connect(options: &Options) -> Result<Client, BoxError> {
        let ca = match options.ca.clone() {
            None => None,
            Some(path) => {
                let shown = path.display().to_string();
                let read = tokio::task::spawn_blocking(move || file::read(&path, MAX_CA_BYTES));
                Some(read.await?.map_err(|error| format!("{shown} cannot be read: {error}"))?)
            }
        };
        let client = Client {
            server: Server::new(options, ca.as_deref())?,
            session: Session::new(options.login.clone()),
            backoff: Mutex::new(Backoff::new(FIRST_DELAY, LONGEST_DELAY)),
            log: FailureLog::new("vault"),
            mount: options.mount.clone(),
            prefix: options.prefix.clone(),
            timeout: options.timeout,
        };
        let answer = client.try_send(Method::GET, "auth/token/lookup-self", &None).await?;
        answer.json::<LookUp>()?.ok_or(RequestError::Form)?;
        Ok(client)
    }

    /// Returns the product and its version.
    pub(crate) async fn version(&self) -> Result<String, BoxError> {
        let answer = self.server.send(Method::GET, "sys/seal-status", None, None).await?;
        let status: Status = answer.json()?.ok_or(RequestError::Form)?;
        Ok(format!("a server of Vault's interface, version {}", status.version))
    }

    /// Sends a request with the token. Calls fail at once while the server cannot be reached, until the
    /// next attempt is due. Only a request that the server has refused for its token is sent again.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Answer, SecretError> {
        if self.backoff().last().is_some() {
            return Err(SecretError::Unavailable);
        }
        match self.try_send(method, path, &body).await {
            Ok(answer) => {
                self.backoff().succeeded();
                self.log.works();
                Ok(answer)
            }
            Err(error) => {
                if let RequestError::NotSent(_) = error {
                    self.backoff().failed(());
                }
                self.log.failed(&error);
                Err(match error {
                    RequestError::Status(status) => {
                        SecretError::Other(format!("the server answered {status}"))
                    }
                    RequestError::TooLarge => {
                        SecretError::InvalidArgument("the answer is larger than a call may return".to_owned())
                    }
                    RequestError::Form => SecretError::Other("the server gave an unknown answer".to_owned()),
                    _ => SecretError::Unavailable,
                })
            }
        }
    }

    async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: &Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Answer, RequestError> {
        let token = self.session.token(&self.server).await?;
        let sent = self.server.send(method.clone(), path, Some(&token.header), body.clone()).await;
        if !matches!(sent, Err(RequestError::Forbidden)) {
            return sent;
        }
        match self.session.after(&token, &self.server).await? {
            Some(token) => self.server.send(method, path, Some(&token.header), body.clone()).await,
            None => sent,
        }
    }

    fn backoff(&self) -> std::sync::MutexGuard<'_, Backoff<()>> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
