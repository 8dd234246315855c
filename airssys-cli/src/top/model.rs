//! The state of the screen, and how keys change it.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;
use std::time::Duration;

use airssys_wasm::AppSnapshot;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::columns::Rates;
use crate::limit_usage::{self, LimitUsageRow};
use crate::tree::{self, Row, RowKind};

/// The intervals between two snapshots to choose from, in milliseconds.
const INTERVALS_MS: [u64; 7] = [100, 250, 500, 1_000, 2_000, 5_000, 10_000];

/// The order of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Tree,
    Name,
    In,
    Out,
    Mailbox,
    P99,
    Memory,
    Restarts,
    Denied,
}

/// The orders, with the keys that choose them.
pub(super) const ORDERS: [(char, &str, Order); 9] = [
    ('t', "tree", Order::Tree),
    ('n', "name", Order::Name),
    ('i', "in", Order::In),
    ('o', "out", Order::Out),
    ('b', "mailbox", Order::Mailbox),
    ('9', "p99", Order::P99),
    ('m', "memory", Order::Memory),
    ('r', "restarts", Order::Restarts),
    ('d', "denied", Order::Denied),
];

/// The subject of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// The components and their stats.
    Components,
    /// The used limits, the most used first.
    LimitUsage,
}

/// The reaction to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyAction {
    Draw,
    /// Asks for a snapshot now.
    Ask,
    Quit,
}

/// Identifies a row in every snapshot.
type RowKey = (RowKind, String);

/// The state of the screen.
pub(super) struct Model {
    pub(super) app: AppSnapshot,
    rows: Vec<(Row, Option<Rates>)>,
    /// Messages received and handled by each row up to the previous snapshot.
    previous_counts: HashMap<RowKey, (u64, u64)>,
    pub(super) order: Order,
    pub(super) view: View,
    /// The index of the first visible row.
    pub(super) first_row: usize,
    /// The height of the row area when it was last drawn.
    pub(super) visible_rows: usize,
    paused: bool,
    interval: usize,
    pub(super) coloured: bool,
}

impl Model {
    pub(super) fn new(app: AppSnapshot, interval: Duration, coloured: bool) -> Model {
        let wanted = interval.as_millis();
        let interval = INTERVALS_MS.iter().position(|one| u128::from(*one) >= wanted);
        let mut model = Model {
            rows: Vec::new(),
            previous_counts: HashMap::new(),
            order: Order::Tree,
            view: View::Components,
            first_row: 0,
            visible_rows: usize::MAX,
            paused: false,
            interval: interval.unwrap_or(INTERVALS_MS.len() - 1),
            coloured,
            app,
        };
        model.rate(None);
        model
    }

    /// Takes over a new snapshot.
    pub(super) fn update(&mut self, app: AppSnapshot) {
        let elapsed = app.uptime_ms.checked_sub(self.app.uptime_ms).filter(|elapsed| *elapsed > 0);
        self.app = app;
        self.rate(elapsed);
    }

    /// Makes the rows, with rates if the previous snapshot is `elapsed_ms` old.
    fn rate(&mut self, elapsed_ms: Option<u64>) {
        let mut counts = HashMap::new();
        let rated = tree::rows(&self.app).into_iter().map(|row| {
            let Some(now) = row.stats.received.zip(row.stats.handled) else { return (row, None) };
            let key: RowKey = (row.kind, row.name.clone());
            let rates = self.previous_counts.get(&key).zip(elapsed_ms).map(|(then, elapsed)| {
                let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 * 1e3 / elapsed as f64;
                Rates { received: rate(now.0, then.0), handled: rate(now.1, then.1) }
            });
            counts.insert(key, now);
            (row, rates)
        });
        self.rows = rated.collect();
        self.previous_counts = counts;
        self.scroll(0);
    }

    /// The rows in their order. Only the order of the tree includes supervisors and single instances.
    pub(super) fn rows(&self) -> Vec<(Row, Option<Rates>)> {
        if self.order == Order::Tree {
            return self.rows.clone();
        }
        let is_listed = |row: &Row| matches!(row.kind, RowKind::Component | RowKind::Actor);
        let mut listed: Vec<_> = self.rows.iter().filter(|(row, _)| is_listed(row)).cloned().collect();
        for (row, _) in &mut listed {
            row.branch.clear();
        }
        listed.sort_by(|one, other| self.compare(one, other));
        listed
    }

    /// The used limits, the most used first.
    pub(super) fn limit_usage(&self) -> Vec<LimitUsageRow> {
        let mut used = limit_usage::rows(&self.app);
        used.sort_by_key(|row| Reverse(row.share));
        used
    }

    fn compare(&self, one: &(Row, Option<Rates>), other: &(Row, Option<Rates>)) -> Ordering {
        let by_name = one.0.name.cmp(&other.0.name);
        let sort_key = |(row, rates): &(Row, Option<Rates>)| {
            let count = |count: Option<u64>| count.map_or(-1.0, |count| count as f64);
            let rates = rates.unwrap_or_default();
            match self.order {
                Order::Tree | Order::Name => 0.0,
                Order::In => rates.received,
                Order::Out => rates.handled,
                Order::Mailbox => row.mailbox.map_or(-1.0, |mailbox| mailbox.depth as f64),
                Order::P99 => count(row.stats.p99_ns),
                Order::Memory => count(row.stats.memory_bytes),
                Order::Restarts => count(row.stats.restarts),
                Order::Denied => count(row.stats.denied),
            }
        };
        // The highest comes first.
        sort_key(other).total_cmp(&sort_key(one)).then(by_name)
    }

    /// The rates of all components and native actors together.
    pub(super) fn total(&self) -> Rates {
        let counted =
            self.rows.iter().filter(|(row, _)| matches!(row.kind, RowKind::Component | RowKind::Actor));
        counted.filter_map(|(_, rates)| *rates).fold(Rates::default(), |sum, rates| Rates {
            received: sum.received + rates.received,
            handled: sum.handled + rates.handled,
        })
    }

    pub(super) fn interval(&self) -> Duration {
        Duration::from_millis(INTERVALS_MS[self.interval])
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> KeyAction {
        let page = isize::try_from(self.visible_rows.clamp(1, 1_000)).unwrap_or(1);
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return KeyAction::Quit,
            KeyCode::Char('q') | KeyCode::Esc => return KeyAction::Quit,
            KeyCode::Up | KeyCode::Char('k') => self.scroll(-1),
            KeyCode::Down | KeyCode::Char('j') => self.scroll(1),
            KeyCode::PageUp => self.scroll(-page),
            KeyCode::PageDown => self.scroll(page),
            KeyCode::Home => self.scroll(isize::MIN),
            KeyCode::End => self.scroll(isize::MAX),
            KeyCode::Char('+') => self.interval = (self.interval + 1).min(INTERVALS_MS.len() - 1),
            KeyCode::Char('-') => {
                self.interval = self.interval.saturating_sub(1);
                return KeyAction::Ask;
            }
            KeyCode::Char(' ') => {
                self.paused = !self.paused;
                return KeyAction::Ask;
            }
            KeyCode::Char('u') => {
                self.view = if self.view == View::Components { View::LimitUsage } else { View::Components };
                self.first_row = 0;
            }
            KeyCode::Char(letter) => {
                if let Some((.., order)) = ORDERS.iter().find(|(key, ..)| *key == letter) {
                    (self.order, self.view) = (*order, View::Components);
                    self.first_row = 0;
                }
            }
            _ => {}
        }
        KeyAction::Draw
    }

    /// Scrolls by some rows, at most to the last one.
    pub(super) fn scroll(&mut self, by: isize) {
        let count = match self.view {
            View::Components => self.rows().len(),
            View::LimitUsage => self.limit_usage().len(),
        };
        let last = count.saturating_sub(self.visible_rows);
        self.first_row = self.first_row.saturating_add_signed(by).min(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::app;

    fn model() -> Model {
        Model::new(app(), Duration::from_secs(1), false)
    }

    fn press(model: &mut Model, code: KeyCode) -> KeyAction {
        model.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn names(model: &Model) -> Vec<String> {
        model.rows().into_iter().map(|(row, _)| row.name).collect()
    }

    #[test]
    fn rates_cover_the_time_since_the_previous_snapshot() {
        let mut model = model();
        assert!(model.rows().iter().all(|(_, rates)| rates.is_none()), "the first snapshot has no rates");
        let mut later = app();
        later.uptime_ms += 500;
        later.components[1].received += 100;
        later.components[1].handled += 50;
        model.update(later.clone());
        let parse = model.rows().into_iter().find(|(row, _)| row.name == "parse").unwrap();
        assert_eq!(parse.1, Some(Rates { received: 200.0, handled: 100.0 }));
        assert_eq!(model.total(), Rates { received: 200.0, handled: 100.0 });
        later.uptime_ms += 500;
        model.update(later);
        assert_eq!(model.total(), Rates::default());
    }

    #[test]
    fn restarted_app_has_no_rates_in_its_first_snapshot() {
        let mut model = model();
        let mut restarted = app();
        restarted.uptime_ms = 1;
        restarted.components[1].received = 0;
        model.update(restarted);
        assert!(model.rows().iter().all(|(_, rates)| rates.is_none()));
    }

    #[test]
    fn keys_choose_the_order() {
        let mut model = model();
        assert_eq!(names(&model)[0], "shop");
        assert_eq!(press(&mut model, KeyCode::Char('n')), KeyAction::Draw);
        assert_eq!(names(&model), ["feed", "mail", "parse", "pool ×2"]);
        press(&mut model, KeyCode::Char('b'));
        assert_eq!(names(&model)[0], "pool ×2");
        press(&mut model, KeyCode::Char('t'));
        assert_eq!(names(&model).len(), 8);
    }

    #[test]
    fn usage_key_toggles_the_limit_usage() {
        let mut model = model();
        press(&mut model, KeyCode::Char('u'));
        assert_eq!(model.view, View::LimitUsage);
        let shares: Vec<u64> = model.limit_usage().iter().map(|row| row.share).collect();
        assert_eq!(shares, [90, 50, 0]);
        model.visible_rows = 2;
        press(&mut model, KeyCode::End);
        assert_eq!(model.first_row, 1);
        press(&mut model, KeyCode::Char('u'));
        assert_eq!((model.view, model.first_row), (View::Components, 0));
        press(&mut model, KeyCode::Char('u'));
        press(&mut model, KeyCode::Char('n'));
        assert_eq!(model.view, View::Components);
    }

    #[test]
    fn scrolling_stops_at_the_last_row() {
        let mut model = model();
        model.visible_rows = 3;
        press(&mut model, KeyCode::PageDown);
        assert_eq!(model.first_row, 3);
        press(&mut model, KeyCode::End);
        assert_eq!(model.first_row, 5);
        press(&mut model, KeyCode::Down);
        assert_eq!(model.first_row, 5);
        press(&mut model, KeyCode::Home);
        press(&mut model, KeyCode::Up);
        assert_eq!(model.first_row, 0);
        press(&mut model, KeyCode::End);
        press(&mut model, KeyCode::Char('n'));
        assert_eq!(model.first_row, 0);
    }

    #[test]
    fn keys_change_the_interval_and_pause() {
        let mut model = model();
        press(&mut model, KeyCode::Char('+'));
        assert_eq!(model.interval(), Duration::from_secs(2));
        for _ in 0..9 {
            assert_eq!(press(&mut model, KeyCode::Char('-')), KeyAction::Ask);
        }
        assert_eq!(model.interval(), Duration::from_millis(100));
        press(&mut model, KeyCode::Char(' '));
        assert!(model.is_paused());
        assert_eq!(press(&mut model, KeyCode::Char(' ')), KeyAction::Ask);
        assert!(!model.is_paused());
    }

    #[test]
    fn quit_keys_end_the_program() {
        let mut model = model();
        assert_eq!(press(&mut model, KeyCode::Char('q')), KeyAction::Quit);
        assert_eq!(press(&mut model, KeyCode::Esc), KeyAction::Quit);
        assert_eq!(press(&mut model, KeyCode::Char('c')), KeyAction::Draw);
        assert_eq!(model.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), KeyAction::Quit);
    }
}
