//! An actor runtime: trees of supervised actors, bounded mailboxes, request-response, topics.
//!
//! An [`Actor`] is state that handles messages one at a time. An [`ActorSystem`] runs actors under
//! a supervisor that restarts those that fail. The mailbox belongs to the actor, not to the
//! incarnation that crashes: an [`ActorRef`] stays valid, and the messages behind the crash are
//! handled by the next incarnation.
//!
//! ```
//! use std::time::Duration;
//! use airssys_rt::{Actor, ActorContext, ActorSystem, Child, ChildSpec, ReplyTo};
//!
//! enum Order {
//!     Place(u32),
//!     Total(ReplyTo<u32>),
//! }
//!
//! #[derive(Debug, thiserror::Error)]
//! #[error("an order of {0} pieces is too large")]
//! struct TooMany(u32);
//!
//! #[derive(Default)]
//! struct Orders {
//!     total: u32,
//! }
//!
//! impl Child for Orders {}
//!
//! impl Actor for Orders {
//!     type Message = Order;
//!     type Error = TooMany;
//!
//!     async fn handle_message(
//!         &mut self,
//!         order: Order,
//!         _context: &ActorContext<Order>,
//!     ) -> Result<(), TooMany> {
//!         match order {
//!             Order::Place(pieces) if pieces > 1000 => return Err(TooMany(pieces)),
//!             Order::Place(pieces) => self.total += pieces,
//!             // The requester may have stopped waiting.
//!             Order::Total(reply) => drop(reply.send(self.total)),
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let system = ActorSystem::new("shop");
//! let orders = system.spawn(ChildSpec::new("orders"), Orders::default).await?;
//!
//! orders.send(Order::Place(3)).await?;
//! orders.send(Order::Place(4)).await?;
//! assert_eq!(orders.request(Order::Total, Duration::from_secs(1)).await?, 7);
//!
//! // This message crashes the actor. The next incarnation handles the messages behind it.
//! orders.send(Order::Place(5000)).await?;
//! orders.send(Order::Place(2)).await?;
//! assert_eq!(orders.request(Order::Total, Duration::from_secs(1)).await?, 2);
//! assert_eq!(orders.stats().restarts, 1);
//!
//! let report = system.shutdown(Duration::from_secs(5)).await;
//! assert_eq!(report.stopped, ["orders"]);
//! # Ok(())
//! # }
//! ```
//!
//! | to | see |
//! |---|---|
//! | write an actor | [`Actor`], and [`Child`] for the hooks around it |
//! | start, find and stop actors | [`ActorSystem`], [`ChildSpec`] |
//! | send and request | [`ActorRef`], [`ReplyTo`], [`Permit`] |
//! | call from a thread that blocks | [`ActorRef::blocking_send`], [`ActorRef::blocking_request`] |
//! | configure restarts | [`RestartPolicy`], [`SupervisorConfig`], [`RestartStrategy`] |
//! | grow a tree of supervisors | [`SupervisorSpec`], [`SupervisorRef`], [`SupervisionStrategy`] |
//! | start actors that end with this one | [`ActorContext::spawn_child`] |
//! | set timers | [`ActorContext::send_after`], [`ActorContext::send_interval`] |
//! | handle the items of a stream | [`ActorContext::attach`] |
//! | be notified of an actor's end, or share it | [`ActorContext::monitor`], [`ActorContext::link`] |
//! | reserve room before there is a message | [`ActorRef::reserve`], [`ActorRef::room`] |
//! | choose the policy of a full mailbox | [`Overflow`] |
//! | observe, signal and end actors of any message type | [`ActorHandle`] |
//! | keep actors of different types in one list | [`Recipient`] |
//! | share work among many workers | [`Router`] |
//! | find all actors of a kind | [`Groups`] |
//! | publish to subscribers | [`MessageBroker`], [`Topic`], [`TopicPattern`] |
//! | let a busy actor go on in another runtime | [`relocate`], [`ChildSpec::movable`] |
//! | see the tree and its stats | [`ActorSystem::snapshot`], [`ActorStats`] |
//! | read lifecycle events and dead letters | [`ActorSystem::events`] |
//! | shut down within a deadline | [`ActorSystem::shutdown`] |
//! | test actors | the module `testing`, which comes with the feature of that name |
//!
//! # Before the first actor
//!
//! Users of other actor systems meet these rules first:
//!
//! - The actors of a system live as long as a clone of its [`ActorSystem`] does. An [`ActorRef`] keeps
//!   nothing alive. [`ActorSystem::ended`] waits for the end, and returns the reason.
//! - [`stop`](ActorRef::stop) ends an actor for good, and [`restart`](ActorRef::restart) starts a new
//!   incarnation. [`stop_self`](ActorContext::stop_self) ends the incarnation, and the
//!   [`RestartPolicy`] decides: an actor is permanent unless its [`ChildSpec`] says otherwise, and a
//!   permanent actor is restarted.
//! - An actor at the root that fails more than 3 times within 5 s ends, and the others go on. Below a
//!   supervisor of its own, the supervisor gives up, as in OTP. [`OnLimit`] chooses otherwise.
//! - [`spawn`](ActorSystem::spawn) takes a closure that makes the state of each incarnation, and waits
//!   for [`on_start`](Actor::on_start). [`spawn_once`](ActorSystem::spawn_once) takes a value, and
//!   [`spawn_instant`](ActorSystem::spawn_instant) does not wait.
//! - `impl Child for MyActor {}` says that an actor has no hooks. `type Error` can be [`BoxError`].
//!
//! # State of an incarnation
//!
//! Timers, links and children end with the incarnation that started them, so each incarnation starts
//! its own in [`on_start`](Actor::on_start). Monitors, groups and the name belong to the actor, and
//! stay.
//!
//! ```
//! use std::time::Duration;
//! use airssys_rt::{Actor, ActorContext, ActorSystem, Child, ChildSpec, ReplyTo};
//!
//! enum Beat {
//!     Due,
//!     Count(ReplyTo<u32>),
//! }
//!
//! struct Heart {
//!     beats: u32,
//! }
//!
//! impl Child for Heart {}
//!
//! impl Actor for Heart {
//!     type Message = Beat;
//!     type Error = std::convert::Infallible;
//!
//!     async fn on_start(&mut self, context: &ActorContext<Beat>) -> Result<(), Self::Error> {
//!         context.send_interval(Duration::from_millis(5), || Beat::Due);
//!         Ok(())
//!     }
//!
//!     async fn handle_message(
//!         &mut self,
//!         beat: Beat,
//!         _context: &ActorContext<Beat>,
//!     ) -> Result<(), Self::Error> {
//!         match beat {
//!             Beat::Due => self.beats += 1,
//!             Beat::Count(reply) => drop(reply.send(self.beats)),
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let system = ActorSystem::new("body");
//! let heart = system.spawn(ChildSpec::new("heart"), || Heart { beats: 0 }).await?;
//! while heart.request(Beat::Count, Duration::from_secs(1)).await? == 0 {
//!     tokio::time::sleep(Duration::from_millis(5)).await;
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod actor;
mod actor_handle;
mod actor_ref;
mod ask;
mod blocking;
mod broker;
mod causes;
mod cell;
mod child;
mod child_spec;
mod errors;
mod events;
mod group_table;
mod groups;
mod guard;
mod incarnations;
mod mailbox;
mod monitor;
mod prepared;
mod recipient;
mod registry;
mod request;
mod router;
mod services;
mod shutdown;
mod snapshot;
mod stats;
mod streams;
mod supervisor;
mod sync;
mod system;
#[cfg(feature = "testing")]
pub mod testing;
mod timers;
mod tree_changes;

#[doc(inline)]
pub use airssys_core::{
    AutoShutdown, Decision, Down, EndCause, EndedChild, ExitReason, Identity, InvalidTopic, LimitScope,
    LogThrottle, MAX_TOPIC_BYTES, OnLimit, Overflow, Pattern, RestartPolicy, RestartStrategy, RestartWindow,
    Scope, Shutdown, SupervisionStrategy, SupervisorConfig, SupervisorFailure, Suppressed, Topic,
    TopicPattern, decide,
};

pub use actor::{Actor, ActorContext, BoxError, Child, ChildContext, requeue};
pub use actor_handle::ActorHandle;
pub use actor_ref::{ActorRef, Permit, WeakActorRef};
pub use broker::publish::{PublishError, Published, Reservation, SkipReason};
pub use broker::{MessageBroker, Subscriber};
pub use cell::behind::Behind;
pub use child_spec::ChildSpec;
pub use errors::{
    BlockingRequestError, BlockingSendError, JoinError, PrepareError, RequestError, ReserveError, SendError,
    SendWithError, StartError,
};
pub use events::{DeadLetterCause, Event, EventStream, MissedEvents};
pub use groups::Groups;
pub use prepared::Prepared;
pub use recipient::Recipient;
pub use request::ReplyTo;
pub use router::{Broadcast, Router, RouterError, RouterSpec, Routing};
pub use shutdown::ShutdownReport;
pub use snapshot::{
    ActorSnapshot, ChildKind, ChildSnapshot, ChildSummary, SupervisorSnapshot, SystemSnapshot,
};
pub use stats::{ActorState, ActorStats};
pub use supervisor::prepared::PreparedSupervisor;
pub use supervisor::reference::SupervisorRef;
pub use supervisor::relocation::relocate;
pub use supervisor::spec::{MAX_SUPERVISOR_DEPTH, SupervisorSpec};
pub use system::{ActorSummary, ActorSystem, ActorSystemBuilder};
pub use timers::TimerId;
