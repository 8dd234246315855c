//! `airssys:component/messaging`. No function blocks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use airssys_rt::{ActorRef, Topic, TopicPattern};
use airssys_spec::pattern::check_instance_name;
use bytes::Bytes;

use crate::contract::messaging::{BatchResult, CompleteError, Host, MessageInfo};
use crate::contract::{Callback, Completion, RequestError, SendError};
use crate::guest::context::{GuestContext, Handles, InstanceDependencies};
use crate::guest::meter::Meter;
use crate::policy::byte_budget::ByteBudget;
use crate::policy::quota::Exceeded;
use crate::routing::draft::Draft;
use crate::routing::envelope::{Envelope, ReplyTo};
use crate::routing::publish::{Publisher, out_of_time};
use crate::routing::router::{Mode, Purpose, Route, Router};
use crate::routing::sender::Sender;
use crate::routing::topic_route::TopicRoute;
use crate::routing::wait_graph::AwaitedTarget;

/// The number of messages of a batch between two checks of the guest's execution time.
const MESSAGES_PER_TIME_CHECK: usize = 64;

impl Host for GuestContext {
    fn resolve(&mut self, name: String) -> Result<u32, SendError> {
        self.timed(|guest| guest.resolve_target(&name))
    }

    fn resolve_topic(&mut self, name: String) -> Result<u32, SendError> {
        self.timed(|guest| guest.resolve_topic_named(&name))
    }

    fn send_message(&mut self, to: u32, body: Vec<u8>) -> Result<(), SendError> {
        self.sampled(|guest| guest.send_one(to, Mode::Send, Bytes::from(body), None))
    }

    fn send_batch(&mut self, to: u32, lengths: Vec<u32>, bodies: Vec<u8>) -> BatchResult {
        if lengths.iter().map(|length| u64::from(*length)).sum::<u64>() != bodies.len() as u64 {
            let reason = format!("the lengths do not add up to the {} bytes that are there", bodies.len());
            return BatchResult { sent: 0, stopped: Some(SendError::Other(reason)) };
        }
        let mut rest = &bodies[..];
        let bodies = lengths.iter().map(|length| {
            let body;
            (body, rest) = rest.split_at(*length as usize);
            // Copied, because a slice of `bodies` would keep the whole batch in memory.
            Bytes::copy_from_slice(body)
        });
        let stats = Arc::clone(&self.instance.sender.stats);
        stats.host_call(|| self.send_all(to, bodies))
    }

    fn send_request(&mut self, to: u32, body: Vec<u8>, timeout_ms: u32) -> Result<u64, SendError> {
        self.sampled(|guest| {
            let account = Arc::clone(&guest.route(to, Purpose::Request)?.endpoint.account);
            let request = guest.open(timeout_ms, Some(AwaitedTarget::Component(account)))?;
            let reply = ReplyTo::Component { callbacks: Arc::clone(&guest.callbacks), request };
            let sent = guest.send_one(to, Mode::Request, Bytes::from(body), Some(reply));
            sent.inspect_err(|_| guest.callbacks.withdraw(request)).map(|()| request)
        })
    }

    fn request_uuid(&mut self, request: u64) -> String {
        self.sampled(|guest| guest.callbacks.id(request).to_string())
    }

    fn cancel_request(&mut self, request: u64) -> bool {
        self.timed(|guest| guest.callbacks.cancel(request))
    }

    fn publish(&mut self, on: u32, body: Vec<u8>) -> Result<u32, SendError> {
        self.timed(|guest| {
            guest.publish_on(on, |publisher, topic| publisher.publish(topic, Bytes::from(body)))
        })
    }

    fn publish_retained(&mut self, on: u32, body: Vec<u8>) -> Result<u32, SendError> {
        let limits = Arc::clone(&self.instance.limits);
        self.timed(|guest| {
            guest.publish_on(on, |publisher, topic| {
                publisher.publish_retained(&limits, topic, Bytes::from(body))
            })
        })
    }

    fn clear_retained(&mut self, on: u32) -> Result<bool, SendError> {
        self.timed(|guest| {
            let (_, topic) = guest.topics.get_index_mut(on as usize).ok_or(SendError::UnknownHandle)?;
            guest.instance.router.clear_retained(&guest.instance.sender, topic)
        })
    }

    fn await_room(&mut self, to: u32, timeout_ms: u32) -> Result<u64, SendError> {
        self.timed(|guest| guest.wait_for_room(to, timeout_ms))
    }

    fn await_topic_room(&mut self, on: u32, timeout_ms: u32) -> Result<u64, SendError> {
        self.timed(|guest| guest.wait_for_topic_room(on, timeout_ms))
    }

    fn subscribe(&mut self, pattern: String) -> Result<(), SendError> {
        self.stats().host_call(|| self.subscribe_to(&pattern))
    }

    fn unsubscribe(&mut self, pattern: String) -> bool {
        self.stats().host_call(|| self.unsubscribe_from(&pattern))
    }

    fn describe(&mut self, message: u64) -> Option<MessageInfo> {
        self.sampled(|guest| guest.description(message))
    }

    fn complete(&mut self, message: u64, how: Completion) -> Result<(), CompleteError> {
        let max_early_reply_bytes = self.instance.limits.message_size_bytes;
        self.sampled(|guest| guest.batch.complete(message, how, max_early_reply_bytes, &guest.meter))
    }
}

impl GuestContext {
    fn resolve_target(&mut self, name: &str) -> Result<u32, SendError> {
        if let Some(known) = self.routes.get_index_of(name) {
            let handle = handle(known);
            return self.route(handle, Purpose::Any).map(|_| handle);
        }
        check_instance_name(name).map_err(|error| SendError::InvalidName(error.to_string()))?;
        self.room_for_route()?;
        let route = self.instance.router.resolve(&self.instance.sender, name, Purpose::Any)?;
        self.count_route(name)?;
        let (index, _) = self.routes.insert_full(Arc::from(name), route);
        Ok(handle(index))
    }

    fn resolve_topic_named(&mut self, name: &str) -> Result<u32, SendError> {
        if let Some((known, _, route)) = self.topics.get_full_mut(name) {
            return self.instance.router.may_publish(&self.instance.sender, route).map(|()| handle(known));
        }
        let topic: Topic = name.parse().map_err(invalid_name)?;
        self.room_for_route()?;
        let route = self.instance.router.resolve_topic(&self.instance.sender, topic)?;
        self.count_route(name)?;
        let (index, _) = self.topics.insert_full(Arc::from(name), route);
        Ok(handle(index))
    }

    fn wait_for_room(&mut self, to: u32, timeout_ms: u32) -> Result<u64, SendError> {
        let route = self.route(to, Purpose::Any)?;
        let endpoint = Arc::clone(&route.endpoint);
        let request = self.open(timeout_ms, Some(AwaitedTarget::Component(Arc::clone(&endpoint.account))))?;
        self.wait_for(request, Some((endpoint.least_loaded().clone(), Arc::clone(&endpoint.account.budget))));
        Ok(request)
    }

    fn wait_for_topic_room(&mut self, on: u32, timeout_ms: u32) -> Result<u64, SendError> {
        let (_, topic) = self.topics.get_index_mut(on as usize).ok_or(SendError::UnknownHandle)?;
        let full =
            self.instance.router.full_subscriber(&self.instance.sender, topic, &self.instance.myself)?;
        let awaited = full.as_ref().map(|(mailbox, _)| AwaitedTarget::Instance(mailbox.handle()));
        let request = self.open(timeout_ms, awaited)?;
        self.wait_for(request, full);
        Ok(request)
    }

    fn description(&self, message: u64) -> Option<MessageInfo> {
        let current = self.batch.find(message)?;
        let envelope = &current.envelope;
        Some(MessageInfo {
            sender: envelope.origin.sender.to_string(),
            topic: envelope.origin.topic.as_deref().map(str::to_owned),
            wants_reply: envelope.wants_reply(),
            waited_ns: u64::try_from(self.batch.waited(envelope).as_nanos()).unwrap_or(u64::MAX),
            attempt: envelope.attempts(),
            retained: envelope.origin.retained,
            request: envelope.request_id().map(|id| id.to_string()),
            traceparent: current.trace().map(|trace| trace.to_string()),
        })
    }

    fn publish_on(
        &mut self,
        on: u32,
        publish: impl FnOnce(&Publisher<'_>, &mut TopicRoute) -> Result<u32, SendError>,
    ) -> Result<u32, SendError> {
        let trace = self.trace();
        let GuestContext { topics, instance, meter, counted_routes, .. } = self;
        let (_, topic) = topics.get_index_mut(on as usize).ok_or(SendError::UnknownHandle)?;
        let InstanceDependencies { router, sender: from, myself, .. } = &**instance;
        let is_over = || is_over(meter, router);
        let publisher = Publisher { router, from, myself: Some(myself), trace, is_over: &is_over };
        let published = publish(&publisher, topic);
        counted_routes.count_subscribers(topic);
        published
    }

    fn subscribe_to(&self, pattern: &str) -> Result<(), SendError> {
        let parsed: TopicPattern = pattern.parse().map_err(invalid_name)?;
        let InstanceDependencies { router, sender, myself, endpoint, limits, .. } = &*self.instance;
        // The router counts subscriptions, because they outlive the incarnation that made them.
        if !router.subscriptions(myself).contains(&parsed) {
            router
                .has_room_for_subscription(sender, &parsed, myself, limits)
                .map_err(|exceeded| sender.exceeded(exceeded))?;
        }
        router.subscribe_itself(sender, parsed, myself, endpoint)
    }

    fn unsubscribe_from(&self, pattern: &str) -> bool {
        let Ok(parsed) = pattern.parse() else { return false };
        let is_suspended = self.instance.sender.grants.forget_suspended(self.instance.myself.id(), &parsed);
        if let Some(state) = self.instance.router.app.state() {
            state.unsubscribed(&self.instance.identity.instance, &parsed);
        }
        self.instance.router.unsubscribe(&parsed, &self.instance.myself) || is_suspended
    }

    /// Returns the route behind a handle. Resolves its name again if the route is stale.
    fn route(&mut self, handle: u32, purpose: Purpose) -> Result<&Route, SendError> {
        current_route(&mut self.routes, &self.instance.router, &self.instance.sender, handle, purpose)
    }

    /// Sends messages in order, up to the first that is refused.
    fn send_all(&mut self, to: u32, bodies: impl Iterator<Item = Bytes>) -> BatchResult {
        let stopped = |sent, error| BatchResult { sent, stopped: Some(error) };
        if let Err(error) = self.route(to, Purpose::Send) {
            return stopped(0, error);
        }
        let mut sent = 0;
        for (number, body) in bodies.enumerate() {
            let is_time_to_check = number > 0 && number.is_multiple_of(MESSAGES_PER_TIME_CHECK);
            if is_time_to_check && is_over(&self.meter, &self.instance.router) {
                return stopped(sent, out_of_time());
            }
            if let Err(error) = self.send_one(to, Mode::Send, body, None) {
                return stopped(sent, error);
            }
            sent += 1;
        }
        BatchResult { sent, stopped: None }
    }

    fn send_one(
        &mut self,
        to: u32,
        mode: Mode,
        body: Bytes,
        reply: Option<ReplyTo>,
    ) -> Result<(), SendError> {
        let (bytes, origin, now) = (body.len(), self.origin(), self.send_clock.now());
        let GuestContext { routes, instance, wakeups, .. } = self;
        let InstanceDependencies { router, sender, .. } = &**instance;
        let route = current_route(routes, router, sender, to, mode.into())?;
        let wakeup = router.send(sender, route, mode, Draft { body, origin }, reply, now)?;
        match (wakeups, wakeup.actor()) {
            (None, actor) => actor.into_iter().for_each(ActorRef::wake),
            (Some(wakeups), None) => wakeups.count_sent(bytes),
            (Some(wakeups), Some(actor)) => {
                wakeups.count_sent(bytes);
                wakeups.defer(actor, bytes);
            }
        }
        Ok(())
    }

    fn room_for_route(&self) -> Result<(), SendError> {
        let limit = self.instance.limits.routes;
        match self.routes.len() + self.topics.len() < limit {
            true => Ok(()),
            false => Err(self.exceeded("routes", limit)),
        }
    }

    /// Counts a new route. Returns the refusal if its bytes are more than the limit allows.
    fn count_route(&mut self, name: &str) -> Result<(), SendError> {
        let counted = self.counted_routes.add(name.len());
        counted.map_err(|exceeded| self.instance.sender.exceeded(exceeded))
    }

    /// Records that a limit of this instance was reached, and returns the error.
    fn exceeded(&self, limit: &'static str, most: usize) -> SendError {
        self.instance.sender.exceeded(Exceeded::of(limit, most))
    }

    fn open(&self, timeout_ms: u32, awaited: Option<AwaitedTarget>) -> Result<u64, SendError> {
        let timeout = Duration::from_millis(timeout_ms.into());
        let most = self.instance.limits.concurrent_requests;
        self.callbacks
            .open(timeout, awaited, self.trace())
            .map_err(|_| self.exceeded("concurrent_requests", most))
    }

    /// Resolves a wait when the mailbox has room, or at once without a mailbox.
    fn wait_for(&self, request: u64, mailbox: Option<(ActorRef<Envelope>, Arc<ByteBudget>)>) {
        let callbacks = Arc::clone(&self.callbacks);
        let Some((mailbox, budget)) = mailbox else { return callbacks.resolve(request, Callback::Ready) };
        self.callbacks.spawn(request, async move {
            mailbox.room().await;
            budget.room().await;
            let callback = match mailbox.is_closed() {
                true => Callback::Failed(RequestError::TargetStopped),
                false => Callback::Ready,
            };
            callbacks.resolve(request, callback);
        });
    }
}

/// Returns the route behind a handle. Resolves its name again if the route is stale.
fn current_route<'r>(
    routes: &'r mut Handles<Route>,
    router: &Router,
    sender: &Sender,
    handle: u32,
    purpose: Purpose,
) -> Result<&'r Route, SendError> {
    let (name, route) = routes.get_index_mut(handle as usize).ok_or(SendError::UnknownHandle)?;
    if router.is_stale(route) {
        *route = router.resolve(sender, name, purpose)?;
    }
    Ok(route)
}

/// Returns the handle of an entry. The limit on routes keeps it far below `u32::MAX`.
fn handle(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn invalid_name(error: airssys_rt::InvalidTopic) -> SendError {
    SendError::InvalidName(error.to_string())
}

/// Returns true if the guest's time is used up. Checked by long calls, because the epoch does not interrupt a
/// host call.
fn is_over(meter: &Meter, router: &Router) -> bool {
    meter.check(Instant::now());
    meter.left().is_none() || router.app.has_ended()
}
