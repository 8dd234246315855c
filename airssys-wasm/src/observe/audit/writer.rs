//! The thread that writes an audit.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::line;
use super::queue::{PendingLine, Queue};

/// The most bytes of one write.
const MAX_CHUNK: usize = 16 << 10;

/// The delay after a failed write.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The destination of the lines.
pub(super) trait Sink: Send {
    /// Writes whole lines: all of them, or none that a reader can see.
    fn write(&mut self, lines: &[u8]) -> io::Result<()>;
}

/// A sink that writes to any writer.
pub(super) struct Plain<W>(pub(super) W);

impl<W: Write + Send> Sink for Plain<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.0.write_all(lines)?;
        self.0.flush()
    }
}

/// Writes the lines of the queue until the queue has ended.
pub(super) struct Writer {
    queue: Arc<Queue>,
    sink: Box<dyn Sink>,
    /// The number of failed writes since the last successful one.
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
            self.write_all(batch.lines);
            if batch.is_last {
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

    fn write_all(&mut self, lines: Vec<PendingLine>) {
        let mut lines = lines.into_iter();
        let (mut chunk, mut in_chunk, mut text) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let next = lines.next();
            text.clear();
            if let Some(next) = &next {
                line::write(next, &mut text);
            }
            if !chunk.is_empty() && (next.is_none() || chunk.len() + text.len() > MAX_CHUNK) {
                if let Err(error) = self.sink.write(&chunk) {
                    in_chunk.extend(next);
                    in_chunk.extend(lines);
                    return self.failed(in_chunk, &error);
                }
                self.succeeded(&in_chunk);
                in_chunk.clear();
                chunk.clear();
            }
            let Some(next) = next else { return };
            chunk.extend_from_slice(&text);
            in_chunk.push(next);
        }
    }

    fn succeeded(&mut self, lines: &[PendingLine]) {
        self.queue.written(lines);
        if self.failures > 0 {
            let failures = std::mem::take(&mut self.failures);
            tracing::warn!(target: "airssys::audit", "the audit is written again, after {failures} failures");
        }
    }

    /// Gives lines back to the queue. Logs only the first failure in a row.
    fn failed(&mut self, lines: Vec<PendingLine>, error: &io::Error) {
        self.queue.give_back(lines);
        self.failures += 1;
        if self.failures == 1 {
            tracing::error!(
                target: "airssys::audit",
                "the audit cannot be written: {error}; events are counted until it can be written again"
            );
        }
    }
}
