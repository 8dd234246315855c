//! Native actors as targets of messages, under the same rights and limits as components.

use std::sync::Arc;
use std::time::Duration;

use airssys_rt::{Actor, SupervisorRef};
use bytes::Bytes;

use crate::actor::native::NativeActor;
use crate::actor::recovery::Recovery;
use crate::guest::context::InstanceDependencies;
use crate::host::ComponentHost;
use crate::host::calls::Calls;
use crate::host::error::{CallError, SpawnError};
use crate::host::spec::{NativeSpec, STOP_TIMEOUT};
use crate::host::target::{Seat, TargetSpec};
use crate::observe::trace::TraceContext;
use crate::routing::envelope::Envelope;

/// The messages of a native actor, under its own name, rights and rates. Cheap to clone.
///
/// A handler that waits for a request does not handle other messages meanwhile. So two actors that
/// request from each other wait until the timeout. [`NativeSender::send`] waits for room without a
/// limit, so an actor must not send to itself while its mailbox may be full.
#[derive(Clone)]
pub struct NativeSender {
    instance: Arc<InstanceDependencies>,
    trace: Option<TraceContext>,
}

impl ComponentHost {
    /// Starts a native actor whose messages are [`Envelope`]s. Components send to it by its name,
    /// as to another component, and [`ComponentHost::retire`] stops it.
    ///
    /// `make` makes each incarnation, and gets the sender of its messages. The host calls
    /// [`Actor::handle_message`] for each message; it does not call [`Actor::handle_batch`].
    ///
    /// ```no_run
    /// use airssys_rt::{Actor, ActorContext, Child};
    /// use airssys_wasm::{Capabilities, ComponentHost, Envelope, NativeSender, NativeSpec};
    ///
    /// struct Ledger {
    ///     sender: NativeSender,
    /// }
    ///
    /// impl Child for Ledger {}
    ///
    /// impl Actor for Ledger {
    ///     type Message = Envelope;
    ///     type Error = airssys_wasm::CallError;
    ///
    ///     async fn handle_message(
    ///         &mut self,
    ///         message: Envelope,
    ///         _context: &ActorContext<Envelope>,
    ///     ) -> Result<(), Self::Error> {
    ///         self.sender.send("printer", message.message().clone()).await?;
    ///         message.done();
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # async fn example(host: ComponentHost) -> Result<(), Box<dyn std::error::Error>> {
    /// let ledger = NativeSpec {
    ///     capabilities: Capabilities { send: vec!["printer".parse()?], ..Capabilities::default() },
    ///     ..NativeSpec::new("ledger")
    /// };
    /// host.spawn_native(ledger, |sender| Ledger { sender }).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SpawnError`] if its name is taken, a subscription is denied, or it does not start.
    pub async fn spawn_native<A, F>(&self, spec: NativeSpec, make: F) -> Result<(), SpawnError>
    where
        A: Actor<Message = Envelope>,
        F: FnMut(NativeSender) -> A + Send + 'static,
    {
        self.spawn_native_under(self.system().root(), spec, make).await
    }

    /// As [`ComponentHost::spawn_native`], under a supervisor of the same actor system.
    ///
    /// # Errors
    /// As [`ComponentHost::spawn_native`].
    pub async fn spawn_native_under<A, F>(
        &self,
        supervisor: &SupervisorRef,
        spec: NativeSpec,
        mut make: F,
    ) -> Result<(), SpawnError>
    where
        A: Actor<Message = Envelope>,
        F: FnMut(NativeSender) -> A + Send + 'static,
    {
        let target = self.target(supervisor, &target_spec(&spec))?;
        self.register(&spec.name, &target, Vec::new());
        let no_instances = || SpawnError::NoInstances { name: spec.name.clone() };
        let Seat { prepared, instance } = target.seats.into_iter().next().ok_or_else(no_instances)?;
        let recovery = Recovery::default();
        let make = move || {
            let sender = NativeSender { instance: Arc::clone(&instance), trace: None };
            NativeActor::new(make(sender), Arc::clone(&instance), recovery.clone())
        };
        supervisor.start(prepared, make).await.map(drop).map_err(|source| {
            self.forget(&spec.name);
            SpawnError::Start(source)
        })
    }
}

impl NativeSender {
    /// Returns the actor's name.
    pub fn name(&self) -> &str {
        &self.instance.identity.instance
    }

    /// Returns a sender whose messages belong to a place in a trace, such as
    /// [`Envelope::trace`].
    #[must_use]
    pub fn in_trace(&self, trace: Option<TraceContext>) -> NativeSender {
        NativeSender { instance: Arc::clone(&self.instance), trace }
    }

    /// Sends a message (codec prefix and body); waits for room.
    ///
    /// Cancel safe: if dropped before it returns, the message was sent or it was not.
    ///
    /// # Errors
    /// [`CallError::Refused`] if the actor has no right to send to the target, the target is
    /// unknown or does not take the message, or a rate is exceeded.
    pub async fn send(&self, target: &str, message: impl Into<Bytes>) -> Result<(), CallError> {
        self.calls().send(target, message.into()).await
    }

    /// Sends a request and waits for its reply: codec prefix and body, or nothing. The reply may have as many
    /// bytes as the largest message that the actor accepts.
    ///
    /// Cancel safe: if dropped, the reply is dropped.
    ///
    /// # Errors
    /// [`CallError`] if it was denied, not taken, rejected, not answered within `timeout`, or answered with a
    /// larger reply.
    pub async fn request(
        &self,
        target: &str,
        message: impl Into<Bytes>,
        timeout: Duration,
    ) -> Result<Bytes, CallError> {
        self.calls().request(target, message.into(), timeout).await
    }

    /// Publishes a message (codec prefix and body); returns the number of subscribers that took
    /// it. Does not wait for room.
    ///
    /// # Errors
    /// [`CallError`] if it was denied, the topic is not one, or a subscriber that waits has no room.
    pub fn publish(&self, topic: &str, message: impl Into<Bytes>) -> Result<u32, CallError> {
        self.calls().publish(topic, message.into())
    }

    /// As [`NativeSender::publish`], and keeps the message as the topic's last: later subscribers
    /// get it at once.
    ///
    /// # Errors
    /// [`CallError`], also if the actor retains more than its limit allows.
    pub fn publish_retained(&self, topic: &str, message: impl Into<Bytes>) -> Result<u32, CallError> {
        self.calls().publish_retained(&self.instance.limits, topic, message.into())
    }

    fn calls(&self) -> Calls<'_> {
        let InstanceDependencies { router, sender, myself, limits, .. } = &*self.instance;
        let max_reply_bytes = limits.message_size_bytes;
        Calls { router, from: sender, myself: Some(myself), trace: self.trace, max_reply_bytes }
    }
}

fn target_spec(spec: &NativeSpec) -> TargetSpec<'_> {
    TargetSpec {
        name: &spec.name,
        accepts: spec.accepts,
        capabilities: &spec.capabilities,
        asks: &spec.capabilities,
        subscribes: &spec.subscribes,
        limits: &spec.limits,
        memory_bytes: 0,
        capacity: spec.capacity,
        overflow: spec.overflow,
        restart: spec.restart,
        on_limit: None,
        stop_timeout: STOP_TIMEOUT,
        instances: 1,
        reads_input: false,
        takes_messages: true,
        settings: &[],
    }
}
