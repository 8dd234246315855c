//! Bodies of requests and responses, with their limits.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep};
use wasmtime_wasi_http::Error as HttpError;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// The body of a request: at most so many bytes, with at most so long between two parts.
pub(crate) struct RequestBody {
    body: Incoming,
    left_bytes: u64,
    max_bytes: u64,
    idle: Idle,
    /// Set when the body turns out to be too large.
    too_large: Arc<AtomicBool>,
}

impl RequestBody {
    pub(crate) fn new(body: Incoming, max_bytes: u64, client_timeout: Duration) -> RequestBody {
        let (idle, too_large) = (Idle::new(client_timeout), Arc::default());
        RequestBody { body, left_bytes: max_bytes, max_bytes, idle, too_large }
    }

    /// Returns the mark that is set when the body turns out to be too large.
    pub(crate) fn too_large(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.too_large)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
            ready!(this.idle.poll(context));
            return Poll::Ready(Some(Err(HttpError::ConnectionReadTimeout)));
        };
        this.idle.stop();
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                match this.left_bytes.checked_sub(bytes) {
                    Some(left) => {
                        this.left_bytes = left;
                        Some(Ok(frame))
                    }
                    None => {
                        this.too_large.store(true, Ordering::Relaxed);
                        Some(Err(HttpError::HttpRequestBodySize(Some(this.max_bytes))))
                    }
                }
            }
            Some(Err(error)) => Some(Err(HttpError::Hyper(error))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a response. The component's is ended if it makes no progress for too long.
pub(crate) struct ResponseBody {
    body: HyperOutgoingBody,
    idle: Option<Idle>,
    sent_bytes: u64,
    /// Set if the component's call has failed before its end, which cuts the body.
    cut: Arc<AtomicBool>,
    /// Tells, by being dropped, that the body has been sent or given up.
    _open: Option<oneshot::Sender<()>>,
    /// Called with the bytes that were sent, when the body is dropped.
    on_end: Option<Box<dyn FnOnce(u64) + Send>>,
}

impl ResponseBody {
    /// Makes the body of an answer of the host.
    pub(crate) fn of_host(body: HyperOutgoingBody) -> ResponseBody {
        ResponseBody { body, idle: None, sent_bytes: 0, cut: Arc::default(), _open: None, on_end: None }
    }

    /// Makes the body of a component's response. `open` is dropped with it, and `cut` tells that its end
    /// is a failure.
    pub(crate) fn of_component(
        body: HyperOutgoingBody,
        timeout: Duration,
        open: oneshot::Sender<()>,
        cut: Arc<AtomicBool>,
    ) -> ResponseBody {
        ResponseBody {
            body,
            idle: Some(Idle::new(timeout)),
            sent_bytes: 0,
            cut,
            _open: Some(open),
            on_end: None,
        }
    }

    /// Calls `on_end` with the bytes that were sent, when the body is dropped.
    pub(crate) fn on_end(&mut self, on_end: impl FnOnce(u64) + Send + 'static) {
        self.on_end = Some(Box::new(on_end));
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
            let Some(idle) = &mut this.idle else { return Poll::Pending };
            ready!(idle.poll(context));
            return Poll::Ready(Some(Err(std::io::Error::other("the component sent nothing for too long"))));
        };
        if let Some(idle) = &mut this.idle {
            idle.stop();
        }
        if frame.is_none() && this.cut.load(Ordering::Acquire) {
            return Poll::Ready(Some(Err(std::io::Error::other("the component failed on the request"))));
        }
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| std::io::Error::other(format!("{error:?}")))?;
            this.sent_bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let Some(on_end) = self.on_end.take() {
            on_end(self.sent_bytes);
        }
    }
}

/// Measures the time since the last progress.
pub(crate) struct Idle {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// True while nothing has happened since the timer was set.
    runs: bool,
}

impl Idle {
    pub(crate) fn new(limit: Duration) -> Idle {
        Idle { limit, timer: None, runs: false }
    }

    /// Resolves when nothing has happened for the limit. The time begins with the first call.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !self.runs {
            timer.as_mut().reset(Instant::now() + limit);
            self.runs = true;
        }
        timer.as_mut().poll(context)
    }

    /// Notes progress.
    pub(crate) fn stop(&mut self) {
        self.runs = false;
    }
}
