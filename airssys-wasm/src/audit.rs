//! What is put on record: the one place that each kind of record is made in.

use crate::capability::Denied;
use crate::grants::{GrantChange, GrantVerb};

/// Records that somebody was denied something.
pub(crate) fn denied(instance: &str, denied: &Denied) {
    tracing::warn!(target: "airssys::audit", %instance, "{denied}");
}

/// Records that a component may do more, or less, than before.
pub(crate) fn grant_changed(change: &GrantChange) {
    let GrantChange { component, capability, pattern, verb, .. } = change;
    let (capability, what) = (capability.key(), if *verb == GrantVerb::Give { "given" } else { "revoked" });
    tracing::info!(
        target: "airssys::audit",
        %component, capability, %pattern,
        removed = ?change.removed, ended = ?change.ended, restored = ?change.restored,
        "a grant was {what} while the app runs: {capability} = [{pattern:?}]"
    );
}

/// Records that a process of another user came to the control socket.
pub(crate) fn stranger_refused(user: u32) {
    tracing::warn!(target: "airssys::audit", user, "another user was refused at the control socket");
}
