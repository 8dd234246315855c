//! `airssys:component/messaging`: every function decides at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use airssys_rt::{ActorRef, Topic, TopicPattern};
use airssys_spec::pattern::check_instance_name;
use bytes::Bytes;

use super::GuestContext;
use super::context::Handles;
use crate::bindings::messaging::{BatchResult, CompleteError, Host, MessageInfo};
use crate::bindings::{Callback, Completion, RequestError, SendError};
use crate::byte_budget::ByteBudget;
use crate::message::{Draft, Envelope, ReplyTo};
use crate::quota::Exceeded;
use crate::router::{Mode, Route, Router, Sender};
use crate::waits::Awaited;

/// Messages of a list after which it is looked whether the guest's time is over.
const LOOK_AFTER: usize = 64;

impl Host for GuestContext {
    fn resolve(&mut self, name: String) -> Result<u32, SendError> {
        if let Some(handle) = self.routes.find(&name) {
            return self.route(handle).map(|_| handle);
        }
        check_instance_name(&name).map_err(|error| SendError::InvalidName(error.to_string()))?;
        self.room_for_route()?;
        let route = self.router.resolve(&self.sender, &name)?;
        let handle = self.routes.add(&name, route);
        self.count_routes();
        Ok(handle)
    }

    fn resolve_topic(&mut self, name: String) -> Result<u32, SendError> {
        if let Some(handle) = self.topics.find(&name) {
            let (_, route) = self.topics.get_mut(handle).ok_or(SendError::UnknownHandle)?;
            return self.router.may_publish(&self.sender, route).map(|()| handle);
        }
        let topic: Topic = name.parse().map_err(invalid_name)?;
        self.room_for_route()?;
        let route = self.router.resolve_topic(&self.sender, topic)?;
        let handle = self.topics.add(&name, route);
        self.count_routes();
        Ok(handle)
    }

    fn send_message(&mut self, to: u32, body: Vec<u8>) -> Result<(), SendError> {
        self.send_one(to, Mode::Send, Bytes::from(body), None)
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
        self.send_all(to, bodies)
    }

    fn send_request(&mut self, to: u32, body: Vec<u8>, timeout_ms: u32) -> Result<u64, SendError> {
        let endpoint = Arc::clone(&self.route(to)?.endpoint);
        let request = self.open(timeout_ms, Some(Awaited::Component(endpoint)))?;
        let reply = ReplyTo::Component { callbacks: Arc::clone(&self.callbacks), request };
        let sent = self.send_one(to, Mode::Request, Bytes::from(body), Some(reply));
        sent.inspect_err(|_| self.callbacks.withdraw(request)).map(|()| request)
    }

    fn request_uuid(&mut self, request: u64) -> String {
        self.callbacks.id(request).to_string()
    }

    fn cancel_request(&mut self, request: u64) -> bool {
        self.callbacks.cancel(request)
    }

    fn publish(&mut self, on: u32, body: Vec<u8>) -> Result<u32, SendError> {
        let trace = self.trace();
        let (_, topic) = self.topics.get_mut(on).ok_or(SendError::UnknownHandle)?;
        self.router.publish(&self.sender, Some(&self.myself), topic, Bytes::from(body), trace)
    }

    fn publish_retained(&mut self, on: u32, body: Vec<u8>) -> Result<u32, SendError> {
        let (trace, body) = (self.trace(), Bytes::from(body));
        let (_, topic) = self.topics.get_mut(on).ok_or(SendError::UnknownHandle)?;
        self.router.publish_retained(&self.sender, Some(&self.myself), &self.limits, topic, body, trace)
    }

    fn clear_retained(&mut self, on: u32) -> Result<bool, SendError> {
        let (_, topic) = self.topics.get_mut(on).ok_or(SendError::UnknownHandle)?;
        self.router.clear_retained(&self.sender, topic)
    }

    fn await_room(&mut self, to: u32, timeout_ms: u32) -> Result<u64, SendError> {
        let route = self.route(to)?;
        let endpoint = Arc::clone(&route.endpoint);
        let request = self.open(timeout_ms, Some(Awaited::Component(Arc::clone(&endpoint))))?;
        self.wait_for(request, Some((endpoint.least_loaded().clone(), Arc::clone(&endpoint.budget))));
        Ok(request)
    }

    fn await_topic_room(&mut self, on: u32, timeout_ms: u32) -> Result<u64, SendError> {
        let (_, topic) = self.topics.get_mut(on).ok_or(SendError::UnknownHandle)?;
        let full = self.router.full_subscriber(&self.sender, topic, &self.myself)?;
        let awaited = full.as_ref().map(|(mailbox, _)| Awaited::Instance(mailbox.clone()));
        let request = self.open(timeout_ms, awaited)?;
        self.wait_for(request, full);
        Ok(request)
    }

    fn subscribe(&mut self, pattern: String) -> Result<(), SendError> {
        let parsed: TopicPattern = pattern.parse().map_err(invalid_name)?;
        // Counted where they are kept: they outlive the incarnation that made them.
        let limit = self.limits.subscriptions;
        let is_new = !self.router.subscriptions(&self.myself).contains(&parsed);
        if is_new && self.router.subscriptions_held(&self.sender, &self.myself) >= limit {
            return Err(self.exceeded("subscriptions", limit));
        }
        self.router.subscribe_itself(&self.sender, parsed, &self.myself, &self.endpoint)
    }

    fn unsubscribe(&mut self, pattern: String) -> bool {
        let Ok(parsed) = pattern.parse() else { return false };
        let is_suspended = self.sender.grants.forget_suspended(self.myself.id(), &parsed);
        if let Some(state) = self.router.state() {
            state.unsubscribed(&self.identity.instance, &parsed);
        }
        self.router.unsubscribe(&parsed, &self.myself) || is_suspended
    }

    fn describe(&mut self, message: u64) -> Option<MessageInfo> {
        let current = self.run.find(message)?;
        let envelope = &current.envelope;
        Some(MessageInfo {
            sender: envelope.origin.sender.to_string(),
            topic: envelope.origin.topic.as_deref().map(str::to_owned),
            wants_reply: envelope.wants_reply(),
            waited_ns: u64::try_from(self.run.waited(envelope).as_nanos()).unwrap_or(u64::MAX),
            attempt: envelope.attempts(),
            retained: envelope.origin.retained,
            request: envelope.request_id().map(|id| id.to_string()),
            traceparent: current.trace().map(|trace| trace.to_string()),
        })
    }

    fn complete(&mut self, message: u64, how: Completion) -> Result<(), CompleteError> {
        self.run.complete(message, how)
    }
}

impl GuestContext {
    /// The route behind a handle, made anew if the app has changed since.
    fn route(&mut self, handle: u32) -> Result<&Route, SendError> {
        current_route(&mut self.routes, &self.router, &self.sender, handle)
    }

    /// Sends one after the other, up to the first that is not taken.
    fn send_all(&mut self, to: u32, bodies: impl Iterator<Item = Bytes>) -> BatchResult {
        let stopped = |sent, error| BatchResult { sent, stopped: Some(error) };
        if let Err(error) = self.route(to) {
            return stopped(0, error);
        }
        let mut sent = 0;
        for (number, body) in bodies.enumerate() {
            // The guest is not interrupted here.
            let is_over = || self.meter.left().is_none() || self.router.has_ended();
            if number.is_multiple_of(LOOK_AFTER) && is_over() {
                return stopped(sent, SendError::Other("the time for this message is over".to_owned()));
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
        let (bytes, origin, now) = (body.len(), self.origin(), self.sent_at.now());
        let GuestContext { routes, router, sender, sleepers, .. } = self;
        let route = current_route(routes, router, sender, to)?;
        let sleeper = router.send(sender, route, mode, Draft { body, origin }, reply, now)?;
        match (sleepers, sleeper.actor()) {
            (None, actor) => actor.into_iter().for_each(ActorRef::wake),
            (Some(sleepers), None) => sleepers.sent(bytes),
            (Some(sleepers), Some(actor)) => {
                sleepers.sent(bytes);
                sleepers.add(actor, bytes);
            }
        }
        Ok(())
    }

    fn room_for_route(&self) -> Result<(), SendError> {
        let limit = self.limits.routes;
        match self.routes.len() + self.topics.len() < limit {
            true => Ok(()),
            false => Err(self.exceeded("routes", limit)),
        }
    }

    fn count_routes(&self) {
        self.gauges.routes.store(self.routes.len() + self.topics.len(), Ordering::Relaxed);
    }

    /// Records that a limit of this instance was reached.
    fn exceeded(&self, limit: &'static str, most: usize) -> SendError {
        self.sender.quota.exceeded(Exceeded::of(limit, most))
    }

    fn open(&self, timeout_ms: u32, awaited: Option<Awaited>) -> Result<u64, SendError> {
        let timeout = Duration::from_millis(timeout_ms.into());
        let most = self.limits.concurrent_requests;
        self.callbacks
            .open(timeout, awaited, self.trace())
            .map_err(|_| self.exceeded("concurrent_requests", most))
    }

    /// Settles a wait when the mailbox has room; at once if there is none to wait for.
    fn wait_for(&self, request: u64, mailbox: Option<(ActorRef<Envelope>, Arc<ByteBudget>)>) {
        let callbacks = Arc::clone(&self.callbacks);
        let Some((mailbox, budget)) = mailbox else { return callbacks.settle(request, Callback::Ready) };
        self.callbacks.run(request, async move {
            mailbox.room().await;
            budget.room().await;
            let callback = match mailbox.is_closed() {
                true => Callback::Failed(RequestError::TargetStopped),
                false => Callback::Ready,
            };
            callbacks.settle(request, callback);
        });
    }
}

/// The route behind a handle, made anew if the app has changed since.
fn current_route<'r>(
    routes: &'r mut Handles<Route>,
    router: &Router,
    sender: &Sender,
    handle: u32,
) -> Result<&'r Route, SendError> {
    let (name, route) = routes.get_mut(handle).ok_or(SendError::UnknownHandle)?;
    if router.is_stale(route) {
        *route = router.resolve(sender, name)?;
    }
    Ok(route)
}

fn invalid_name(error: airssys_rt::InvalidTopic) -> SendError {
    SendError::InvalidName(error.to_string())
}
