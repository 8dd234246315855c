//! The trait that an author implements.

use std::future::Future;

use airssys_message::Codec;

use crate::config::Config;
use crate::context::Context;
use crate::error::{Rejection, StartError};
use crate::message::Message;
use crate::reply::Reply;

/// A component: its state, and its handler of messages.
///
/// The host makes an instance with [`initialize`](Component::initialize), then hands it messages
/// one at a time. A panic ends the instance. Its current message goes to the dead letters. The supervisor
/// decides whether a next instance goes on with the following messages.
///
/// Export the type with [`component!`](crate::component).
pub trait Component: Sized + 'static {
    /// The codec of serde values that are sent or replied without a codec's wrapper: CBOR by
    /// default, or [`Codec::Json`] or [`Codec::MessagePack`]. [`component!`](crate::component) does
    /// not compile if the codec's feature is off.
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
    /// [`StartError`] if the instance cannot start. The text goes to the log, and the supervisor
    /// decides whether to try again.
    fn initialize(config: &Config, context: &Context) -> Result<Self, StartError>;

    /// Handles a message; write it as `async fn handle`.
    ///
    /// While it awaits, other components run and no other message is delivered to this instance.
    /// It may await the futures of [`Context`], alone or joined, because only those wake it. If it
    /// awaits anything else, the host notices that nothing will wake it, and fails the message.
    ///
    /// # Errors
    /// [`Rejection`] if the component refuses the message. The message goes to the dead letters
    /// with this reason, a requester gets the reason too, and the instance lives on.
    fn handle(
        &mut self,
        message: Message,
        context: &Context,
    ) -> impl Future<Output = Result<Reply, Rejection>>;

    /// The health of the instance. The host asks after the start, where [`Health::Unhealthy`] is a
    /// failure of the start, and between messages.
    fn health(&self) -> Health {
        Health::Healthy
    }

    /// Called once before a stop, when no message is being handled; not after a panic.
    fn shutdown(&mut self) {}
}

/// The health of an instance, by its own judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// The component works.
    #[default]
    Healthy,
    /// The component works, with this restriction.
    Degraded(String),
    /// The component does not work, for this reason.
    Unhealthy(String),
}
