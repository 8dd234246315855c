//! Senders: the app's instances, and the program that runs the app.

use std::sync::Arc;

use airssys_message::Accepts;
use airssys_spec::{Access, Denied, Subject};

use crate::contract::SendError;
use crate::observe::audit::{AuditEvent, Trail};
use crate::observe::stats::ComponentStats;
use crate::policy::grants::Grants;
use crate::policy::quota::{Exceeded, Quota};

/// A sender, publisher or subscriber, with its rights and rate limits.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) subject: Subject,
    pub(crate) instance: Arc<str>,
    /// The codecs that it accepts. `None` if it is outside the app.
    pub(crate) accepts: Option<Accepts>,
    /// The stats that count its denials and exceeded limits.
    pub(crate) stats: Arc<ComponentStats>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) quota: Arc<Quota>,
    pub(crate) trail: Arc<Trail>,
}

impl Sender {
    /// Decides about an access, and records a denial.
    pub(crate) fn allows(&self, access: &Access<'_>) -> Result<(), Denied> {
        self.grants.decide(&self.subject, access).inspect_err(|denied| self.was_denied(denied))
    }

    /// Records a denial in the stats, the list of recent denials, the audit and the log.
    pub(crate) fn was_denied(&self, denied: &Denied) {
        self.stats.denied(denied);
        self.trail.denied(denied);
    }

    /// Records a reached limit in the stats, the audit and, throttled, the log. Returns the sender's
    /// error.
    pub(crate) fn exceeded(&self, exceeded: Exceeded) -> SendError {
        let text = exceeded.to_string();
        let Exceeded { limit, most } = exceeded;
        let component: Arc<str> = Arc::from(self.subject.component());
        match self.stats.exceeded(&limit, self.trail.clock().now_ns()) {
            Some(0) => tracing::warn!(target: "airssys::quota", %component, "over its limit {text}"),
            Some(suppressed) => tracing::warn!(
                target: "airssys::quota", %component,
                "over its limit {text} ({suppressed} times more since the last line)"
            ),
            None => {}
        }
        let (limit, target) = (limit.key, limit.target);
        self.trail.record(AuditEvent::QuotaExceeded { component, limit, target, most });
        SendError::QuotaExceeded(text)
    }

    /// Returns true if the sender is outside the app.
    pub(crate) fn is_outside(&self) -> bool {
        self.accepts.is_none()
    }
}
