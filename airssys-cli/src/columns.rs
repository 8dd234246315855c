//! The columns of `inspect` and `top`: as many as the terminal has room for.

use airssys_wasm::ActorState;

use crate::tree::{self, Row};
use crate::units::{bytes, duration, short, thousands};

/// A column of the supervision tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Name,
    State,
    Mailbox,
    HighWater,
    In,
    Out,
    Received,
    Handled,
    P50,
    P99,
    Waits,
    Queued,
    Memory,
    Restarts,
    Denied,
    Refused,
    Over,
    Dead,
    Late,
    Log,
    HostCalls,
}

/// The columns of `inspect`, from left to right: totals since the start.
pub(crate) const TOTALS: [Column; 17] = [
    Column::Name,
    Column::State,
    Column::Mailbox,
    Column::HighWater,
    Column::Received,
    Column::Handled,
    Column::P50,
    Column::P99,
    Column::Waits,
    Column::Queued,
    Column::Memory,
    Column::Restarts,
    Column::Denied,
    Column::Refused,
    Column::Over,
    Column::Dead,
    Column::Late,
];

/// The columns of `top`, from left to right: rates in place of message counts.
pub(crate) const RATES: [Column; 19] = [
    Column::Name,
    Column::State,
    Column::Mailbox,
    Column::HighWater,
    Column::In,
    Column::Out,
    Column::P50,
    Column::P99,
    Column::Waits,
    Column::Queued,
    Column::Memory,
    Column::Restarts,
    Column::Denied,
    Column::Refused,
    Column::Over,
    Column::Dead,
    Column::Late,
    Column::Log,
    Column::HostCalls,
];

/// The columns that a narrow terminal loses, in this order.
const DROPPED_FIRST: [Column; 14] = [
    Column::Log,
    Column::HostCalls,
    Column::HighWater,
    Column::Late,
    Column::Waits,
    Column::P50,
    Column::Received,
    Column::Refused,
    Column::Over,
    Column::Dead,
    Column::Queued,
    Column::Handled,
    Column::Denied,
    Column::Memory,
];

/// The minimum width of the name column, in characters.
const MIN_NAME_WIDTH: usize = 8;

/// The width down to which names are cut on a live screen before columns are left out.
const LIVE_NAME_WIDTH: usize = 16;

/// Messages a second, in and out, since the previous snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rates {
    pub(crate) received: f64,
    pub(crate) handled: f64,
}

/// Rows laid out in columns of fixed width.
pub(crate) struct StatsTable {
    pub(crate) columns: Vec<Column>,
    widths: Vec<usize>,
    gap: usize,
    cells: Vec<Vec<String>>,
}

impl Column {
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Column::Name => "name",
            Column::State => "state",
            Column::Mailbox => "mailbox",
            Column::HighWater => "high",
            Column::In => "in/s",
            Column::Out => "out/s",
            Column::Received => "in",
            Column::Handled => "handled",
            Column::P50 => "p50",
            Column::P99 => "p99",
            Column::Waits => "waits",
            Column::Queued => "queued",
            Column::Memory => "memory",
            Column::Restarts => "restarts",
            Column::Denied => "denied",
            Column::Refused => "refused",
            Column::Over => "over",
            Column::Dead => "dead",
            Column::Late => "late",
            Column::Log => "log",
            Column::HostCalls => "host",
        }
    }

    /// The minimum width in `top`: columns do not jump when their values change.
    fn min_live_width(self) -> usize {
        match self {
            Column::In | Column::Out => 5,
            Column::P50 | Column::P99 | Column::Waits | Column::Queued => 8,
            Column::Mailbox | Column::Memory | Column::Log | Column::HostCalls => 7,
            _ => 0,
        }
    }

    fn is_text(self) -> bool {
        matches!(self, Column::Name | Column::State)
    }

    fn cell(self, row: &Row, rates: Option<Rates>) -> String {
        let count = |count: Option<u64>| count.map(thousands);
        let stats = &row.stats;
        let has_rates = rates.filter(|_| stats.received.is_some());
        let text = match self {
            Column::Name => Some(format!("{}{}", row.branch, row.name)),
            Column::State => Some(tree::state_name(row.state).to_owned()),
            Column::Mailbox => row.mailbox.map(|mailbox| match mailbox.capacity {
                Some(capacity) => format!("{}/{capacity}", mailbox.depth),
                None => mailbox.depth.to_string(),
            }),
            Column::HighWater => row.mailbox.map(|mailbox| mailbox.high_water.to_string()),
            Column::In => has_rates.map(|rates| short(rates.received)),
            Column::Out => has_rates.map(|rates| short(rates.handled)),
            Column::Received => count(stats.received),
            Column::Handled => count(stats.handled),
            Column::P50 => stats.p50_ns.map(duration),
            Column::P99 => stats.p99_ns.map(duration),
            Column::Waits => stats.waits_ns.map(duration),
            Column::Queued => stats.queued_ns.map(duration),
            Column::Memory => stats.memory_bytes.map(bytes),
            Column::Restarts => count(stats.restarts),
            Column::Denied => count(stats.denied),
            Column::Refused => count(stats.refused),
            Column::Over => count(stats.over_quota),
            Column::Dead => count(stats.dead_lettered),
            Column::Late => count(stats.late_replies),
            Column::Log => stats.log_bytes.map(bytes),
            Column::HostCalls => stats.host_calls_ns.map(duration),
        };
        text.unwrap_or_else(|| if self.is_text() { String::new() } else { "–".to_owned() })
    }
}

impl StatsTable {
    /// Lays rows out in columns. If they exceed `room`, drops columns, then cuts names. On a live screen,
    /// long names are cut first, because the figures are what changes.
    pub(crate) fn new(columns: &[Column], rows: &[(&Row, Option<Rates>)], room: usize) -> StatsTable {
        let mut columns = columns.to_vec();
        let is_live = columns.contains(&Column::In);
        let cells = |column: &Column| -> Vec<String> {
            rows.iter().map(|(row, rates)| column.cell(row, *rates)).collect()
        };
        let widest = |column: &Column| {
            let cells = cells(column);
            let minimum = if is_live { column.min_live_width() } else { 0 };
            cells.iter().map(|cell| length(cell)).max().unwrap_or(0).max(column.heading().len()).max(minimum)
        };
        let mut widths: Vec<usize> = columns.iter().map(widest).collect();
        let mut gap = 2;
        let kept_name = if is_live { widths[0].min(LIVE_NAME_WIDTH) } else { widths[0] };
        let total = |widths: &[usize], gap: usize| {
            kept_name + widths[1..].iter().sum::<usize>() + gap * widths.len().saturating_sub(1)
        };
        if total(&widths, gap) > room {
            gap = 1;
        }
        for dropped in DROPPED_FIRST {
            let position = columns.iter().position(|column| *column == dropped);
            if let Some(position) = position.filter(|_| total(&widths, gap) > room) {
                columns.remove(position);
                widths.remove(position);
            }
        }
        let others = total(&widths, gap) - kept_name;
        widths[0] = widths[0].min(room.saturating_sub(others).max(MIN_NAME_WIDTH));
        let cells = rows
            .iter()
            .map(|(row, rates)| columns.iter().map(|column| column.cell(row, *rates)).collect())
            .collect();
        StatsTable { columns, widths, gap, cells }
    }

    /// The headings, each padded to the width of its column.
    pub(crate) fn headings(&self) -> Vec<String> {
        self.columns
            .iter()
            .zip(&self.widths)
            .map(|(column, width)| padded(column.heading(), *width, column.is_text()))
            .collect()
    }

    /// The cells of a row, each padded or cut to the width of its column.
    pub(crate) fn row(&self, index: usize) -> Vec<String> {
        let cells = self.columns.iter().zip(&self.widths).zip(&self.cells[index]);
        cells.map(|((column, width), cell)| padded(&cut(cell, *width), *width, column.is_text())).collect()
    }

    /// The space between two columns.
    pub(crate) fn gap(&self) -> String {
        " ".repeat(self.gap)
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn padded(text: &str, width: usize, left: bool) -> String {
    let blank = " ".repeat(width.saturating_sub(length(text)));
    if left { format!("{text}{blank}") } else { format!("{blank}{text}") }
}

/// Shortens a text to `width` characters, the last of which is `…` if it was cut.
pub(crate) fn cut(text: &str, width: usize) -> String {
    match length(text) <= width {
        true => text.to_owned(),
        false => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// The attention that a cell deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Emphasis {
    Plain,
    Good,
    Warning,
    Bad,
    Faded,
}

/// Decides how a cell is highlighted.
pub(crate) fn emphasis(column: Column, row: &Row) -> Emphasis {
    let some = |count: Option<u64>| count.is_some_and(|count| count > 0);
    match column {
        Column::State => match row.state {
            ActorState::Running => Emphasis::Good,
            ActorState::Stopped => Emphasis::Faded,
            ActorState::Quarantined => Emphasis::Bad,
            _ => Emphasis::Warning,
        },
        Column::Mailbox => match row.mailbox {
            Some(tree::Mailbox { depth, capacity: Some(capacity), .. }) if depth * 10 >= capacity * 9 => {
                Emphasis::Bad
            }
            Some(tree::Mailbox { depth, capacity: Some(capacity), .. }) if depth * 2 >= capacity => {
                Emphasis::Warning
            }
            _ => Emphasis::Plain,
        },
        Column::Restarts if some(row.stats.restarts) => Emphasis::Warning,
        Column::Denied if some(row.stats.denied) => Emphasis::Warning,
        Column::Refused if some(row.stats.refused) => Emphasis::Warning,
        Column::Over if some(row.stats.over_quota) => Emphasis::Warning,
        Column::Late if some(row.stats.late_replies) => Emphasis::Warning,
        Column::Log if some(row.stats.log_dropped) => Emphasis::Warning,
        Column::Dead if some(row.stats.dead_lettered) => Emphasis::Bad,
        _ => Emphasis::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::app;

    fn lines(columns: &[Column], width: usize) -> Vec<String> {
        let rows = tree::rows(&app());
        let rated: Vec<_> =
            rows.iter().map(|row| (row, Some(Rates { received: 1_234.5, handled: 7.5 }))).collect();
        let table = StatsTable::new(columns, &rated, width);
        let join = |cells: Vec<String>| cells.join(&table.gap());
        std::iter::once(table.headings())
            .chain((0..rows.len()).map(|index| table.row(index)))
            .map(join)
            .collect()
    }

    #[test]
    fn all_columns_are_shown_if_they_fit() {
        let lines = lines(&TOTALS, 200);
        let expected = [
            "name        state       mailbox  high   in  handled      p50     p99   waits   queued   memory  restarts  denied  refused  over  dead  late",
            "shop        running           –     –    –        –        –       –       –        –        –         0       –        –     –     –     –",
            "├ pool ×2   restarting  12/2048     9  120      100  12.0 µs  3.4 ms  1.0 µs  70.0 µs  2.1 MiB         2       6        3    10     4     8",
            "│ ├ pool/1  running      7/1024     9   60       50        –       –       –        –  1.1 MiB         1       –        –     –     –     –",
        ];
        assert_eq!(lines[..4], expected);
    }

    #[test]
    fn no_line_exceeds_the_width() {
        for width in 60..150 {
            for line in lines(&RATES, width) {
                assert!(length(&line) <= width, "{width}: {line}");
            }
        }
        for (columns, width) in [(&RATES[..], 170), (&TOTALS[..], 140)] {
            let shown = lines(columns, width)[0].split_whitespace().count();
            assert_eq!(shown, columns.len(), "all columns fit");
        }
        let narrow = &lines(&RATES, 80)[0];
        for title in ["state", "mailbox", "in/s", "out/s", "p99", "memory", "restarts", "denied"] {
            assert!(narrow.contains(title), "{narrow}");
        }
        assert!(lines(&RATES, 56)[2].starts_with("├ pool "));
    }

    #[test]
    fn cells_that_need_attention_are_highlighted() {
        let mut row = tree::rows(&app()).remove(1);
        assert_eq!(emphasis(Column::State, &row), Emphasis::Warning);
        assert_eq!(emphasis(Column::Mailbox, &row), Emphasis::Plain);
        row.mailbox = Some(tree::Mailbox { depth: 512, high_water: 0, capacity: Some(1_024) });
        assert_eq!(emphasis(Column::Mailbox, &row), Emphasis::Warning);
        row.mailbox = Some(tree::Mailbox { depth: 1_000, high_water: 0, capacity: Some(1_024) });
        assert_eq!(emphasis(Column::Mailbox, &row), Emphasis::Bad);
        assert_eq!(
            (emphasis(Column::Dead, &row), emphasis(Column::P99, &row)),
            (Emphasis::Bad, Emphasis::Plain)
        );
    }
}
