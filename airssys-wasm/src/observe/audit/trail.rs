//! The trail of an app: its log lines about denials and grants, and its audit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use airssys_rt::LogThrottle;
use airssys_spec::{Capability, Denied, GrantChange, GrantVerb};

use super::event::AuditEvent;
use super::handle::Audit;
use crate::policy::clock::Clock;
use crate::sync::lock;

/// The most kinds of denials of a component that are throttled apart.
const MAX_KINDS: usize = 64;

/// The log lines of an app about denials and grants, and its audit.
#[derive(Default)]
pub(crate) struct Trail {
    audit: Option<Audit>,
    clock: Clock,
    /// By component.
    denials: Mutex<HashMap<String, DenialLog>>,
}

/// The throttled log lines about the denials of a component.
#[derive(Default)]
struct DenialLog {
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

    /// Returns true if messages are recorded too.
    pub(crate) fn wants_messages(&self) -> bool {
        self.audit.as_ref().is_some_and(Audit::messages)
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Records an event in the audit, if there is one.
    pub(crate) fn record(&self, event: AuditEvent) {
        if let Some(audit) = &self.audit {
            audit.record(event);
        }
    }

    /// Records a denial, and logs it at once. Equal denials that follow are throttled, and a later
    /// line gives their number.
    pub(crate) fn denied(&self, denied: &Denied) {
        self.record(AuditEvent::Denied(denied.clone()));
        let now = self.clock.now_ns();
        let mut all = lock(&self.denials);
        let denials = all.entry(denied.who.component().to_owned()).or_default();
        // Everything that one revocation denies shares a line.
        let kind = (denied.capability, denied.revoked.clone().or_else(|| denied.object.clone()));
        if denials.kinds.len() >= MAX_KINDS && !denials.kinds.contains_key(&kind) {
            // Throttles without suppressed lines are no longer needed.
            denials.kinds.retain(|_, (throttle, _)| !throttle.is_idle(now));
        }
        let line = if denials.kinds.len() < MAX_KINDS || denials.kinds.contains_key(&kind) {
            let (throttle, _) =
                denials.kinds.entry(kind).or_insert_with(|| (LogThrottle::default(), denied.clone()));
            throttle.pass(now).map(repeated)
        } else {
            denials.others.pass(now).map(others)
        };
        drop(all);
        if let Some(more) = line {
            log(denied, &more);
        }
    }

    /// Records a changed grant in the audit.
    pub(crate) fn grant_changed(&self, change: &GrantChange) {
        let GrantChange { component, capability, pattern, verb, removed, .. } = change;
        let (component, object) = (Arc::from(component.as_str()), Some(Arc::from(pattern.as_str())));
        let (capability, removed) = (*capability, removed.clone());
        self.record(AuditEvent::GrantChanged { component, capability, object, change: *verb, removed });
    }

    /// Logs a changed grant.
    pub(crate) fn log_grant_change(change: &GrantChange) {
        let GrantChange { component, capability, pattern, verb, .. } = change;
        let key = capability.key();
        let verb = if *verb == GrantVerb::Give { "given" } else { "revoked" };
        tracing::info!(
            target: "airssys::audit",
            %component, capability = key, %pattern,
            removed = ?change.removed, ended = ?change.ended, restored = ?change.restored,
            "a grant was {verb} while the app runs: {key} = [{pattern:?}]"
        );
    }

    /// Logs the suppressed denials of a component, which has been retired.
    pub(crate) fn forget(&self, component: &str) {
        let removed = lock(&self.denials).remove(component);
        removed.into_iter().for_each(|denials| denials.log_suppressed(component));
    }

    /// Logs the suppressed denials of all components.
    pub(crate) fn log_suppressed(&self) {
        let all = std::mem::take(&mut *lock(&self.denials));
        all.into_iter().for_each(|(component, denials)| denials.log_suppressed(&component));
    }
}

impl DenialLog {
    fn log_suppressed(self, component: &str) {
        for (throttle, denied) in self.kinds.into_values() {
            if throttle.suppressed() > 0 {
                log(&denied, &repeated(throttle.suppressed()));
            }
        }
        if self.others.suppressed() > 0 {
            let suppressed = self.others.suppressed();
            tracing::warn!(target: "airssys::audit", %component, "{suppressed} other denials since the last line");
        }
    }
}

/// The end of a line about a denial, with the number of equal denials that were not logged.
fn repeated(suppressed: u64) -> String {
    match suppressed {
        0 => String::new(),
        suppressed => format!(" (this {suppressed} times more since the last line)"),
    }
}

/// The end of a line about a denial, with the number of other denials that were not logged.
fn others(suppressed: u64) -> String {
    match suppressed {
        0 => String::new(),
        suppressed => format!(" (and {suppressed} other denials since the last line)"),
    }
}

fn log(denied: &Denied, more: &str) {
    let instance = denied.who.instance();
    tracing::warn!(target: "airssys::audit", %instance, "{denied}{more}");
}
