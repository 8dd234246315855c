//! The rights of a component while it runs, and their changes.

use std::sync::RwLock;

use airssys_rt::TopicPattern;
use airssys_spec::{
    Access, Capabilities, Capability, Denied, GrantChange, GrantError, GrantVerb, Subject, decide, grant,
};
use serde::{Deserialize, Serialize};

use crate::sync::{read, write};

/// The rights of one component, shared by all incarnations of its instances.
///
/// Routes cache decisions, so every change is followed by a new generation of the router.
pub(crate) struct Grants {
    /// The rights that the manifest asks for. No other right can be granted.
    asked: Capabilities,
    /// The topic patterns that the manifest subscribes its instances to.
    subscribes: Vec<TopicPattern>,
    state: RwLock<GrantState>,
}

#[derive(Default)]
struct GrantState {
    granted: Capabilities,
    /// The granted patterns that were given while the app runs.
    given: Vec<(Capability, String)>,
    /// The patterns that were revoked while the app runs, and not given back since.
    revoked: Vec<(Capability, String)>,
    /// Subscriptions of the manifest that a revocation ended, by the subscriber's number.
    suspended: Vec<(u64, TopicPattern)>,
}

/// The rights of a component: asked for, and in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComponentGrants {
    /// The component's name in the app.
    pub component: String,
    /// One entry per kind of access that has any pattern, asked for or in force.
    pub grants: Vec<CapabilityGrants>,
}

/// The rights of a component to one kind of access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CapabilityGrants {
    /// The kind of access.
    pub capability: Capability,
    /// The patterns that the component asks for. No other pattern can be granted.
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
    /// The origin of the grant.
    pub from: GrantOrigin,
}

/// The origin of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GrantOrigin {
    /// The app's manifest grants it from the start.
    App,
    /// An operator granted it while the app runs.
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
    pub(crate) fn allows(&self, subject: &Subject, pattern: &TopicPattern) -> bool {
        decide(subject, self.granted, &Access::Subscribe { pattern }).is_ok()
    }

    /// Records that a subscription was ended. A subscription of the manifest is restored when it is
    /// allowed again.
    pub(crate) fn suspend(&mut self, subscriber: u64, pattern: TopicPattern) {
        if self.from_start.contains(&pattern) {
            self.suspended.push((subscriber, pattern));
        }
    }

    /// Takes the suspended subscriptions of a subscriber that are allowed again.
    pub(crate) fn take_allowed(&mut self, subscriber: u64, subject: &Subject) -> Vec<TopicPattern> {
        let (granted, suspended) = (self.granted, &mut *self.suspended);
        let allowed =
            |pattern: &TopicPattern| decide(subject, granted, &Access::Subscribe { pattern }).is_ok();
        let taken = suspended.extract_if(.., |(id, pattern)| *id == subscriber && allowed(pattern));
        taken.map(|(_, pattern)| pattern).collect()
    }
}

impl GrantState {
    /// Adds the revoked pattern that allowed the access, if there is one.
    fn explained(&self, denied: Denied) -> Denied {
        let object = denied.object.as_deref().unwrap_or_default();
        let by = |(kind, pattern): &&(Capability, String)| {
            *kind == denied.capability && covers(denied.capability, pattern, object)
        };
        let revoked = self.revoked.iter().rev().find(by).map(|(_, pattern)| pattern.clone());
        let mut denied = denied;
        denied.revoked = revoked;
        denied
    }
}

/// Returns true if one pattern covers another, or an object, of its kind.
pub(crate) fn covers(capability: Capability, wide: &str, narrow: &str) -> bool {
    let mut one = Capabilities::default();
    let Some(list) = one.list_mut(capability) else { return false };
    list.add(wide).is_ok() && list.covering(narrow).is_ok_and(|covering| !covering.is_empty())
}

impl Grants {
    pub(crate) fn new(asked: Capabilities, granted: Capabilities, subscribes: Vec<TopicPattern>) -> Grants {
        let state = RwLock::new(GrantState { granted, ..GrantState::default() });
        Grants { asked, subscribes, state }
    }

    /// Decides about an access, without recording a denial.
    pub(crate) fn decide(&self, subject: &Subject, access: &Access<'_>) -> Result<(), Denied> {
        let state = read(&self.state);
        decide(subject, &state.granted, access).map_err(|denied| state.explained(denied))
    }

    /// Returns true if the manifest asks for an access.
    pub(crate) fn asks(&self, subject: &Subject, access: &Access<'_>) -> bool {
        decide(subject, &self.asked, access).is_ok()
    }

    /// Calls `subscribe` if the pattern is allowed. No right is revoked before it returns.
    pub(crate) fn subscribe<R>(
        &self,
        subject: &Subject,
        pattern: &TopicPattern,
        subscribe: impl FnOnce() -> R,
    ) -> Result<R, Denied> {
        let state = read(&self.state);
        decide(subject, &state.granted, &Access::Subscribe { pattern })
            .map_err(|denied| state.explained(denied))?;
        Ok(subscribe())
    }

    /// Returns a subscriber's subscriptions that are restored when allowed again.
    pub(crate) fn suspended(&self, subscriber: u64) -> Vec<TopicPattern> {
        let state = read(&self.state);
        let own = state.suspended.iter().filter(|(id, _)| *id == subscriber);
        own.map(|(_, pattern)| pattern.clone()).collect()
    }

    /// Removes a suspended subscription, so that it is not restored. Returns false if it does not exist.
    pub(crate) fn forget_suspended(&self, subscriber: u64, pattern: &TopicPattern) -> bool {
        let mut state = write(&self.state);
        let before = state.suspended.len();
        state.suspended.retain(|(id, own)| (*id, own) != (subscriber, pattern));
        state.suspended.len() < before
    }

    /// Lists the rights, asked for and in force, of each kind that has any.
    pub(crate) fn list(&self, component: &str) -> ComponentGrants {
        let state = read(&self.state);
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
        read(&self.state).granted.clone()
    }

    /// Changes a right, and calls `follow` before the change is visible to decisions.
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
        let mut state = write(&self.state);
        let GrantState { granted, given, revoked, suspended } = &mut *state;
        let mut change = grant::change(verb, component, (capability, pattern), &self.asked, granted)?;
        given.retain(|(kind, own)| *kind != capability || !change.removed.contains(own));
        if verb == GrantVerb::Give && change.changed {
            given.push((capability, change.pattern.clone()));
            revoked.retain(|(kind, own)| *kind != capability || !covers(capability, &change.pattern, own));
        }
        for pattern in &change.removed {
            revoked.push((capability, pattern.clone()));
        }
        let mut subscriptions = Subscriptions { granted, from_start: &self.subscribes, suspended };
        let followed = follow(&mut change, &mut subscriptions);
        Ok((change, followed))
    }
}
