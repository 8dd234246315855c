//! The connections of a label: one that writes, and others that read.

use std::sync::Arc;
use std::time::Duration;

use airssys_wasm::FairShare;
use async_trait::async_trait;
use tokio::sync::watch;

use crate::database::Access;
use crate::session::{Purpose, Sessions, User};
use crate::sqlite::folder::SqliteFolder;
use crate::sqlite::pool::Pool;
use crate::values::Error;

/// The connections of a file.
pub(super) struct SqliteSessions {
    writer: Arc<Pool>,
    readers: Arc<Pool>,
    /// True when the file exists, which connections that read need.
    made: watch::Sender<bool>,
    timeout: Duration,
    shares: FairShare,
    /// The folder lives as long as its labels.
    _folder: Arc<SqliteFolder>,
}

impl SqliteSessions {
    pub(super) fn new(folder: Arc<SqliteFolder>, label: &str) -> SqliteSessions {
        // A label has no dot, so that each has a file of its own.
        let file = folder.path.join(format!("{}.db", label.replace('/', ".")));
        let options = folder.options;
        SqliteSessions {
            writer: Pool::new(file.clone(), Access::Write, options),
            readers: Pool::new(file, Access::Read, options),
            made: watch::channel(false).0,
            timeout: options.timeout,
            // Those that read, and the one that writes.
            shares: FairShare::new(options.connections + 1),
            _folder: folder,
        }
    }

    async fn write(&self, in_transaction: bool) -> Result<User, Error> {
        let is_open = || {
            self.made.send_replace(true);
        };
        self.writer.user(in_transaction, is_open).await
    }

    async fn read(&self, in_transaction: bool) -> Result<User, Error> {
        let mut made = self.made.subscribe();
        if !*made.borrow() {
            // Another caller may make the file meanwhile, and then write for a long time.
            tokio::select! {
                writer = self.write(false) => drop(writer?),
                _made = made.wait_for(|made| *made) => {}
            }
        }
        self.readers.user(in_transaction, || {}).await
    }
}

#[async_trait]
impl Sessions for SqliteSessions {
    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn shares(&self) -> &FairShare {
        &self.shares
    }

    async fn session(&self, purpose: Purpose) -> Result<User, Error> {
        match purpose {
            Purpose::Transaction(Access::Write) => self.write(true).await,
            Purpose::Transaction(Access::Read) => self.read(true).await,
            Purpose::Statement(Access::Write) => self.write(false).await,
            // The connection that writes may be in use, by a transaction of the same component too.
            Purpose::Statement(Access::Read) | Purpose::Describe(_) => self.read(false).await,
        }
    }
}
