//! Giving and revoking while an app runs.

use std::fmt::Display;

use airssys_rt::{InvalidTopic, TopicPattern};
use serde::{Deserialize, Serialize};

use super::{Grants, State};
use crate::audit::Trail;
use crate::capability::{Access, Capabilities, Capability, decide};
use crate::component_host::Shared;
use crate::host::Links;
use crate::pattern::{InvalidName, NamePattern};
use crate::router::Joined;

/// Which way a grant changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantVerb {
    /// The component may do more.
    Give,
    /// The component may do less.
    Revoke,
}

/// What came of giving or revoking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GrantChange {
    /// The component.
    pub component: String,
    /// Whether it was given or revoked.
    pub verb: GrantVerb,
    /// The kind of access.
    pub capability: Capability,
    /// What was to be given or revoked.
    pub pattern: String,
    /// Whether anything is different now.
    pub changed: bool,
    /// The patterns that are in force no more: those that a revoked one covers.
    pub removed: Vec<String>,
    /// The patterns by which all or some of it is allowed: after a revocation still, before a gift
    /// already.
    pub allowed_by: Vec<String>,
    /// Subscriptions that were ended, each once for all instances.
    pub ended: Vec<String>,
    /// Subscriptions from the start that are there again, each once for all instances.
    pub restored: Vec<String>,
}

/// Why a grant was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// There is no such component.
    #[error("the app has no component `{component}`")]
    UnknownComponent {
        /// The name.
        component: String,
    },
    /// It is set when the component starts, and stays.
    #[error("`{}` is decided when a component starts, and stays", capability.key())]
    Fixed {
        /// The kind of access.
        capability: Capability,
    },
    /// It is no pattern of names.
    #[error("`{pattern}` is no pattern of names: {source}")]
    Name {
        /// What was given.
        pattern: String,
        /// Why it is none.
        source: InvalidName,
    },
    /// It is no pattern of topics.
    #[error("`{pattern}` is no pattern of topics: {source}")]
    Topic {
        /// What was given.
        pattern: String,
        /// Why it is none.
        source: InvalidTopic,
    },
    /// The component does not ask for it.
    #[error(
        "the Component.toml of `{component}` does not ask for {key} = [{pattern:?}], and nothing is given that is \
         not asked for; it asks for {key} = {asked:?}",
        key = capability.key()
    )]
    NotAsked {
        /// The component.
        component: String,
        /// The kind of access.
        capability: Capability,
        /// What was to be given.
        pattern: String,
        /// What it does ask for, of this kind.
        asked: Vec<String>,
    },
    /// What is in force is wider, and cannot be taken away in part.
    #[error(
        "`{component}` is granted {key} = {by:?}, which is more than {pattern:?}: revoke that, and give what is to \
         stay",
        key = capability.key()
    )]
    Wider {
        /// The component.
        component: String,
        /// The kind of access.
        capability: Capability,
        /// What was to be revoked.
        pattern: String,
        /// What allows it.
        by: Vec<String>,
    },
}

/// A pattern of either kind.
enum Parsed {
    Name(NamePattern),
    Topic(TopicPattern),
}

fn parse(capability: Capability, pattern: &str) -> Result<Parsed, GrantError> {
    let owned = || pattern.to_owned();
    match capability {
        Capability::Send | Capability::Request => match pattern.parse() {
            Ok(name) => Ok(Parsed::Name(name)),
            Err(source) => Err(GrantError::Name { pattern: owned(), source }),
        },
        Capability::Publish | Capability::Subscribe => match pattern.parse() {
            Ok(topic) => Ok(Parsed::Topic(topic)),
            Err(source) => Err(GrantError::Topic { pattern: owned(), source }),
        },
        Capability::Input => Err(GrantError::Fixed { capability }),
    }
}

/// How patterns of a kind relate to each other.
struct Relation<P> {
    covers: fn(&P, &P) -> bool,
    overlaps: fn(&P, &P) -> bool,
}

const NAMES: Relation<NamePattern> = Relation { covers: NamePattern::covers, overlaps: names_overlap };
const TOPICS: Relation<TopicPattern> = Relation { covers: TopicPattern::covers, overlaps: topics_overlap };

/// Whether there can be a name that both match. What a pattern of names leaves open it leaves open
/// at its end.
fn names_overlap(one: &NamePattern, other: &NamePattern) -> bool {
    one.segments().zip(other.segments()).all(|(one, other)| one == other || one == "*" || other == "*")
}

/// Whether there can be a topic that both match.
fn topics_overlap(one: &TopicPattern, other: &TopicPattern) -> bool {
    let (mut ones, mut others) = (one.segments().peekable(), other.segments().peekable());
    loop {
        match (ones.next(), others.next()) {
            (None, None) => return true,
            (None, _) | (_, None) => return false,
            (Some("*"), Some(_)) if ones.peek().is_none() => return true,
            (Some(_), Some("*")) if others.peek().is_none() => return true,
            (Some(one), Some(other)) if one != other && one != "*" && other != "*" => return false,
            _ => {}
        }
    }
}

/// What became of a list.
struct Outcome {
    asked: bool,
    changed: bool,
    removed: Vec<String>,
    allowed_by: Vec<String>,
}

fn texts<'a, P: Display + 'a>(patterns: impl Iterator<Item = &'a P>) -> Vec<String> {
    patterns.map(ToString::to_string).collect()
}

fn give<P: Display + Clone>(asked: &[P], list: &mut Vec<P>, pattern: &P, relation: &Relation<P>) -> Outcome {
    let covering = |patterns: &[P]| texts(patterns.iter().filter(|own| (relation.covers)(own, pattern)));
    let asked = !covering(asked).is_empty();
    let allowed_by = covering(list);
    let changed = asked && allowed_by.is_empty();
    if changed {
        list.push(pattern.clone());
    }
    Outcome { asked, changed, removed: Vec::new(), allowed_by }
}

fn revoke<P: Display>(list: &mut Vec<P>, pattern: &P, relation: &Relation<P>) -> Outcome {
    let removed = texts(list.iter().filter(|own| (relation.covers)(pattern, own)));
    list.retain(|own| !(relation.covers)(pattern, own));
    let allowed_by = texts(list.iter().filter(|own| (relation.overlaps)(own, pattern)));
    Outcome { asked: true, changed: !removed.is_empty(), removed, allowed_by }
}

fn apply(
    verb: GrantVerb,
    asked: &Capabilities,
    now: &mut Capabilities,
    what: (Capability, &Parsed),
) -> Outcome {
    fn either<P: Display + Clone>(
        verb: GrantVerb,
        asked: &[P],
        list: &mut Vec<P>,
        pattern: &P,
        relation: &Relation<P>,
    ) -> Outcome {
        match verb {
            GrantVerb::Give => give(asked, list, pattern, relation),
            GrantVerb::Revoke => revoke(list, pattern, relation),
        }
    }
    match what {
        (Capability::Send, Parsed::Name(name)) => either(verb, &asked.send, &mut now.send, name, &NAMES),
        (_, Parsed::Name(name)) => either(verb, &asked.request, &mut now.request, name, &NAMES),
        (Capability::Publish, Parsed::Topic(topic)) => {
            either(verb, &asked.publish, &mut now.publish, topic, &TOPICS)
        }
        (_, Parsed::Topic(topic)) => either(verb, &asked.subscribe, &mut now.subscribe, topic, &TOPICS),
    }
}

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
        let parsed = parse(capability, pattern)?;
        let mut state = self.write();
        let Outcome { asked, changed, removed, allowed_by } =
            apply(verb, &self.asked, &mut state.granted, (capability, &parsed));
        let (component, pattern) = (component.to_owned(), pattern.to_owned());
        if !asked {
            let asked = self.asked.patterns(capability);
            return Err(GrantError::NotAsked { component, capability, pattern, asked });
        }
        if verb == GrantVerb::Revoke && !changed && !allowed_by.is_empty() {
            return Err(GrantError::Wider { component, capability, pattern, by: allowed_by });
        }
        state.given.retain(|(kind, own)| *kind != capability || !removed.contains(own));
        if verb == GrantVerb::Give && changed {
            state.given.push((capability, pattern.clone()));
        }
        let (mut ended, mut restored, mut joined) = (Vec::new(), Vec::new(), Vec::new());
        if capability == Capability::Subscribe {
            for links in instances {
                self.end_subscriptions(&mut state, links, &mut ended);
                restore_subscriptions(&mut state, links, &mut restored, &mut joined);
            }
        }
        let change = GrantChange {
            component,
            verb,
            capability,
            pattern,
            changed,
            removed,
            allowed_by,
            ended,
            restored,
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_where_one_name_or_topic_fits_both() {
        let names = |one: &str, other: &str| names_overlap(&one.parse().unwrap(), &other.parse().unwrap());
        for (one, other, overlap) in [
            ("pool", "pool/2", true),
            ("pool/1", "pool/2", false),
            ("*", "pool/2", true),
            ("*/1", "pool/*", true),
            ("*/1", "pool/2", false),
            ("a", "b", false),
        ] {
            assert_eq!((names(one, other), names(other, one)), (overlap, overlap), "{one} {other}");
        }
        let topics = |one: &str, other: &str| topics_overlap(&one.parse().unwrap(), &other.parse().unwrap());
        for (one, other, overlap) in [
            ("a.*", "a.b.c", true),
            ("a.*", "a", false),
            ("a.*.c", "a.b.*", true),
            ("a.*.c", "a.b.d", false),
            ("a.b", "a.b.c", false),
            ("*", "a.b", true),
            ("*.b", "a.b", true),
            ("*.b", "a.b.c", false),
            ("a.b", "a.b", true),
        ] {
            assert_eq!((topics(one, other), topics(other, one)), (overlap, overlap), "{one} {other}");
        }
    }

    #[test]
    fn what_covers_overlaps() {
        let all = ["*", "a", "a.*", "a.b", "*.b", "a.*.c", "a.b.c", "*.*"];
        for (one, other) in all.iter().flat_map(|one| all.iter().map(move |other| (one, other))) {
            let (one, other): (TopicPattern, TopicPattern) = (one.parse().unwrap(), other.parse().unwrap());
            assert!(!one.covers(&other) || topics_overlap(&one, &other), "{one} {other}");
        }
    }
}
