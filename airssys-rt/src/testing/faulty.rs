//! Actors that are subject to a plan of faults.

use airssys_core::Down;
use thiserror::Error;

use super::faults::{Faults, Injected, Place};
use crate::{Actor, ActorContext, BoxError, Child, ChildContext};

impl Faults {
    /// Wraps a closure that makes actors, so that its actors are subject to this plan.
    ///
    /// Where the closure has to be `Fn`, as a router's, call [`Faulty::new`] in it.
    pub fn wrap<A: Actor>(
        &self,
        mut make: impl FnMut() -> A + Send + 'static,
    ) -> impl FnMut() -> Faulty<A> + Send + 'static {
        let faults = self.clone();
        move || Faulty::new(make(), &faults)
    }
}

/// An actor with a plan of [`Faults`] before all of its hooks and its handler.
///
/// Calls without a fault are passed on, and the errors of the actor become [`FaultyError::Own`], which
/// displays like them. It handles messages one by one, so that the plan sees each.
#[derive(Debug)]
pub struct Faulty<A> {
    actor: A,
    faults: Faults,
}

/// The error of the handler of a [`Faulty`] actor.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FaultyError {
    /// A planned failure.
    #[error(transparent)]
    Injected(Injected),
    /// An error of the actor itself.
    #[error(transparent)]
    Own(BoxError),
}

impl<A> Faulty<A> {
    /// The actor, subject to this plan.
    pub fn new(actor: A, faults: &Faults) -> Self {
        Self { actor, faults: faults.clone() }
    }
}

impl<A: Actor> Child for Faulty<A> {
    async fn pre_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        self.faults.reach(Place::PreStart).await?;
        self.actor.pre_start(context).await
    }

    async fn post_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        self.faults.reach(Place::PostStart).await?;
        self.actor.post_start(context).await
    }

    async fn pre_stop(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        self.faults.reach(Place::PreStop).await?;
        self.actor.pre_stop(context).await
    }

    async fn post_stop(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        self.faults.reach(Place::PostStop).await?;
        self.actor.post_stop(context).await
    }
}

impl<A: Actor> Actor for Faulty<A> {
    type Message = A::Message;
    type Error = FaultyError;

    async fn on_start(&mut self, context: &ActorContext<A::Message>) -> Result<(), Self::Error> {
        self.faults.reach(Place::OnStart).await.map_err(FaultyError::Injected)?;
        self.actor.on_start(context).await.map_err(own)
    }

    async fn handle_message(
        &mut self,
        message: A::Message,
        context: &ActorContext<A::Message>,
    ) -> Result<(), Self::Error> {
        self.faults.reach(Place::Message).await.map_err(FaultyError::Injected)?;
        self.actor.handle_message(message, context).await.map_err(own)
    }

    async fn on_down(&mut self, down: Down, context: &ActorContext<A::Message>) -> Result<(), Self::Error> {
        self.faults.reach(Place::OnDown).await.map_err(FaultyError::Injected)?;
        self.actor.on_down(down, context).await.map_err(own)
    }

    async fn on_signal(&mut self, context: &ActorContext<A::Message>) -> Result<(), Self::Error> {
        self.faults.reach(Place::OnSignal).await.map_err(FaultyError::Injected)?;
        self.actor.on_signal(context).await.map_err(own)
    }
}

fn own(error: impl Into<BoxError>) -> FaultyError {
    FaultyError::Own(error.into())
}
