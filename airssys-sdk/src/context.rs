//! A component's actions: send, publish, request, subscribe, stop, tell the time.

mod delivery;
mod names;
mod slots;

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::rc::Rc;
#[cfg(feature = "http")]
use std::task::Waker;
use std::time::{Duration, SystemTime};

use airssys_message::Codec;

use crate::codec::{self, Decode, Encode};
use crate::error::{EncodeError, SendBatchError, SendError, SubscribeError};
use crate::host::{self, Callback, Completion, RequestId};

pub use delivery::{PublishFuture, RequestFuture, SendBatchFuture, SendFuture};

use names::Names;
use slots::Slots;

/// The time for which a send or a publication waits for room, unless it has its own timeout.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// The time for which a request waits for its reply, unless it has its own timeout.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest buffer that is kept for the next message, in bytes.
const MOST_SPARE_BYTES: usize = 4096;

/// The identity of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The app's name.
    pub app: String,
    /// The instance's name: the component's name in the app, followed by `/1`, `/2` and so on if
    /// the component has several instances.
    pub name: String,
    /// The number of instances with this name that have lived before this one: 0 for the first.
    pub incarnation: u64,
}

/// The usage of one of a component's limits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaUsage {
    /// The limit's key in the manifest, such as `memory`; `messages_burst to stock` for a per-target
    /// limit. The mailbox has `mailbox`, `mailbox_high_water` and `mailbox_bytes`.
    pub name: String,
    /// The amount in use now; for a burst, the part that is not refilled yet.
    pub used: u64,
    /// The largest amount that is allowed.
    pub limit: u64,
}

impl QuotaUsage {
    /// The amount that is still free.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// A component's access to its host. Cheap to clone; valid as long as the instance.
///
/// Targets and topics are names. The context asks the host for the route to each once, and keeps it.
///
/// A send, a publication or a request that finds a full mailbox waits for room. A component that
/// subscribes to its own topic can fill its own mailbox, which no wait empties: the publication then
/// fails when its timeout has passed.
#[derive(Clone)]
pub struct Context {
    inner: Rc<Inner>,
}

struct Inner {
    /// The codec of values without a wrapper.
    prefers: Codec,
    components: RefCell<Names<Route>>,
    topics: RefCell<Names<u32>>,
    /// The buffer of the last message, for the next one. Empty while a message uses it.
    spare: Cell<Vec<u8>>,
    slots: Slots,
    identity: OnceCell<Identity>,
    stopping: Cell<bool>,
    /// The completion of the message that was handled last; `None` for `done`.
    completion: Cell<Option<Completion>>,
}

/// A route to a component.
#[derive(Clone, Copy)]
struct Route {
    address: u32,
    /// True if it leads to this instance, whose mailbox only empties when the handler returns.
    own: bool,
}

/// A batch of messages, in the form in which the host takes it.
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
            completion: Cell::default(),
        };
        Context { inner: Rc::new(inner) }
    }

    /// Sends a value to the component of this name: `&value` in the codec that this component
    /// [prefers](crate::Component::PREFERS), or a value in the wrapper of its
    /// [codec](crate::codec).
    ///
    /// The send waits for room while the target's mailbox is full, for at most [`SEND_TIMEOUT`] or
    /// its own [`timeout`](SendFuture::timeout); never for room in this instance's own mailbox.
    /// After ok the message is in the mailbox. If the future is dropped before that, nothing is sent.
    ///
    /// A send waits only for room. If it exceeds a rate of this component, it fails at once with
    /// [`SendError::QuotaExceeded`]; so do the other methods that send.
    ///
    /// Errors: see [`SendError`].
    pub fn send(&self, target: &str, value: impl Encode) -> SendFuture {
        SendFuture::new(self, self.route(target), self.message(value))
    }

    /// Sends a value as [`send`](Context::send) does, without waiting.
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

    /// Sends values to the component of this name, in order, each written as [`send`](Context::send)
    /// does. If there is room for all, this is one call to the host.
    ///
    /// The send waits for room while the target's mailbox is full, then goes on where it stopped. It
    /// waits for at most [`SEND_TIMEOUT`] in all, or its own [`timeout`](SendBatchFuture::timeout).
    /// If the future is dropped before it is done, the values that were taken stay sent.
    ///
    /// ```
    /// # use airssys_sdk::prelude::*;
    /// async fn pass_on(context: &Context, lines: &[String]) -> Result<(), Rejection> {
    ///     context.send_batch("quake-parse", lines).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// Errors: [`SendBatchError`] says how many values were taken, and why the next was not.
    pub fn send_batch<T: Encode>(
        &self,
        target: &str,
        values: impl IntoIterator<Item = T>,
    ) -> SendBatchFuture {
        SendBatchFuture::new(self, self.route(target), self.batch(values))
    }

    /// Sends values as [`send_batch`](Context::send_batch) does, without waiting.
    ///
    /// # Errors
    /// [`SendBatchError`] with the number of values that were taken. Its source is
    /// [`SendError::MailboxFull`] if the target's mailbox has no room for more now.
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

    /// Publishes a value, written as [`send`](Context::send) does, on a topic. The future's output is
    /// the number of subscribers that got the message.
    ///
    /// All subscribers get it, or no subscriber does. The publication waits while a subscriber with
    /// `overflow = "wait"` is full, for at most [`SEND_TIMEOUT`] or its own
    /// [`timeout`](PublishFuture::timeout). If the future is dropped before it is done, nothing is
    /// published.
    ///
    /// Errors: see [`SendError`].
    pub fn publish(&self, topic: &str, value: impl Encode) -> PublishFuture {
        PublishFuture::new(self, self.topic(topic), self.message(value))
    }

    /// Forgets the [retained](PublishFuture::retain) message of a topic, whichever component
    /// published it. Returns false if no message is retained.
    ///
    /// # Errors
    /// [`SendError::AccessDenied`] if this component may not publish on the topic;
    /// [`SendError::InvalidName`] if the name is not a topic.
    pub fn clear_retained(&self, topic: &str) -> Result<bool, SendError> {
        let handle = self.topic(topic)?;
        host::messaging::clear_retained(handle).map_err(|error| SendError::new(topic, error))
    }

    /// Sends a value, written as [`send`](Context::send) does, and waits for the reply. The future's
    /// output is the reply's value; its codec may differ from the request's.
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
    /// The request waits for room in the target's mailbox, then for the reply, together for at most
    /// [`REQUEST_TIMEOUT`] or its own [`timeout`](RequestFuture::timeout). It is sent at the first
    /// poll; several requests can be joined. Dropping the future cancels the request, but the target
    /// handles the message all the same. An empty reply is read as `()` or `None`.
    ///
    /// Errors: see [`RequestError`](crate::RequestError).
    pub fn request<R: Decode>(&self, target: &str, value: impl Encode) -> RequestFuture<R> {
        RequestFuture::new(self, self.route(target), self.message(value))
    }

    /// Subscribes this instance to the topics that match the pattern: segments separated by dots;
    /// `*` in the middle is exactly one segment, at the end it is one or more. A second subscription
    /// to the same pattern changes nothing.
    ///
    /// # Errors
    /// [`SubscribeError`] if the manifests or a limit do not allow it, or the pattern is invalid.
    pub fn subscribe(&self, pattern: &str) -> Result<(), SubscribeError> {
        host::messaging::subscribe(pattern).map_err(|error| SubscribeError::new(pattern, error))
    }

    /// Ends the subscription with exactly this pattern. Returns false if it does not exist. Messages
    /// that are already in the mailbox stay there.
    pub fn unsubscribe(&self, pattern: &str) -> bool {
        host::messaging::unsubscribe(pattern)
    }

    /// Stops this instance, normally, when the current handler has ended. With
    /// `restart = "transient"` or `"temporary"` it is then not restarted.
    pub fn stop(&self) {
        self.inner.stopping.set(true);
        host::system::stop_self();
    }

    /// Returns true if this instance has asked to be stopped. It then begins no other message.
    pub(crate) fn is_stopping(&self) -> bool {
        self.inner.stopping.get()
    }

    /// Sets the completion of the message whose handler has just ended.
    pub(crate) fn complete(&self, how: Completion) {
        self.inner.completion.set(Some(how));
    }

    /// Takes the completion of the handler that has just ended; `None` for `done`.
    #[inline]
    pub(crate) fn take_completion(&self) -> Option<Completion> {
        self.inner.completion.take()
    }

    /// The usage of this instance's limits, and of those that all instances of its component share.
    /// Asks the host each time.
    ///
    /// ```
    /// # use airssys_sdk::prelude::*;
    /// fn may_send(context: &Context, messages: u64) -> bool {
    ///     let usage = context.usage();
    ///     let burst = usage.iter().find(|limit| limit.name == "messages_burst");
    ///     burst.is_none_or(|burst| burst.left() >= messages)
    /// }
    /// ```
    pub fn usage(&self) -> Vec<QuotaUsage> {
        let usage = host::system::usage().into_iter();
        usage.map(|host::system::QuotaUsage { name, used, limit }| QuotaUsage { name, used, limit }).collect()
    }

    /// The identity of this instance.
    pub fn identity(&self) -> &Identity {
        self.inner.identity.get_or_init(|| {
            let host::system::Identity { app, name, incarnation } = host::system::self_id();
            Identity { app, name, incarnation }
        })
    }

    /// The time by the host's wall clock, to the millisecond. It may go back.
    pub fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(host::clock::now_ms())
    }

    /// The time since a fixed moment, to the nanosecond. It never goes back.
    pub fn monotonic(&self) -> Duration {
        Duration::from_nanos(host::clock::monotonic_ns())
    }

    /// Delivers the callback of a request or a wait, and wakes its future.
    pub(crate) fn deliver(&self, request: RequestId, what: Callback) {
        self.inner.slots.deliver(request, what);
    }

    /// Returns true if a future waits for a callback.
    #[cfg(feature = "http")]
    pub(crate) fn awaits_callbacks(&self) -> bool {
        self.inner.slots.has_open()
    }

    /// Wakes this task when a request is made.
    #[cfg(feature = "http")]
    pub(crate) fn on_request(&self, waker: &Waker) {
        self.inner.slots.on_open(waker);
    }

    fn message(&self, value: impl Encode) -> Result<Vec<u8>, EncodeError> {
        let mut message = self.inner.spare.take();
        codec::append(value, self.inner.prefers, &mut message)?;
        Ok(message)
    }

    /// Keeps the buffer of a message that the host has copied, for the next message.
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
            // For a body of 4 GiB or more the lengths do not add up, so the host refuses the batch.
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

    /// The name of the component to which a route leads.
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
