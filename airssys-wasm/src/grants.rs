//! What a component may do while it runs, and how that changes.

mod change;
mod denials;

use std::cmp::Reverse;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use airssys_rt::TopicPattern;
use airssys_spec::{Access, Capabilities, Capability, Denied, Subject, decide};
use serde::{Deserialize, Serialize};

pub use denials::{Denial, MAX_DENIALS};

use crate::component_host::Shared;
use denials::Denials;

/// What one component may do: shared by its instances, over all their incarnations.
///
/// Routes and topics keep decisions, so every change is followed by a new generation of the router.
pub(crate) struct Grants {
    /// The most that it may be given.
    asked: Capabilities,
    /// Topics that its instances are subscribed to from the start.
    subscribes: Vec<TopicPattern>,
    state: RwLock<State>,
    denials: Denials,
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

impl Grants {
    pub(crate) fn new(asked: Capabilities, granted: Capabilities, subscribes: Vec<TopicPattern>) -> Grants {
        let state = RwLock::new(State { granted, ..State::default() });
        Grants { asked, subscribes, state, denials: Denials::default() }
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

    /// Keeps a denial, to be explained.
    pub(crate) fn denied(&self, denied: &Denied) {
        self.denials.add(denied);
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

    fn list(&self, component: &str) -> ComponentGrants {
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

    fn denials(&self, component: &str) -> Vec<Denial> {
        self.denials.list(component, &self.asked, &self.read().granted)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    pub(crate) fn grants(&self) -> Vec<ComponentGrants> {
        self.each_grants().iter().map(|(name, grants)| grants.list(name)).collect()
    }

    pub(crate) fn denials(&self) -> Vec<Denial> {
        let mut all: Vec<_> =
            self.each_grants().iter().flat_map(|(name, grants)| grants.denials(name)).collect();
        all.sort_by_key(|denial| Reverse(denial.last_ms));
        all
    }

    fn each_grants(&self) -> Vec<(String, Arc<Grants>)> {
        let components = self.components();
        let grants = components.iter().filter_map(|(name, registered)| {
            let blueprint = registered.blueprints.first()?;
            Some((name.clone(), Arc::clone(&blueprint.links.sender.grants)))
        });
        grants.collect()
    }
}
