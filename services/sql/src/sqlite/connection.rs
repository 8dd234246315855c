//! Opens connections, with the bounds of what a component can do on them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use crate::database::{Access, MAX_ROW_BYTES};
use crate::sqlite::authorizer::Decisions;
use crate::sqlite::errors::error;
use crate::sqlite::folder::{self, Options};
use crate::sqlite::functions;
use crate::values::Error;

/// The bytes of a page of a file.
const PAGE_SIZE: u64 = 4_096;

/// The most bytes of the log beside a file that stay when its changes are in the file.
const MAX_KEPT_LOG_BYTES: i64 = 16 << 20;

/// The steps of SQLite's machine after which a statement looks whether it was cancelled.
const STEPS: i32 = 1_000;

/// The statements of a connection that stay compiled.
const CACHED_STATEMENTS: usize = 64;

/// The time that a statement waits for a lock of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// The most bytes of SQLite's memory in this process, for all labels together. Temporary tables and
/// sorting have their data there, too.
const HEAP_BYTES: i64 = 512 << 20;

const LIMITS: [(Limit, i32); 9] = [
    (Limit::SQLITE_LIMIT_LENGTH, MAX_ROW_BYTES as i32),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
    (Limit::SQLITE_LIMIT_COLUMN, 200),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 1_000),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 100),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// The sessions of a connection: the one that runs, and the last one that was cancelled. Their ids grow.
#[derive(Debug, Default)]
pub(super) struct Watch {
    running: AtomicU64,
    cancelled: AtomicU64,
}

impl Watch {
    pub(super) fn begin(&self, session: u64) {
        self.running.store(session, Ordering::Release);
    }

    /// Ends the statement of a session, if it runs. Later sessions are not concerned.
    pub(super) fn cancel(&self, session: u64) {
        self.cancelled.fetch_max(session, Ordering::AcqRel);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire) >= self.running.load(Ordering::Acquire)
    }
}

/// Opens a file. A connection that writes makes it first, if needed.
pub(super) fn open(
    file: &Path,
    access: Access,
    options: &Options,
    watch: &Arc<Watch>,
    decisions: &Decisions,
) -> Result<Connection, Error> {
    if access == Access::Write {
        folder::make(file, options)?;
    }
    configured(file, access, options, watch, decisions).map_err(|found| error(found, decisions))
}

fn configured(
    file: &Path,
    access: Access,
    options: &Options,
    watch: &Arc<Watch>,
    decisions: &Decisions,
) -> rusqlite::Result<Connection> {
    let flags = match access {
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "hard_heap_limit", HEAP_BYTES)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    functions::replace(&connection)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    if access == Access::Write {
        connection.pragma_update(None, "journal_mode", "wal")?;
        // An acknowledged change survives a loss of power.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "max_page_count", (options.bytes / PAGE_SIZE) as i64)?;
        connection.pragma_update(None, "journal_size_limit", MAX_KEPT_LOG_BYTES)?;
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // A text in double quotation marks is a name, as in other databases.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    for (limit, most) in LIMITS {
        connection.set_limit(limit, most)?;
    }
    let watch = Arc::clone(watch);
    connection.progress_handler(STEPS, Some(move || watch.is_cancelled()))?;
    connection.authorizer(Some(decisions.authorizer(access)))?;
    Ok(connection)
}
