//! Bodies of requests and responses, with their limits.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use wasmtime_wasi_http::Error as HttpError;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::activity::Running;

/// The body of a request: at most so many bytes, with at most so long between two parts. Before the response
/// has begun, it also ends at the deadline of the request.
pub(crate) struct RequestBody {
    body: Incoming,
    left_bytes: u64,
    max_bytes: u64,
    idle: Idle,
    deadline: Pin<Box<Sleep>>,
    progress: Arc<BodyProgress>,
}

/// The progress of the body of a request, for those that wait for its response.
#[derive(Debug, Default)]
pub(crate) struct BodyProgress {
    /// Set when the body turns out to be too large.
    pub(crate) is_too_large: AtomicBool,
    /// Set when the client is too slow with the body.
    pub(crate) is_late: AtomicBool,
    /// Set when the body has ended.
    pub(crate) has_ended: AtomicBool,
    /// Set when the response has begun.
    pub(crate) is_answered: AtomicBool,
}

impl RequestBody {
    pub(crate) fn new(
        body: Incoming,
        max_bytes: u64,
        client_timeout: Duration,
        deadline: Instant,
    ) -> RequestBody {
        let progress = BodyProgress { has_ended: body.is_end_stream().into(), ..BodyProgress::default() };
        RequestBody {
            body,
            left_bytes: max_bytes,
            max_bytes,
            idle: Idle::new(client_timeout),
            deadline: Box::pin(sleep_until(deadline)),
            progress: Arc::new(progress),
        }
    }

    /// Returns the progress, which lives on without the body.
    pub(crate) fn progress(&self) -> Arc<BodyProgress> {
        Arc::clone(&self.progress)
    }

    /// Resolves when the client has been too slow.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let is_over = self.idle.poll(context).is_ready()
            || self.deadline.as_mut().poll(context).is_ready()
                && !self.progress.is_answered.load(Ordering::Relaxed);
        if is_over { Poll::Ready(()) } else { Poll::Pending }
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
            ready!(this.poll_late(context));
            this.progress.is_late.store(true, Ordering::Relaxed);
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
                        this.progress.is_too_large.store(true, Ordering::Relaxed);
                        Some(Err(HttpError::HttpRequestBodySize(Some(this.max_bytes))))
                    }
                }
            }
            Some(Err(error)) => {
                this.progress.has_ended.store(true, Ordering::Relaxed);
                Some(Err(HttpError::Hyper(error)))
            }
            None => {
                this.progress.has_ended.store(true, Ordering::Relaxed);
                None
            }
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
    source: Arc<ResponseSource>,
    idle: Option<Idle>,
    sent_bytes: u64,
    /// Set if the component's call has failed before its end, which cuts the body.
    cut: Arc<AtomicBool>,
    /// Tells, by being dropped, that the body has been sent or given up.
    _open: Option<oneshot::Sender<()>>,
    /// Dropped with the body.
    _running: Option<Running>,
    /// Called with the bytes that were sent, when the body is dropped.
    on_end: Option<Box<dyn FnOnce(u64) + Send>>,
}

/// The parts of a response's body that its component has written.
pub(crate) struct ResponseSource {
    /// `None` once the client has been given up.
    body: Mutex<Option<HyperOutgoingBody>>,
    polls: AtomicUsize,
    /// True if the client waits for the component, and not the other way round.
    is_empty: AtomicBool,
}

impl ResponseSource {
    fn body(&self) -> MutexGuard<'_, Option<HyperOutgoingBody>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when the client has taken nothing for the limit, or up to twice as long. The component's
    /// writes fail then.
    pub(crate) async fn stalled(self: Arc<ResponseSource>, limit: Duration) {
        loop {
            let before = self.polls.load(Ordering::Relaxed);
            sleep(limit).await;
            let has_stalled = self.polls.load(Ordering::Relaxed) == before;
            if has_stalled && !self.is_empty.load(Ordering::Relaxed) {
                drop(self.body().take());
                return;
            }
        }
    }
}

impl ResponseBody {
    fn new(
        body: HyperOutgoingBody,
        idle: Option<Idle>,
        open: Option<oneshot::Sender<()>>,
        cut: Arc<AtomicBool>,
    ) -> ResponseBody {
        let body = Mutex::new(Some(body));
        let source = Arc::new(ResponseSource { body, polls: AtomicUsize::new(0), is_empty: false.into() });
        ResponseBody { source, idle, sent_bytes: 0, cut, _open: open, _running: None, on_end: None }
    }

    /// Makes a body without bytes.
    pub(crate) fn empty() -> ResponseBody {
        ResponseBody::of_host(Empty::new().map_err(|never| match never {}).boxed_unsync())
    }

    /// Makes the body of an answer of the host.
    pub(crate) fn of_host(body: HyperOutgoingBody) -> ResponseBody {
        ResponseBody::new(body, None, None, Arc::default())
    }

    /// Makes the body of a component's response. `open` is dropped with it, and `cut` tells that its end
    /// is a failure.
    pub(crate) fn of_component(
        body: HyperOutgoingBody,
        timeout: Duration,
        open: oneshot::Sender<()>,
        cut: Arc<AtomicBool>,
    ) -> ResponseBody {
        ResponseBody::new(body, Some(Idle::new(timeout)), Some(open), cut)
    }

    /// Returns the parts that the component has written.
    pub(crate) fn source(&self) -> Arc<ResponseSource> {
        Arc::clone(&self.source)
    }

    /// Holds the request until the body is dropped.
    pub(crate) fn hold(&mut self, running: Running) {
        self._running = Some(running);
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
        let polled = match this.source.body().as_mut() {
            Some(body) => Pin::new(body).poll_frame(context),
            None => {
                let error = std::io::Error::other("the client took nothing for too long");
                return Poll::Ready(Some(Err(error)));
            }
        };
        this.source.is_empty.store(polled.is_pending(), Ordering::Relaxed);
        this.source.polls.fetch_add(1, Ordering::Relaxed);
        let Poll::Ready(frame) = polled else {
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
        self.source.body().as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.source.body().as_ref().map(Body::size_hint).unwrap_or_default()
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
