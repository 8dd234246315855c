//! How much of their limits the components of an app use.

use std::cmp::Reverse;

use airssys_wasm::{AppSnapshot, QuotaUsage};
use comfy_table::Table;

use crate::columns::cut;
use crate::plain::plain;
use crate::tables;
use crate::units::{bytes, counted, thousands};

/// The least share that is listed, in percent.
const MIN_SHARE: u64 = 2;

/// The most rows of the table.
const MAX_ROWS: usize = 15;

/// The longest name of an owner or a limit, in characters.
const MAX_CELL: usize = 40;

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

/// The limits that are used most, and the number of the others.
pub(crate) struct MostUsed {
    pub(crate) rows: Vec<LimitUsageRow>,
    /// The number of used limits that are left out.
    others: usize,
    /// The largest share of these, in percent.
    most: u64,
}

/// The most used limits: at most [`MAX_ROWS`], each used at least [`MIN_SHARE`] percent.
pub(crate) fn most_used(app: &AppSnapshot) -> MostUsed {
    let mut rows = rows(app);
    rows.sort_by_key(|row| Reverse(row.share));
    let shown = rows.iter().take_while(|row| row.share >= MIN_SHARE).count().min(MAX_ROWS);
    let others = rows.split_off(shown);
    MostUsed { rows, others: others.len(), most: others.first().map_or(0, |row| row.share) }
}

impl MostUsed {
    pub(crate) fn table(&self) -> Table {
        let mut table = tables::empty(HEADINGS);
        for row in &self.rows {
            table.add_row(row.cells().map(|cell| cut(&plain(&cell), MAX_CELL)));
        }
        (2..HEADINGS.len()).for_each(|column| tables::align_right(&mut table, column));
        table
    }

    /// The limits that the table leaves out, in a line.
    pub(crate) fn more(&self) -> String {
        let MostUsed { rows, others, most } = self;
        match (rows.len(), others) {
            (0, 0) => "no limit is used".to_owned(),
            (0, _) => format!("{}, each at most {most} %", counted(*others as u64, "limit") + " used"),
            (_, 0) => "no other limit is used".to_owned(),
            _ => format!("… and {}, each used at most {most} %", counted(*others as u64, "more limit")),
        }
    }
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
    fn limits_that_are_hardly_used_are_counted_in_one_line() {
        let mut app = app();
        let used = most_used(&app);
        let shares: Vec<u64> = used.rows.iter().map(|row| row.share).collect();
        assert_eq!(shares, [90, 50]);
        assert_eq!(used.more(), "… and 1 more limit, each used at most 0 %");
        let usage = |used: u64| {
            let usage =
                |number| serde_json::json!({ "name": format!("limit-{number}"), "used": used, "limit": 100 });
            serde_json::from_value((0..40).map(usage).collect()).expect("usages")
        };
        app.components[0].usage = usage(60);
        let used = most_used(&app);
        assert_eq!((used.rows.len(), used.rows[0].share), (MAX_ROWS, 90));
        assert_eq!(used.more(), "… and 28 more limits, each used at most 60 %");
        app.components.retain(|component| component.name == "feed");
        app.components[0].usage = usage(1);
        app.components[0].instances.clear();
        assert_eq!(most_used(&app).more(), "40 limits used, each at most 1 %");
        app.components[0].usage.clear();
        assert_eq!(most_used(&app).more(), "no limit is used");
        assert!(most_used(&app).rows.is_empty());
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
