//! The streams of values. Neither holds more than a few chunks.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use airssys_wasm::{in_time, wasmtime};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

use crate::bounds::{CHUNK_BYTES, MAX_UNNAMED_BYTES};
use crate::container::{ObjectReader, ObjectWriter};
use crate::data::Place;
use crate::error::BlobError;

type Step<T> = Pin<Box<dyn Future<Output = Result<T, BlobError>> + Send>>;

fn failed(error: &BlobError) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::Error::msg(error.to_string()))
}

/// The stream of a value that a guest reads.
pub(crate) struct ReadStream {
    state: Reading,
    chunk: Bytes,
    timeout: Duration,
    _place: Place,
}

enum Reading {
    Idle(Box<dyn ObjectReader>),
    /// A read goes on, also if the guest stops waiting for it.
    Busy(Step<Option<(Bytes, Box<dyn ObjectReader>)>>),
    Ended,
    Failed(BlobError),
}

impl ReadStream {
    pub(crate) fn new(reader: Box<dyn ObjectReader>, timeout: Duration, place: Place) -> ReadStream {
        ReadStream { state: Reading::Idle(reader), chunk: Bytes::new(), timeout, _place: place }
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<()> {
        while self.chunk.is_empty() {
            self.state = match std::mem::replace(&mut self.state, Reading::Ended) {
                Reading::Idle(mut reader) => {
                    let limit = self.timeout;
                    Reading::Busy(Box::pin(async move {
                        let chunk = in_time(limit, reader.read()).await?;
                        Ok(chunk.map(|chunk| (chunk, reader)))
                    }))
                }
                Reading::Busy(mut step) => match step.as_mut().poll(task) {
                    Poll::Ready(Ok(Some((chunk, reader)))) => {
                        self.chunk = chunk;
                        Reading::Idle(reader)
                    }
                    Poll::Ready(Ok(None)) => Reading::Ended,
                    Poll::Ready(Err(error)) => Reading::Failed(error),
                    Poll::Pending => {
                        self.state = Reading::Busy(step);
                        return Poll::Pending;
                    }
                },
                end => {
                    self.state = end;
                    return Poll::Ready(());
                }
            };
        }
        Poll::Ready(())
    }
}

#[async_trait]
impl Pollable for ReadStream {
    async fn ready(&mut self) {
        poll_fn(|task| self.poll(task)).await;
    }
}

impl InputStream for ReadStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match &self.state {
            _ if !self.chunk.is_empty() => Ok(self.chunk.split_to(size.min(self.chunk.len()))),
            Reading::Ended => Err(StreamError::Closed),
            Reading::Failed(error) => Err(failed(error)),
            Reading::Idle(_) | Reading::Busy(_) => Ok(Bytes::new()),
        }
    }
}

/// The bytes that a guest writes, on their way to a writer. The stream and its value share it.
#[derive(Clone)]
pub(crate) struct Body(Arc<Mutex<Outgoing>>);

struct Outgoing {
    /// Bytes that are not written yet.
    pending: BytesMut,
    /// Those among them that were written before the object was named, until all are on their way.
    unnamed: UnnamedBytes,
    state: Writing,
    /// The guest waits until nothing is pending.
    flushes: bool,
    timeout: Duration,
}

enum Writing {
    /// The object is not named yet.
    Unnamed,
    Idle(Box<dyn ObjectWriter>),
    /// A write goes on, also if the guest stops waiting for it.
    Busy(Step<Box<dyn ObjectWriter>>),
    Failed(BlobError),
}

/// The bytes of a value without a name, counted among those of its instance until it is dropped.
struct UnnamedBytes {
    own: usize,
    of_instance: Arc<AtomicUsize>,
}

impl UnnamedBytes {
    fn add(&mut self, bytes: usize) {
        self.own += bytes;
        self.of_instance.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts them no longer.
    fn clear(&mut self) {
        self.of_instance.fetch_sub(std::mem::take(&mut self.own), Ordering::Relaxed);
    }

    fn exceed(&self, most: usize) -> bool {
        self.of_instance.load(Ordering::Relaxed) > most
    }
}

impl Drop for UnnamedBytes {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Body {
    /// Makes the body of a value. All values of an instance share the count of bytes without a name.
    pub(crate) fn new(of_instance: &Arc<AtomicUsize>) -> Body {
        let unnamed = UnnamedBytes { own: 0, of_instance: Arc::clone(of_instance) };
        let (pending, state, timeout) = (BytesMut::new(), Writing::Unnamed, Duration::ZERO);
        Body(Arc::new(Mutex::new(Outgoing { pending, unnamed, state, flushes: false, timeout })))
    }

    fn lock(&self) -> MutexGuard<'_, Outgoing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if it has no object yet.
    pub(crate) fn is_unnamed(&self) -> bool {
        matches!(self.lock().state, Writing::Unnamed)
    }

    /// Says where the bytes go.
    pub(crate) fn set_writer(&self, writer: Box<dyn ObjectWriter>, timeout: Duration) {
        let mut outgoing = self.lock();
        outgoing.state = Writing::Idle(writer);
        outgoing.timeout = timeout;
    }

    /// Writes all bytes, and puts the object into its place.
    pub(crate) async fn finish(self) -> Result<(), BlobError> {
        poll_fn(|task| self.lock().poll(task)).await;
        let (state, limit) = {
            let mut outgoing = self.lock();
            (std::mem::replace(&mut outgoing.state, Writing::Unnamed), outgoing.timeout)
        };
        match state {
            Writing::Idle(writer) => in_time(limit, writer.finish()).await,
            Writing::Failed(error) => Err(error),
            Writing::Unnamed | Writing::Busy(_) => {
                Err(BlobError::InvalidArgument("`write-data` was not called with the value".to_owned()))
            }
        }
    }
}

impl Outgoing {
    /// Writes pending bytes, until there are none.
    fn poll(&mut self, task: &mut Context<'_>) -> Poll<()> {
        loop {
            self.state = match std::mem::replace(&mut self.state, Writing::Unnamed) {
                Writing::Idle(mut writer) if !self.pending.is_empty() => {
                    let bytes = self.pending.split_to(CHUNK_BYTES.min(self.pending.len())).freeze();
                    if self.pending.is_empty() {
                        self.unnamed.clear();
                    }
                    let limit = self.timeout;
                    Writing::Busy(Box::pin(async move {
                        in_time(limit, writer.write(bytes)).await?;
                        Ok(writer)
                    }))
                }
                Writing::Busy(mut step) => match step.as_mut().poll(task) {
                    Poll::Ready(Ok(writer)) => Writing::Idle(writer),
                    Poll::Ready(Err(error)) => {
                        self.pending = BytesMut::new();
                        self.unnamed.clear();
                        Writing::Failed(error)
                    }
                    Poll::Pending => {
                        self.state = Writing::Busy(step);
                        return Poll::Pending;
                    }
                },
                rest => {
                    self.state = rest;
                    return Poll::Ready(());
                }
            };
        }
    }

    /// Returns the bytes that a guest may write now.
    fn room(&self) -> StreamResult<usize> {
        let most = match &self.state {
            Writing::Failed(error) => return Err(failed(error)),
            Writing::Unnamed if self.unnamed.exceed(MAX_UNNAMED_BYTES) => {
                let message = format!(
                    "call `write-data` before more than {MAX_UNNAMED_BYTES} bytes are written, to all values \
                     of the instance together"
                );
                return Err(failed(&BlobError::InvalidArgument(message)));
            }
            Writing::Unnamed => CHUNK_BYTES,
            Writing::Idle(_) if self.pending.is_empty() => CHUNK_BYTES,
            Writing::Idle(_) | Writing::Busy(_) if self.flushes => 0,
            Writing::Idle(_) | Writing::Busy(_) => CHUNK_BYTES.saturating_sub(self.pending.len()),
        };
        Ok(most)
    }
}

/// The stream of a value that a guest writes.
pub(crate) struct WriteStream(pub(crate) Body);

#[async_trait]
impl Pollable for WriteStream {
    async fn ready(&mut self) {
        poll_fn(|task| {
            let mut outgoing = self.0.lock();
            ready!(outgoing.poll(task));
            outgoing.flushes = false;
            Poll::Ready(())
        })
        .await;
    }
}

#[async_trait]
impl OutputStream for WriteStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut outgoing = self.0.lock();
        if bytes.len() > outgoing.room()? {
            return Err(StreamError::trap("the stream has no room for so many bytes"));
        }
        if matches!(outgoing.state, Writing::Unnamed) {
            outgoing.unnamed.add(bytes.len());
        }
        outgoing.pending.extend_from_slice(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        let mut outgoing = self.0.lock();
        outgoing.room()?;
        outgoing.flushes = true;
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.0.lock().room()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes chunks until the stream refuses one. Returns the bytes.
    fn fill(stream: &mut WriteStream) -> usize {
        let mut written = 0;
        while let Ok(room) = stream.check_write() {
            stream.write(Bytes::from(vec![1; room])).unwrap();
            written += room;
        }
        written
    }

    #[test]
    fn values_of_an_instance_without_a_name_share_their_bytes() {
        let of_instance = Arc::<AtomicUsize>::default();
        let mut streams: Vec<_> = (0..64).map(|_| WriteStream(Body::new(&of_instance))).collect();
        let written: usize = streams.iter_mut().map(fill).sum();
        assert!((MAX_UNNAMED_BYTES..=MAX_UNNAMED_BYTES + CHUNK_BYTES).contains(&written), "{written}");
        drop(streams);
        assert_eq!(of_instance.load(Ordering::Relaxed), 0, "dropped values count no longer");
        let mut next = WriteStream(Body::new(&of_instance));
        assert_eq!(fill(&mut next), written);
    }
}
