//! Draws the screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::model::{Model, ORDERS, View};
use crate::columns::{Emphasis, RATES, StatsTable, cut, emphasis};
use crate::inspect::{memory, overview};
use crate::limit_usage::{HEADINGS, audit};
use crate::plain::plain;
use crate::units::short;

/// Draws the screen: the app as a whole, the rows, and the keys.
pub(super) fn draw(frame: &mut Frame<'_>, model: &mut Model) {
    let keys = if frame.area().width >= 115 { 1 } else { 2 };
    let [head, heading_line, body, foot] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(keys),
    ])
    .areas(frame.area());
    model.visible_rows = body.height.into();
    model.scroll(0);

    let width = usize::from(body.width);
    frame.render_widget(Paragraph::new(self::head(model, width)), head);
    let (headings, lines) = match model.view {
        View::Components => self::rows(model, width),
        View::LimitUsage => self::limit_usage(model, width),
    };
    let headings = Paragraph::new(format!("{headings:width$}"));
    frame.render_widget(headings.style(Style::new().add_modifier(Modifier::REVERSED)), heading_line);
    let more = lines.len().saturating_sub(model.first_row + model.visible_rows);
    let shown: Vec<_> = lines.into_iter().skip(model.first_row).take(model.visible_rows).collect();
    frame.render_widget(Paragraph::new(shown), body);
    frame.render_widget(Paragraph::new(self::keys(model, keys, more)), foot);
}

/// The headings and the rows of the components.
fn rows(model: &Model, width: usize) -> (String, Vec<Line<'static>>) {
    let rows = model.rows();
    let borrowed: Vec<_> = rows.iter().map(|(row, rates)| (row, *rates)).collect();
    let table = StatsTable::new(&RATES, &borrowed, width);
    let lines = (0..rows.len()).map(|index| {
        let cells = table.row(index).into_iter().zip(&table.columns);
        let spans = cells.flat_map(|(cell, column)| {
            let style = style(emphasis(*column, &rows[index].0), model.coloured);
            [Span::styled(cell, style), Span::raw(table.gap())]
        });
        Line::from_iter(spans)
    });
    (table.headings().join(&table.gap()), lines.collect())
}

/// The minimum widths of the app's name, and of a component's name among the limits, in characters.
const MIN_APP_WIDTH: usize = 12;
const MIN_OWNER_WIDTH: usize = 12;

/// The headings and the rows of the used limits.
fn limit_usage(model: &Model, width: usize) -> (String, Vec<Line<'static>>) {
    let rows = model.limit_usage();
    let cells: Vec<[String; 5]> =
        rows.iter().map(|row| row.cells().map(|cell| plain(&cell).into_owned())).collect();
    let headings = HEADINGS.map(str::to_owned);
    let widest = |column: usize| {
        cells.iter().chain([&headings]).map(|cells| cells[column].chars().count()).max().unwrap_or(0)
    };
    let [owner, limit, used, maximum, share] = std::array::from_fn(widest);
    // A long name gives way to the share, which is what the rows are about.
    let others = limit + used + maximum + share + 4 * 2;
    let owner = owner.min(width.saturating_sub(others).max(MIN_OWNER_WIDTH));
    let line = |[a, b, c, d, e]: &[String; 5]| {
        let a = cut(a, owner);
        cut(&format!("{a:owner$}  {b:limit$}  {c:>used$}  {d:>maximum$}  {e:>share$}"), width)
    };
    let lines = rows.iter().zip(&cells).map(|(row, cells)| {
        let emphasis = match row.share {
            0..50 => Emphasis::Plain,
            50..90 => Emphasis::Warning,
            _ => Emphasis::Bad,
        };
        Line::styled(line(cells), style(emphasis, model.coloured))
    });
    (line(&headings), lines.collect())
}

fn head(model: &Model, width: usize) -> Vec<Line<'static>> {
    let app = &model.app;
    let overview = overview(app);
    let room = width.saturating_sub(overview.chars().count() + 2);
    let name = cut(&plain(&app.app), room.max(MIN_APP_WIDTH));
    let overview = cut(&overview, width.saturating_sub(name.chars().count() + 2));
    let rates = model.total();
    let sum = |counter: fn(&airssys_wasm::ComponentSnapshot) -> u64| -> u64 {
        app.components.iter().map(counter).sum()
    };
    let totals = format!(
        "in {}/s, out {}/s, {}, {}, {}, {}",
        short(rates.received),
        short(rates.handled),
        memory(app),
        count(sum(|component| component.restarts()), "restart"),
        count(sum(|component| component.denied), "denial"),
        count(sum(|component| component.refused_total()), "refusal"),
    );
    vec![
        Line::from_iter([Span::styled(name, Modifier::BOLD), Span::raw("  "), Span::raw(overview)]),
        Line::raw(cut(&totals, width)),
        Line::raw(cut(&audit(app).unwrap_or_default(), width)),
    ]
}

fn count(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{} {noun}s", short(count as f64)),
    }
}

/// The keys and their meaning, in one line or two.
fn keys(model: &Model, lines: u16, more: usize) -> Vec<Line<'static>> {
    let key = |key: &str| Span::styled(key.to_owned(), Modifier::BOLD);
    let mut general = vec![key("q"), Span::raw(" quit  ")];
    general.extend([
        key("↑↓"),
        Span::raw(if more > 0 { format!(" {more} more  ") } else { " scroll  ".to_owned() }),
    ]);
    let pause = if model.is_paused() { " resume (paused)  " } else { " pause  " };
    general.extend([key("space"), Span::raw(pause)]);
    general.extend([key("+ -"), Span::raw(format!(" every {}  ", seconds(model)))]);
    let other = if model.view == View::Components { " usage  " } else { " tree  " };
    general.extend([key("u"), Span::raw(other)]);
    let mut orders = vec![Span::raw("sort ")];
    for (letter, name, order) in ORDERS {
        let style =
            if order == model.order { Style::new().add_modifier(Modifier::UNDERLINED) } else { Style::new() };
        // The key is shown as a bold letter of the name.
        match name.split_once(letter) {
            Some((before, after)) => orders.extend([
                Span::styled(before, style),
                Span::styled(letter.to_string(), style.add_modifier(Modifier::BOLD)),
                Span::styled(after, style),
            ]),
            None => orders.extend([Span::styled(name, style)]),
        }
        orders.push(Span::raw(" "));
    }
    match lines {
        1 => vec![Line::from_iter(general.into_iter().chain(orders))],
        _ => vec![Line::from(general), Line::from(orders)],
    }
}

fn seconds(model: &Model) -> String {
    format!("{} s", model.interval().as_secs_f64())
}

fn style(emphasis: Emphasis, coloured: bool) -> Style {
    let style = Style::new();
    match emphasis {
        Emphasis::Faded => style.add_modifier(Modifier::DIM),
        _ if !coloured => style,
        Emphasis::Plain => style,
        Emphasis::Good => style.fg(Color::Green),
        Emphasis::Warning => style.fg(Color::Yellow),
        Emphasis::Bad => style.fg(Color::Red),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use airssys_wasm::AppSnapshot;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::model::Order;
    use super::*;
    use crate::tree::tests::app;

    /// The screen as lines of text.
    fn screen(app: AppSnapshot, width: u16, height: u16, order: Order) -> Vec<String> {
        let mut model = Model::new(app, Duration::from_secs(1), true);
        model.order = order;
        drawn(&mut model, width, height)
    }

    fn drawn(model: &mut Model, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, model)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(|y| line(y).trim_end().to_owned()).collect()
    }

    #[test]
    fn eighty_by_twenty_four_shows_the_essential_columns() {
        let lines = screen(app(), 80, 24, Order::Tree);
        assert_eq!(lines[0], "shop  up 1:02, 3 components, 4 instances, 3 in flight, 4 dead letters");
        assert_eq!(lines[1], "in 0/s, out 0/s, 4.2 MiB, 4 restarts, 18 denials, 9 refusals");
        assert_eq!(lines[2], "audit: 1,200 lines written, 7 messages dropped, 0 failures, 3 waiting");
        for title in ["name", "state", "mailbox", "in/s", "out/s", "p99", "memory", "restarts", "denied"] {
            assert!(lines[3].contains(title), "{}", lines[3]);
        }
        assert!(lines[5].starts_with("├ pool ×2  restarting 12/2048"), "{}", lines[5]);
        assert!(lines[11].starts_with("└ feed     stopped"), "{}", lines[11]);
        assert!(
            lines[22].starts_with("q quit  ↑↓ scroll  space pause  + - every 1 s  u usage"),
            "{}",
            lines[22]
        );
        assert!(
            lines[23].starts_with("sort tree name in out mailbox p99 memory restarts denied"),
            "{}",
            lines[23]
        );
    }

    #[test]
    fn limit_usage_is_shown_on_demand() {
        let mut model = Model::new(app(), Duration::from_secs(1), true);
        model.view = View::LimitUsage;
        let lines = drawn(&mut model, 80, 24);
        assert_eq!(lines[3].trim_end(), "component  limit                       used       max  share");
        assert_eq!(lines[4].trim_end(), "parse      messages_burst to pool         9        10   90 %");
        assert_eq!(lines[5].trim_end(), "parse      memory                  32.0 MiB  64.0 MiB   50 %");
        assert!(lines[22].ends_with("u tree"), "{}", lines[22]);
        for line in drawn(&mut model, 40, 24) {
            assert!(line.chars().count() <= 40, "{line}");
        }
    }

    #[test]
    fn long_names_give_way_to_figures() {
        let text = serde_json::to_string(&app()).unwrap();
        let text = text.replace("\"parse\"", "\"payment-provider-gateway-for-northern-europe\"");
        let mut long: AppSnapshot = serde_json::from_str(&text).unwrap();
        long.app = "a-shop-with-a-rather-long-name".to_owned();
        let lines = screen(long.clone(), 80, 24, Order::Tree);
        assert_eq!(
            lines[0],
            "a-shop-with-a-…  up 1:02, 3 components, 4 instances, 3 in flight, 4 dead letters"
        );
        for title in ["name", "state", "mailbox", "in/s", "out/s", "p99", "memory", "restarts", "denied"] {
            assert!(lines[3].contains(title), "{}", lines[3]);
        }
        let is_cut = |line: &String| line.starts_with("├ payment-provi") && line.contains('…');
        assert!(lines.iter().any(is_cut), "{lines:?}");
        let mut model = Model::new(long.clone(), Duration::from_secs(1), true);
        model.view = View::LimitUsage;
        let lines = drawn(&mut model, 80, 24);
        assert!(lines[3].ends_with("share"), "{}", lines[3]);
        assert!(lines[4].starts_with("payment-") && lines[4].ends_with("90 %"), "{}", lines[4]);
        // Where there is room, nothing is cut.
        let wide = screen(long, 200, 24, Order::Tree);
        assert!(wide[0].starts_with("a-shop-with-a-rather-long-name  up"), "{}", wide[0]);
        assert!(wide.iter().any(|line| line.contains("payment-provider-gateway-for-northern-europe ")));
    }

    #[test]
    fn small_screen_shows_the_rows_that_fit() {
        let lines = screen(app(), 60, 9, Order::Tree);
        assert!(lines[7].contains("↑↓ 5 more"), "{}", lines[7]);
        for (width, height) in [(1, 1), (20, 3), (40, 5), (200, 60)] {
            assert_eq!(screen(app(), width, height, Order::Tree).len(), usize::from(height));
        }
    }

    #[test]
    fn order_by_restarts_puts_the_most_restarted_first() {
        let lines = screen(app(), 120, 24, Order::Restarts);
        assert!(lines[4].starts_with("pool ×2"), "{}", lines[4]);
        assert!(!lines.iter().any(|line| line.contains("pool/1")));
    }
}
