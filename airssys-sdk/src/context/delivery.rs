//! Sends, publications and requests: what is tried, and tried again when there is room.

use std::cell::Cell;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use uuid::Uuid;

use crate::codec::{self, Decode};
use crate::context::slots::Waiting;
use crate::context::{Context, REQUEST_TIMEOUT, Route, SEND_TIMEOUT};
use crate::error::{EncodeError, RequestError, SendError, SendManyError};
use crate::host::{self, Callback, RequestId, messaging};

/// One way of handing a message to the host.
pub(super) trait Operation {
    type Output;

    fn attempt(&self, message: &[u8], timeout_ms: u32) -> Result<Self::Output, host::SendError>;

    /// Asks to be told when there is room; none if waiting would be for this instance itself.
    fn await_room(&self, timeout_ms: u32) -> Option<Result<RequestId, host::SendError>>;

    fn target(&self, context: &Context) -> String;
}

pub(super) struct ToComponent(Route);
/// The messages are its own: it remembers how many were taken.
pub(super) struct ManyToComponent {
    to: ToComponent,
    messages: Vec<Vec<u8>>,
    sent: Rc<Cell<usize>>,
}
pub(super) struct ToTopic {
    topic: u32,
    retain: bool,
}
pub(super) struct AsRequest(Route);

impl Operation for ToComponent {
    type Output = ();

    fn attempt(&self, message: &[u8], _timeout_ms: u32) -> Result<(), host::SendError> {
        messaging::send_message(self.0.address, message)
    }

    fn await_room(&self, timeout_ms: u32) -> Option<Result<RequestId, host::SendError>> {
        (!self.0.own).then(|| messaging::await_room(self.0.address, timeout_ms))
    }

    fn target(&self, context: &Context) -> String {
        context.component_name(self.0.address)
    }
}

impl Operation for ManyToComponent {
    type Output = ();

    fn attempt(&self, _message: &[u8], _timeout_ms: u32) -> Result<(), host::SendError> {
        let sent = self.sent.get();
        let progress = messaging::send_many(self.to.0.address, &self.messages[sent..]);
        self.sent.set(sent + progress.sent as usize);
        progress.stopped.map_or(Ok(()), Err)
    }

    fn await_room(&self, timeout_ms: u32) -> Option<Result<RequestId, host::SendError>> {
        self.to.await_room(timeout_ms)
    }

    fn target(&self, context: &Context) -> String {
        self.to.target(context)
    }
}

impl Operation for ToTopic {
    type Output = u32;

    fn attempt(&self, message: &[u8], _timeout_ms: u32) -> Result<u32, host::SendError> {
        match self.retain {
            true => messaging::publish_retained(self.topic, message),
            false => messaging::publish(self.topic, message),
        }
    }

    fn await_room(&self, timeout_ms: u32) -> Option<Result<RequestId, host::SendError>> {
        Some(messaging::await_topic_room(self.topic, timeout_ms))
    }

    fn target(&self, context: &Context) -> String {
        context.topic_name(self.topic)
    }
}

impl Operation for AsRequest {
    type Output = RequestId;

    fn attempt(&self, message: &[u8], timeout_ms: u32) -> Result<RequestId, host::SendError> {
        messaging::send_request(self.0.address, message, timeout_ms)
    }

    fn await_room(&self, timeout_ms: u32) -> Option<Result<RequestId, host::SendError>> {
        Some(messaging::await_room(self.0.address, timeout_ms))
    }

    fn target(&self, context: &Context) -> String {
        context.component_name(self.0.address)
    }
}

/// A message on its way to the host: tried at once, and again each time there is room.
pub(super) struct Delivery<O> {
    context: Context,
    /// None when it is done.
    made: Option<Result<Made<O>, SendError>>,
    timeout: Duration,
    /// Set by the first full mailbox.
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

    fn poll(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<O::Output, SendError>> {
        let made = match self.made.take() {
            Some(Ok(made)) => made,
            Some(Err(error)) => return Poll::Ready(Err(error)),
            None => panic!("a future was polled after it had ended"),
        };
        let result = self.advance(&made, task);
        if result.is_pending() {
            self.made = Some(Ok(made));
        }
        result
    }

    fn advance(&mut self, made: &Made<O>, task: &mut TaskContext<'_>) -> Poll<Result<O::Output, SendError>> {
        let Made { operation, message } = made;
        let target = || operation.target(&self.context);
        loop {
            if let Some(room) = &mut self.room {
                let what = ready!(Pin::new(room).poll(task));
                self.room = None;
                if let Callback::Failed(error) = what {
                    return Poll::Ready(Err(no_room(target(), error)));
                }
            }
            match operation.attempt(message, milliseconds(self.timeout)) {
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
            match operation.await_room(milliseconds(self.timeout)) {
                Some(Ok(request)) => self.room = Some(Waiting::new(self.context.clone(), request)),
                Some(Err(error)) => return Poll::Ready(Err(SendError::new(&target(), error))),
                None => return Poll::Ready(Err(SendError::MailboxFull { target: target() })),
            }
        }
    }
}

/// Why the wait for room ended without room.
fn no_room(target: String, error: host::RequestError) -> SendError {
    match error {
        host::RequestError::TimedOut => SendError::TimedOut { target },
        host::RequestError::TargetStopped => SendError::TargetStopped { target },
        host::RequestError::Other(reason) => SendError::Other { reason },
        _ => SendError::MailboxFull { target },
    }
}

/// In whole milliseconds, never less than asked for, within what the contract takes.
fn milliseconds(timeout: Duration) -> u32 {
    const MAX_MS: u128 = 86_400_000;
    timeout.as_nanos().div_ceil(1_000_000).clamp(1, MAX_MS) as u32
}

/// A send that is under way: awaited, it is done or refused.
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

    /// Waits for room at most this long, counted from the first full mailbox; instead of
    /// [`SEND_TIMEOUT`]. In steps of a millisecond, at most a day.
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

/// A list of messages that is under way: awaited, all are sent, or it is known how many.
#[must_use = "nothing is sent until it is awaited"]
pub struct SendManyFuture {
    delivery: Delivery<ManyToComponent>,
    sent: Rc<Cell<usize>>,
}

impl SendManyFuture {
    pub(super) fn new(
        context: &Context,
        route: Result<Route, SendError>,
        messages: Result<Vec<Vec<u8>>, EncodeError>,
    ) -> SendManyFuture {
        let sent: Rc<Cell<usize>> = Rc::default();
        let operation = route.and_then(|route| {
            let (to, messages) = (ToComponent(route), messages?);
            Ok(ManyToComponent { to, messages, sent: Rc::clone(&sent) })
        });
        SendManyFuture { delivery: Delivery::new(context, operation, Ok(Vec::new()), SEND_TIMEOUT), sent }
    }

    /// Waits for room at most this long in all, counted from the first full mailbox; instead of
    /// [`SEND_TIMEOUT`]. In steps of a millisecond, at most a day.
    pub fn timeout(mut self, timeout: Duration) -> SendManyFuture {
        self.delivery.timeout = timeout;
        self
    }
}

impl Future for SendManyFuture {
    type Output = Result<(), SendManyError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let sent = ready!(self.delivery.poll(task));
        Poll::Ready(sent.map_err(|source| SendManyError { sent: self.sent.get(), source }))
    }
}

/// A publication that is under way: awaited, it is the number of subscribers that got it.
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

    /// Has the message kept as the topic's last, in place of the one before: whoever subscribes
    /// later gets it at once. Kept as long as the host runs.
    pub fn retain(mut self) -> PublishFuture {
        if let Some(Ok(made)) = &mut self.0.made {
            made.operation.retain = true;
        }
        self
    }

    /// Waits for room at most this long, counted from the first full mailbox; instead of
    /// [`SEND_TIMEOUT`]. In steps of a millisecond, at most a day.
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

/// A request that is under way: awaited, it is the reply's value. Dropped, it is cancelled.
#[must_use = "nothing is requested until it is awaited"]
pub struct RequestFuture<R> {
    delivery: Delivery<AsRequest>,
    target: String,
    to_itself: bool,
    reply: Option<Waiting>,
    value: PhantomData<fn() -> R>,
}

impl<R: Decode> RequestFuture<R> {
    pub(super) fn new(
        context: &Context,
        target: &str,
        route: Result<Route, SendError>,
        message: Result<Vec<u8>, EncodeError>,
    ) -> RequestFuture<R> {
        let to_itself = route.as_ref().is_ok_and(|route| route.own);
        let delivery = Delivery::new(context, route.map(AsRequest), message, REQUEST_TIMEOUT);
        RequestFuture { delivery, target: target.to_owned(), to_itself, reply: None, value: PhantomData }
    }

    /// Waits for the reply, and for room before it, at most this long in all; instead of
    /// [`REQUEST_TIMEOUT`]. In steps of a millisecond, at most a day.
    pub fn timeout(mut self, timeout: Duration) -> RequestFuture<R> {
        self.delivery.timeout = timeout;
        self
    }
}

impl<R> RequestFuture<R> {
    /// The request's id, the same that its target sees; none until it is sent, which is when it is
    /// first polled and there is room.
    pub fn id(&self) -> Option<Uuid> {
        let reply = self.reply.as_ref()?;
        messaging::request_uuid(reply.request()).parse().ok()
    }
}

impl<R: Decode> Future for RequestFuture<R> {
    type Output = Result<R, RequestError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.to_itself {
            return Poll::Ready(Err(RequestError::ToItself { target: std::mem::take(&mut this.target) }));
        }
        let reply = match &mut this.reply {
            Some(reply) => reply,
            None => {
                let request = ready!(this.delivery.poll(task))?;
                this.reply.insert(Waiting::new(this.delivery.context.clone(), request))
            }
        };
        Poll::Ready(match ready!(Pin::new(reply).poll(task)) {
            Callback::Reply(reply) => codec::decode_reply(&reply).map_err(RequestError::from),
            Callback::Failed(error) => Err(RequestError::new(&this.target, error)),
            Callback::Ready => Err(RequestError::Other { reason: "the host answered with room".to_owned() }),
        })
    }
}
