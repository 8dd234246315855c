//! Bodies of responses.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use airssys_wasm::Caller;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::Error;

use super::fault;
use super::pool::{Connection, Pool};
use super::throttle::Throttle;
use crate::body::Idle;

/// The body of a response. It holds the place of its request, and the connection, until it has ended.
pub(super) struct IncomingBody {
    body: Incoming,
    throttle: Throttle,
    idle: Idle,
    held: Option<Frame<Bytes>>,
    lease: Option<Lease>,
}

/// A request's connection and place.
pub(super) struct Lease {
    pub(super) pool: Arc<Pool>,
    pub(super) connection: Connection,
    pub(super) _places: [OwnedSemaphorePermit; 2],
}

impl Lease {
    /// Keeps the connection for another request.
    fn end(self) {
        let Lease { pool, connection, .. } = self;
        // The pool has the connections of HTTP/2 already.
        if connection.shared().is_none() {
            pool.keep(connection);
        }
    }
}

impl IncomingBody {
    pub(super) fn new(body: Incoming, caller: Caller, between_bytes: Duration, lease: Lease) -> IncomingBody {
        let mut body = IncomingBody {
            body,
            throttle: Throttle::new(caller),
            idle: Idle::new(between_bytes),
            held: None,
            lease: Some(lease),
        };
        // A body without content may never be polled.
        if body.body.is_end_stream() {
            body.end();
        }
        body
    }

    fn end(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.end();
        }
    }
}

impl Body for IncomingBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if this.held.is_none() {
            let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
                ready!(this.idle.poll(context));
                // The connection is of no use with a response that is not read to its end.
                this.lease = None;
                return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
            };
            this.idle.stop();
            match frame {
                Some(Ok(frame)) => {
                    this.throttle.add(frame.data_ref().map_or(0, Bytes::len));
                    this.held = Some(frame);
                    if this.body.is_end_stream() {
                        this.end();
                    }
                }
                Some(Err(error)) => {
                    this.lease = None;
                    return Poll::Ready(Some(Err(fault::of_response_body(&error))));
                }
                None => {
                    this.end();
                    return Poll::Ready(None);
                }
            }
        }
        ready!(this.throttle.poll(context, |_| {}));
        Poll::Ready(this.held.take().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.held.is_none() { self.body.size_hint() } else { SizeHint::default() }
    }
}
