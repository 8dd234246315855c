//! How much of their limits the components of an app use.

use airssys_wasm::{AppSnapshot, QuotaUsage};

use crate::units::{bytes, thousands};

/// The limits that the supervision tree already shows.
const SHOWN_IN_TREE: [&str; 2] = ["mailbox", "mailbox_high_water"];

/// A limit that is partly or fully used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LimitUsageRow {
    /// The name of the component or of its instance.
    pub(crate) owner: String,
    pub(crate) limit: String,
    pub(crate) used: String,
    pub(crate) maximum: String,
    /// The used part, in percent.
    pub(crate) share: u64,
}

/// The headings of the cells of a row.
pub(crate) const HEADINGS: [&str; 5] = ["component", "limit", "used", "max", "share"];

impl LimitUsageRow {
    fn new(owner: &str, usage: &QuotaUsage) -> LimitUsageRow {
        let is_bytes = usage.name.contains("bytes") || usage.name == "memory";
        let shown = |amount: u64| if is_bytes { bytes(amount) } else { thousands(amount) };
        LimitUsageRow {
            owner: owner.to_owned(),
            limit: usage.name.clone(),
            used: shown(usage.used),
            maximum: shown(usage.limit),
            share: usage.used.saturating_mul(100) / usage.limit.max(1),
        }
    }

    pub(crate) fn cells(&self) -> [String; 5] {
        let share = format!("{} %", self.share);
        [self.owner.clone(), self.limit.clone(), self.used.clone(), self.maximum.clone(), share]
    }
}

/// The used limits, component after component, except those of [`SHOWN_IN_TREE`].
pub(crate) fn rows(app: &AppSnapshot) -> Vec<LimitUsageRow> {
    let usages = app.components.iter().map(|component| {
        let own = component.usage.iter().map(|usage| (component.name.as_str(), usage));
        let instances = component.instances.iter();
        let each = instances.flat_map(|one| one.usage.iter().map(|usage| (one.name.as_str(), usage)));
        own.chain(each)
    });
    let used = usages.flatten().filter(|(_, usage)| usage.used > 0);
    let listed = used.filter(|(_, usage)| !SHOWN_IN_TREE.contains(&usage.name.as_str()));
    listed.map(|(owner, usage)| LimitUsageRow::new(owner, usage)).collect()
}

/// The counters of the app's audit in a line. Returns `None` if the app keeps no audit.
pub(crate) fn audit(app: &AppSnapshot) -> Option<String> {
    let audit = app.audit.as_ref()?;
    Some(format!(
        "audit: {} lines written, {} messages dropped, {} failures, {} waiting",
        thousands(audit.lines),
        thousands(audit.messages_dropped),
        thousands(audit.failures),
        thousands(audit.waiting),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::app;

    #[test]
    fn unused_limits_are_left_out() {
        let cells: Vec<_> = rows(&app()).iter().map(LimitUsageRow::cells).collect();
        let expected = [
            ["parse", "messages_burst to pool", "9", "10", "90 %"],
            ["parse", "memory", "32.0 MiB", "64.0 MiB", "50 %"],
            ["pool", "mailbox_bytes", "1 KiB", "64.0 MiB", "0 %"],
        ];
        assert_eq!(cells, expected);
    }

    #[test]
    fn audit_counters_fill_one_line_if_an_audit_is_kept() {
        let mut app = app();
        assert_eq!(
            audit(&app).as_deref(),
            Some("audit: 1,200 lines written, 7 messages dropped, 0 failures, 3 waiting")
        );
        app.audit = None;
        assert_eq!(audit(&app), None);
    }
}
