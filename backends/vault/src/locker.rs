//! A locker as a path in an engine of the kind KV version 2.

use std::sync::Arc;
use std::time::Duration;

use airssys_secrets::{Locker, MAX_VALUE_BYTES, Page, SecretError, Value, page};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::client::Client;
use crate::names::{decode, encode};

/// A locker on a server.
pub(crate) struct VaultLocker {
    client: Arc<Client>,
    /// The path of its secrets in the engine.
    path: String,
}

/// A secret on the server. Text is kept as such, so that the products' own clients show and write it.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// Other bytes, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.value.zeroize();
        self.base64.zeroize();
    }
}

#[derive(Serialize)]
struct Write<'a> {
    data: &'a Stored,
}

#[derive(Deserialize)]
struct Read {
    data: Version,
}

#[derive(Deserialize)]
struct Version {
    /// `None` if it was deleted by another program.
    data: Option<Stored>,
}

#[derive(Deserialize)]
struct Listed {
    data: Keys,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<String>,
}

impl VaultLocker {
    pub(crate) fn new(client: Arc<Client>, path: String) -> VaultLocker {
        VaultLocker { client, path }
    }

    fn data(&self, id: &str) -> String {
        format!("{}/data/{}/{}", self.client.mount, self.path, encode(id))
    }

    async fn read(&self, id: &str) -> Result<Option<Stored>, SecretError> {
        let answer = self.client.send(Method::GET, &self.data(id), None).await?;
        let read: Option<Read> = answer.json().map_err(|_| unknown())?;
        Ok(read.and_then(|read| read.data.data))
    }
}

fn unknown() -> SecretError {
    SecretError::Other("the secret on the server was written by another program, in another form".to_owned())
}

fn stored(value: &[u8]) -> Stored {
    match str::from_utf8(value) {
        Ok(text) => Stored { value: Some(text.to_owned()), base64: None },
        Err(_) => Stored { value: None, base64: Some(STANDARD.encode(value)) },
    }
}

fn value(mut stored: Stored) -> Result<Value, SecretError> {
    let value = match (stored.value.take(), &stored.base64) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(base64)) => STANDARD.decode(base64).map_err(|_| unknown())?,
        (None, None) => return Err(unknown()),
    };
    let value = Zeroizing::new(value);
    match value.len() > MAX_VALUE_BYTES {
        true => Err(SecretError::InvalidArgument("the value is larger than a call may return".to_owned())),
        false => Ok(value),
    }
}

#[async_trait]
impl Locker for VaultLocker {
    async fn get(&self, id: &str) -> Result<Option<Value>, SecretError> {
        self.read(id).await?.map(value).transpose()
    }

    async fn set(&self, id: &str, value: Value) -> Result<(), SecretError> {
        let body = serde_json::to_vec(&Write { data: &stored(&value) });
        let body = Zeroizing::new(body.map_err(|error| SecretError::Other(error.to_string()))?);
        self.client.send(Method::POST, &self.data(id), Some(body)).await.map(drop)
    }

    /// Deletes all versions.
    async fn delete(&self, id: &str) -> Result<(), SecretError> {
        let path = format!("{}/metadata/{}/{}", self.client.mount, self.path, encode(id));
        self.client.send(Method::DELETE, &path, None).await.map(drop)
    }

    async fn exists(&self, id: &str) -> Result<bool, SecretError> {
        Ok(self.read(id).await?.is_some())
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Page, SecretError> {
        let path = format!("{}/metadata/{}/", self.client.mount, self.path);
        let list = Method::from_bytes(b"LIST").map_err(|error| SecretError::Other(error.to_string()))?;
        let listed: Option<Listed> =
            self.client.send(list, &path, None).await?.json().map_err(|_| unknown())?;
        // Folders, and names that only other programs choose, are not secrets of the locker.
        let keys = listed.map(|listed| listed.data.keys).unwrap_or_default();
        let mut ids: Vec<String> = keys.iter().filter_map(|key| decode(key)).collect();
        ids.retain(|id| after.is_none_or(|after| id.as_str() > after));
        ids.sort_unstable();
        Ok(page(ids, limit))
    }

    fn timeout(&self) -> Duration {
        self.client.timeout
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_as_text_and_other_bytes_in_base64() {
        let json = |value: &[u8]| serde_json::to_string(&stored(value)).unwrap();
        assert_eq!(json("é\0".as_bytes()), "{\"value\":\"é\\u0000\"}");
        assert_eq!(json(&[255, 0]), "{\"base64\":\"/wA=\"}");
        let read = |json: &str| value(serde_json::from_str(json).unwrap()).map(|value| value.to_vec());
        assert_eq!(read("{\"value\":\"a\",\"other\":1}").unwrap(), b"a");
        assert_eq!(read("{\"base64\":\"/wA=\"}").unwrap(), [255, 0]);
        for other in ["{\"base64\":\"?\"}".to_owned(), "{\"password\":\"a\"}".to_owned()] {
            assert_eq!(read(&other).unwrap_err(), unknown(), "{other}");
        }
        let large = format!("{{\"value\":\"{}\"}}", "a".repeat(MAX_VALUE_BYTES + 1));
        assert!(matches!(read(&large), Err(SecretError::InvalidArgument(_))));
    }
}
