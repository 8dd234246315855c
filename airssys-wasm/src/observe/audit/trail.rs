//! What an app's denials and refusals leave behind: lines in its log, and in its audit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use airssys_spec::{Capability, Denied, GrantChange, GrantVerb};

use super::{Audit, AuditEvent};
use crate::observe::log_throttle::LogThrottle;
use crate::policy::clock::Clock;

/// Most different denials of a component whose lines are kept apart.
const MAX_KINDS: usize = 64;

/// What an app's denials and refusals leave behind.
#[derive(Default)]
pub(crate) struct Trail {
    audit: Option<Audit>,
    clock: Clock,
    /// By component.
    denials: Mutex<HashMap<String, Denials>>,
}

/// The denials of a component that were logged lately.
#[derive(Default)]
struct Denials {
    kinds: HashMap<(Capability, Option<String>), (LogThrottle, Denied)>,
    others: LogThrottle,
}

impl Trail {
    pub(crate) fn new(audit: Option<Audit>) -> Trail {
        Trail { audit, ..Trail::default() }
    }

    pub(crate) fn audit(&self) -> Option<&Audit> {
        self.audit.as_ref()
    }

    /// Whether messages are recorded too.
    pub(crate) fn wants_messages(&self) -> bool {
        self.audit.as_ref().is_some_and(Audit::messages)
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Records what is not a message.
    pub(crate) fn record(&self, event: AuditEvent) {
        if let Some(audit) = &self.audit {
            audit.record(event);
        }
    }

    /// Records a denial. Its line in the log comes at once; of equal ones that follow, one line a
    /// while says how many.
    pub(crate) fn denied(&self, denied: &Denied) {
        self.record(AuditEvent::Denied(denied.clone()));
        let now = self.clock.now_ns();
        let mut all = self.lock();
        let denials = all.entry(denied.who.component().to_owned()).or_default();
        let kind = (denied.capability, denied.object.clone());
        if denials.kinds.len() >= MAX_KINDS && !denials.kinds.contains_key(&kind) {
            // Those that nothing more is to be said of make way.
            denials.kinds.retain(|_, (throttle, _)| !throttle.is_idle(now));
        }
        let line = if denials.kinds.len() < MAX_KINDS || denials.kinds.contains_key(&kind) {
            let (throttle, _) =
                denials.kinds.entry(kind).or_insert_with(|| (LogThrottle::default(), denied.clone()));
            throttle.pass(now).map(|suppressed| (suppressed, "this"))
        } else {
            denials.others.pass(now).map(|suppressed| (suppressed, "other things"))
        };
        drop(all);
        match line {
            Some((0, _)) => log(denied, ""),
            Some((suppressed, what)) => {
                log(denied, &format!(" ({what} {suppressed} times more since the last line)"))
            }
            None => {}
        }
    }

    /// Records in the audit that a component may do more, or less, than before.
    pub(crate) fn grant_changed(&self, change: &GrantChange) {
        let GrantChange { component, capability, pattern, verb, removed, .. } = change;
        let (component, object) = (Arc::from(component.as_str()), Some(Arc::from(pattern.as_str())));
        let (capability, removed) = (*capability, removed.clone());
        self.record(AuditEvent::GrantChanged { component, capability, object, change: *verb, removed });
    }

    /// Says in the log that a component may do more, or less, than before.
    pub(crate) fn say_grant(change: &GrantChange) {
        let GrantChange { component, capability, pattern, verb, .. } = change;
        let key = capability.key();
        let what = if *verb == GrantVerb::Give { "given" } else { "revoked" };
        tracing::info!(
            target: "airssys::audit",
            %component, capability = key, %pattern,
            removed = ?change.removed, ended = ?change.ended, restored = ?change.restored,
            "a grant was {what} while the app runs: {key} = [{pattern:?}]"
        );
    }

    /// Says what was suppressed back of a component, which is gone.
    pub(crate) fn forget(&self, component: &str) {
        let gone = self.lock().remove(component);
        gone.into_iter().for_each(|denials| denials.say_rest(component));
    }

    /// Says all that was suppressed back.
    pub(crate) fn say_rest(&self) {
        let all = std::mem::take(&mut *self.lock());
        all.into_iter().for_each(|(component, denials)| denials.say_rest(&component));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Denials>> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Denials {
    fn say_rest(self, component: &str) {
        for (throttle, denied) in self.kinds.into_values() {
            if throttle.suppressed() > 0 {
                log(&denied, &format!(" (this {} times more since the last line)", throttle.suppressed()));
            }
        }
        if self.others.suppressed() > 0 {
            let suppressed = self.others.suppressed();
            tracing::warn!(target: "airssys::audit", %component, "denied other things {suppressed} times more");
        }
    }
}

fn log(denied: &Denied, more: &str) {
    let instance = denied.who.instance();
    tracing::warn!(target: "airssys::audit", %instance, "{denied}{more}");
}
