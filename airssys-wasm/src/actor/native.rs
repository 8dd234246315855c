//! A native actor that handles the messages of an app.

use std::sync::Arc;
use std::time::Instant;

use airssys_rt::{Actor, ActorContext, BoxError, Child, ChildContext, Down};

use crate::actor::recovery::Recovery;
use crate::guest::context::InstanceDependencies;
use crate::observe::in_flight::InFlight;
use crate::routing::envelope::Envelope;
use crate::routing::spans;

/// A native actor with the accounts of its messages: spans, calls and waiting bytes.
pub(crate) struct NativeActor<A> {
    actor: A,
    instance: Arc<InstanceDependencies>,
    handling: Handling,
}

/// The handling of a message. Dropped before that has succeeded, its failure is in flight until the next
/// incarnation has started, so that the app does not drain before.
struct Handling {
    recovery: Recovery,
    in_flight: Option<InFlight>,
}

impl Drop for Handling {
    fn drop(&mut self) {
        self.in_flight.take().into_iter().for_each(|failed| self.recovery.failed(failed));
    }
}

impl<A> NativeActor<A> {
    pub(crate) fn new(actor: A, instance: Arc<InstanceDependencies>, recovery: Recovery) -> NativeActor<A> {
        NativeActor { actor, instance, handling: Handling { recovery, in_flight: None } }
    }

    /// Accounts for a message that the handler gets now.
    fn deliver(&mut self, envelope: &mut Envelope) {
        let InstanceDependencies { endpoint, router, identity, .. } = &*self.instance;
        let (account, delivered_at) = (&endpoint.account, Instant::now());
        account.budget.give_back(envelope.delivered());
        account.stats.called();
        let span = spans::begin(router.app.tracer(), identity, envelope, delivered_at);
        envelope.delivered_to_native(delivered_at, span);
        self.handling.in_flight = Some(account.in_flight.begin());
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

    async fn on_start(&mut self, context: &ActorContext<Envelope>) -> Result<(), A::Error> {
        self.actor.on_start(context).await?;
        self.handling.recovery.started();
        Ok(())
    }

    fn handle_message(
        &mut self,
        mut envelope: Envelope,
        context: &ActorContext<Envelope>,
    ) -> impl Future<Output = Result<(), A::Error>> + Send {
        self.deliver(&mut envelope);
        let NativeActor { actor, handling, .. } = self;
        async move {
            actor.handle_message(envelope, context).await?;
            handling.in_flight = None;
            Ok(())
        }
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
