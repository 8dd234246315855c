//! The latest denials of a component.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::SystemTime;

use airssys_spec::capability::allowed_by;
use airssys_spec::{Capabilities, Capability, Denied, Subject};
use serde::{Deserialize, Serialize};

use crate::observe::unix_time::unix_ms;
use crate::sync::lock;

/// The most different denials of a component that are retained. The latest are.
pub const MAX_DENIALS: usize = 128;

/// An action that was denied to a component, once or more often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Denial {
    /// The component.
    pub component: String,
    /// The instance that tried it last.
    pub instance: String,
    /// The kind of access.
    pub capability: Capability,
    /// The name, topic or pattern; `None` for an input.
    pub object: Option<String>,
    /// The number of attempts since it has been among the latest denials.
    pub count: u64,
    /// The time of the last attempt, in milliseconds since 1970.
    pub last_ms: u64,
    /// True if the component asks for it, so that it can be granted while the app runs.
    pub asked: bool,
    /// True if it has been granted since.
    pub allowed_now: bool,
    /// The pattern that allowed it until it was revoked while the app runs.
    #[serde(default)]
    pub revoked: Option<String>,
    /// The line under `[capabilities]` of the Component.toml that asks for it.
    pub component_line: String,
    /// The line under `[grants.COMPONENT]` of the app.toml that grants it.
    pub grant_line: String,
}

/// The latest denials of a component, at most [`MAX_DENIALS`].
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<RetainedDenials>);

type Key = (Capability, Option<String>);

#[derive(Debug, Default)]
struct RetainedDenials {
    denials: HashMap<Key, RetainedDenial>,
    /// By the number of the last attempt.
    order: BTreeMap<u64, Key>,
    next: u64,
}

#[derive(Debug)]
struct RetainedDenial {
    denied: Denied,
    count: u64,
    last: SystemTime,
    number: u64,
}

impl Denials {
    pub(crate) fn add(&self, denied: &Denied) {
        let retained = &mut *lock(&self.0);
        let (key, number) = ((denied.capability, denied.object.clone()), retained.next);
        retained.next += 1;
        let one = retained.denials.entry(key.clone()).or_insert_with(|| RetainedDenial {
            denied: denied.clone(),
            count: 0,
            last: SystemTime::UNIX_EPOCH,
            number,
        });
        retained.order.remove(&one.number);
        retained.order.insert(number, key);
        // The latest one tells whether the right was revoked meanwhile.
        one.denied.clone_from(denied);
        (one.count, one.last, one.number) = (one.count + 1, SystemTime::now(), number);
        if retained.denials.len() > MAX_DENIALS
            && let Some((_, oldest)) = retained.order.pop_first()
        {
            retained.denials.remove(&oldest);
        }
    }

    pub(crate) fn list(&self, component: &str, asked: &Capabilities, granted: &Capabilities) -> Vec<Denial> {
        let retained = lock(&self.0);
        let allows = |who: &Subject, denied: &Denied, by: &Capabilities| {
            let object = denied.object.as_deref().unwrap_or_default();
            allowed_by(who, by, denied.capability, object).is_ok_and(|found| found.is_some())
        };
        let denial = |one: &RetainedDenial| Denial {
            component: component.to_owned(),
            instance: one.denied.who.instance().to_owned(),
            capability: one.denied.capability,
            object: one.denied.object.clone(),
            count: one.count,
            last_ms: unix_ms(one.last),
            asked: allows(&one.denied.who, &one.denied, asked),
            allowed_now: allows(&one.denied.who, &one.denied, granted),
            revoked: one.denied.revoked.clone(),
            component_line: one.denied.component_line(),
            grant_line: one.denied.grant_line(),
        };
        retained.order.values().rev().filter_map(|key| retained.denials.get(key)).map(denial).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airssys_spec::capability::{Access, decide};

    fn denied(to: &str) -> Denied {
        decide(&Subject::new("a", "a"), &Capabilities::default(), &Access::Send { to }).unwrap_err()
    }

    #[test]
    fn equal_denials_are_counted_together_and_the_latest_comes_first() {
        let denials = Denials::default();
        for to in ["b", "c", "b"] {
            denials.add(&denied(to));
        }
        let listed = denials.list("a", &Capabilities::everything(), &Capabilities::default());
        let told: Vec<_> = listed.iter().map(|d| (d.object.as_deref().unwrap(), d.count, d.asked)).collect();
        assert_eq!(told, [("b", 2, true), ("c", 1, true)]);
        assert!(listed.iter().all(|denial| !denial.allowed_now));
    }

    #[test]
    fn number_of_denials_is_bounded_and_the_oldest_is_removed() {
        let denials = Denials::default();
        for number in 0..3 * MAX_DENIALS {
            denials.add(&denied("often"));
            denials.add(&denied(&format!("target-{number}")));
        }
        let listed = denials.list("a", &Capabilities::default(), &Capabilities::default());
        assert_eq!(listed.len(), MAX_DENIALS);
        assert_eq!(listed[1].object.as_deref(), Some("often"));
        assert_eq!(listed[1].count, 3 * MAX_DENIALS as u64);
        let retained = lock(&denials.0);
        assert_eq!((retained.denials.len(), retained.order.len()), (MAX_DENIALS, MAX_DENIALS));
    }
}
