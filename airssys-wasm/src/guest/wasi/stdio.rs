//! Standard input, output and error of a component.

use std::borrow::Cow;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use airssys_spec::Input;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::Level;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::guest::component_log::{ComponentLog, mark_cut};
use crate::sync::lock;

/// The most bytes of one write, as `check-write` says.
pub(in crate::guest) const PERMIT: usize = 64 << 10;

/// An opened [`Input`], and the log of its component, whose stats count the time of reads.
pub(super) struct Stdin {
    source: StdinSource,
    log: Arc<ComponentLog>,
}

enum StdinSource {
    File(Arc<Mutex<dyn Source>>),
    Program(tokio::io::Stdin),
}

/// A file or a pipe to read.
pub(super) trait Source: AsyncRead + Send + Sync + Unpin {}

impl<T: AsyncRead + Send + Sync + Unpin> Source for T {}

impl Stdin {
    /// Opens an input, without blocking the worker. A pipe is opened at once: its reader waits for the
    /// writer, and can be given up.
    pub(super) async fn open(
        instance: &str,
        input: &Input,
        log: &Arc<ComponentLog>,
    ) -> std::io::Result<Stdin> {
        let source = StdinSource::open(instance, input).await?;
        Ok(Stdin { source, log: Arc::clone(log) })
    }
}

impl StdinSource {
    async fn open(instance: &str, input: &Input) -> std::io::Result<StdinSource> {
        match input {
            Input::File(path) => {
                if is_pipe(path).await {
                    tracing::info!(
                        target: "airssys::component",
                        instance,
                        "waits until the pipe {} is opened for writing, because it is its input",
                        path.display()
                    );
                    #[cfg(unix)]
                    {
                        let pipe = tokio::net::unix::pipe::OpenOptions::new().open_receiver(path)?;
                        return Ok(StdinSource::File(Arc::new(Mutex::new(pipe))));
                    }
                }
                let file = tokio::fs::File::open(path).await?;
                Ok(StdinSource::File(Arc::new(Mutex::new(file))))
            }
            Input::Program => Ok(StdinSource::Program(tokio::io::stdin())),
        }
    }
}

/// Returns true if a file is a named pipe, which can be opened only when it has a writer.
async fn is_pipe(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        tokio::fs::metadata(path).await.is_ok_and(|metadata| metadata.file_type().is_fifo())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

impl IsTerminal for Stdin {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Stdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        match &self.source {
            StdinSource::File(file) => Box::new(SharedFile(Arc::clone(file))),
            StdinSource::Program(stdin) => stdin.async_stream(),
        }
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        let stream: Box<dyn InputStream> = match &self.source {
            StdinSource::File(_) => {
                Box::new(wasmtime_wasi::p2::pipe::AsyncReadStream::new(Pin::from(self.async_stream())))
            }
            StdinSource::Program(stdin) => stdin.p2_stream(),
        };
        Box::new(TimedInput { stream, log: Arc::clone(&self.log) })
    }
}

/// A standard input whose reads count as time of calls of the host. Waits are not reads.
struct TimedInput {
    stream: Box<dyn InputStream>,
    log: Arc<ComponentLog>,
}

#[wasmtime_wasi::async_trait]
impl InputStream for TimedInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.log.stats().host_call(|| self.stream.read(size))
    }

    fn skip(&mut self, count: usize) -> StreamResult<usize> {
        self.log.stats().host_call(|| self.stream.skip(count))
    }

    async fn cancel(&mut self) {
        self.stream.cancel().await;
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for TimedInput {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}

/// A file whose readers share its position.
struct SharedFile(Arc<Mutex<dyn Source>>);

impl AsyncRead for SharedFile {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let mut file = lock(&self.0);
        Pin::new(&mut *file).poll_read(context, buffer)
    }
}

/// A standard output or error, written to the log line by line. Never blocks.
#[derive(Clone)]
pub(super) struct LogStream {
    instance: Arc<str>,
    log: Arc<ComponentLog>,
    level: Level,
    line: Arc<Mutex<Line>>,
}

impl LogStream {
    /// A line is cut at `limit` bytes.
    pub(super) fn new(instance: Arc<str>, log: Arc<ComponentLog>, level: Level, limit: usize) -> LogStream {
        let line = Line { kept: Vec::new(), dropped: 0, limit };
        LogStream { instance, log, level, line: Arc::new(Mutex::new(line)) }
    }

    /// Writes output of a guest. Its time counts as the guest's.
    fn write_timed(&self, bytes: &[u8]) {
        self.log.stats().host_call(|| self.write_lines(bytes));
    }

    fn write_lines(&self, mut bytes: &[u8]) {
        let mut line = lock(&self.line);
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            line.append(&bytes[..end]);
            self.write_line(&line);
            line.clear();
            bytes = &bytes[end + 1..];
        }
        line.append(bytes);
    }

    fn write_line(&self, line: &Line) {
        let text = line.text();
        let text = text.trim_end();
        if !text.is_empty() {
            self.log.write(&self.instance, self.level, text);
        }
    }
}

/// A line of output that has not ended yet.
struct Line {
    /// The beginning of the line, up to the limit.
    kept: Vec<u8>,
    /// The number of bytes after that, which are dropped.
    dropped: usize,
    /// The limit `log_line`, in bytes.
    limit: usize,
}

impl Line {
    fn append(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(self.limit.saturating_sub(self.kept.len()));
        self.kept.extend_from_slice(&bytes[..kept]);
        self.dropped = self.dropped.saturating_add(bytes.len() - kept);
    }

    fn clear(&mut self) {
        self.kept.clear();
        self.dropped = 0;
    }

    fn text(&self) -> Cow<'_, str> {
        let end = match self.dropped {
            0 => self.kept.len(),
            _ => self.kept.len() - unfinished(&self.kept),
        };
        let text = String::from_utf8_lossy(&self.kept[..end]);
        // A byte that is not text takes three when it is replaced.
        let shown = text.floor_char_boundary(self.limit);
        let missing = self.dropped + (self.kept.len() - end) + (text.len() - shown);
        match missing {
            0 => text,
            _ => Cow::Owned(mark_cut(&text[..shown], missing, self.limit)),
        }
    }
}

/// Returns the number of bytes at the end that are the beginning of an incomplete UTF-8 character.
fn unfinished(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last();
    let invalid = last.map_or(&[][..], |chunk| chunk.invalid());
    // Only a sequence that is cut off is incomplete; other invalid bytes never become a character.
    match std::str::from_utf8(invalid) {
        Err(error) if error.error_len().is_none() => invalid.len(),
        _ => 0,
    }
}

impl Drop for LogStream {
    fn drop(&mut self) {
        // The last clone writes a final line without a line break.
        if Arc::strong_count(&self.line) == 1 {
            self.write_line(&lock(&self.line));
        }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let bytes = &bytes[..bytes.len().min(PERMIT)];
        self.write_timed(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        within_permit(bytes.len())?;
        self.write_timed(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

/// Traps a guest that writes more at once than `check-write` permits.
fn within_permit(bytes: usize) -> StreamResult<()> {
    match bytes <= PERMIT {
        true => Ok(()),
        false => Err(StreamError::trap(&format!(
            "{bytes} bytes were written at once; check-write permits at most {PERMIT}"
        ))),
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(limit: usize, pieces: &[&[u8]]) -> String {
        let mut line = Line { kept: Vec::new(), dropped: 0, limit };
        pieces.iter().for_each(|piece| line.append(piece));
        line.text().into_owned()
    }

    #[test]
    fn a_line_of_any_pieces_is_cut_at_a_character() {
        let text = "aé€🦀z".as_bytes();
        for limit in 1..=text.len() {
            let whole = cut(limit, &[text]);
            for at in 0..text.len() {
                assert_eq!(cut(limit, &[&text[..at], &text[at..]]), whole);
            }
            assert!(!whole.contains('\u{fffd}'), "{whole}");
            assert_eq!(whole.contains("bytes more"), limit < text.len(), "{whole}");
        }
        assert_eq!(cut(5, &[text]), "aé… (8 bytes more, log_line is 5)");
        assert_eq!(cut(6, &[text]), "aé€… (5 bytes more, log_line is 6)");
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_counted() {
        assert_eq!(cut(9, &[b"a\xff\x80bc"]), "a\u{fffd}\u{fffd}bc");
        assert_eq!(cut(5, &[b"a\xff\x80bcd"]), "a\u{fffd}… (6 bytes more, log_line is 5)");
        assert_eq!(cut(9, &[b"a\xe2\x82"]), "a\u{fffd}");
    }
}
