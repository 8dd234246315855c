//! The handle of an audit: starts it, records events, ends it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use airssys_spec::AuditFile;
use tokio::sync::watch;

use super::event::AuditEvent;
use super::file::RotatingFile;
use super::queue::Queue;
use super::stats::AuditStats;
use super::writer::{Plain, Sink, Writer};

/// An audit could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The file cannot be opened.
    #[error("the audit file {} cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The thread that writes cannot be started.
    #[error("the thread that writes the audit does not start")]
    Thread(#[source] io::Error),
}

/// A running audit. Cheap to clone; ends with [`Audit::end`], or with its last clone.
#[derive(Clone)]
pub struct Audit {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    messages: bool,
    ended: watch::Receiver<bool>,
}

impl Audit {
    /// Starts an audit that a thread writes to a file.
    ///
    /// # Errors
    /// [`AuditError`] if the file cannot be opened, or the thread does not start.
    pub fn to_file(file: AuditFile) -> Result<Audit, AuditError> {
        let messages = file.messages;
        let path = file.path.clone();
        let sink = RotatingFile::open(file).map_err(|source| AuditError::Open { path, source })?;
        Audit::start(Box::new(sink), messages)
    }

    /// Starts an audit that a thread writes to this writer, whole lines each time.
    ///
    /// # Errors
    /// [`AuditError::Thread`] if the thread does not start.
    pub fn to_writer(writer: impl Write + Send + 'static, messages: bool) -> Result<Audit, AuditError> {
        Audit::start(Box::new(Plain(writer)), messages)
    }

    fn start(sink: Box<dyn Sink>, messages: bool) -> Result<Audit, AuditError> {
        let queue = Arc::new(Queue::default());
        let (tell, ended) = watch::channel(false);
        let writer = Writer::new(Arc::clone(&queue), sink);
        let run = move || {
            writer.run();
            // `send` would fail without a receiver.
            tell.send_replace(true);
        };
        let thread = std::thread::Builder::new().name("airssys-audit".to_owned()).spawn(run);
        thread.map_err(AuditError::Thread)?;
        Ok(Audit { inner: Arc::new(Inner { queue, messages, ended }) })
    }

    /// Returns true if messages are recorded too.
    pub fn messages(&self) -> bool {
        self.inner.messages
    }

    /// Records an event. Never waits.
    pub fn record(&self, event: AuditEvent) {
        self.inner.queue.add(event, SystemTime::now());
    }

    /// Returns a copy of the counters.
    pub fn stats(&self) -> AuditStats {
        self.inner.queue.stats()
    }

    /// Writes the remaining lines and ends the thread. Returns false if that takes longer than
    /// `within`. Later events are only counted. Cancel safe.
    pub async fn end(&self, within: Duration) -> bool {
        self.inner.queue.end();
        let mut ended = self.inner.ended.clone();
        let waited = tokio::time::timeout(within, ended.wait_for(|ended| *ended)).await;
        waited.is_ok()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.end();
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").field("messages", &self.inner.messages).finish_non_exhaustive()
    }
}
