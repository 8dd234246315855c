//! The body of a request, as the guest writes it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, WasiBody};

/// The time, and the bytes, for which the body of a request that has failed is taken and dropped.
const DRAIN_TIME: Duration = Duration::from_secs(1);
const DRAIN_BYTES: usize = 64 << 10;

/// The body of a request. Copies are the same body, of which the last has the right to read.
pub(super) struct Source {
    shared: Arc<Mutex<Shared>>,
    /// The number of this copy.
    number: u32,
}

struct Shared {
    body: Option<WasiBody>,
    /// The number of the copy that may read.
    reader: u32,
    /// True once a part was taken, so that the body is not whole any more.
    is_begun: bool,
}

impl Source {
    pub(super) fn new(body: WasiBody) -> Source {
        let shared = Shared { body: Some(body), reader: 0, is_begun: false };
        Source { shared: Arc::new(Mutex::new(shared)), number: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a handle to the body that does not read it.
    pub(super) fn handle(&self) -> SourceHandle {
        SourceHandle(Arc::clone(&self.shared))
    }

    pub(super) fn poll_frame(&self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut shared = self.lock();
        if shared.reader != self.number {
            return Poll::Ready(Some(Err(Error::ConnectionTerminated)));
        }
        let Some(body) = &mut shared.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(frame))) if frame.data_ref().is_none_or(|data| !data.is_empty()) => {
                shared.is_begun = true;
            }
            // An ended body is not asked again.
            Poll::Ready(None) => shared.body = None,
            Poll::Ready(Some(Err(_))) => shared.is_begun = true,
            _ => {}
        }
        frame
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.lock().body.as_ref().is_none_or(Body::is_end_stream)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.lock().body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

/// A handle to the body of a request that is on its way.
#[derive(Clone)]
pub(super) struct SourceHandle(Arc<Mutex<Shared>>);

impl SourceHandle {
    /// Returns the whole body anew, or `None` if a part of it was taken. The former copy reads no more.
    pub(super) fn again(&self) -> Option<Source> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.is_begun {
            return None;
        }
        shared.reader += 1;
        Some(Source { shared: Arc::clone(&self.0), number: shared.reader })
    }

    /// Takes the rest of the body for a while, and drops it. So a guest learns of the failure from the
    /// response, and not from a body that cannot be written.
    pub(super) fn drain(self, place: OwnedSemaphorePermit) {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).body.take();
        if let Some(body) = body {
            tokio::spawn(async move {
                drop(timeout(DRAIN_TIME, drain(body)).await);
                drop(place);
            });
        }
    }
}

async fn drain(mut body: WasiBody) {
    let mut left = DRAIN_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
