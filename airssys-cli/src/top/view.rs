//! What the screen looks like.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::model::{Model, ORDERS};
use crate::inspect::{memory, summary};
use crate::plain::plain;
use crate::sheet::{LIVE, Mood, Sheet, cut, mood, short};

/// Draws the screen: what the app is as a whole, the rows, and the keys.
pub(super) fn draw(frame: &mut Frame<'_>, model: &mut Model) {
    let keys = if frame.area().width >= 100 { 1 } else { 2 };
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
    let rows = model.rows();
    let borrowed: Vec<_> = rows.iter().map(|(row, rates)| (row, *rates)).collect();
    let sheet = Sheet::new(&LIVE, &borrowed, Some(width));
    let title = format!("{:width$}", sheet.titles().join(&sheet.gap()));
    frame.render_widget(Paragraph::new(title).style(Style::new().add_modifier(Modifier::REVERSED)), titles);
    let shown = (model.from..rows.len()).take(model.room).map(|index| {
        let cells = sheet.row(index).into_iter().zip(&sheet.columns);
        let spans = cells.flat_map(|(cell, column)| {
            let style = style(mood(*column, &rows[index].0), model.coloured);
            [Span::styled(cell, style), Span::raw(sheet.gap())]
        });
        Line::from_iter(spans)
    });
    frame.render_widget(Paragraph::new(shown.collect::<Vec<_>>()), body);
    let more = rows.len().saturating_sub(model.from + model.room);
    frame.render_widget(Paragraph::new(self::keys(model, keys, more)), foot);
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
        Line::raw(""),
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
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &mut model)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(|y| line(y).trim_end().to_owned()).collect()
    }

    #[test]
    fn eighty_by_twenty_four_shows_everything_that_matters() {
        let lines = screen(app(), 80, 24, Order::Tree);
        assert_eq!(lines[0], "shop  up 1:02, 3 components, 4 instances, 3 in flight, 4 dead letters");
        assert_eq!(lines[1], "in 0/s, out 0/s, 4.2 MiB, 4 restarts, 18 denials, 9 refusals");
        for title in ["name", "state", "mailbox", "in/s", "out/s", "p99", "memory", "restarts", "denied"] {
            assert!(lines[3].contains(title), "{}", lines[3]);
        }
        assert!(lines[5].starts_with("├ pool ×2  restarting 12/2048"), "{}", lines[5]);
        assert!(lines[11].starts_with("└ feed     stopped"), "{}", lines[11]);
        assert!(lines[22].starts_with("q quit  ↑↓ scroll  space pause  + - every 1 s"), "{}", lines[22]);
        assert!(
            lines[23].starts_with("sort tree name in out mailbox p99 memory restarts denied"),
            "{}",
            lines[23]
        );
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
