//! A label as keys with a prefix.

use std::sync::Arc;
use std::time::Duration;

use airssys_keyvalue::{
    Condition, Entry, MAX_BATCH_BYTES, MAX_KEY_BYTES, MAX_VALUE_BYTES, Page, SetOptions, Store, StoreError,
};
use async_trait::async_trait;
use redis::aio::ConnectionManager;
use redis::{Cmd, FromRedisValue, RedisResult, ScriptInvocation, Value};

use crate::connection::{Connection, Effect};
use crate::scripts::{Scripts, version};

/// The most calls for one page of keys. A server may have few keys of a label among many others.
const MAX_SCANS: usize = 20;

/// A label on a server.
pub(crate) struct RedisStore {
    connection: Arc<Connection>,
    prefix: String,
    scripts: Scripts,
}

impl RedisStore {
    pub(crate) fn new(connection: Arc<Connection>, prefix: String) -> RedisStore {
        RedisStore { connection, prefix, scripts: Scripts::default() }
    }

    fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn paths(&self, keys: &[String]) -> Vec<String> {
        keys.iter().map(|key| self.path(key)).collect()
    }

    async fn command<T: FromRedisValue>(&self, effect: Effect, command: &Cmd) -> Result<T, StoreError> {
        let send = |mut manager: ConnectionManager| async move { command.query_async(&mut manager).await };
        self.connection.call(effect, send).await
    }

    async fn script<T: FromRedisValue>(
        &self,
        effect: Effect,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        let send = |mut manager: ConnectionManager| async move { script.invoke_async(&mut manager).await };
        self.connection.call(effect, send).await
    }
}

/// Returns a time to live in the unit of the server.
fn ms(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
}

#[async_trait]
impl Store for RedisStore {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let value = self.value(key).await?;
        Ok(value.map(|value| Entry { version: version(&value), value }))
    }

    async fn value(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut script = self.scripts.get.key(self.path(key));
        self.script(Effect::Reads, script.arg(MAX_VALUE_BYTES)).await
    }

    async fn exists(&self, key: &str) -> Result<bool, StoreError> {
        self.command(Effect::Reads, redis::cmd("EXISTS").arg(self.path(key))).await
    }

    async fn set(&self, key: &str, value: Vec<u8>, options: &SetOptions) -> Result<String, StoreError> {
        let next = version(&value);
        let done: bool = if let Condition::Version(expected) = &options.condition {
            let mut script = self.scripts.swap.key(self.path(key));
            script.arg(value).arg(expected).arg(options.ttl.map_or(String::new(), |ttl| ms(ttl).to_string()));
            self.script(Effect::Writes, &script).await?
        } else {
            let mut set = redis::cmd("SET");
            set.arg(self.path(key)).arg(value);
            if options.condition == Condition::Absent {
                set.arg("NX");
            }
            if let Some(ttl) = options.ttl {
                set.arg("PX").arg(ms(ttl));
            }
            // A refused condition is nil.
            self.command::<Value>(Effect::Writes, &set).await? != Value::Nil
        };
        if done { Ok(next) } else { Err(StoreError::PreconditionFailed) }
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.command(Effect::Writes, redis::cmd("UNLINK").arg(self.paths(keys))).await
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        self.command(Effect::Writes, redis::cmd("INCRBY").arg(self.path(key)).arg(delta)).await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let refused = |_| StoreError::InvalidArgument("the cursor is unknown".to_owned());
        let mut cursor: u64 = cursor.map_or(Ok(0), |cursor| cursor.parse().map_err(refused))?;
        let pattern = format!("{}*", literal(&self.path(prefix)));
        let mut keys = Vec::new();
        for _ in 0..MAX_SCANS {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(limit).arg("TYPE").arg("string");
            let (next, found): (u64, Vec<Vec<u8>>) = self.command(Effect::Reads, &scan).await?;
            keys.extend(found.into_iter().filter_map(|path| self.key(path)));
            cursor = next;
            if cursor == 0 || !keys.is_empty() {
                break;
            }
        }
        Ok(Page { keys, cursor: (cursor != 0).then(|| cursor.to_string()) })
    }

    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut script = self.scripts.get_many.prepare_invoke();
        script.key(self.paths(keys)).arg(MAX_BATCH_BYTES);
        self.script(Effect::Reads, &script).await
    }

    async fn set_many(
        &self,
        entries: Vec<(String, Vec<u8>)>,
        ttl: Option<Duration>,
    ) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        pipe.atomic();
        match ttl {
            None => {
                let set = pipe.cmd("MSET");
                entries.into_iter().for_each(|(key, value)| {
                    set.arg(self.path(&key)).arg(value);
                });
            }
            Some(ttl) => entries.into_iter().for_each(|(key, value)| {
                pipe.cmd("SET").arg(self.path(&key)).arg(value).arg("PX").arg(ms(ttl));
            }),
        }
        let pipe = &pipe;
        let send = |mut manager: ConnectionManager| async move {
            let done: RedisResult<Vec<Value>> = pipe.query_async(&mut manager).await;
            done.map(drop)
        };
        self.connection.call(Effect::Writes, send).await
    }

    fn timeout(&self) -> Duration {
        self.connection.timeout
    }
}

impl RedisStore {
    /// Returns the key at a path, or `None` if another program has written one that no guest can name.
    fn key(&self, path: Vec<u8>) -> Option<String> {
        let path = String::from_utf8(path).ok()?;
        let key = path.strip_prefix(&self.prefix)?;
        (1..=MAX_KEY_BYTES).contains(&key.len()).then(|| key.to_owned())
    }
}

/// Returns a pattern that stands for the text itself.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}
