//! Bodies of requests.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use airssys_wasm::Caller;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::Error;

use super::source::Source;
use super::throttle::{Progress, Throttle};

/// The body of a request: at most at the component's rate.
pub(crate) struct OutgoingBody {
    source: Source,
    throttle: Throttle,
    progress: Progress,
    /// A part that has come and not passed.
    held: Option<Frame<Bytes>>,
}

impl OutgoingBody {
    pub(super) fn new(source: Source, caller: Caller, progress: Progress) -> OutgoingBody {
        OutgoingBody { source, throttle: Throttle::new(caller), progress, held: None }
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if this.held.is_none() {
            match ready!(this.source.poll_frame(context)) {
                Some(Ok(frame)) => {
                    this.throttle.add(frame.data_ref().map_or(0, Bytes::len));
                    this.held = Some(frame);
                }
                end => return Poll::Ready(end),
            }
        }
        let progress = &this.progress;
        ready!(this.throttle.poll(context, |wait| progress.made_in(wait)));
        progress.made_in(Duration::ZERO);
        Poll::Ready(this.held.take().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Before the first part, nothing is held.
        if self.held.is_none() { self.source.size_hint() } else { SizeHint::default() }
    }
}
