//! What is shown, and what keys change of it.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;
use std::time::Duration;

use airssys_wasm::AppSnapshot;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::sheet::Rates;
use crate::tree::{self, Kind, Row};
use crate::usage::{self, UsageRow};

/// The times between two looks that can be chosen, in milliseconds.
const INTERVALS_MS: [u64; 7] = [100, 250, 500, 1_000, 2_000, 5_000, 10_000];

/// What the rows are ordered by.
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

/// What the rows are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// What components do.
    Rows,
    /// How much of their limits they use: what is closest to its limit comes first.
    Usage,
}

/// What follows a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Draw,
    /// Ask now.
    Ask,
    Quit,
}

/// Who a row is about, over several looks.
type Who = (Kind, String);

/// What is shown.
pub(super) struct Model {
    pub(super) app: AppSnapshot,
    rows: Vec<(Row, Option<Rates>)>,
    /// How many messages went in and out of each until the last look.
    before: HashMap<Who, (u64, u64)>,
    pub(super) order: Order,
    pub(super) view: View,
    /// The first row that is shown.
    pub(super) from: usize,
    /// How many rows there is room for, as last drawn.
    pub(super) room: usize,
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
            before: HashMap::new(),
            order: Order::Tree,
            view: View::Rows,
            from: 0,
            room: usize::MAX,
            paused: false,
            interval: interval.unwrap_or(INTERVALS_MS.len() - 1),
            coloured,
            app,
        };
        model.rate(None);
        model
    }

    /// Shows how the app is now.
    pub(super) fn update(&mut self, app: AppSnapshot) {
        let elapsed = app.uptime_ms.checked_sub(self.app.uptime_ms).filter(|elapsed| *elapsed > 0);
        self.app = app;
        self.rate(elapsed);
    }

    /// Makes the rows, with rates if there was an earlier look so many milliseconds ago.
    fn rate(&mut self, elapsed_ms: Option<u64>) {
        let mut counted = HashMap::new();
        let rated = tree::rows(&self.app).into_iter().map(|row| {
            let Some(now) = row.figures.received.zip(row.figures.handled) else { return (row, None) };
            let who: Who = (row.kind, row.name.clone());
            let rates = self.before.get(&who).zip(elapsed_ms).map(|(then, elapsed)| {
                let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 * 1e3 / elapsed as f64;
                Rates { received: rate(now.0, then.0), handled: rate(now.1, then.1) }
            });
            counted.insert(who, now);
            (row, rates)
        });
        self.rows = rated.collect();
        self.before = counted;
        self.scroll(0);
    }

    /// The rows in their order. In any order but that of the tree, supervisors and single instances
    /// are left out.
    pub(super) fn rows(&self) -> Vec<(Row, Option<Rates>)> {
        if self.order == Order::Tree {
            return self.rows.clone();
        }
        let is_listed = |row: &Row| matches!(row.kind, Kind::Component | Kind::Actor);
        let mut listed: Vec<_> = self.rows.iter().filter(|(row, _)| is_listed(row)).cloned().collect();
        for (row, _) in &mut listed {
            row.branch.clear();
        }
        listed.sort_by(|one, other| self.compare(one, other));
        listed
    }

    /// The limits of which something is used, the closest to its end first.
    pub(super) fn usage(&self) -> Vec<UsageRow> {
        let mut used = usage::rows(&self.app);
        used.sort_by_key(|row| Reverse(row.share));
        used
    }

    fn compare(&self, one: &(Row, Option<Rates>), other: &(Row, Option<Rates>)) -> Ordering {
        let by_name = one.0.name.cmp(&other.0.name);
        let figure = |(row, rates): &(Row, Option<Rates>)| {
            let count = |count: Option<u64>| count.map_or(-1.0, |count| count as f64);
            let rates = rates.unwrap_or_default();
            match self.order {
                Order::Tree | Order::Name => 0.0,
                Order::In => rates.received,
                Order::Out => rates.handled,
                Order::Mailbox => row.mailbox.map_or(-1.0, |mailbox| mailbox.depth as f64),
                Order::P99 => count(row.figures.p99_ns),
                Order::Memory => count(row.figures.memory_bytes),
                Order::Restarts => count(row.figures.restarts),
                Order::Denied => count(row.figures.denied),
            }
        };
        // The most first.
        figure(other).total_cmp(&figure(one)).then(by_name)
    }

    /// Messages a second of all together.
    pub(super) fn total(&self) -> Rates {
        let top = self.rows.iter().filter(|(row, _)| matches!(row.kind, Kind::Component | Kind::Actor));
        top.filter_map(|(_, rates)| *rates).fold(Rates::default(), |sum, rates| Rates {
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

    pub(super) fn key(&mut self, key: KeyEvent) -> Step {
        let page = isize::try_from(self.room.clamp(1, 1_000)).unwrap_or(1);
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Step::Quit,
            KeyCode::Char('q') | KeyCode::Esc => return Step::Quit,
            KeyCode::Up | KeyCode::Char('k') => self.scroll(-1),
            KeyCode::Down | KeyCode::Char('j') => self.scroll(1),
            KeyCode::PageUp => self.scroll(-page),
            KeyCode::PageDown => self.scroll(page),
            KeyCode::Home => self.scroll(isize::MIN),
            KeyCode::End => self.scroll(isize::MAX),
            KeyCode::Char('+') => self.interval = (self.interval + 1).min(INTERVALS_MS.len() - 1),
            KeyCode::Char('-') => {
                self.interval = self.interval.saturating_sub(1);
                return Step::Ask;
            }
            KeyCode::Char(' ') => {
                self.paused = !self.paused;
                return Step::Ask;
            }
            KeyCode::Char('u') => {
                self.view = if self.view == View::Rows { View::Usage } else { View::Rows };
                self.from = 0;
            }
            KeyCode::Char(letter) => {
                if let Some((.., order)) = ORDERS.iter().find(|(key, ..)| *key == letter) {
                    (self.order, self.view) = (*order, View::Rows);
                    self.from = 0;
                }
            }
            _ => {}
        }
        Step::Draw
    }

    /// Moves the rows, no further than to the last.
    pub(super) fn scroll(&mut self, by: isize) {
        let count = match self.view {
            View::Rows => self.rows().len(),
            View::Usage => self.usage().len(),
        };
        let last = count.saturating_sub(self.room);
        self.from = self.from.saturating_add_signed(by).min(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::app;

    fn model() -> Model {
        Model::new(app(), Duration::from_secs(1), false)
    }

    fn press(model: &mut Model, code: KeyCode) -> Step {
        model.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn names(model: &Model) -> Vec<String> {
        model.rows().into_iter().map(|(row, _)| row.name).collect()
    }

    #[test]
    fn rates_are_those_since_the_last_look() {
        let mut model = model();
        assert!(model.rows().iter().all(|(_, rates)| rates.is_none()), "there was no look before");
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
    fn an_app_that_was_started_anew_has_no_rates_below_zero() {
        let mut model = model();
        let mut anew = app();
        anew.uptime_ms = 1;
        anew.components[1].received = 0;
        model.update(anew);
        assert!(model.rows().iter().all(|(_, rates)| rates.is_none()));
    }

    #[test]
    fn keys_choose_the_order() {
        let mut model = model();
        assert_eq!(names(&model)[0], "shop");
        assert_eq!(press(&mut model, KeyCode::Char('n')), Step::Draw);
        assert_eq!(names(&model), ["feed", "mail", "parse", "pool ×2"]);
        press(&mut model, KeyCode::Char('b'));
        assert_eq!(names(&model)[0], "pool ×2");
        press(&mut model, KeyCode::Char('t'));
        assert_eq!(names(&model).len(), 8);
    }

    #[test]
    fn a_key_shows_what_is_used_of_limits_and_another_goes_back() {
        let mut model = model();
        press(&mut model, KeyCode::Char('u'));
        assert_eq!(model.view, View::Usage);
        let shares: Vec<u64> = model.usage().iter().map(|row| row.share).collect();
        assert_eq!(shares, [90, 50, 0]);
        model.room = 2;
        press(&mut model, KeyCode::End);
        assert_eq!(model.from, 1);
        press(&mut model, KeyCode::Char('u'));
        assert_eq!((model.view, model.from), (View::Rows, 0));
        press(&mut model, KeyCode::Char('u'));
        press(&mut model, KeyCode::Char('n'));
        assert_eq!(model.view, View::Rows);
    }

    #[test]
    fn rows_are_scrolled_no_further_than_to_the_last() {
        let mut model = model();
        model.room = 3;
        press(&mut model, KeyCode::PageDown);
        assert_eq!(model.from, 3);
        press(&mut model, KeyCode::End);
        assert_eq!(model.from, 5);
        press(&mut model, KeyCode::Down);
        assert_eq!(model.from, 5);
        press(&mut model, KeyCode::Home);
        press(&mut model, KeyCode::Up);
        assert_eq!(model.from, 0);
        press(&mut model, KeyCode::End);
        press(&mut model, KeyCode::Char('n'));
        assert_eq!(model.from, 0);
    }

    #[test]
    fn the_interval_has_steps_and_a_pause() {
        let mut model = model();
        press(&mut model, KeyCode::Char('+'));
        assert_eq!(model.interval(), Duration::from_secs(2));
        for _ in 0..9 {
            assert_eq!(press(&mut model, KeyCode::Char('-')), Step::Ask);
        }
        assert_eq!(model.interval(), Duration::from_millis(100));
        press(&mut model, KeyCode::Char(' '));
        assert!(model.is_paused());
        assert_eq!(press(&mut model, KeyCode::Char(' ')), Step::Ask);
        assert!(!model.is_paused());
    }

    #[test]
    fn some_keys_end_it() {
        let mut model = model();
        assert_eq!(press(&mut model, KeyCode::Char('q')), Step::Quit);
        assert_eq!(press(&mut model, KeyCode::Esc), Step::Quit);
        assert_eq!(press(&mut model, KeyCode::Char('c')), Step::Draw);
        assert_eq!(model.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Step::Quit);
    }
}
