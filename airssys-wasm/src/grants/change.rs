//! Giving and revoking while an app runs.

use airssys_rt::TopicPattern;
use airssys_spec::{Access, Capability, GrantChange, GrantError, GrantVerb, decide, grant};

use super::{Grants, State};
use crate::audit::Trail;
use crate::component_host::Shared;
use crate::host::Links;
use crate::router::Joined;

impl Grants {
    /// Changes what is granted; subscriptions that are no longer allowed are ended, and those from
    /// the start that are allowed again are restored, before anybody can see the change. It is in the
    /// audit before the next.
    fn change(
        &self,
        verb: GrantVerb,
        capability: Capability,
        pattern: &str,
        instances: &[&Links],
        component: &str,
    ) -> Result<GrantChange, GrantError> {
        let mut state = self.write();
        let mut change =
            grant::change(verb, component, (capability, pattern), &self.asked, &mut state.granted)?;
        state.given.retain(|(kind, own)| *kind != capability || !change.removed.contains(own));
        if verb == GrantVerb::Give && change.changed {
            state.given.push((capability, change.pattern.clone()));
        }
        let mut joined = Vec::new();
        if capability == Capability::Subscribe {
            for links in instances {
                self.end_subscriptions(&mut state, links, &mut change.ended);
                restore_subscriptions(&mut state, links, &mut change.restored, &mut joined);
            }
        }
        if let Some(links) = instances.first().filter(|_| change.changed) {
            links.router.renew();
            // While no other change can come in between: the audit has them in the order in which they
            // took effect.
            links.router.trail.grant_changed(&change);
        }
        drop(state);
        for joined in joined {
            joined.tell();
        }
        if change.changed {
            Trail::say_grant(&change);
        }
        Ok(change)
    }

    fn end_subscriptions(&self, state: &mut State, links: &Links, ended: &mut Vec<String>) {
        for pattern in links.router.subscriptions(&links.myself) {
            if may_subscribe(state, links, &pattern) || !links.router.unsubscribe(&pattern, &links.myself) {
                continue;
            }
            note(ended, &pattern);
            if let Some(saved) = links.router.state() {
                saved.unsubscribed(&links.sender.instance, &pattern);
            }
            if self.subscribes.contains(&pattern) {
                state.suspended.push((links.myself.id(), pattern));
            }
        }
    }
}

fn restore_subscriptions(
    state: &mut State,
    links: &Links,
    restored: &mut Vec<String>,
    joined: &mut Vec<Joined>,
) {
    let id = links.myself.id();
    let mut suspended = std::mem::take(&mut state.suspended);
    suspended.retain(|(subscriber, pattern)| {
        let comes_back = *subscriber == id && may_subscribe(state, links, pattern);
        if comes_back {
            joined.push(links.router.restore(pattern.clone(), &links.myself, &links.endpoint));
            note(restored, pattern);
        }
        !comes_back
    });
    state.suspended = suspended;
}

fn may_subscribe(state: &State, links: &Links, pattern: &TopicPattern) -> bool {
    decide(&links.sender.subject, &state.granted, &Access::Subscribe { pattern }).is_ok()
}

fn note(patterns: &mut Vec<String>, pattern: &TopicPattern) {
    let text = pattern.to_string();
    if !patterns.contains(&text) {
        patterns.push(text);
    }
}

impl Shared {
    /// Gives or revokes; the next call of a guest sees it.
    pub(crate) fn change_grant(
        &self,
        verb: GrantVerb,
        component: &str,
        capability: Capability,
        pattern: &str,
    ) -> Result<GrantChange, GrantError> {
        let registered = self.components().get(component).cloned();
        let unknown = || GrantError::UnknownComponent { component: component.to_owned() };
        let registered = registered.ok_or_else(unknown)?;
        let instances: Vec<&Links> = registered.blueprints.iter().map(|blueprint| &blueprint.links).collect();
        let grants = &instances.first().ok_or_else(unknown)?.sender.grants;
        grants.change(verb, capability, pattern, &instances, component)
    }
}
