//! The thread that writes an audit.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::line;
use super::queue::{Entry, Queue};

/// Most bytes that are written at once.
const MAX_CHUNK: usize = 16 << 10;

/// How long to wait after a failure before the next attempt.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Where lines go.
pub(super) trait Sink: Send {
    /// Writes whole lines: all of them, or none as far as anybody can see.
    fn write(&mut self, lines: &[u8]) -> io::Result<()>;
}

/// Whatever can be written to.
pub(super) struct Plain<W>(pub(super) W);

impl<W: Write + Send> Sink for Plain<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.0.write_all(lines)?;
        self.0.flush()
    }
}

/// Writes what the queue has, until that is ended.
pub(super) struct Writer {
    queue: Arc<Queue>,
    sink: Box<dyn Sink>,
    /// How often writing has failed since it last worked.
    failures: u64,
}

impl Writer {
    pub(super) fn new(queue: Arc<Queue>, sink: Box<dyn Sink>) -> Writer {
        Writer { queue, sink, failures: 0 }
    }

    pub(super) fn run(mut self) {
        loop {
            let pause = (self.failures > 0).then_some(AFTER_FAILURE);
            let batch = self.queue.next(pause);
            self.write_all(batch.entries);
            if batch.last {
                break;
            }
        }
        let stats = self.queue.stats();
        if stats.waiting > 0 {
            tracing::error!(
                target: "airssys::audit",
                "the audit has ended without lines for {} denials, refusals and changes", stats.waiting
            );
        }
    }

    fn write_all(&mut self, entries: Vec<Entry>) {
        let mut chunk = Vec::new();
        let mut entries = entries.into_iter();
        let mut held: Vec<Entry> = Vec::new();
        let mut line = Vec::new();
        loop {
            let next = entries.next();
            line.clear();
            if let Some(entry) = &next {
                line::write(entry, &mut line);
            }
            if !chunk.is_empty() && (next.is_none() || chunk.len() + line.len() > MAX_CHUNK) {
                if let Err(error) = self.sink.write(&chunk) {
                    held.extend(next);
                    held.extend(entries);
                    return self.failed(held, &error);
                }
                self.worked(&held);
                held.clear();
                chunk.clear();
            }
            let Some(entry) = next else { return };
            chunk.extend_from_slice(&line);
            held.push(entry);
        }
    }

    fn worked(&mut self, entries: &[Entry]) {
        self.queue.written(entries);
        if self.failures > 0 {
            let failures = std::mem::take(&mut self.failures);
            tracing::warn!(target: "airssys::audit", "the audit is written again, after {failures} failures");
        }
    }

    /// Says so once, until it works again.
    fn failed(&mut self, entries: Vec<Entry>, error: &io::Error) {
        self.queue.give_back(entries);
        self.failures += 1;
        if self.failures == 1 {
            tracing::error!(
                target: "airssys::audit",
                "the audit cannot be written: {error}; what happens is counted until it can be again"
            );
        }
    }
}
