//! Rows of figures in columns, as many as there is room for.

use airssys_wasm::ActorState;

use crate::tree::{self, Row};
use crate::units::{bytes, duration, short, thousands};

/// A column: what it shows of a row.
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
    Memory,
    Restarts,
    Denied,
    Refused,
    Over,
    Dead,
    Late,
}

/// The columns of a figure that is looked at once, in the order in which they stand.
pub(crate) const ONCE: [Column; 15] = [
    Column::Name,
    Column::State,
    Column::Mailbox,
    Column::HighWater,
    Column::Received,
    Column::Handled,
    Column::P50,
    Column::P99,
    Column::Memory,
    Column::Restarts,
    Column::Denied,
    Column::Refused,
    Column::Over,
    Column::Dead,
    Column::Late,
];

/// The columns of figures that are looked at while they change.
pub(crate) const LIVE: [Column; 15] = [
    Column::Name,
    Column::State,
    Column::Mailbox,
    Column::HighWater,
    Column::In,
    Column::Out,
    Column::P50,
    Column::P99,
    Column::Memory,
    Column::Restarts,
    Column::Denied,
    Column::Refused,
    Column::Over,
    Column::Dead,
    Column::Late,
];

/// What goes first where there is no room for all.
const LEFT_OUT: [Column; 10] = [
    Column::HighWater,
    Column::Late,
    Column::P50,
    Column::Received,
    Column::Refused,
    Column::Over,
    Column::Dead,
    Column::Handled,
    Column::Denied,
    Column::Memory,
];

/// The narrowest that names are made, in characters.
const SHORTEST_NAME: usize = 8;

/// Messages a second, in and out, since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rates {
    pub(crate) received: f64,
    pub(crate) handled: f64,
}

/// Rows in columns that have their widths.
pub(crate) struct Sheet {
    pub(crate) columns: Vec<Column>,
    widths: Vec<usize>,
    gap: usize,
    cells: Vec<Vec<String>>,
}

impl Column {
    pub(crate) fn title(self) -> &'static str {
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
            Column::Memory => "memory",
            Column::Restarts => "restarts",
            Column::Denied => "denied",
            Column::Refused => "refused",
            Column::Over => "over",
            Column::Dead => "dead",
            Column::Late => "late",
        }
    }

    /// The width that a figure which changes has at least, so that the columns stand still.
    fn steady_width(self) -> usize {
        match self {
            Column::In | Column::Out => 5,
            Column::P50 | Column::P99 => 8,
            Column::Mailbox | Column::Memory => 7,
            _ => 0,
        }
    }

    fn is_text(self) -> bool {
        matches!(self, Column::Name | Column::State)
    }

    fn cell(self, row: &Row, rates: Option<Rates>) -> String {
        let count = |count: Option<u64>| count.map(thousands);
        let figures = &row.figures;
        let has_rates = rates.filter(|_| figures.received.is_some());
        let text = match self {
            Column::Name => Some(format!("{}{}", row.branch, row.name)),
            Column::State => Some(tree::state(row.state).to_owned()),
            Column::Mailbox => row.mailbox.map(|mailbox| match mailbox.capacity {
                Some(capacity) => format!("{}/{capacity}", mailbox.depth),
                None => mailbox.depth.to_string(),
            }),
            Column::HighWater => row.mailbox.map(|mailbox| mailbox.high_water.to_string()),
            Column::In => has_rates.map(|rates| short(rates.received)),
            Column::Out => has_rates.map(|rates| short(rates.handled)),
            Column::Received => count(figures.received),
            Column::Handled => count(figures.handled),
            Column::P50 => figures.p50_ns.map(duration),
            Column::P99 => figures.p99_ns.map(duration),
            Column::Memory => figures.memory_bytes.map(bytes),
            Column::Restarts => count(figures.restarts),
            Column::Denied => count(figures.denied),
            Column::Refused => count(figures.refused),
            Column::Over => count(figures.over_quota),
            Column::Dead => count(figures.dead_lettered),
            Column::Late => count(figures.late_replies),
        };
        text.unwrap_or_else(|| if self.is_text() { String::new() } else { "–".to_owned() })
    }
}

impl Sheet {
    /// Puts rows into columns. Where a width is given, columns are left out, and at last names cut,
    /// until all fits.
    pub(crate) fn new(columns: &[Column], rows: &[(&Row, Option<Rates>)], width: Option<usize>) -> Sheet {
        let mut columns = columns.to_vec();
        let is_live = columns.contains(&Column::In);
        let cells = |column: &Column| -> Vec<String> {
            rows.iter().map(|(row, rates)| column.cell(row, *rates)).collect()
        };
        let widest = |column: &Column| {
            let cells = cells(column);
            let steady = if is_live { column.steady_width() } else { 0 };
            cells.iter().map(|cell| length(cell)).max().unwrap_or(0).max(column.title().len()).max(steady)
        };
        let mut widths: Vec<usize> = columns.iter().map(widest).collect();
        let mut gap = 2;
        if let Some(room) = width {
            let total = |widths: &[usize], gap: usize| {
                widths.iter().sum::<usize>() + gap * widths.len().saturating_sub(1)
            };
            if total(&widths, gap) > room {
                gap = 1;
            }
            for left_out in LEFT_OUT {
                let position = columns.iter().position(|column| *column == left_out);
                if let Some(position) = position.filter(|_| total(&widths, gap) > room) {
                    columns.remove(position);
                    widths.remove(position);
                }
            }
            let excess = total(&widths, gap).saturating_sub(room);
            let name = widths[0].saturating_sub(excess).max(SHORTEST_NAME.min(widths[0]));
            widths[0] = name;
        }
        let cells = rows
            .iter()
            .map(|(row, rates)| columns.iter().map(|column| column.cell(row, *rates)).collect())
            .collect();
        Sheet { columns, widths, gap, cells }
    }

    /// The titles, each as wide as its column.
    pub(crate) fn titles(&self) -> Vec<String> {
        self.columns
            .iter()
            .zip(&self.widths)
            .map(|(column, width)| padded(column.title(), *width, column.is_text()))
            .collect()
    }

    /// The cells of a row, each as wide as its column.
    pub(crate) fn row(&self, index: usize) -> Vec<String> {
        let cells = self.columns.iter().zip(&self.widths).zip(&self.cells[index]);
        cells.map(|((column, width), cell)| padded(&cut(cell, *width), *width, column.is_text())).collect()
    }

    /// What stands between two columns.
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

/// As much of a text as there is room for, and a mark where it was cut.
pub(crate) fn cut(text: &str, width: usize) -> String {
    match length(text) <= width {
        true => text.to_owned(),
        false => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// How much a state is worth attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Plain,
    Good,
    Warning,
    Bad,
    Faded,
}

/// How a cell is to look.
pub(crate) fn mood(column: Column, row: &Row) -> Mood {
    let some = |count: Option<u64>| count.is_some_and(|count| count > 0);
    match column {
        Column::State => match row.state {
            ActorState::Running => Mood::Good,
            ActorState::Stopped => Mood::Faded,
            _ => Mood::Warning,
        },
        Column::Mailbox => match row.mailbox {
            Some(tree::Mailbox { depth, capacity: Some(capacity), .. }) if depth * 10 >= capacity * 9 => {
                Mood::Bad
            }
            Some(tree::Mailbox { depth, capacity: Some(capacity), .. }) if depth * 2 >= capacity => {
                Mood::Warning
            }
            _ => Mood::Plain,
        },
        Column::Restarts if some(row.figures.restarts) => Mood::Warning,
        Column::Denied if some(row.figures.denied) => Mood::Warning,
        Column::Refused if some(row.figures.refused) => Mood::Warning,
        Column::Over if some(row.figures.over_quota) => Mood::Warning,
        Column::Late if some(row.figures.late_replies) => Mood::Warning,
        Column::Dead if some(row.figures.dead_lettered) => Mood::Bad,
        _ => Mood::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::app;

    fn lines(columns: &[Column], width: Option<usize>) -> Vec<String> {
        let rows = tree::rows(&app());
        let rated: Vec<_> =
            rows.iter().map(|row| (row, Some(Rates { received: 1_234.5, handled: 7.5 }))).collect();
        let sheet = Sheet::new(columns, &rated, width);
        let join = |cells: Vec<String>| cells.join(&sheet.gap());
        std::iter::once(sheet.titles())
            .chain((0..rows.len()).map(|index| sheet.row(index)))
            .map(join)
            .collect()
    }

    #[test]
    fn everything_is_shown_where_there_is_room() {
        let lines = lines(&ONCE, None);
        let expected = [
            "name        state       mailbox  high   in  handled      p50     p99   memory  restarts  denied  refused  over  dead  late",
            "shop        running           –     –    –        –        –       –        –         0       –        –     –     –     –",
            "├ pool ×2   restarting  12/2048     9  120      100  12.0 µs  3.4 ms  2.1 MiB         2       6        3    10     4     8",
            "│ ├ pool/1  running      7/1024     9   60       50        –       –  1.1 MiB         1       –        –     –     –     –",
        ];
        assert_eq!(lines[..4], expected);
    }

    #[test]
    fn nothing_is_wider_than_there_is_room_for() {
        for width in 60..130 {
            for line in lines(&LIVE, Some(width)) {
                assert!(length(&line) <= width, "{width}: {line}");
            }
        }
        for column in [&LIVE, &ONCE] {
            assert_eq!(lines(column, Some(120))[0].split_whitespace().count(), 15, "all of them");
        }
        let narrow = &lines(&LIVE, Some(80))[0];
        for title in ["state", "mailbox", "in/s", "out/s", "p99", "memory", "restarts", "denied"] {
            assert!(narrow.contains(title), "{narrow}");
        }
        assert!(lines(&LIVE, Some(56))[2].starts_with("├ pool "));
    }

    #[test]
    fn what_needs_attention_is_marked() {
        let mut row = tree::rows(&app()).remove(1);
        assert_eq!(mood(Column::State, &row), Mood::Warning);
        assert_eq!(mood(Column::Mailbox, &row), Mood::Plain);
        row.mailbox = Some(tree::Mailbox { depth: 512, high_water: 0, capacity: Some(1_024) });
        assert_eq!(mood(Column::Mailbox, &row), Mood::Warning);
        row.mailbox = Some(tree::Mailbox { depth: 1_000, high_water: 0, capacity: Some(1_024) });
        assert_eq!(mood(Column::Mailbox, &row), Mood::Bad);
        assert_eq!((mood(Column::Dead, &row), mood(Column::P99, &row)), (Mood::Bad, Mood::Plain));
    }
}
