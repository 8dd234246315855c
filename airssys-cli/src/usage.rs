//! How much of its limits an app uses.

use airssys_wasm::{AppSnapshot, QuotaUsage};

use crate::units::{bytes, thousands};

/// What the tree shows already.
const IN_THE_TREE: [&str; 2] = ["mailbox", "mailbox_high_water"];

/// A limit of which something is used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UsageRow {
    /// The component, or the instance.
    pub(crate) who: String,
    pub(crate) limit: String,
    pub(crate) used: String,
    pub(crate) most: String,
    /// In percent.
    pub(crate) share: u64,
}

/// The titles of a row's cells.
pub(crate) const TITLES: [&str; 5] = ["component", "limit", "used", "of", "share"];

impl UsageRow {
    fn new(who: &str, usage: &QuotaUsage) -> UsageRow {
        let is_bytes = usage.name.contains("bytes") || usage.name == "memory";
        let shown = |amount: u64| if is_bytes { bytes(amount) } else { thousands(amount) };
        UsageRow {
            who: who.to_owned(),
            limit: usage.name.clone(),
            used: shown(usage.used),
            most: shown(usage.limit),
            share: usage.used.saturating_mul(100) / usage.limit.max(1),
        }
    }

    pub(crate) fn cells(&self) -> [String; 5] {
        let share = format!("{} %", self.share);
        [self.who.clone(), self.limit.clone(), self.used.clone(), self.most.clone(), share]
    }
}

/// The limits of which something is used, component after component.
pub(crate) fn rows(app: &AppSnapshot) -> Vec<UsageRow> {
    let shared = app.components.iter().map(|component| {
        let own = component.usage.iter().map(|usage| (component.name.as_str(), usage));
        let instances = component.instances.iter();
        let each = instances.flat_map(|one| one.usage.iter().map(|usage| (one.name.as_str(), usage)));
        own.chain(each)
    });
    let used = shared.flatten().filter(|(_, usage)| usage.used > 0);
    let told = used.filter(|(_, usage)| !IN_THE_TREE.contains(&usage.name.as_str()));
    told.map(|(who, usage)| UsageRow::new(who, usage)).collect()
}

/// What became of what the app's audit was told; none if none is kept.
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
    fn what_is_used_is_shown_and_what_is_not_is_left_out() {
        let cells: Vec<_> = rows(&app()).iter().map(UsageRow::cells).collect();
        let expected = [
            ["parse", "messages_burst to pool", "9", "10", "90 %"],
            ["parse", "memory", "32.0 MiB", "64.0 MiB", "50 %"],
            ["pool", "mailbox_bytes", "1 KiB", "64.0 MiB", "0 %"],
        ];
        assert_eq!(cells, expected);
    }

    #[test]
    fn the_audit_is_told_in_a_line_if_there_is_one() {
        let mut app = app();
        assert_eq!(
            audit(&app).as_deref(),
            Some("audit: 1,200 lines written, 7 messages dropped, 0 failures, 3 waiting")
        );
        app.audit = None;
        assert_eq!(audit(&app), None);
    }
}
