//! What happened, as lines of JSON: every denial, every quota that was exceeded, every change of a
//! grant and, if it is asked for, every message.
//!
//! Whoever records never waits. Lines are written by a thread of their own, from a queue that is
//! bounded: what does not fit is counted. Of messages, a line says how many; of all else, the lines
//! say how many of each.

mod file;
mod line;
mod queue;
mod trail;
mod writer;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use airssys_message::Codec;
use airssys_spec::{Capability, Denied, GrantVerb};
use tokio::sync::watch;

pub use airssys_spec::AuditFile;
pub(crate) use trail::Trail;

use file::RotatingFile;
use queue::Queue;
use writer::{Plain, Sink, Writer};

/// Why an audit cannot be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Its file cannot be opened.
    #[error("the audit file {} cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The thread that writes does not start.
    #[error("the thread that writes the audit does not start")]
    Thread(#[source] io::Error),
}

/// Something that an audit records.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AuditEvent {
    /// A component wanted to do what it may not.
    Denied(Denied),
    /// A component reached a limit of its own, and was refused for that.
    QuotaExceeded {
        /// The component.
        component: Arc<str>,
        /// The limit's key in the manifest.
        limit: &'static str,
        /// The component that it was to go to, if the limit is for that one only.
        target: Option<Arc<str>>,
        /// The limit.
        most: u64,
    },
    /// What a component may do has changed while it runs.
    GrantChanged {
        /// The component.
        component: Arc<str>,
        /// The kind of access.
        capability: Capability,
        /// The pattern; none for [`Capability::Input`].
        object: Option<Arc<str>>,
        /// Whether it was given or revoked.
        change: GrantVerb,
        /// The patterns that are in force no more: those that a revoked one covers.
        removed: Vec<String>,
    },
    /// The operator has cleared what was retained of a topic.
    RetainedCleared {
        /// The topic.
        topic: Arc<str>,
        /// The instance that had published it.
        sender: Arc<str>,
    },
    /// The operator has taken a dead letter out.
    DeadLetter {
        /// Its id.
        id: u64,
        /// The instance that sent it.
        sender: Arc<str>,
        /// The component that it was for.
        receiver: Arc<str>,
        /// What became of it.
        change: LetterChange,
    },
    /// A message was accepted, or a publication made.
    Message {
        /// How it was sent.
        kind: MessageKind,
        /// The instance that sent it.
        sender: Arc<str>,
        /// The name that it was sent to, or the instance that it was handed to; none for a publication.
        receiver: Option<Arc<str>>,
        /// The topic that it was published on, and, if this is a publication, how many subscribers
        /// took it.
        topic: Option<(Arc<str>, u32)>,
        /// Bytes of codec prefix and body.
        size: u64,
        /// Its codec.
        codec: Codec,
    },
}

/// What became of a dead letter that the operator took out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterChange {
    /// Its receiver has it again.
    Retried,
    /// It is gone.
    Dropped,
}

/// How a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageKind {
    /// As a message.
    Send,
    /// As a request.
    Request,
    /// On a topic.
    Publish,
    /// It was retained, and handed to a new subscriber.
    Retained,
    /// It was retained, and a component has cleared it.
    ClearRetained,
}

/// What became of what an audit was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct AuditStats {
    /// Lines that were written.
    pub lines: u64,
    /// Messages without a line, since there was no room in the queue or they could not be written.
    pub messages_dropped: u64,
    /// Times that writing failed.
    pub failures: u64,
    /// Denials, refusals and changes of grants that wait to be written. Once the audit has ended:
    /// those that never will be.
    pub waiting: u64,
}

/// An audit that is kept. Cheap to clone; ends with [`Audit::end`], or with its last clone.
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
    /// Keeps an audit in a file, and starts the thread that writes it.
    ///
    /// # Errors
    /// [`AuditError`] if the file cannot be opened, or the thread does not start.
    pub fn to_file(file: AuditFile) -> Result<Audit, AuditError> {
        let messages = file.messages;
        let path = file.path.clone();
        let sink = RotatingFile::open(file).map_err(|source| AuditError::Open { path, source })?;
        Audit::start(Box::new(sink), messages)
    }

    /// Keeps an audit wherever this writes to: whole lines each time.
    ///
    /// # Errors
    /// [`AuditError::Thread`] if the thread that writes does not start.
    pub fn to_writer(writer: impl Write + Send + 'static, messages: bool) -> Result<Audit, AuditError> {
        Audit::start(Box::new(Plain(writer)), messages)
    }

    fn start(sink: Box<dyn Sink>, messages: bool) -> Result<Audit, AuditError> {
        let queue = Arc::new(Queue::default());
        let (tell, ended) = watch::channel(false);
        let writer = Writer::new(Arc::clone(&queue), sink);
        let run = move || {
            writer.run();
            // Nobody may be waiting for it.
            tell.send_replace(true);
        };
        let thread = std::thread::Builder::new().name("airssys-audit".to_owned()).spawn(run);
        thread.map_err(AuditError::Thread)?;
        Ok(Audit { inner: Arc::new(Inner { queue, messages, ended }) })
    }

    /// Whether messages are recorded too.
    pub fn messages(&self) -> bool {
        self.inner.messages
    }

    /// Records something. Never waits.
    pub fn record(&self, event: AuditEvent) {
        self.inner.queue.add(event, SystemTime::now());
    }

    /// What became of what was recorded so far.
    pub fn stats(&self) -> AuditStats {
        self.inner.queue.stats()
    }

    /// Writes what is left and ends the thread, within this time; whether it did. What is recorded
    /// after that is only counted. Cancel safe.
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

#[cfg(test)]
#[path = "audit/tests.rs"]
mod tests;
