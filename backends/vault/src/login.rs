//! The token of the host.

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::options::Login;
use crate::server::{RequestError, Server};

/// A token, with the number of logins that were made before it.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) header: HeaderValue,
    login: u64,
}

/// The login of a table, and its present token.
pub(crate) struct Session {
    login: Login,
    token: Mutex<Option<Token>>,
}

#[derive(Serialize)]
struct AppRole<'a> {
    role_id: &'a str,
    secret_id: &'a str,
}

#[derive(Deserialize)]
struct LoggedIn {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: String,
}

fn header(token: &str) -> Result<HeaderValue, RequestError> {
    let mut header = HeaderValue::from_str(token).map_err(|_| RequestError::Form)?;
    header.set_sensitive(true);
    Ok(header)
}

impl Session {
    pub(crate) fn new(login: Login) -> Session {
        Session { login, token: Mutex::default() }
    }

    /// Returns the token, and logs in if there is none.
    pub(crate) async fn token(&self, server: &Server) -> Result<Token, RequestError> {
        let mut token = self.token.lock().await;
        if let Some(token) = &*token {
            return Ok(token.clone());
        }
        let made = Token { header: self.log_in(server).await?, login: 0 };
        Ok(token.insert(made).clone())
    }

    /// Returns another token than one that the server refuses, or `None` if the operator gave it.
    pub(crate) async fn after(
        &self,
        refused: &Token,
        server: &Server,
    ) -> Result<Option<Token>, RequestError> {
        if let Login::Token(_) = self.login {
            return Ok(None);
        }
        let mut token = self.token.lock().await;
        // Another call may have logged in meanwhile.
        if let Some(token) = token.as_ref().filter(|token| token.login != refused.login) {
            return Ok(Some(token.clone()));
        }
        let made = Token { header: self.log_in(server).await?, login: refused.login + 1 };
        Ok(Some(token.insert(made).clone()))
    }

    async fn log_in(&self, server: &Server) -> Result<HeaderValue, RequestError> {
        match &self.login {
            Login::Token(token) => header(token.reveal()),
            Login::AppRole { role_id, secret_id, mount } => {
                let role = AppRole { role_id: role_id.reveal(), secret_id: secret_id.reveal() };
                let body = Zeroizing::new(serde_json::to_vec(&role).map_err(|_| RequestError::Form)?);
                let path = format!("auth/{mount}/login");
                let answer = match server.send(Method::POST, &path, None, Some(body)).await {
                    // An unknown role, and a wrong secret.
                    Err(RequestError::Status(_)) => return Err(RequestError::Forbidden),
                    answer => answer?,
                };
                let logged_in: LoggedIn = answer.json()?.ok_or(RequestError::Forbidden)?;
                header(&Zeroizing::new(logged_in.auth.client_token))
            }
        }
    }
}
