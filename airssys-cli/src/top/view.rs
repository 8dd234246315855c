//! What the screen looks like.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::model::{Model, ORDERS, View};
use crate::inspect::{memory, summary};
use crate::plain::plain;
use crate::sheet::{LIVE, Mood, Sheet, cut, mood};
use crate::units::short;
use crate::usage::{TITLES, audit};

/// Draws the screen: what the app is as a whole, the rows, and the keys.
pub(super) fn draw(frame: &mut Frame<'_>, model: &mut Model) {
    let keys = if frame.area().width >= 115 { 1 } else { 2 };
    let [head, titles, body, foot] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(keys),
    ])
    .areas(frame.area());
    model.room = body.height.into();
    model.scroll(0);

    let width = usize::from(body.width);
    frame.render_widget(Paragraph::new(self::head(model, width)), head);
    let (title, lines) = match model.view {
        View::Rows => self::rows(model, width),
        View::Usage => self::usage(model, width),
    };
    let title = format!("{title:width$}");
    frame.render_widget(Paragraph::new(title).style(Style::new().add_modifier(Modifier::REVERSED)), titles);
    let more = lines.len().saturating_sub(model.from + model.room);
    let shown: Vec<_> = lines.into_iter().skip(model.from).take(model.room).collect();
    frame.render_widget(Paragraph::new(shown), body);
    frame.render_widget(Paragraph::new(self::keys(model, keys, more)), foot);
}

/// The titles of the rows, and the rows.
fn rows(model: &Model, width: usize) -> (String, Vec<Line<'static>>) {
    let rows = model.rows();
    let borrowed: Vec<_> = rows.iter().map(|(row, rates)| (row, *rates)).collect();
    let sheet = Sheet::new(&LIVE, &borrowed, Some(width));
    let lines = (0..rows.len()).map(|index| {
        let cells = sheet.row(index).into_iter().zip(&sheet.columns);
        let spans = cells.flat_map(|(cell, column)| {
            let style = style(mood(*column, &rows[index].0), model.coloured);
            [Span::styled(cell, style), Span::raw(sheet.gap())]
        });
        Line::from_iter(spans)
    });
    (sheet.titles().join(&sheet.gap()), lines.collect())
}

/// The titles of what is used of limits, and that.
fn usage(model: &Model, width: usize) -> (String, Vec<Line<'static>>) {
    let rows = model.usage();
    let cells: Vec<[String; 5]> =
        rows.iter().map(|row| row.cells().map(|cell| plain(&cell).into_owned())).collect();
    let titles = TITLES.map(str::to_owned);
    let widest = |column: usize| {
        cells.iter().chain([&titles]).map(|cells| cells[column].chars().count()).max().unwrap_or(0)
    };
    let [who, limit, used, most, share] = std::array::from_fn(widest);
    let line = |[a, b, c, d, e]: &[String; 5]| {
        cut(&format!("{a:who$}  {b:limit$}  {c:>used$}  {d:>most$}  {e:>share$}"), width)
    };
    let lines = rows.iter().zip(&cells).map(|(row, cells)| {
        let mood = match row.share {
            0..50 => Mood::Plain,
            50..90 => Mood::Warning,
            _ => Mood::Bad,
        };
        Line::styled(line(cells), style(mood, model.coloured))
    });
    (line(&titles), lines.collect())
}

fn head(model: &Model, width: usize) -> Vec<Line<'static>> {
    let app = &model.app;
    let name = plain(&app.app).into_owned();
    let summary = cut(&summary(app), width.saturating_sub(name.chars().count() + 2));
    let rates = model.total();
    let sum = |figure: fn(&airssys_wasm::ComponentSnapshot) -> u64| -> u64 {
        app.components.iter().map(figure).sum()
    };
    let figures = format!(
        "in {}/s, out {}/s, {}, {}, {}, {}",
        short(rates.received),
        short(rates.handled),
        memory(app),
        count(sum(|component| component.restarts()), "restart"),
        count(sum(|component| component.denied), "denial"),
        count(sum(|component| component.refused_total()), "refusal"),
    );
    vec![
        Line::from_iter([Span::styled(name, Modifier::BOLD), Span::raw("  "), Span::raw(summary)]),
        Line::raw(cut(&figures, width)),
        Line::raw(cut(&audit(app).unwrap_or_default(), width)),
    ]
}

fn count(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{} {what}s", short(count as f64)),
    }
}

/// The keys, in one line or two.
fn keys(model: &Model, lines: u16, more: usize) -> Vec<Line<'static>> {
    let key = |key: &str| Span::styled(key.to_owned(), Modifier::BOLD);
    let mut general = vec![key("q"), Span::raw(" quit  ")];
    general.extend([
        key("↑↓"),
        Span::raw(if more > 0 { format!(" {more} more  ") } else { " scroll  ".to_owned() }),
    ]);
    let pause = if model.is_paused() { " go on (paused)  " } else { " pause  " };
    general.extend([key("space"), Span::raw(pause)]);
    general.extend([key("+ -"), Span::raw(format!(" every {}  ", seconds(model)))]);
    let other = if model.view == View::Rows { " usage  " } else { " tree  " };
    general.extend([key("u"), Span::raw(other)]);
    let mut orders = vec![Span::raw("sort ")];
    for (letter, name, order) in ORDERS {
        let style =
            if order == model.order { Style::new().add_modifier(Modifier::UNDERLINED) } else { Style::new() };
        // The letter within the name, where it is in it.
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

fn style(mood: Mood, coloured: bool) -> Style {
    let style = Style::new();
    match mood {
        Mood::Faded => style.add_modifier(Modifier::DIM),
        _ if !coloured => style,
        Mood::Plain => style,
        Mood::Good => style.fg(Color::Green),
        Mood::Warning => style.fg(Color::Yellow),
        Mood::Bad => style.fg(Color::Red),
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
    fn eighty_by_twenty_four_shows_everything_that_matters() {
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
    fn what_is_used_of_limits_is_shown_on_demand() {
        let mut model = Model::new(app(), Duration::from_secs(1), true);
        model.view = View::Usage;
        let lines = drawn(&mut model, 80, 24);
        assert_eq!(lines[3].trim_end(), "component  limit                       used        of  share");
        assert_eq!(lines[4].trim_end(), "parse      messages_burst to pool         9        10   90 %");
        assert_eq!(lines[5].trim_end(), "parse      memory                  32.0 MiB  64.0 MiB   50 %");
        assert!(lines[22].ends_with("u tree"), "{}", lines[22]);
        for line in drawn(&mut model, 40, 24) {
            assert!(line.chars().count() <= 40, "{line}");
        }
    }

    #[test]
    fn a_screen_that_is_too_small_shows_what_fits() {
        let lines = screen(app(), 60, 9, Order::Tree);
        assert!(lines[7].contains("↑↓ 5 more"), "{}", lines[7]);
        for (width, height) in [(1, 1), (20, 3), (40, 5), (200, 60)] {
            assert_eq!(screen(app(), width, height, Order::Tree).len(), usize::from(height));
        }
    }

    #[test]
    fn the_most_restarted_come_first_where_that_is_the_order() {
        let lines = screen(app(), 120, 24, Order::Restarts);
        assert!(lines[4].starts_with("pool ×2"), "{}", lines[4]);
        assert!(!lines.iter().any(|line| line.contains("pool/1")));
    }
}
