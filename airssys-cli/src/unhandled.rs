//! The messages of a run that were refused, exceeded a quota, or became dead letters: by component
//! and kind of reason.

use airssys_wasm::{ComponentSnapshot, DeadLetterCount};
use comfy_table::Table;

use crate::columns::cut;
use crate::plain::{plain, plain_lines};
use crate::tables::{align_right, empty};
use crate::units::{counted, thousands};

/// The most kinds that are shown.
const MAX_ROWS: usize = 20;

/// The longest reason in a cell, in characters.
const MAX_CELL: usize = 100;

/// The most reasons that are shown in full.
const MAX_TRACES: usize = 3;

/// The most lines of such a reason.
const MAX_TRACE_LINES: usize = 20;

/// The kinds of reasons, the commonest first.
pub(crate) struct Unhandled<'a> {
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    component: &'a str,
    messages: u64,
    reason: String,
    /// The first reason, if it has more lines than the cell shows.
    trace: Option<&'a str>,
}

impl<'a> Unhandled<'a> {
    pub(crate) fn new(components: &'a [ComponentSnapshot], dead: &'a [DeadLetterCount]) -> Unhandled<'a> {
        let refused = components.iter().flat_map(|component| {
            let row =
                |(code, count): (&String, &u64)| Row::new(component, *count, format!("refused: {code}"));
            component.refused.iter().map(row)
        });
        let over_quota = components.iter().flat_map(|component| {
            let reason = |limit: &String| format!("over its own limit: {limit}");
            let row = move |(limit, count): (&String, &u64)| Row::new(component, *count, reason(limit));
            component.over_quota.iter().map(row)
        });
        let dead = dead.iter().map(|letter| Row {
            component: &letter.receiver,
            messages: letter.count,
            reason: format!("dead letter: {}", letter.kind),
            trace: letter.reason.trim_end().contains('\n').then_some(letter.reason.as_str()),
        });
        let unfinished = components.iter().filter(|component| component.unfinished > 0).map(|component| {
            let reason = "not finished: the app was ended before".to_owned();
            Row::new(component, component.unfinished, reason)
        });
        let mut rows: Vec<Row<'_>> = refused.chain(over_quota).chain(dead).chain(unfinished).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.messages));
        Unhandled { rows }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The commonest kinds.
    pub(crate) fn table(&self) -> Table {
        let mut table = empty(["component", "messages", "reason"]);
        for Row { component, messages, reason, .. } in self.rows.iter().take(MAX_ROWS) {
            table.add_row([(*component).to_owned(), thousands(*messages), cut(&plain(reason), MAX_CELL)]);
        }
        align_right(&mut table, 1);
        table
    }

    /// The number of kinds that the table leaves out. Returns `None` if it has all.
    pub(crate) fn more(&self) -> Option<String> {
        let left_out = self.rows.get(MAX_ROWS..).filter(|rows| !rows.is_empty())?;
        let messages = left_out.iter().map(|row| row.messages).sum();
        Some(format!(
            "… and {} ({}); --json lists all",
            counted(left_out.len() as u64, "more kind"),
            counted(messages, "message")
        ))
    }

    /// The first reason of each of the commonest kinds that have several lines, such as stack traces.
    pub(crate) fn traces(&self) -> Vec<String> {
        let shown = self.rows.iter().take(MAX_ROWS);
        let traces = shown.filter_map(|row| row.trace.map(|trace| (row.component, trace)));
        traces.take(MAX_TRACES).map(|(component, trace)| self::trace(component, trace)).collect()
    }
}

impl<'a> Row<'a> {
    fn new(component: &'a ComponentSnapshot, messages: u64, reason: String) -> Row<'a> {
        Row { component: &component.name, messages, reason, trace: None }
    }
}

fn trace(component: &str, trace: &str) -> String {
    let lines: Vec<&str> = trace.trim_end().lines().collect();
    let mut shown = lines[..lines.len().min(MAX_TRACE_LINES)].join("\n");
    if lines.len() > MAX_TRACE_LINES {
        shown.push_str(&format!("\n… {}", counted((lines.len() - MAX_TRACE_LINES) as u64, "more line")));
    }
    format!("{}: {}\n", plain(component), plain_lines(&shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(of: &[(&str, &str, u64)]) -> Vec<DeadLetterCount> {
        let letter = |(kind, reason, count): &(&str, &str, u64)| {
            serde_json::json!({
                "receiver": "parse", "kind": kind, "reason": reason, "count": count,
            })
        };
        of.iter().map(|letter_of| serde_json::from_value(letter(letter_of)).unwrap()).collect()
    }

    fn lines(unhandled: &Unhandled<'_>) -> Vec<String> {
        unhandled.table().trim_fmt().lines().skip(2).map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn commonest_kinds_come_first_and_the_rest_is_counted() {
        let kinds: Vec<String> = (0..61).map(|number| format!("kind {number}")).collect();
        let all: Vec<_> =
            kinds.iter().enumerate().map(|(at, kind)| (kind.as_str(), "", at as u64 + 1)).collect();
        let letters = letters(&all);
        let unhandled = Unhandled::new(&[], &letters);
        let lines = lines(&unhandled);
        assert_eq!(lines.len(), MAX_ROWS);
        assert_eq!(
            lines[0].split_whitespace().collect::<Vec<_>>().join(" "),
            "parse 61 dead letter: kind 60"
        );
        assert_eq!(unhandled.more().unwrap(), "… and 41 more kinds (861 messages); --json lists all");
        let few = &letters[..3];
        assert_eq!(Unhandled::new(&[], few).more(), None);
    }

    #[test]
    fn trace_is_below_the_table_on_its_own_lines() {
        let trace = format!("failed: Error: x\n{}", "  at handle (handler.js:1:2)\n".repeat(30));
        let letters = letters(&[("failed: Error: x", &trace, 2), (&"long ".repeat(40), "", 1)]);
        let unhandled = Unhandled::new(&[], &letters);
        for line in lines(&unhandled) {
            assert!(line.chars().count() <= 125, "{line}");
        }
        let traces = unhandled.traces();
        assert_eq!(traces.len(), 1);
        let shown: Vec<&str> = traces[0].lines().collect();
        assert_eq!(shown[..2], ["parse: failed: Error: x", "      at handle (handler.js:1:2)"]);
        assert_eq!(shown.last(), Some(&"    … 11 more lines"));
        assert_eq!(shown.len(), MAX_TRACE_LINES + 1);
    }
}
