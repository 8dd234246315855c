//! The router of an app: every message passes through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use airssys_message::Codec;
use airssys_rt::{ActorRef, Overflow, SendWithError};
use airssys_spec::{Access, Capability, Denied};
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

/// A sender's route to one name: the receiver, with the cached decisions and limits.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) endpoint: Arc<Endpoint>,
    /// The resolved name of a component or an instance.
    name: Arc<str>,
    may_send: bool,
    may_request: bool,
    per_target_limit: Option<Arc<Buckets>>,
    /// The router's generation when the decisions were made.
    generation: u64,
}

/// The directory of names, the subscriptions and the retained messages of an app.
#[derive(Default)]
pub(crate) struct Router {
    directory: DashMap<Arc<str>, Arc<Endpoint>>,
    pub(super) broker: Broker,
    pub(super) retained: Retained,
    /// Incremented when the directory or a grant changes. Cached decisions with an older generation
    /// are re-evaluated.
    pub(super) generation: AtomicU64,
    pub(crate) app: App,
}

/// The purpose for which a name is resolved. A denial is recorded for it.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// The caller sends a message.
    Send,
    /// The caller sends a request.
    Request,
    /// The caller does not say, because the contract's `resolve` takes only a name. The denial is
    /// recorded as the right that the manifest asks for. If it asks for neither, both are named.
    Any,
}

/// The way in which a message is sent.
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

impl From<Mode> for Purpose {
    fn from(mode: Mode) -> Purpose {
        match mode {
            Mode::Send => Purpose::Send,
            Mode::Request => Purpose::Request,
        }
    }
}

impl Router {
    /// Makes a router with an empty directory.
    pub(crate) fn new(app: App) -> Router {
        Router { app, ..Router::default() }
    }

    /// Adds a target, or replaces the one with this name.
    pub(crate) fn add(&self, name: &str, endpoint: Arc<Endpoint>) {
        self.directory.insert(Arc::from(name), endpoint);
        self.renew();
    }

    /// Makes all cached decisions stale.
    pub(crate) fn renew(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Removes a target.
    pub(crate) fn remove(&self, name: &str) {
        self.directory.remove(name);
        self.renew();
    }

    /// Returns true if the directory or a grant has changed since the route was made.
    pub(crate) fn is_stale(&self, route: &Route) -> bool {
        route.generation != self.generation.load(Ordering::Acquire)
    }

    /// Makes a route, if the sender may send messages or requests to the name. Without either right
    /// the error is `access-denied`, so that it does not tell whether the name exists.
    ///
    /// `purpose` selects the denial that is recorded. A route has both decisions in any case, and
    /// [`Router::send`] checks the one that its mode needs.
    pub(crate) fn resolve(&self, from: &Sender, name: &str, purpose: Purpose) -> Result<Route, SendError> {
        let generation = self.generation.load(Ordering::Acquire);
        let may = |access: Access<'_>| from.grants.decide(&from.subject, &access).is_ok();
        let (may_send, may_request) = (may(Access::Send { to: name }), may(Access::Request { to: name }));
        if !may_send && !may_request {
            if let Some(denied) = denial(from, name, purpose) {
                from.was_denied(&denied);
            }
            return Err(SendError::AccessDenied);
        }
        let found = self.directory.get(name).map(|entry| Arc::clone(entry.value()));
        let endpoint = found.ok_or(SendError::UnknownTarget)?;
        let per_target_limit = from.quota.for_target(name);
        Ok(Route { endpoint, name: Arc::from(name), may_send, may_request, per_target_limit, generation })
    }

    /// Puts a message into a mailbox of the route's target. Returns the pending wake-up of the
    /// receiver.
    ///
    /// The right comes first, and a denial costs nothing. The steps after it are those of [`put`].
    /// The audit records the message last, when it is in the mailbox.
    pub(crate) fn send<'r>(
        &self,
        from: &Sender,
        route: &'r Route,
        mode: Mode,
        draft: Draft,
        reply: Option<ReplyTo>,
        now: Instant,
    ) -> Result<PendingWakeup<'r>, SendError> {
        let (allowed, access) = match mode {
            Mode::Send => (route.may_send, Access::Send { to: &route.name }),
            Mode::Request => (route.may_request, Access::Request { to: &route.name }),
        };
        if !allowed {
            let _recorded = from.allows(&access);
            route.endpoint.account.stats.refused("access-denied");
            return Err(SendError::AccessDenied);
        }
        let recorded = self.app.trail.wants_messages().then(|| draft.body.clone());
        let wakeup = put(from, &route.endpoint, route.per_target_limit.as_deref(), draft, reply, now)?;
        if let Some(body) = recorded {
            self.record(mode.kind(), from, &body, Some(&route.name), None);
        }
        Ok(wakeup)
    }

    /// Sends a dead letter to its receiver again, under the name of its sender. The rights and the
    /// quota are those of `from`. It takes free room only, whatever the receiver's overflow policy, so
    /// that no letter takes the place of another message. A full mailbox is not counted, because the
    /// letter is kept and tried again.
    pub(crate) fn send_again(&self, from: &Sender, letter: &DeadLetter) -> Result<(), SendError> {
        let route = self.resolve(from, &letter.receiver, Purpose::Send)?;
        let origin = Origin {
            sender: Arc::clone(&letter.sender),
            topic: letter.topic.clone(),
            retained: false,
            trace: letter.trace,
        };
        let draft = Draft { body: letter.message.clone(), origin: Arc::new(origin) };
        put_if_room(from, &route.endpoint, draft)?.wake();
        Ok(())
    }

    /// Records a message, if the audit records messages.
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

/// The wake-up of a message's receiver, if the receiver is idle.
#[must_use = "an idle receiver does not handle the message until it is woken"]
pub(crate) struct PendingWakeup<'r>(Option<&'r ActorRef<Envelope>>);

impl<'r> PendingWakeup<'r> {
    /// Wakes the receiver now.
    pub(crate) fn wake(self) {
        self.0.into_iter().for_each(ActorRef::wake);
    }

    /// Returns the idle receiver. The caller wakes it later.
    pub(crate) fn actor(self) -> Option<&'r ActorRef<Envelope>> {
        self.0
    }
}

/// Puts a message into a mailbox of its receiver. The sender's right has been checked.
///
/// This is the hot path of every message. Its steps, in this order:
///
/// 1. The receiver's size limit and codecs are checked.
/// 2. The body's bytes are taken from the receiver's byte budget.
/// 3. The least loaded instance is chosen, and a place in its mailbox reserved.
/// 4. The sender's quota is taken. It is last, because a refused message costs nothing.
/// 5. The message becomes an envelope, and is in the mailbox.
///
/// A mailbox that drops the newest message dead-letters it if it is full. The sender's quota pays for
/// it too.
fn put<'r>(
    from: &Sender,
    endpoint: &'r Arc<Endpoint>,
    per_target_limit: Option<&Buckets>,
    draft: Draft,
    reply: Option<ReplyTo>,
    now: Instant,
) -> Result<PendingWakeup<'r>, SendError> {
    let account = &endpoint.account;
    account.accepts_message(&draft.body, from).map_err(|refusal| account.refuse(refusal))?;
    let bytes = draft.body.len();
    let held = account.budget.take(bytes).ok_or_else(|| account.refuse(Refusal::MailboxFull))?;
    let drops_newest = account.overflow == Overflow::DropNewest && reply.is_none();
    let dead_letter = drops_newest.then(|| draft.clone());
    // `now` may be up to a tick old, so an exceeded quota is tried again at the present time.
    let take_quota = || {
        let taken = from.quota.take(per_target_limit, bytes, now);
        taken.or_else(|_| from.quota.take(per_target_limit, bytes, Instant::now()))
    };
    let index = endpoint.least_loaded_member();
    let member = &endpoint.members[index];
    let sent = member.try_send_with(|| {
        take_quota()?;
        Ok(Envelope::accept(draft, held, (account, index), reply, now.into_std()))
    });
    match (sent, dead_letter) {
        (Ok(is_idle), _) => Ok(PendingWakeup(is_idle.then_some(member))),
        (Err(SendWithError::NotMade(exceeded)), _) => Err(from.exceeded(exceeded)),
        (Err(SendWithError::Full), Some(draft)) => {
            take_quota().map_err(|exceeded| from.exceeded(exceeded))?;
            account.dead_letter(&draft, from);
            Ok(PendingWakeup(None))
        }
        (Err(SendWithError::Full), None) => Err(account.refuse(Refusal::MailboxFull)),
        (Err(_), _) => Err(account.refuse(Refusal::TargetStopped)),
    }
}

/// Puts a message into a free place of a mailbox, without the receiver's overflow policy. Otherwise as
/// [`put`].
fn put_if_room<'r>(
    from: &Sender,
    endpoint: &'r Arc<Endpoint>,
    draft: Draft,
) -> Result<PendingWakeup<'r>, SendError> {
    let account = &endpoint.account;
    account.accepts_message(&draft.body, from).map_err(|refusal| account.refuse(refusal))?;
    let (bytes, now) = (draft.body.len(), Instant::now());
    let held = account.budget.take(bytes).ok_or(SendError::MailboxFull)?;
    let index = endpoint.least_loaded_member();
    let member = &endpoint.members[index];
    let sent = member.try_send_if_room(|| {
        from.quota.take(None, bytes, now)?;
        Ok(Envelope::accept(draft, held, (account, index), None, now.into_std()))
    });
    match sent {
        Ok(is_idle) => Ok(PendingWakeup(is_idle.then_some(member))),
        Err(SendWithError::NotMade(exceeded)) => Err(from.exceeded(exceeded)),
        Err(SendWithError::Full) => Err(SendError::MailboxFull),
        Err(_) => Err(account.refuse(Refusal::TargetStopped)),
    }
}

/// Returns the denial of a name that the sender may neither send nor send requests to.
///
/// If the purpose is not known, a revoked right was meant, or else one that the manifest asks for. If
/// it asks for both or neither, the denial names both.
fn denial(from: &Sender, name: &str, purpose: Purpose) -> Option<Denied> {
    let denied = |access: Access<'_>| from.grants.decide(&from.subject, &access).err();
    let send = denied(Access::Send { to: name })?;
    let request = denied(Access::Request { to: name })?;
    let asks = |access: Access<'_>| from.grants.asks(&from.subject, &access);
    let (asks_to_send, asks_to_request) =
        (asks(Access::Send { to: name }), asks(Access::Request { to: name }));
    Some(match purpose {
        Purpose::Send => send,
        Purpose::Request => request,
        Purpose::Any if send.revoked.is_some() != request.revoked.is_some() => {
            if send.revoked.is_some() {
                send
            } else {
                request
            }
        }
        Purpose::Any if asks_to_send != asks_to_request => {
            if asks_to_send {
                send
            } else {
                request
            }
        }
        Purpose::Any => {
            let mut both = send;
            both.or = Some(Capability::Request);
            both
        }
    })
}
