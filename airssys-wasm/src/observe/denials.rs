//! What a component was denied lately.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use airssys_spec::capability::allowed_by;
use airssys_spec::{Capabilities, Capability, Denied, Subject};
use serde::{Deserialize, Serialize};

use crate::observe::unix_time::unix_ms;

/// How many different denials of a component are kept: the latest.
pub const MAX_DENIALS: usize = 128;

/// Something that a component was denied, once or more often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Denial {
    /// The component.
    pub component: String,
    /// The instance that was denied it last.
    pub instance: String,
    /// The kind of access.
    pub capability: Capability,
    /// The name, topic or pattern; none for an input.
    pub object: Option<String>,
    /// How often, since it was first or again among the latest.
    pub count: u64,
    /// When last, in milliseconds since 1970.
    pub last_ms: u64,
    /// Whether the component asks for it, so that it can be given while the app runs.
    pub asked: bool,
    /// Whether it has been given since.
    pub allowed_now: bool,
    /// The line under `[capabilities]` of the Component.toml that asks for it.
    pub component_line: String,
    /// The line under `[grants.COMPONENT]` of the app.toml that grants it.
    pub grant_line: String,
}

/// What a component was denied lately: bounded, whatever it tries.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<Kept>);

type Key = (Capability, Option<String>);

#[derive(Debug, Default)]
struct Kept {
    denials: HashMap<Key, One>,
    /// By when they came last.
    order: BTreeMap<u64, Key>,
    next: u64,
}

#[derive(Debug)]
struct One {
    denied: Denied,
    count: u64,
    last: SystemTime,
    number: u64,
}

impl Denials {
    pub(crate) fn add(&self, denied: &Denied) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        let (key, number) = ((denied.capability, denied.object.clone()), kept.next);
        kept.next += 1;
        let one = kept.denials.entry(key.clone()).or_insert_with(|| One {
            denied: denied.clone(),
            count: 0,
            last: SystemTime::UNIX_EPOCH,
            number,
        });
        kept.order.remove(&one.number);
        kept.order.insert(number, key);
        one.denied.who.clone_from(&denied.who);
        (one.count, one.last, one.number) = (one.count + 1, SystemTime::now(), number);
        if kept.denials.len() > MAX_DENIALS
            && let Some((_, oldest)) = kept.order.pop_first()
        {
            kept.denials.remove(&oldest);
        }
    }

    pub(crate) fn list(&self, component: &str, asked: &Capabilities, granted: &Capabilities) -> Vec<Denial> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let allows = |who: &Subject, denied: &Denied, by: &Capabilities| {
            let object = denied.object.as_deref().unwrap_or_default();
            allowed_by(who, by, denied.capability, object).is_ok_and(|found| found.is_some())
        };
        let denial = |one: &One| Denial {
            component: component.to_owned(),
            instance: one.denied.who.instance().to_owned(),
            capability: one.denied.capability,
            object: one.denied.object.clone(),
            count: one.count,
            last_ms: unix_ms(one.last),
            asked: allows(&one.denied.who, &one.denied, asked),
            allowed_now: allows(&one.denied.who, &one.denied, granted),
            component_line: one.denied.component_line(),
            grant_line: one.denied.grant_line(),
        };
        kept.order.values().rev().filter_map(|key| kept.denials.get(key)).map(denial).collect()
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
    fn equal_denials_are_one_and_the_latest_comes_first() {
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
    fn what_is_kept_has_a_bound_and_what_is_dropped_is_the_oldest() {
        let denials = Denials::default();
        for number in 0..3 * MAX_DENIALS {
            denials.add(&denied("often"));
            denials.add(&denied(&format!("target-{number}")));
        }
        let listed = denials.list("a", &Capabilities::default(), &Capabilities::default());
        assert_eq!(listed.len(), MAX_DENIALS);
        assert_eq!(listed[1].object.as_deref(), Some("often"));
        assert_eq!(listed[1].count, 3 * MAX_DENIALS as u64);
        let kept = denials.0.lock().unwrap();
        assert_eq!((kept.denials.len(), kept.order.len()), (MAX_DENIALS, MAX_DENIALS));
    }
}
