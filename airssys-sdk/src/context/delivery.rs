//! Sends, publications and requests, which are tried again when the mailbox has room.

use std::cell::Cell;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use uuid::Uuid;

use crate::codec::{self, Decode};
use crate::context::slots::Waiting;
use crate::context::{Batch, Context, REQUEST_TIMEOUT, Route, SEND_TIMEOUT};
use crate::error::{EncodeError, RequestError, SendBatchError, SendError};
use crate::host::{self, Callback, RequestId, messaging};

/// A way of handing a message to the host.
pub(super) trait Operation {
    type Output;

    fn attempt(&self, message: &[u8], timeout: Duration) -> Result<Self::Output, host::SendError>;

    /// Asks the host for a callback when there is room. Returns `None` if this instance would wait
    /// for itself.
    fn await_room(&self, timeout: Duration) -> Option<Result<RequestId, host::SendError>>;

    fn target(&self, context: &Context) -> String;
}

pub(super) struct ToComponent(Route);
/// A batch with the number of its messages that were taken. It has no message of its delivery.
pub(super) struct BatchToComponent {
    to: ToComponent,
    batch: Batch,
    sent: Rc<Cell<usize>>,
    /// The bytes of the messages that were taken.
    sent_bytes: Cell<usize>,
}
pub(super) struct ToTopic {
    topic: u32,
    retain: bool,
}
pub(super) struct AsRequest(Route);

impl Operation for ToComponent {
    type Output = ();

    fn attempt(&self, message: &[u8], _timeout: Duration) -> Result<(), host::SendError> {
        messaging::send_message(self.0.address, message)
    }

    fn await_room(&self, timeout: Duration) -> Option<Result<RequestId, host::SendError>> {
        (!self.0.own).then(|| messaging::await_room(self.0.address, milliseconds(timeout)))
    }

    fn target(&self, context: &Context) -> String {
        context.component_name(self.0.address)
    }
}

impl Operation for BatchToComponent {
    type Output = ();

    fn attempt(&self, _message: &[u8], _timeout: Duration) -> Result<(), host::SendError> {
        let (sent, sent_bytes) = (self.sent.get(), self.sent_bytes.get());
        let lengths = &self.batch.lengths[sent..];
        let result = messaging::send_batch(self.to.0.address, lengths, &self.batch.bodies[sent_bytes..]);
        let taken = result.sent as usize;
        let taken_bytes: usize = lengths.iter().take(taken).map(|length| *length as usize).sum();
        self.sent.set(sent + taken);
        self.sent_bytes.set(sent_bytes + taken_bytes);
        result.stopped.map_or(Ok(()), Err)
    }

    fn await_room(&self, timeout: Duration) -> Option<Result<RequestId, host::SendError>> {
        self.to.await_room(timeout)
    }

    fn target(&self, context: &Context) -> String {
        self.to.target(context)
    }
}

impl Operation for ToTopic {
    type Output = u32;

    fn attempt(&self, message: &[u8], _timeout: Duration) -> Result<u32, host::SendError> {
        match self.retain {
            true => messaging::publish_retained(self.topic, message),
            false => messaging::publish(self.topic, message),
        }
    }

    fn await_room(&self, timeout: Duration) -> Option<Result<RequestId, host::SendError>> {
        Some(messaging::await_topic_room(self.topic, milliseconds(timeout)))
    }

    fn target(&self, context: &Context) -> String {
        context.topic_name(self.topic)
    }
}

impl Operation for AsRequest {
    type Output = RequestId;

    fn attempt(&self, message: &[u8], timeout: Duration) -> Result<RequestId, host::SendError> {
        messaging::send_request(self.0.address, message, milliseconds(timeout))
    }

    fn await_room(&self, timeout: Duration) -> Option<Result<RequestId, host::SendError>> {
        Some(messaging::await_room(self.0.address, milliseconds(timeout)))
    }

    fn target(&self, context: &Context) -> String {
        context.component_name(self.0.address)
    }
}

/// A message on its way to the host. It is tried at once, and again each time there is room.
pub(super) struct Delivery<O> {
    context: Context,
    /// `None` when the delivery is done.
    made: Option<Result<Made<O>, SendError>>,
    timeout: Duration,
    /// Set when a mailbox is full for the first time.
    deadline: Option<Duration>,
    room: Option<Waiting>,
}

struct Made<O> {
    operation: O,
    message: Vec<u8>,
}

impl<O: Operation> Delivery<O> {
    fn new(
        context: &Context,
        operation: Result<O, SendError>,
        message: Result<Vec<u8>, EncodeError>,
        timeout: Duration,
    ) -> Delivery<O> {
        let made = operation.and_then(|operation| Ok(Made { operation, message: message? }));
        Delivery { context: context.clone(), made: Some(made), timeout, deadline: None, room: None }
    }

    /// Tries once before it enters the cold path, because most first attempts succeed.
    #[inline]
    fn poll(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<O::Output, SendError>> {
        let refused = match &self.made {
            Some(Ok(made)) if self.room.is_none() => {
                match made.operation.attempt(&made.message, self.timeout) {
                    Ok(output) => {
                        self.end();
                        return Poll::Ready(Ok(output));
                    }
                    Err(error) => Some(error),
                }
            }
            _ => None,
        };
        self.go_on(refused, task)
    }

    #[inline]
    fn end(&mut self) {
        if let Some(Ok(made)) = self.made.take() {
            self.context.reuse(made.message);
        }
    }

    /// Goes on after a refused attempt, or after a wait.
    #[cold]
    fn go_on(
        &mut self,
        refused: Option<host::SendError>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Result<O::Output, SendError>> {
        let made = match self.made.take() {
            Some(Ok(made)) => made,
            Some(Err(error)) => return Poll::Ready(Err(error)),
            None => panic!("a future was polled after it had ended"),
        };
        let result = self.advance(&made, refused, task);
        self.made = Some(Ok(made));
        if result.is_ready() {
            self.end();
        }
        result
    }

    fn advance(
        &mut self,
        made: &Made<O>,
        refused: Option<host::SendError>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Result<O::Output, SendError>> {
        let Made { operation, message } = made;
        let target = || operation.target(&self.context);
        if let Some(room) = &mut self.room {
            let what = ready!(Pin::new(room).poll(task));
            self.room = None;
            if let Callback::Failed(error) = what {
                return Poll::Ready(Err(no_room(target(), error)));
            }
        }
        let attempt = match refused {
            Some(error) => Err(error),
            None => operation.attempt(message, self.timeout),
        };
        match attempt {
            Ok(output) => return Poll::Ready(Ok(output)),
            Err(host::SendError::MailboxFull) => {}
            Err(error) => return Poll::Ready(Err(SendError::new(&target(), error))),
        }
        let now = self.context.monotonic();
        let deadline = *self.deadline.get_or_insert(now + self.timeout);
        self.timeout = deadline.saturating_sub(now);
        if self.timeout.is_zero() {
            return Poll::Ready(Err(SendError::TimedOut { target: target() }));
        }
        match operation.await_room(self.timeout) {
            Some(Ok(request)) => {
                self.room = Some(Waiting::new(self.context.clone(), request, task));
                Poll::Pending
            }
            Some(Err(error)) => Poll::Ready(Err(SendError::new(&target(), error))),
            None => Poll::Ready(Err(SendError::MailboxFull { target: target() })),
        }
    }
}

/// The error of a wait that ended without room.
fn no_room(target: String, error: host::RequestError) -> SendError {
    match error {
        host::RequestError::TimedOut => SendError::TimedOut { target },
        host::RequestError::TargetStopped => SendError::TargetStopped { target },
        host::RequestError::Other(reason) => SendError::Other { reason },
        _ => SendError::MailboxFull { target },
    }
}

/// The timeout in whole milliseconds, rounded up, within the contract's bounds.
fn milliseconds(timeout: Duration) -> u32 {
    const MAX_MS: u64 = 86_400_000;
    let seconds_ms = timeout.as_secs().saturating_mul(1000);
    seconds_ms.saturating_add(timeout.subsec_nanos().div_ceil(1_000_000).into()).clamp(1, MAX_MS) as u32
}

/// A send in flight. Its output says whether the message was taken.
#[must_use = "nothing is sent until it is awaited"]
pub struct SendFuture(Delivery<ToComponent>);

impl SendFuture {
    pub(super) fn new(
        context: &Context,
        route: Result<Route, SendError>,
        message: Result<Vec<u8>, EncodeError>,
    ) -> SendFuture {
        SendFuture(Delivery::new(context, route.map(ToComponent), message, SEND_TIMEOUT))
    }

    /// Waits for room for at most this time instead of [`SEND_TIMEOUT`], counted from the first full
    /// mailbox. In whole milliseconds, at most a day.
    pub fn timeout(mut self, timeout: Duration) -> SendFuture {
        self.0.timeout = timeout;
        self
    }
}

impl Future for SendFuture {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        self.0.poll(task)
    }
}

/// A batch in flight. Its output says that all messages were taken, or how many.
#[must_use = "nothing is sent until it is awaited"]
pub struct SendBatchFuture {
    delivery: Delivery<BatchToComponent>,
    sent: Rc<Cell<usize>>,
}

impl SendBatchFuture {
    pub(super) fn new(
        context: &Context,
        route: Result<Route, SendError>,
        batch: Result<Batch, EncodeError>,
    ) -> SendBatchFuture {
        let sent: Rc<Cell<usize>> = Rc::default();
        let operation = route.and_then(|route| {
            let (to, batch) = (ToComponent(route), batch?);
            Ok(BatchToComponent { to, batch, sent: Rc::clone(&sent), sent_bytes: Cell::new(0) })
        });
        SendBatchFuture { delivery: Delivery::new(context, operation, Ok(Vec::new()), SEND_TIMEOUT), sent }
    }

    /// Waits for room for at most this time in all instead of [`SEND_TIMEOUT`], counted from the first
    /// full mailbox. In whole milliseconds, at most a day.
    pub fn timeout(mut self, timeout: Duration) -> SendBatchFuture {
        self.delivery.timeout = timeout;
        self
    }
}

impl Future for SendBatchFuture {
    type Output = Result<(), SendBatchError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let sent = ready!(self.delivery.poll(task));
        Poll::Ready(sent.map_err(|source| SendBatchError { sent: self.sent.get(), source }))
    }
}

/// A publication in flight. Its output is the number of subscribers that got the message.
#[must_use = "nothing is published until it is awaited"]
pub struct PublishFuture(Delivery<ToTopic>);

impl PublishFuture {
    pub(super) fn new(
        context: &Context,
        topic: Result<u32, SendError>,
        message: Result<Vec<u8>, EncodeError>,
    ) -> PublishFuture {
        let operation = topic.map(|topic| ToTopic { topic, retain: false });
        PublishFuture(Delivery::new(context, operation, message, SEND_TIMEOUT))
    }

    /// Retains the message as the topic's last, in place of the one before. A later subscriber gets
    /// it at once. The message is retained until the host ends.
    pub fn retain(mut self) -> PublishFuture {
        if let Some(Ok(made)) = &mut self.0.made {
            made.operation.retain = true;
        }
        self
    }

    /// Waits for room for at most this time instead of [`SEND_TIMEOUT`], counted from the first full
    /// mailbox. In whole milliseconds, at most a day.
    pub fn timeout(mut self, timeout: Duration) -> PublishFuture {
        self.0.timeout = timeout;
        self
    }
}

impl Future for PublishFuture {
    type Output = Result<u32, SendError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        self.0.poll(task)
    }
}

/// A request in flight. Its output is the reply's value. Dropping it cancels the request.
#[must_use = "nothing is requested until it is awaited"]
pub struct RequestFuture<R> {
    delivery: Delivery<AsRequest>,
    /// `None` if the target could not be resolved.
    route: Option<Route>,
    reply: Option<Waiting>,
    value: PhantomData<fn() -> R>,
}

impl<R: Decode> RequestFuture<R> {
    pub(super) fn new(
        context: &Context,
        route: Result<Route, SendError>,
        message: Result<Vec<u8>, EncodeError>,
    ) -> RequestFuture<R> {
        let way = route.as_ref().ok().copied();
        let delivery = Delivery::new(context, route.map(AsRequest), message, REQUEST_TIMEOUT);
        RequestFuture { delivery, route: way, reply: None, value: PhantomData }
    }

    /// Waits for room and then for the reply, for at most this time in all instead of
    /// [`REQUEST_TIMEOUT`]. In whole milliseconds, at most a day.
    pub fn timeout(mut self, timeout: Duration) -> RequestFuture<R> {
        self.delivery.timeout = timeout;
        self
    }
}

impl<R> RequestFuture<R> {
    /// The request's id, the same that its target sees. Returns `None` until the request is sent,
    /// which happens at the first poll if there is room.
    pub fn id(&self) -> Option<Uuid> {
        let reply = self.reply.as_ref()?;
        messaging::request_uuid(reply.request()).parse().ok()
    }

    fn target(&self) -> String {
        self.route.map_or_else(String::new, |route| self.delivery.context.component_name(route.address))
    }
}

impl<R: Decode> Future for RequestFuture<R> {
    type Output = Result<R, RequestError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.route.is_some_and(|route| route.own) {
            return Poll::Ready(Err(RequestError::ToItself { target: this.target() }));
        }
        let Some(reply) = &mut this.reply else {
            let request = ready!(this.delivery.poll(task))?;
            this.reply = Some(Waiting::new(this.delivery.context.clone(), request, task));
            return Poll::Pending;
        };
        Poll::Ready(match ready!(Pin::new(reply).poll(task)) {
            Callback::Reply(reply) => codec::decode_reply(&reply).map_err(RequestError::from),
            Callback::Failed(error) => Err(RequestError::new(&this.target(), error)),
            Callback::Ready => Err(RequestError::Other { reason: "the host answered with room".to_owned() }),
        })
    }
}
