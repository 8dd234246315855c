//! The rights of a component while it runs, and their changes.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use airssys_rt::TopicPattern;
use airssys_spec::{
    Access, Capabilities, Capability, Denied, GrantChange, GrantError, GrantVerb, Subject, decide, grant,
};
use serde::{Deserialize, Serialize};

/// The rights of one component: shared by its instances, over all their incarnations.
///
/// Routes and topics keep decisions, so every change is followed by a new generation of the router.
pub(crate) struct Grants {
    /// The most that it may be given.
    asked: Capabilities,
    /// Topics that its instances are subscribed to from the start.
    subscribes: Vec<TopicPattern>,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    granted: Capabilities,
    /// What of that was given while the app runs.
    given: Vec<(Capability, String)>,
    /// Subscriptions from the start that a revocation ended, by the subscriber's number.
    suspended: Vec<(u64, TopicPattern)>,
}

/// What a component asks for, and what it may do at present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComponentGrants {
    /// The component's name in the app.
    pub component: String,
    /// For each kind of access that it asks for, or has: send, request, publish, subscribe.
    pub grants: Vec<CapabilityGrants>,
}

/// What a component asks for, and may do at present, of one kind of access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CapabilityGrants {
    /// The kind of access.
    pub capability: Capability,
    /// The patterns that it asks for: the most that it may be given.
    pub asked: Vec<String>,
    /// The patterns that are in force.
    pub granted: Vec<Granted>,
}

/// A pattern that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Granted {
    /// The pattern of names or of topics.
    pub pattern: String,
    /// Where it comes from.
    pub from: GrantOrigin,
}

/// Where a grant comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GrantOrigin {
    /// The component was started with it: it is in the app's manifest.
    App,
    /// It was given while the app runs.
    RunTime,
}

/// The rights in force during a change, and the subscriptions that it suspends or restores.
pub(crate) struct Subscriptions<'a> {
    granted: &'a Capabilities,
    from_start: &'a [TopicPattern],
    suspended: &'a mut Vec<(u64, TopicPattern)>,
}

impl Subscriptions<'_> {
    /// Returns true if a subject may subscribe to a pattern now.
    pub(crate) fn allows(&self, who: &Subject, pattern: &TopicPattern) -> bool {
        decide(who, self.granted, &Access::Subscribe { pattern }).is_ok()
    }

    /// Notes that a subscription was ended. One from the start comes back when it is allowed again.
    pub(crate) fn suspend(&mut self, subscriber: u64, pattern: TopicPattern) {
        if self.from_start.contains(&pattern) {
            self.suspended.push((subscriber, pattern));
        }
    }

    /// Takes the suspended subscriptions of a subscriber that are allowed again.
    pub(crate) fn take_allowed(&mut self, subscriber: u64, who: &Subject) -> Vec<TopicPattern> {
        let (granted, suspended) = (self.granted, &mut *self.suspended);
        let allowed = |pattern: &TopicPattern| decide(who, granted, &Access::Subscribe { pattern }).is_ok();
        let taken = suspended.extract_if(.., |(id, pattern)| *id == subscriber && allowed(pattern));
        taken.map(|(_, pattern)| pattern).collect()
    }
}

impl Grants {
    pub(crate) fn new(asked: Capabilities, granted: Capabilities, subscribes: Vec<TopicPattern>) -> Grants {
        let state = RwLock::new(State { granted, ..State::default() });
        Grants { asked, subscribes, state }
    }

    /// Decides. Nothing is recorded.
    pub(crate) fn decide(&self, who: &Subject, access: &Access<'_>) -> Result<(), Denied> {
        decide(who, &self.read().granted, access)
    }

    /// Whether its manifest asks to send requests to this name, and no other messages.
    pub(crate) fn asks_to_request_only(&self, who: &Subject, name: &str) -> bool {
        let asks = |access| decide(who, &self.asked, &access).is_ok();
        asks(Access::Request { to: name }) && !asks(Access::Send { to: name })
    }

    /// Subscribes if that is allowed; nothing is revoked in between.
    pub(crate) fn subscribe<R>(
        &self,
        who: &Subject,
        pattern: &TopicPattern,
        subscribe: impl FnOnce() -> R,
    ) -> Result<R, Denied> {
        let state = self.read();
        decide(who, &state.granted, &Access::Subscribe { pattern })?;
        Ok(subscribe())
    }

    /// How many subscriptions of a subscriber come back when they are allowed again.
    pub(crate) fn suspended(&self, subscriber: u64) -> usize {
        self.read().suspended.iter().filter(|(id, _)| *id == subscriber).count()
    }

    /// Gives up a subscription that would come back; false if there is none.
    pub(crate) fn forget_suspended(&self, subscriber: u64, pattern: &TopicPattern) -> bool {
        let mut state = self.write();
        let before = state.suspended.len();
        state.suspended.retain(|(id, own)| (*id, own) != (subscriber, pattern));
        state.suspended.len() < before
    }

    /// Lists the rights, asked for and in force, of each kind that has any.
    pub(crate) fn list(&self, component: &str) -> ComponentGrants {
        let state = self.read();
        let grants = Capability::LISTS.map(|capability| {
            let granted = state.granted.patterns(capability).into_iter().map(|pattern| {
                let given = state.given.iter().any(|(kind, own)| *kind == capability && *own == pattern);
                Granted { pattern, from: if given { GrantOrigin::RunTime } else { GrantOrigin::App } }
            });
            CapabilityGrants {
                capability,
                granted: granted.collect(),
                asked: self.asked.patterns(capability),
            }
        });
        let has_any = |kind: &CapabilityGrants| !(kind.asked.is_empty() && kind.granted.is_empty());
        ComponentGrants {
            component: component.to_owned(),
            grants: grants.into_iter().filter(has_any).collect(),
        }
    }

    /// Returns the rights that the component asks for.
    pub(crate) fn asked(&self) -> &Capabilities {
        &self.asked
    }

    /// Returns a copy of the rights that are in force.
    pub(crate) fn granted(&self) -> Capabilities {
        self.read().granted.clone()
    }

    /// Changes a right, and has `follow` act on the change before anybody can see it.
    ///
    /// # Errors
    /// [`GrantError`], and nothing is changed.
    pub(crate) fn change<R>(
        &self,
        verb: GrantVerb,
        component: &str,
        (capability, pattern): (Capability, &str),
        follow: impl FnOnce(&mut GrantChange, &mut Subscriptions<'_>) -> R,
    ) -> Result<(GrantChange, R), GrantError> {
        let mut state = self.write();
        let State { granted, given, suspended } = &mut *state;
        let mut change = grant::change(verb, component, (capability, pattern), &self.asked, granted)?;
        given.retain(|(kind, own)| *kind != capability || !change.removed.contains(own));
        if verb == GrantVerb::Give && change.changed {
            given.push((capability, change.pattern.clone()));
        }
        let mut subscriptions = Subscriptions { granted, from_start: &self.subscribes, suspended };
        let followed = follow(&mut change, &mut subscriptions);
        Ok((change, followed))
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
