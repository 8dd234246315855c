//! What a component can do: send, publish, request, subscribe, stop, tell the time.

mod delivery;
mod names;
mod slots;

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use airssys_message::Codec;

use crate::codec::{self, Decode, Encode};
use crate::error::{EncodeError, SendBatchError, SendError, SubscribeError};
use crate::host::{self, Callback, Completion, RequestId};

pub use delivery::{PublishFuture, RequestFuture, SendBatchFuture, SendFuture};

use names::Names;
use slots::Slots;

/// How long a send or a publication waits for room, unless it is told otherwise.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request waits for its reply, unless it is told otherwise.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// A larger buffer is not kept for the next message.
const MOST_SPARE_BYTES: usize = 4096;

/// Who an instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The app's name.
    pub app: String,
    /// The instance's name: the component's name in the app, followed by `/1`, `/2` and so on if
    /// it has several instances.
    pub name: String,
    /// How many instances with this name have lived before this one: 0 for the first.
    pub incarnation: u64,
}

/// How much of one of its limits a component uses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The limit's key in the manifest, such as `memory`; `messages_burst to stock` if it is about
    /// one target. Of the mailbox: `mailbox`, `mailbox_high_water`, `mailbox_bytes`.
    pub name: String,
    /// How much is used now; of a burst, what has not come back yet.
    pub used: u64,
    /// The most that may be.
    pub limit: u64,
}

impl Usage {
    /// How much more may be used.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// What a component can do. Cheap to clone; valid as long as the instance.
///
/// Targets and topics are names: the route to each is looked up at the host once and kept.
///
/// A send, a publication or a request that finds a full mailbox waits for room. A topic that this
/// component itself subscribes to may fill its own mailbox: no wait empties that one, so that
/// publication fails when its time has passed.
#[derive(Clone)]
pub struct Context {
    inner: Rc<Inner>,
}

struct Inner {
    /// The codec of values that name none.
    prefers: Codec,
    components: RefCell<Names<Route>>,
    topics: RefCell<Names<u32>>,
    /// The buffer of a message that was handed over, for the next. Empty while one is made.
    spare: Cell<Vec<u8>>,
    slots: Slots,
    identity: OnceCell<Identity>,
    stopping: Cell<bool>,
    /// What came of the message that was handled last; none if it is done.
    ending: Cell<Option<Completion>>,
}

/// A route to a component.
#[derive(Clone, Copy)]
struct Route {
    address: u32,
    /// Whether it leads to this instance, whose mailbox only empties when the handler returns.
    own: bool,
}

/// Messages, one behind the other.
#[derive(Default)]
struct Batch {
    lengths: Vec<u32>,
    bodies: Vec<u8>,
}

impl Context {
    pub(crate) fn new(prefers: Codec) -> Context {
        let inner = Inner {
            prefers,
            components: RefCell::default(),
            topics: RefCell::default(),
            spare: Cell::default(),
            slots: Slots::default(),
            identity: OnceCell::new(),
            stopping: Cell::new(false),
            ending: Cell::default(),
        };
        Context { inner: Rc::new(inner) }
    }

    /// Sends a value to the component of this name: `&value` in the codec that this component
    /// [prefers](crate::Component::PREFERS), or a value in the wrapper of its
    /// [codec](crate::codec).
    ///
    /// Only for room is waited: a rate of this component's own that is exceeded is
    /// [`SendError::QuotaExceeded`] at once, here and with all that sends.
    ///
    /// Waits for room while the target's mailbox is full, for at most [`SEND_TIMEOUT`] or what
    /// [`timeout`](SendFuture::timeout) says; never for room in this instance's own mailbox. When
    /// it returns ok the message is in the mailbox. Dropped before that, nothing is sent.
    ///
    /// Errors: see [`SendError`].
    pub fn send(&self, target: &str, value: impl Encode) -> SendFuture {
        SendFuture::new(self, self.route(target), self.message(value))
    }

    /// Sends a value, as [`send`](Context::send) does, and does not wait.
    ///
    /// # Errors
    /// [`SendError`]; [`SendError::MailboxFull`] if the target's mailbox has no room now.
    pub fn try_send(&self, target: &str, value: impl Encode) -> Result<(), SendError> {
        let route = self.route(target)?;
        let message = self.message(value)?;
        let sent = host::messaging::send_message(route.address, &message);
        self.reuse(message);
        sent.map_err(|error| SendError::new(target, error))
    }

    /// Sends values, each written as [`send`](Context::send) does, to the component of this name, in
    /// their order: with one call to the host if there is room for all.
    ///
    /// Waits for room while the target's mailbox is full, then goes on where it stopped; in all for
    /// at most [`SEND_TIMEOUT`] or what [`timeout`](SendBatchFuture::timeout) says. Dropped before
    /// it is done, those that were taken stay sent.
    ///
    /// ```
    /// # use airssys_sdk::prelude::*;
    /// async fn pass_on(context: &Context, lines: &[String]) -> Result<(), Rejection> {
    ///     context.send_batch("quake-parse", lines).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// Errors: [`SendBatchError`] says how many were taken, and why the next was not.
    pub fn send_batch<T: Encode>(
        &self,
        target: &str,
        values: impl IntoIterator<Item = T>,
    ) -> SendBatchFuture {
        SendBatchFuture::new(self, self.route(target), self.batch(values))
    }

    /// As [`send_batch`](Context::send_batch), and does not wait.
    ///
    /// # Errors
    /// [`SendBatchError`] with how many were taken; [`SendError::MailboxFull`] is its source if the
    /// target's mailbox has no room for more now.
    pub fn try_send_batch<T: Encode>(
        &self,
        target: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Result<(), SendBatchError> {
        let none_sent = |source| SendBatchError { sent: 0, source };
        let route = self.route(target).map_err(none_sent)?;
        let batch = self.batch(values).map_err(|source| none_sent(source.into()))?;
        let result = host::messaging::send_batch(route.address, &batch.lengths, &batch.bodies);
        let sent = result.sent as usize;
        let error = |error| Err(SendBatchError { sent, source: SendError::new(target, error) });
        result.stopped.map_or(Ok(()), error)
    }

    /// Publishes a value, written as [`send`](Context::send) does, on a topic; awaited, it says how
    /// many subscribers got it.
    ///
    /// All subscribers or none: waits while the mailbox of one that waits for room is full, for
    /// at most [`SEND_TIMEOUT`] or what [`timeout`](PublishFuture::timeout) says. Dropped before
    /// it is done, nothing is published.
    ///
    /// Errors: see [`SendError`].
    pub fn publish(&self, topic: &str, value: impl Encode) -> PublishFuture {
        PublishFuture::new(self, self.topic(topic), self.message(value))
    }

    /// Forgets the message that is [retained](PublishFuture::retain) of a topic, whoever published
    /// it; false if there is none.
    ///
    /// # Errors
    /// [`SendError::AccessDenied`] if this component may not publish on the topic;
    /// [`SendError::InvalidName`] if it is none.
    pub fn clear_retained(&self, topic: &str) -> Result<bool, SendError> {
        let handle = self.topic(topic)?;
        host::messaging::clear_retained(handle).map_err(|error| SendError::new(topic, error))
    }

    /// Sends a value, written as [`send`](Context::send) does, and waits for the reply: its value,
    /// whose codec may be another.
    ///
    /// ```
    /// # use airssys_sdk::prelude::*;
    /// # use std::time::Duration;
    /// async fn stock(context: &Context) -> Result<u64, Rejection> {
    ///     let count: u64 = context.request("stock", "apples").timeout(Duration::from_millis(200)).await?;
    ///     Ok(count)
    /// }
    /// ```
    ///
    /// The reply and, before it, room in the target's mailbox are waited for, together for at most
    /// [`REQUEST_TIMEOUT`] or what [`timeout`](RequestFuture::timeout) says. It is sent when it is
    /// first polled; several can be joined. Dropped, it is cancelled: the target handles it all
    /// the same. An empty reply is read as `()` or `None`.
    ///
    /// Errors: see [`RequestError`](crate::RequestError).
    pub fn request<R: Decode>(&self, target: &str, value: impl Encode) -> RequestFuture<R> {
        RequestFuture::new(self, self.route(target), self.message(value))
    }

    /// Subscribes this instance to the topics that match: segments separated by dots; `*` in the
    /// middle is exactly one segment, at the end it is one or more. Twice changes nothing.
    ///
    /// # Errors
    /// [`SubscribeError`] if the manifests or a limit do not allow it, or it is no pattern.
    pub fn subscribe(&self, pattern: &str) -> Result<(), SubscribeError> {
        host::messaging::subscribe(pattern).map_err(|error| SubscribeError::new(pattern, error))
    }

    /// Ends a subscription made with exactly this pattern; false if there is none. Messages that
    /// are in the mailbox already stay there.
    pub fn unsubscribe(&self, pattern: &str) -> bool {
        host::messaging::unsubscribe(pattern)
    }

    /// Stops this instance, normally, when the handler that is running has ended. With
    /// `restart = "transient"` or `"temporary"` it is then not restarted.
    pub fn stop(&self) {
        self.inner.stopping.set(true);
        host::system::stop_self();
    }

    /// Whether this instance has asked to be stopped: it begins no other message.
    pub(crate) fn is_stopping(&self) -> bool {
        self.inner.stopping.get()
    }

    /// Records that a handler has ended, and with something to say.
    pub(crate) fn end(&self, how: Completion) {
        self.inner.ending.set(Some(how));
    }

    /// What the handler that has just ended had to say. Said once.
    #[inline]
    pub(crate) fn ending(&self) -> Option<Completion> {
        self.inner.ending.take()
    }

    /// How much of its limits this instance uses, and of those that all instances of its component
    /// have together. Asks the host each time.
    ///
    /// ```
    /// # use airssys_sdk::prelude::*;
    /// fn may_send(context: &Context, messages: u64) -> bool {
    ///     let usage = context.usage();
    ///     let burst = usage.iter().find(|limit| limit.name == "messages_burst");
    ///     burst.is_none_or(|burst| burst.left() >= messages)
    /// }
    /// ```
    pub fn usage(&self) -> Vec<Usage> {
        let usage = host::system::usage().into_iter();
        usage.map(|host::system::QuotaUsage { name, used, limit }| Usage { name, used, limit }).collect()
    }

    /// Who this instance is.
    pub fn identity(&self) -> &Identity {
        self.inner.identity.get_or_init(|| {
            let host::system::Identity { app, name, incarnation } = host::system::self_id();
            Identity { app, name, incarnation }
        })
    }

    /// The time by the host's wall clock, in milliseconds; it may go back.
    pub fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(host::clock::now_ms())
    }

    /// The time since some fixed moment, in nanoseconds; it never goes back.
    pub fn monotonic(&self) -> Duration {
        Duration::from_nanos(host::clock::monotonic_ns())
    }

    /// Records what a request or a wait came to, and wakes whoever awaits it.
    pub(crate) fn settle(&self, request: RequestId, what: Callback) {
        self.inner.slots.settle(request, what);
    }

    fn message(&self, value: impl Encode) -> Result<Vec<u8>, EncodeError> {
        let mut message = self.inner.spare.take();
        codec::append(value, self.inner.prefers, &mut message)?;
        Ok(message)
    }

    /// Keeps the buffer of a message that is with the host for the next one.
    fn reuse(&self, mut message: Vec<u8>) {
        if message.capacity() <= MOST_SPARE_BYTES {
            message.clear();
            self.inner.spare.set(message);
        }
    }

    fn batch<T: Encode>(&self, values: impl IntoIterator<Item = T>) -> Result<Batch, EncodeError> {
        let mut batch = Batch::default();
        for value in values {
            let before = batch.bodies.len();
            codec::append(value, self.inner.prefers, &mut batch.bodies)?;
            // What is too long for its length is refused by the host: the lengths do not add up.
            batch.lengths.push(u32::try_from(batch.bodies.len() - before).unwrap_or(u32::MAX));
        }
        Ok(batch)
    }

    #[inline]
    fn route(&self, target: &str) -> Result<Route, SendError> {
        if let Some(route) = self.inner.components.borrow_mut().get(target) {
            return Ok(route);
        }
        let address = host::messaging::resolve(target).map_err(|error| SendError::new(target, error))?;
        let route = Route { address, own: target == self.identity().name };
        self.inner.components.borrow_mut().insert(target, route);
        Ok(route)
    }

    fn topic(&self, name: &str) -> Result<u32, SendError> {
        if let Some(topic) = self.inner.topics.borrow_mut().get(name) {
            return Ok(topic);
        }
        let topic = host::messaging::resolve_topic(name).map_err(|error| SendError::new(name, error))?;
        self.inner.topics.borrow_mut().insert(name, topic);
        Ok(topic)
    }

    /// The name behind a route.
    fn component_name(&self, address: u32) -> String {
        self.inner.components.borrow().name_of(|route| route.address == address)
    }

    fn topic_name(&self, topic: u32) -> String {
        self.inner.topics.borrow().name_of(|known| known == topic)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
