//! Line charts of a cost over a count, beside its floors.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::ChartError;
use super::results::Plotted;
use super::theme::{self, BLUE, FAINT, GREY, GRID, Ink, ORANGE, PAGE, TEXT, text};
use super::unit::Unit;

const SIZE: (u32, u32) = (960, 460);
/// The better direction, and the units in words.
const SUBTITLE: &str = "Lower is better. ns: nanoseconds, µs: microseconds.";
/// The width reserved for the names at the ends of the lines.
const NAMES: u32 = 210;
/// The least distance between two names, in pixels.
const APART: i32 = 18;

/// Draws the benches as solid lines, and their floors as dashed grey lines.
pub(crate) fn plot(plotted: &Plotted) -> Result<String, ChartError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&PAGE.color())?;
        draw(&area, plotted)?;
        area.present()?;
    }
    Ok(theme::finished(&svg, plotted.plot.title))
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    plotted: &Plotted,
) -> Result<(), ChartError> {
    area.draw(&Text::new(plotted.plot.title, (16, 14), text(17.0, TEXT)))?;
    area.draw(&Text::new(SUBTITLE, (16, 40), text(12.5, FAINT)))?;
    area.draw(&Text::new(plotted.plot.note, (16, 58), text(12.5, FAINT)))?;
    let counts = plotted.plot.counts;
    let (first, last) = (counts.first().copied().unwrap_or(1), counts.last().copied().unwrap_or(10));
    let highest = plotted.series.iter().flat_map(|(_, points)| points).map(|(_, ns)| *ns).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin_top(92)
        .margin_right(NAMES)
        .margin_bottom(12)
        .margin_left(16)
        .x_label_area_size(46)
        .y_label_area_size(70)
        .build_cartesian_2d((f64::from(first)..f64::from(last) * 1.05).log_scale(), 0.0..highest * 1.12)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.color())
        .axis_style(FAINT.color())
        .label_style(text(12.0, FAINT))
        .axis_desc_style(text(12.5, FAINT))
        .x_desc(plotted.plot.x)
        .y_desc("time per message")
        .x_labels(counts.len() + 1)
        .x_label_formatter(&|count| with_thousands(*count))
        .y_labels(6)
        .y_label_formatter(&|ns| if *ns == 0.0 { "0".to_owned() } else { Unit::Ns.shown_short(*ns) })
        .draw()?;
    let mut ends = Vec::new();
    let (mut own, mut floors) = ([BLUE, ORANGE].into_iter().cycle(), [FAINT, GREY].into_iter().cycle());
    for (series, points) in &plotted.series {
        let ink = if series.is_floor { floors.next() } else { own.next() }.unwrap_or(TEXT);
        let points: Vec<(f64, f64)> = points.iter().map(|(count, ns)| (f64::from(*count), *ns)).collect();
        let style = ink.color().stroke_width(2);
        match series.is_floor {
            true => drop(chart.draw_series(DashedLineSeries::new(points.clone(), 5, 4, style))?),
            false => drop(chart.draw_series(LineSeries::new(points.clone(), style))?),
        }
        let dots = points.iter().map(|point| Circle::new(*point, 3, ink.color().filled()));
        chart.draw_series(dots)?;
        if let Some(end) = points.last() {
            let label = format!("{}: {}", series.name, Unit::Ns.shown(end.1));
            let ink = if series.is_floor { FAINT } else { ink };
            ends.push((chart.backend_coord(end), label, ink));
        }
    }
    names(area, ends)
}

/// Writes names at the ends of their lines, moved apart where they would touch.
fn names(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    mut ends: Vec<((i32, i32), String, Ink)>,
) -> Result<(), ChartError> {
    ends.sort_by_key(|((_, y), ..)| *y);
    let ys = apart(&ends.iter().map(|((_, y), ..)| *y).collect::<Vec<_>>());
    for (((x, _), name, ink), y) in ends.into_iter().zip(ys) {
        let style = text(12.5, ink).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(name, (x + 10, y), style))?;
    }
    Ok(())
}

/// Returns the heights at which no name touches the next. Names move up, because the axis is below.
fn apart(ys: &[i32]) -> Vec<i32> {
    let mut apart: Vec<i32> = Vec::with_capacity(ys.len());
    for y in ys.iter().rev() {
        let below = apart.last().map_or(i32::MAX, |below| below - APART);
        apart.push(below.min(*y));
    }
    apart.reverse();
    apart
}

/// Formats a count, such as `10,000`.
fn with_thousands(count: f64) -> String {
    let digits = format!("{count:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::planted::Planted;
    use super::super::results::Results;
    use super::*;

    #[test]
    fn every_series_is_drawn_with_its_last_point() {
        let planted = Planted::everything();
        for plotted in Results::read(planted.target(), None).unwrap().report(&[]).plots {
            let svg = plot(&plotted).unwrap();
            for (series, points) in &plotted.series {
                let end = format!("{}: {}", series.name, Unit::Ns.shown(points.last().unwrap().1));
                assert!(svg.contains(&end), "{end}");
            }
            assert!(svg.contains(&with_thousands(f64::from(plotted.plot.counts[1]))));
            assert!(svg.contains("Lower is better") && svg.contains("nanoseconds"), "direction and units");
            assert!(svg.contains(plotted.plot.note) && !plotted.plot.note.is_empty());
        }
    }

    #[test]
    fn names_do_not_touch() {
        assert_eq!(apart(&[100, 200, 205, 210]), [100, 174, 192, 210]);
        assert_eq!(apart(&[10, 50]), [10, 50]);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([10.0, 1_000.0, 100_000.0].map(with_thousands), ["10", "1,000", "100,000"]);
    }
}
