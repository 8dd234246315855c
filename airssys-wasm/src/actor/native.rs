//! A native actor that handles the messages of an app.

use std::sync::Arc;
use std::time::Instant;

use airssys_rt::{Actor, ActorContext, BoxError, Child, ChildContext, Down};

use crate::guest::context::InstanceDependencies;
use crate::routing::envelope::Envelope;
use crate::routing::spans;

/// A native actor with the accounts of its messages: spans, calls and waiting bytes.
pub(crate) struct NativeActor<A> {
    actor: A,
    instance: Arc<InstanceDependencies>,
}

impl<A> NativeActor<A> {
    pub(crate) fn new(actor: A, instance: Arc<InstanceDependencies>) -> NativeActor<A> {
        NativeActor { actor, instance }
    }

    /// Accounts for a message that the handler gets now.
    fn deliver(&self, envelope: &mut Envelope) {
        let InstanceDependencies { endpoint, router, identity, .. } = &*self.instance;
        let (account, delivered_at) = (&endpoint.account, Instant::now());
        account.budget.give_back(envelope.delivered());
        account.stats.called();
        let span = spans::begin(router.app.tracer(), identity, envelope, delivered_at);
        envelope.delivered_to_native(delivered_at, span);
    }
}

impl<A: Child> Child for NativeActor<A> {
    fn pre_start(&mut self, context: &ChildContext) -> impl Future<Output = Result<(), BoxError>> + Send {
        self.actor.pre_start(context)
    }

    fn post_start(&mut self, context: &ChildContext) -> impl Future<Output = Result<(), BoxError>> + Send {
        self.actor.post_start(context)
    }

    fn pre_stop(&mut self, context: &ChildContext) -> impl Future<Output = Result<(), BoxError>> + Send {
        self.actor.pre_stop(context)
    }

    fn post_stop(&mut self, context: &ChildContext) -> impl Future<Output = Result<(), BoxError>> + Send {
        self.actor.post_stop(context)
    }
}

impl<A: Actor<Message = Envelope>> Actor for NativeActor<A> {
    type Message = Envelope;
    type Error = A::Error;

    fn on_start(
        &mut self,
        context: &ActorContext<Envelope>,
    ) -> impl Future<Output = Result<(), A::Error>> + Send {
        self.actor.on_start(context)
    }

    fn handle_message(
        &mut self,
        mut envelope: Envelope,
        context: &ActorContext<Envelope>,
    ) -> impl Future<Output = Result<(), A::Error>> + Send {
        self.deliver(&mut envelope);
        self.actor.handle_message(envelope, context)
    }

    fn on_down(
        &mut self,
        down: Down,
        context: &ActorContext<Envelope>,
    ) -> impl Future<Output = Result<(), A::Error>> + Send {
        self.actor.on_down(down, context)
    }

    fn on_signal(
        &mut self,
        context: &ActorContext<Envelope>,
    ) -> impl Future<Output = Result<(), A::Error>> + Send {
        self.actor.on_signal(context)
    }
}
