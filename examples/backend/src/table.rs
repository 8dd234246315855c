//! Key-value data in a table of SQLite: `type = "table"`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use airssys_keyvalue::{Condition, Entry, Page, SetOptions, Store, StoreError};
use airssys_rt::BoxError;
use airssys_wasm::manifest::{BackendTable, Diagnostics};
use airssys_wasm::{Backend, Serves};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

/// A row that replaces another gets a new version. No version is given twice.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS items (
        version INTEGER PRIMARY KEY AUTOINCREMENT,
        label TEXT NOT NULL,
        key BLOB NOT NULL,
        value BLOB NOT NULL,
        expires INTEGER,
        UNIQUE (label, key)
    );
";

/// The product: what `type = "table"` names.
pub struct Table;

impl Backend for Table {
    const TYPE: &'static str = "table";

    type Config = PathBuf;
    type Client = Mutex<Connection>;

    fn configure(&self, table: &BackendTable) -> Result<PathBuf, Diagnostics> {
        let default = table.data().map(|folder| folder.join("table.sqlite"));
        let path = table.read(|table| table.path("path", "\"table.sqlite\"").or(default))?;
        path.ok_or_else(|| table.fault("there is no folder for data", "add `path = \"table.sqlite\"`"))
    }

    async fn connect(&self, path: &PathBuf) -> Result<Mutex<Connection>, BoxError> {
        let path = path.clone();
        let open = move || {
            let connection = Connection::open(path)?;
            connection.execute_batch(SCHEMA)?;
            Ok::<_, rusqlite::Error>(connection)
        };
        Ok(Mutex::new(tokio::task::spawn_blocking(open).await??))
    }

    async fn describe(&self, _: &Mutex<Connection>) -> Result<String, BoxError> {
        Ok(format!("SQLite {}", rusqlite::version()))
    }

    fn serves(&self, serves: &mut Serves<Table>) {
        // The label has no options, so any key beside `backend` is a mistake.
        serves.label::<dyn Store, ()>(
            |label| label.read(|_| ()),
            |client, (), label| Arc::new(Label { client, label: label.to_owned() }),
        );
    }
}

/// One label: the rows that have its name.
struct Label {
    client: Arc<Mutex<Connection>>,
    label: String,
}

/// An expired row counts as absent.
const LIVE: &str = "label = ?1 AND key = ?2 AND (expires IS NULL OR expires > ?3)";

/// A row: its value, its version, and the time at which it expires.
type Row = (Vec<u8>, i64, Option<i64>);

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn failed(error: rusqlite::Error) -> StoreError {
    StoreError::Other(format!("SQLite: {error}"))
}

fn find(transaction: &Transaction<'_>, label: &str, key: &str) -> Result<Option<Row>, StoreError> {
    let query = format!("SELECT value, version, expires FROM items WHERE {LIVE}");
    let row = transaction.query_row(&query, params![label, key.as_bytes(), now_ms()], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    row.optional().map_err(failed)
}

fn put(
    transaction: &Transaction<'_>,
    label: &str,
    key: &str,
    value: &[u8],
    expires: Option<i64>,
) -> Result<i64, StoreError> {
    let insert = "INSERT OR REPLACE INTO items (label, key, value, expires) VALUES (?1, ?2, ?3, ?4)";
    transaction.execute(insert, params![label, key.as_bytes(), value, expires]).map_err(failed)?;
    Ok(transaction.last_insert_rowid())
}

impl Label {
    /// Works on the database in one transaction, on a thread that may block. On an error, nothing has
    /// changed.
    async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (client, label) = (Arc::clone(&self.client), self.label.clone());
        let run = move || {
            let mut connection = client.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection.transaction().map_err(failed)?;
            let done = work(&transaction, &label)?;
            transaction.commit().map_err(failed)?;
            Ok(done)
        };
        tokio::task::spawn_blocking(run).await.map_err(|error| StoreError::Other(error.to_string()))?
    }
}

#[async_trait]
impl Store for Label {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let key = key.to_owned();
        let row = self.transact(move |transaction, label| find(transaction, label, &key)).await?;
        Ok(row.map(|(value, version, _)| Entry { value, version: version.to_string() }))
    }

    async fn set(&self, key: &str, value: Vec<u8>, options: &SetOptions) -> Result<String, StoreError> {
        let (key, SetOptions { ttl, condition }) = (key.to_owned(), options.clone());
        let version = self.transact(move |transaction, label| {
            let present = find(transaction, label, &key)?.map(|(_, version, _)| version.to_string());
            let holds = match condition {
                Condition::Always => true,
                Condition::Absent => present.is_none(),
                Condition::Version(expected) => present == Some(expected),
            };
            if !holds {
                return Err(StoreError::PreconditionFailed);
            }
            let ms = |ttl: Duration| i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
            put(transaction, label, &key, &value, ttl.map(|ttl| now_ms().saturating_add(ms(ttl))))
        });
        Ok(version.await?.to_string())
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        let keys = keys.to_vec();
        let deleted = self.transact(move |transaction, label| {
            for key in keys {
                let delete = "DELETE FROM items WHERE label = ?1 AND key = ?2";
                transaction.execute(delete, params![label, key.as_bytes()]).map_err(failed)?;
            }
            Ok(())
        });
        deleted.await
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        let key = key.to_owned();
        let sum = self.transact(move |transaction, label| {
            let invalid =
                || StoreError::InvalidArgument("the value or the sum is not a number of 64 bits".to_owned());
            let (number, expires) = match find(transaction, label, &key)? {
                Some((value, _, expires)) => {
                    let text = String::from_utf8(value).map_err(|_| invalid())?;
                    let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
                    (number.ok_or_else(invalid)?, expires)
                }
                None => (0, None),
            };
            let sum = number.checked_add(delta).ok_or_else(invalid)?;
            put(transaction, label, &key, sum.to_string().as_bytes(), expires)?;
            Ok(sum)
        });
        sum.await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let (prefix, after) = (prefix.to_owned(), cursor.unwrap_or_default().to_owned());
        let keys = self.transact(move |transaction, label| {
            let query = "SELECT key FROM items WHERE label = ?1 AND key > ?2 \
                         AND substr(key, 1, length(?3)) = ?3 AND (expires IS NULL OR expires > ?4) \
                         ORDER BY key LIMIT ?5";
            let mut query = transaction.prepare(query).map_err(failed)?;
            let values = params![label, after.as_bytes(), prefix.as_bytes(), now_ms(), limit as i64];
            let keys = query.query_map(values, |row| row.get::<_, Vec<u8>>(0)).map_err(failed)?;
            let keys: Result<Vec<_>, _> = keys.collect();
            Ok(keys.map_err(failed)?.into_iter().filter_map(|key| String::from_utf8(key).ok()).collect())
        });
        let keys: Vec<String> = keys.await?;
        // The next page begins after the last key of a full one.
        let cursor = keys.last().filter(|_| keys.len() == limit).cloned();
        Ok(Page { keys, cursor })
    }
}
