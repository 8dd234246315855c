//! What an author writes.

use std::future::Future;

use airssys_message::Codec;

use crate::config::Config;
use crate::context::Context;
use crate::error::{Rejection, StartError};
use crate::message::Message;
use crate::reply::Reply;

/// A component: its state, and what it does with a message.
///
/// The host makes an instance with [`initialize`](Component::initialize), then hands it messages
/// one at a time. A panic ends the instance: the message it was on goes to the dead letters, and
/// the supervisor decides whether the next instance goes on with the messages behind it.
///
/// Export it with [`component!`](crate::component).
pub trait Component: Sized + 'static {
    /// The codec of serde values that are sent or replied without naming one: CBOR, unless it says
    /// [`Codec::Json`] or [`Codec::MessagePack`]. Its feature has to be on, or
    /// [`component!`](crate::component) does not compile.
    ///
    /// ```compile_fail
    /// # use airssys_sdk::prelude::*;
    /// # struct Orders;
    /// impl Component for Orders {
    ///     const PREFERS: Codec = Codec::Borsh; // Not a codec of serde values.
    /// #   fn initialize(_: &Config, _: &Context) -> Result<Self, StartError> { Ok(Orders) }
    /// #   async fn handle(&mut self, _: Message, _: &Context) -> Result<Reply, Rejection> { Ok(Reply::none()) }
    /// }
    /// airssys_sdk::component!(Orders);
    /// ```
    const PREFERS: Codec = Codec::Cbor;

    /// Makes an instance, with the settings that the app gives it.
    ///
    /// It may send with [`Context::try_send`] and subscribe, but not wait for anything.
    ///
    /// # Errors
    /// [`StartError`] if it cannot start. The text goes to the log, and the supervisor decides
    /// what follows.
    fn initialize(config: &Config, context: &Context) -> Result<Self, StartError>;

    /// Handles a message; write it as `async fn handle`.
    ///
    /// While it awaits, other components run and no other message is delivered to this instance.
    /// It may await what [`Context`] gives it, alone or joined; nothing else wakes it. If it
    /// awaits something that nothing will wake, the host notices and fails the message.
    ///
    /// # Errors
    /// [`Rejection`] if it does not take the message: the message goes to the dead letters with
    /// this reason, a requester is told, and the instance lives on.
    fn handle(
        &mut self,
        message: Message,
        context: &Context,
    ) -> impl Future<Output = Result<Reply, Rejection>>;

    /// How the instance is. Asked after its start ([`Health::Unhealthy`] is a failure of the
    /// start) and between messages.
    fn health(&self) -> Health {
        Health::Healthy
    }

    /// Called once before a stop, when no message is being handled; not after a panic.
    fn shutdown(&mut self) {}
}

/// How an instance says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It works.
    #[default]
    Healthy,
    /// It works, with this restriction.
    Degraded(String),
    /// It does not work, for this reason.
    Unhealthy(String),
}
