//! Key-value data in a table of SQLite: `type = "table"`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use airssys_keyvalue::{Condition, Entry, MAX_VALUE_BYTES, Page, SetOptions, Store, StoreError, WithinBatch};
use airssys_rt::BoxError;
use airssys_wasm::manifest::{BackendTable, Diagnostics};
use airssys_wasm::{Backend, FailureLog, Serves};
use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

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

/// A table `[backend.NAME]` of the runtime configuration.
pub struct TableConfig {
    name: String,
    path: PathBuf,
}

impl Backend for Table {
    const TYPE: &'static str = "table";

    type Config = TableConfig;
    type Client = Worker;

    fn configure(&self, table: &BackendTable) -> Result<TableConfig, Diagnostics> {
        let default = table.data().map(|folder| folder.join("table.sqlite"));
        let path = table.read(|table| table.path("path", "\"table.sqlite\"").or(default))?;
        let missing = || table.fault("there is no folder for data", "add `path = \"table.sqlite\"`");
        Ok(TableConfig { name: table.name().to_owned(), path: path.ok_or_else(missing)? })
    }

    async fn connect(&self, config: &TableConfig) -> Result<Worker, BoxError> {
        Worker::start(config.path.clone(), FailureLog::new(&*config.name)).await
    }

    async fn describe(&self, _: &Worker) -> Result<String, BoxError> {
        Ok(format!("SQLite {}", rusqlite::version()))
    }

    // Two backends on one file would wait for each other.
    fn exclusive_path(&self, config: &TableConfig) -> Option<PathBuf> {
        Some(config.path.clone())
    }

    fn serves(&self, serves: &mut Serves<Table>) {
        // The label has no options, so any key beside `backend` is a mistake.
        serves.label::<dyn Store, ()>(
            |label| label.read(|_| ()),
            |client, (), label| Arc::new(Label { client, label: label.to_owned() }),
        );
    }
}

/// The most calls that wait for the thread. Further callers wait for a place.
const MAX_WAITING: usize = 1_024;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The thread that works on the database, because each call of SQLite blocks.
pub struct Worker {
    jobs: mpsc::Sender<Job>,
    log: FailureLog,
}

impl Worker {
    async fn start(path: PathBuf, log: FailureLog) -> Result<Worker, BoxError> {
        let (jobs, mut received) = mpsc::channel::<Job>(MAX_WAITING);
        let (opened, is_open) = oneshot::channel();
        std::thread::Builder::new().name("table".to_owned()).spawn(move || {
            let open = || {
                let connection = Connection::open(path)?;
                connection.execute_batch(SCHEMA)?;
                Ok::<_, rusqlite::Error>(connection)
            };
            match open() {
                Ok(mut connection) => {
                    // The host may have given up.
                    opened.send(Ok(())).unwrap_or_default();
                    while let Some(job) = received.blocking_recv() {
                        job(&mut connection);
                    }
                }
                Err(error) => opened.send(Err(error)).unwrap_or_default(),
            }
        })?;
        is_open.await??;
        Ok(Worker { jobs, log })
    }
}

/// One label: the rows that have its name.
struct Label {
    client: Arc<Worker>,
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

/// A reason to fail: one that the component is told, or an error of the database.
enum Failure {
    Told(StoreError),
    Database(rusqlite::Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Told(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        Failure::Database(error)
    }
}

impl Failure {
    /// Returns the error for the component. The text of the database goes to the log only.
    fn told(self, log: &FailureLog) -> StoreError {
        match self {
            Failure::Told(error) => error,
            Failure::Database(error) => {
                log.failed(&error);
                match error.sqlite_error_code() {
                    Some(ErrorCode::DiskFull) => StoreError::QuotaExceeded("the disk is full".to_owned()),
                    _ => StoreError::Unavailable,
                }
            }
        }
    }
}

fn find(transaction: &Transaction<'_>, label: &str, key: &str) -> Result<Option<Row>, Failure> {
    let (key, now) = (key.as_bytes(), now_ms());
    let live = params![label, key, now];
    // Another program may have written more than a value may have. Its size is read first.
    let query = format!("SELECT length(value) FROM items WHERE {LIVE}");
    let size: Option<i64> = transaction.query_row(&query, live, |row| row.get(0)).optional()?;
    if size.is_some_and(|size| size > MAX_VALUE_BYTES as i64) {
        return Err(
            StoreError::InvalidArgument("the value is larger than a call may return".to_owned()).into()
        );
    }
    let query = format!("SELECT value, version, expires FROM items WHERE {LIVE}");
    let row = transaction.query_row(&query, live, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    Ok(row.optional()?)
}

fn put(
    transaction: &Transaction<'_>,
    label: &str,
    key: &str,
    value: &[u8],
    expires: Option<i64>,
) -> Result<i64, Failure> {
    let insert = "INSERT OR REPLACE INTO items (label, key, value, expires) VALUES (?1, ?2, ?3, ?4)";
    transaction.execute(insert, params![label, key.as_bytes(), value, expires])?;
    Ok(transaction.last_insert_rowid())
}

impl Label {
    /// Works on the database in one transaction, on its thread. On an error, nothing has changed.
    async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &str) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (label, (reply, answer)) = (self.label.clone(), oneshot::channel());
        let job: Job = Box::new(move |connection| {
            // A caller that has given up while the job waited costs no further work.
            if reply.is_closed() {
                return;
            }
            let run = || -> Result<T, Failure> {
                // A transaction that begins to write later could fail then.
                let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let done = work(&transaction, &label)?;
                transaction.commit()?;
                Ok(done)
            };
            reply.send(run()).unwrap_or_default();
        });
        self.client.jobs.send(job).await.map_err(|_| StoreError::Unavailable)?;
        let done = answer.await.map_err(|_| StoreError::Unavailable)?;
        done.inspect(|_| self.client.log.works()).map_err(|failure: Failure| failure.told(&self.client.log))
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
                return Err(StoreError::PreconditionFailed.into());
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
                transaction.execute(delete, params![label, key.as_bytes()])?;
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

    /// All values are read at one moment, and no more of them than a batch may have.
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let keys = keys.to_vec();
        let values = self.transact(move |transaction, label| {
            let (mut values, mut batch) = (Vec::with_capacity(keys.len()), WithinBatch::default());
            for key in keys {
                let value = find(transaction, label, &key)?.map(|(value, _, _)| value);
                batch.add(value.as_ref().map_or(0, Vec::len))?;
                values.push(value);
            }
            Ok(values)
        });
        values.await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let (prefix, after) = (prefix.to_owned(), cursor.unwrap_or_default().to_owned());
        let keys = self.transact(move |transaction, label| {
            let query = "SELECT key FROM items WHERE label = ?1 AND key > ?2 \
                         AND substr(key, 1, length(?3)) = ?3 AND (expires IS NULL OR expires > ?4) \
                         ORDER BY key LIMIT ?5";
            let mut query = transaction.prepare(query)?;
            let values = params![label, after.as_bytes(), prefix.as_bytes(), now_ms(), limit as i64];
            let keys = query.query_map(values, |row| row.get::<_, Vec<u8>>(0))?;
            let keys: Result<Vec<_>, _> = keys.collect();
            Ok(keys?.into_iter().filter_map(|key| String::from_utf8(key).ok()).collect())
        });
        let keys: Vec<String> = keys.await?;
        // The next page begins after the last key of a full one.
        let cursor = keys.last().filter(|_| keys.len() == limit).cloned();
        Ok(Page { keys, cursor })
    }
}
