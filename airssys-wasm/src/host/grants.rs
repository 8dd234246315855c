//! Rights of running components: lists, changes and denials.

use std::cmp::Reverse;
use std::sync::Arc;

use airssys_spec::{Capability, GrantChange, GrantError, GrantVerb};

use crate::guest::context::InstanceDependencies;
use crate::host::Shared;
use crate::observe::audit::Trail;
use crate::observe::denials::Denial;
use crate::policy::grants::{ComponentGrants, Subscriptions};
use crate::routing::sender::Sender;
use crate::routing::subscribe::SubscribeOutcome;

impl Shared {
    pub(super) fn grants(&self) -> Vec<ComponentGrants> {
        self.senders().iter().map(|(name, sender)| sender.grants.list(name)).collect()
    }

    pub(super) fn denials(&self) -> Vec<Denial> {
        let denials = |(name, Sender { stats, grants, .. }): &(String, Sender)| {
            stats.denials().list(name, grants.asked(), &grants.granted())
        };
        let mut all: Vec<_> = self.senders().iter().flat_map(denials).collect();
        all.sort_by_key(|denial| Reverse(denial.last_ms));
        all
    }

    /// Returns a sender of each component.
    fn senders(&self) -> Vec<(String, Sender)> {
        let components = self.components();
        let senders = components.iter().filter_map(|(name, registered)| {
            Some((name.clone(), registered.instances().next()?.sender.clone()))
        });
        senders.collect()
    }

    /// Gives or revokes a right, with effect on the next call of a guest.
    ///
    /// Before the change takes effect, subscriptions that are no longer allowed are ended, and initial
    /// subscriptions that are allowed again are restored. The audit records the change before the next.
    pub(super) fn change_grant(
        &self,
        verb: GrantVerb,
        component: &str,
        capability: Capability,
        pattern: &str,
    ) -> Result<GrantChange, GrantError> {
        let unknown = || GrantError::UnknownComponent { component: component.to_owned() };
        let registered = self.components().get(component).cloned().ok_or_else(unknown)?;
        let grants = Arc::clone(&registered.instances().next().ok_or_else(unknown)?.sender.grants);
        let follow = |change: &mut GrantChange, subscriptions: &mut Subscriptions<'_>| {
            let mut outcomes = Vec::new();
            if capability == Capability::Subscribe {
                for instance in registered.instances() {
                    end_subscriptions(subscriptions, instance, &mut change.ended);
                    restore_subscriptions(subscriptions, instance, &mut change.restored, &mut outcomes);
                }
            }
            if change.changed {
                self.router.renew();
                self.router.app.trail.grant_changed(change);
            }
            outcomes
        };
        let (change, outcomes) = grants.change(verb, component, (capability, pattern), follow)?;
        for outcome in outcomes {
            outcome.finish();
        }
        if change.changed {
            Trail::log_grant_change(&change);
        }
        Ok(change)
    }
}

fn end_subscriptions(
    subscriptions: &mut Subscriptions<'_>,
    instance: &InstanceDependencies,
    ended: &mut Vec<String>,
) {
    let InstanceDependencies { router, myself, sender, .. } = instance;
    for pattern in router.subscriptions(myself) {
        if subscriptions.allows(&sender.subject, &pattern) || !router.unsubscribe(&pattern, myself) {
            continue;
        }
        note(ended, pattern.to_string());
        if let Some(saved) = router.app.state() {
            saved.unsubscribed(&sender.instance, &pattern);
        }
        subscriptions.suspend(myself.id(), pattern);
    }
}

fn restore_subscriptions(
    subscriptions: &mut Subscriptions<'_>,
    instance: &InstanceDependencies,
    restored: &mut Vec<String>,
    outcomes: &mut Vec<SubscribeOutcome>,
) {
    let InstanceDependencies { router, myself, sender, endpoint, .. } = instance;
    for pattern in subscriptions.take_allowed(myself.id(), &sender.subject) {
        note(restored, pattern.to_string());
        outcomes.push(router.restore(pattern, myself, endpoint));
    }
}

/// Adds a pattern, once for all instances.
fn note(patterns: &mut Vec<String>, pattern: String) {
    if !patterns.contains(&pattern) {
        patterns.push(pattern);
    }
}
