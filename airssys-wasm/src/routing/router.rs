//! From a name or a topic to mailboxes: every message of an app passes here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use airssys_message::Codec;
use airssys_rt::{ActorRef, Overflow, SendWithError};
use airssys_spec::Access;
use bytes::Bytes;
use dashmap::DashMap;
use tokio::time::Instant;

use crate::contract::SendError;
use crate::observe::audit::{AuditEvent, MessageKind};
use crate::observe::dead_letters::DeadLetter;
use crate::policy::quota::Buckets;
use crate::routing::app::App;
use crate::routing::draft::{Draft, Origin};
use crate::routing::endpoint::Endpoint;
use crate::routing::envelope::{Envelope, ReplyTo};
use crate::routing::refusal::Refusal;
use crate::routing::retained::Retained;
use crate::routing::sender::Sender;
use crate::routing::topic_route::Broker;

/// Where a sender's messages to one name go, with the decision about them.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) endpoint: Arc<Endpoint>,
    /// The name that was resolved: a component's, or an instance's.
    name: Arc<str>,
    may_send: bool,
    may_request: bool,
    /// The rates of what is sent to this name alone.
    edge: Option<Arc<Buckets>>,
    generation: u64,
}

/// From a name or a topic to mailboxes.
#[derive(Default)]
pub(crate) struct Router {
    directory: DashMap<Arc<str>, Arc<Endpoint>>,
    pub(super) broker: Broker,
    pub(super) retained: Retained,
    /// Counts the changes of the directory and of what is granted: what was decided before one is
    /// decided anew.
    pub(super) generation: AtomicU64,
    pub(crate) app: App,
}

/// What a message is sent as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Send,
    Request,
}

impl Mode {
    fn kind(self) -> MessageKind {
        match self {
            Mode::Send => MessageKind::Send,
            Mode::Request => MessageKind::Request,
        }
    }
}

impl Router {
    /// Makes a router for this app, without targets.
    pub(crate) fn new(app: App) -> Router {
        Router { app, ..Router::default() }
    }

    /// Adds a target, or replaces the one with this name.
    pub(crate) fn add(&self, name: &str, endpoint: Arc<Endpoint>) {
        self.directory.insert(Arc::from(name), endpoint);
        self.renew();
    }

    /// Has everything decided anew that was decided before.
    pub(crate) fn renew(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes a target away.
    pub(crate) fn remove(&self, name: &str) {
        self.directory.remove(name);
        self.renew();
    }

    /// Whether a route was made before the directory, or what is granted, changed.
    pub(crate) fn is_stale(&self, route: &Route) -> bool {
        route.generation != self.generation.load(Ordering::Acquire)
    }

    /// Makes a route. A name that the sender has no right to use is `access-denied`, whether
    /// there is such a component or not.
    pub(crate) fn resolve(&self, from: &Sender, name: &str) -> Result<Route, SendError> {
        let generation = self.generation.load(Ordering::Acquire);
        let may = |access: Access<'_>| from.grants.decide(&from.subject, &access).is_ok();
        let (may_send, may_request) = (may(Access::Send { to: name }), may(Access::Request { to: name }));
        if !may_send && !may_request {
            // What it wants to do is not known yet: it is what its manifest asks for.
            let _recorded = from.allows(&match from.grants.asks_to_request_only(&from.subject, name) {
                true => Access::Request { to: name },
                false => Access::Send { to: name },
            });
            return Err(SendError::AccessDenied);
        }
        let found = self.directory.get(name).map(|entry| Arc::clone(entry.value()));
        let endpoint = found.ok_or(SendError::UnknownTarget)?;
        let edge = from.quota.edge(name);
        Ok(Route { endpoint, name: Arc::from(name), may_send, may_request, edge, generation })
    }

    /// Puts a message into a mailbox of the route's target. Gives the receiver if it sleeps, to be
    /// woken.
    pub(crate) fn send<'r>(
        &self,
        from: &Sender,
        route: &'r Route,
        mode: Mode,
        draft: Draft,
        reply: Option<ReplyTo>,
        now: Instant,
    ) -> Result<Sleeper<'r>, SendError> {
        let (allowed, access) = match mode {
            Mode::Send => (route.may_send, Access::Send { to: &route.name }),
            Mode::Request => (route.may_request, Access::Request { to: &route.name }),
        };
        if !allowed {
            let _recorded = from.allows(&access);
            return Err(route.endpoint.account.refuse(Refusal::AccessDenied));
        }
        let recorded = self.app.trail.wants_messages().then(|| draft.body.clone());
        let sleeper = put(from, &route.endpoint, route.edge.as_deref(), draft, reply, now)?;
        if let Some(body) = recorded {
            self.record(mode.kind(), from, &body, Some(&route.name), None);
        }
        Ok(sleeper)
    }

    /// Hands a message to its receiver again, as if its sender had sent it anew. It is `from` who
    /// does that, so it is `from` who has to be allowed to.
    pub(crate) fn send_again(&self, from: &Sender, letter: &DeadLetter) -> Result<(), SendError> {
        let route = self.resolve(from, &letter.receiver)?;
        let origin = Origin {
            sender: Arc::clone(&letter.sender),
            topic: letter.topic.clone(),
            retained: false,
            trace: letter.trace,
        };
        let draft = Draft { body: letter.message.clone(), origin: Arc::new(origin) };
        put(from, &route.endpoint, None, draft, None, Instant::now())?.wake();
        Ok(())
    }

    /// Records a message, if the audit wants messages.
    pub(super) fn record(
        &self,
        kind: MessageKind,
        from: &Sender,
        body: &Bytes,
        receiver: Option<&Arc<str>>,
        topic: Option<(&Arc<str>, u32)>,
    ) {
        let Some(audit) = self.app.trail.audit().filter(|audit| audit.messages()) else { return };
        let Ok((codec, _)) = Codec::split(body) else { return };
        audit.record(AuditEvent::Message {
            kind,
            sender: Arc::clone(&from.instance),
            receiver: receiver.cloned(),
            topic: topic.map(|(topic, subscribers)| (Arc::clone(topic), subscribers)),
            size: body.len() as u64,
            codec,
        });
    }
}

/// The receiver of a message, if it sleeps.
#[must_use = "it sleeps until it is woken"]
pub(crate) struct Sleeper<'r>(Option<&'r ActorRef<Envelope>>);

impl<'r> Sleeper<'r> {
    /// Wakes it now.
    pub(crate) fn wake(self) {
        self.0.into_iter().for_each(ActorRef::wake);
    }

    /// The actor, for whoever wakes it later.
    pub(crate) fn actor(self) -> Option<&'r ActorRef<Envelope>> {
        self.0
    }
}

/// Puts a message that was decided about into a mailbox of its receiver.
fn put<'r>(
    from: &Sender,
    endpoint: &'r Arc<Endpoint>,
    edge: Option<&Buckets>,
    draft: Draft,
    reply: Option<ReplyTo>,
    now: Instant,
) -> Result<Sleeper<'r>, SendError> {
    let account = &endpoint.account;
    account.accepts_message(&draft.body, from).map_err(|refusal| account.refuse(refusal))?;
    let bytes = draft.body.len();
    let held = account.budget.take(bytes).ok_or_else(|| account.refuse(Refusal::MailboxFull))?;
    // A full mailbox drops it: then it is still to be accounted for.
    let drops = account.overflow == Overflow::DropNewest && reply.is_none();
    let spare = drops.then(|| draft.clone());
    // The rate last, so that what is refused for another reason costs nothing. What would be too much
    // at a time that was looked at a while ago may not be by now.
    let pay = || from.quota.take(edge, bytes, now).or_else(|_| from.quota.take(edge, bytes, Instant::now()));
    let number = endpoint.least_loaded_member();
    let member = &endpoint.members[number];
    let sent = member.try_send_with(|| {
        pay()?;
        Ok(Envelope::accept(draft, held, (account, number), reply, now.into_std()))
    });
    match (sent, spare) {
        (Ok(sleeps), _) => Ok(Sleeper(sleeps.then_some(member))),
        (Err(SendWithError::NotMade(over)), _) => Err(from.exceeded(over)),
        (Err(SendWithError::Full), Some(draft)) => {
            pay().map_err(|over| from.exceeded(over))?;
            account.skip(&draft, from);
            Ok(Sleeper(None))
        }
        (Err(SendWithError::Full), None) => Err(account.refuse(Refusal::MailboxFull)),
        (Err(_), _) => Err(account.refuse(Refusal::TargetStopped)),
    }
}
