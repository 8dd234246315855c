//! Standard input, output and error of a component.

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use airssys_spec::Input;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::Level;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamResult};

use crate::guest::component_log;
use crate::guest::meter::Meter;
use crate::sync::lock;

/// The longest line of a component's standard output or error. The rest of a longer one is dropped.
const MAX_LINE_BYTES: usize = 8 << 10;

/// An opened [`Input`].
pub(super) enum StdinSource {
    File(Arc<Mutex<tokio::fs::File>>),
    Program(tokio::io::Stdin),
}

impl StdinSource {
    /// Opens an input, without blocking the worker.
    pub(super) async fn open(instance: &str, input: &Input) -> std::io::Result<StdinSource> {
        match input {
            Input::File(path) => {
                if is_pipe(path).await {
                    tracing::info!(
                        target: "airssys::component",
                        instance,
                        "waits until the pipe {} is opened for writing, because it is its input",
                        path.display()
                    );
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

impl IsTerminal for StdinSource {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for StdinSource {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        match self {
            StdinSource::File(file) => Box::new(SharedFile(Arc::clone(file))),
            StdinSource::Program(stdin) => stdin.async_stream(),
        }
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        match self {
            StdinSource::File(_) => {
                Box::new(wasmtime_wasi::p2::pipe::AsyncReadStream::new(Pin::from(self.async_stream())))
            }
            StdinSource::Program(stdin) => stdin.p2_stream(),
        }
    }
}

/// A file whose readers share its position.
struct SharedFile(Arc<Mutex<tokio::fs::File>>);

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
    meter: Arc<Meter>,
    level: Level,
    line: Arc<Mutex<Vec<u8>>>,
}

impl LogStream {
    pub(super) fn new(instance: Arc<str>, meter: Arc<Meter>, level: Level) -> LogStream {
        LogStream { instance, meter, level, line: Arc::default() }
    }

    fn write_lines(&self, mut bytes: &[u8]) {
        let mut line = lock(&self.line);
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            append(&mut line, &bytes[..end]);
            self.meter.pause(|| self.log(&line));
            line.clear();
            bytes = &bytes[end + 1..];
        }
        append(&mut line, bytes);
    }

    fn log(&self, line: &[u8]) {
        let (instance, text) = (&self.instance, String::from_utf8_lossy(line));
        let text = text.trim_end();
        if !text.is_empty() {
            component_log::write(instance, self.level, text);
        }
    }
}

/// Appends to a line, up to [`MAX_LINE_BYTES`].
fn append(line: &mut Vec<u8>, bytes: &[u8]) {
    let room = MAX_LINE_BYTES.saturating_sub(line.len());
    line.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

impl Drop for LogStream {
    fn drop(&mut self) {
        // The last clone writes a final line without a line break.
        if Arc::strong_count(&self.line) == 1 {
            let line = std::mem::take(&mut *lock(&self.line));
            self.log(&line);
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
        self.write_lines(bytes);
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
        self.write_lines(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}
