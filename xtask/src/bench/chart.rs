//! Bar charts of the ratios to the floors.

use std::error::Error;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::results::{Measured, Report, Verdict};
use super::row::Target;
use super::theme::{self, BLUE, FAINT, GREY, GRID, Ink, ORANGE, PAGE, TEXT, text};
use super::unit::Unit;

/// A chart that cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("a chart cannot be drawn")]
pub(crate) struct ChartError(#[source] Box<dyn Error + Send + Sync>);

impl<E: Error + Send + Sync + 'static> From<DrawingAreaErrorKind<E>> for ChartError {
    fn from(error: DrawingAreaErrorKind<E>) -> ChartError {
        ChartError(error.into())
    }
}

/// A bar chart of ratios.
pub(crate) struct Chart {
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    /// The meaning of a ratio, and the better direction.
    subtitle: &'static str,
    /// The unit of the axis, in words.
    axis: &'static str,
    /// True for the sections about airssys, false for the comparisons with other systems.
    ours: bool,
}

/// The ratios to the floors that the same run has measured.
pub(crate) const OURS: Chart = Chart {
    file: "ratios.svg",
    title: "Ratios to the floors of the same run",
    subtitle: "Cost of airssys divided by that of its floor, which does the least that any system must do. Left is better.",
    axis: "times the cost of the floor, on a logarithmic scale",
    ours: true,
};
/// The alternatives to airssys, and airssys itself.
pub(crate) const OTHERS: Chart = Chart {
    file: "versus.svg",
    title: "The same work by other means, beside airssys",
    subtitle: "Time divided by that of airssys. Left is faster; right of 1 is slower than airssys.",
    axis: "times the time of airssys, on a logarithmic scale",
    ours: false,
};

const WIDTH: i32 = 960;
/// The width of the labels.
const LABELS: i32 = 345;
/// The width reserved for the numbers at the end of the longest bar.
const NUMBERS: i32 = 210;
/// The top of the rows: below the legend, or below the subtitle.
const TOP: i32 = 92;
const TOP_WITHOUT_LEGEND: i32 = 66;
/// The middle of the legend.
const LEGEND: i32 = 70;
const ROW: i32 = 24;
const BAR: i32 = 12;
const BOTTOM: i32 = 60;

/// A logarithmic scale from a ratio to a horizontal position.
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    fn of(rows: &[&Measured]) -> Scale {
        let targets = rows.iter().filter_map(|row| target(row));
        let ratios = rows.iter().filter_map(|row| row.ratios.first()).map(|beside| beside.ratio);
        let (least, most) = targets
            .chain(ratios)
            .filter(|ratio| *ratio > 0.0)
            .fold((0.5_f64, 2.0_f64), |(least, most), ratio| (least.min(ratio), most.max(ratio)));
        Scale { least: power_of_two(least.log2().floor()), most }
    }

    fn x(&self, ratio: f64) -> i32 {
        let share = (ratio.max(self.least) / self.least).log2() / (self.most / self.least).log2();
        LABELS + (share * f64::from(WIDTH - LABELS - NUMBERS)).round() as i32
    }

    /// Returns the powers of two, or of a higher base if ticks would stand too close.
    fn ticks(&self) -> Vec<f64> {
        let (first, last) = (self.least.log2() as i32, self.most.log2().floor() as i32);
        let step = usize::try_from((last - first) / 8 + 1).unwrap_or(1);
        // The power 0, which is the ratio 1, is always among them.
        let all = (first..=last).filter(|power| power.rem_euclid(step as i32) == 0);
        all.map(|power| power_of_two(power.into())).collect()
    }
}

fn power_of_two(power: f64) -> f64 {
    power.exp2()
}

impl Chart {
    /// Draws the bars of all rows with a ratio, below the names of their sections. Beside alternatives,
    /// airssys has a bar too: it is the row without a ratio.
    pub(crate) fn draw(&self, report: &Report) -> Result<String, ChartError> {
        let sections: Vec<(&str, Vec<&Measured>)> = report
            .sections
            .iter()
            .filter(|(section, _)| section.ours == self.ours)
            .map(|(section, rows)| {
                (
                    section.title,
                    rows.iter().filter(|row| !self.ours || !row.ratios.is_empty()).collect::<Vec<_>>(),
                )
            })
            .filter(|(_, rows)| !rows.is_empty())
            .collect();
        let rows: Vec<&Measured> = sections.iter().flat_map(|(_, rows)| rows).copied().collect();
        let lines = i32::try_from(rows.len() + sections.len()).unwrap_or(0);
        let top = if self.ours { TOP } else { TOP_WITHOUT_LEGEND };
        let height = top + ROW * lines + BOTTOM;
        let mut svg = String::new();
        {
            let size = (WIDTH as u32, height as u32);
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            area.fill(&PAGE.color())?;
            area.draw(&Text::new(self.title, (16, 14), text(16.0, TEXT)))?;
            area.draw(&Text::new(self.subtitle, (16, 38), text(12.5, FAINT)))?;
            if self.ours {
                legend(&area)?;
            }
            let scale = Scale::of(&rows);
            grid(&area, &scale, top, height)?;
            let style = text(12.0, FAINT).pos(Pos::new(HPos::Center, VPos::Top));
            let middle = (LABELS + WIDTH - NUMBERS) / 2;
            area.draw(&Text::new(self.axis, (middle, height - BOTTOM + 28), style))?;
            let mut y = top + ROW / 2;
            for (title, rows) in sections {
                let style = text(12.5, FAINT).pos(Pos::new(HPos::Left, VPos::Center));
                area.draw(&Text::new(title, (16, y), style))?;
                for row in rows {
                    y += ROW;
                    bar(&area, &scale, row, y)?;
                }
                y += ROW;
            }
            area.present()?;
        }
        Ok(theme::finished(&svg, self.title))
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn legend(area: &Area<'_>) -> Result<(), ChartError> {
    let style = || text(12.0, FAINT).pos(Pos::new(HPos::Left, VPos::Center));
    let mut x = 16;
    for (ink, name) in [(BLUE, "target met"), (ORANGE, "target missed"), (GREY, "no target for the ratio")] {
        area.draw(&Rectangle::new([(x, LEGEND - 6), (x + 12, LEGEND + 6)], ink.color().filled()))?;
        area.draw(&Text::new(name, (x + 18, LEGEND), style()))?;
        x += 40 + 7 * name.len() as i32;
    }
    tick(area, x + 4, LEGEND, TEXT)?;
    Ok(area.draw(&Text::new("target", (x + 14, LEGEND), style()))?)
}

fn grid(area: &Area<'_>, scale: &Scale, top: i32, height: i32) -> Result<(), ChartError> {
    let bottom = height - BOTTOM + 4;
    for ratio in scale.ticks() {
        let x = scale.x(ratio);
        let (ink, width) = if ratio == 1.0 { (FAINT, 2) } else { (GRID, 1) };
        area.draw(&PathElement::new([(x, top - 4), (x, bottom)], ink.color().stroke_width(width)))?;
        let label = Unit::Ratio.shown_short(ratio);
        let style = text(12.0, FAINT).pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(label, (x, bottom + 6), style))?;
    }
    Ok(())
}

/// Draws a row: its bar goes from 1, which is the floor or airssys, to its ratio.
fn bar(area: &Area<'_>, scale: &Scale, row: &Measured, y: i32) -> Result<(), ChartError> {
    let ratio = row.ratios.first().map_or(1.0, |beside| beside.ratio);
    let ink = match row.row.target {
        _ if row.ratios.is_empty() => BLUE,
        Target::Ratio(_) if row.verdict == Verdict::Met => BLUE,
        Target::Ratio(_) => ORANGE,
        _ => GREY,
    };
    let label = text(12.5, TEXT).pos(Pos::new(HPos::Right, VPos::Center));
    area.draw(&Text::new(row.row.name, (LABELS - 14, y), label))?;
    let (floor, end) = (scale.x(1.0), scale.x(ratio));
    // The shortest bar is two pixels wide, to be visible.
    let (left, right) = (floor.min(end), floor.max(end).max(floor.min(end) + 2));
    let corners = [(left, y - BAR / 2), (right, y + BAR / 2)];
    area.draw(&Rectangle::new(corners, ink.color().filled()))?;
    let target = target(row).map(|target| scale.x(target));
    if let Some(x) = target {
        tick(area, x, y, TEXT)?;
    }
    let shown = match row.ratios.first() {
        Some(beside) => format!("{} {}", Unit::Ratio.shown(beside.ratio), beside.to.replace('_', " ")),
        None => format!("1 ×: {}", row.value.unit.shown(row.value.amount)),
    };
    let behind = right.max(target.unwrap_or(0)) + 8;
    let style = text(12.0, TEXT).pos(Pos::new(HPos::Left, VPos::Center));
    Ok(area.draw(&Text::new(shown, (behind, y), style))?)
}

fn tick(area: &Area<'_>, x: i32, y: i32, ink: Ink) -> Result<(), ChartError> {
    let corners = [(x - 1, y - BAR / 2 - 3), (x + 1, y + BAR / 2 + 3)];
    Ok(area.draw(&Rectangle::new(corners, ink.color().filled()))?)
}

fn target(row: &Measured) -> Option<f64> {
    match row.row.target {
        Target::Ratio(most) => Some(most),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::planted::Planted;
    use super::super::results::Results;
    use super::*;

    #[test]
    fn every_ratio_has_its_bar_in_one_chart() {
        let planted = Planted::everything();
        let report = Results::read(planted.target(), None).unwrap().report(&[]);
        for chart in [OURS, OTHERS] {
            let svg = chart.draw(&report).unwrap();
            assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
            assert!(svg.contains("prefers-color-scheme: dark"));
            assert!(svg.contains("Left is") && svg.contains(chart.axis), "direction and unit are in words");
            for (section, rows) in &report.sections {
                for row in rows {
                    let is_bar = section.ours == chart.ours && (!chart.ours || !row.ratios.is_empty());
                    // Rows with the same name are told apart by the rows above them.
                    let is_drawn = svg.contains(&format!("{}\n", row.row.name));
                    assert!(is_drawn == is_bar || row.row.name.starts_with("the same"), "{}", row.row.name);
                }
            }
        }
    }

    #[test]
    fn the_scale_doubles_in_equal_steps() {
        let scale = Scale { least: 0.5, most: 8.0 };
        assert_eq!(scale.ticks(), [0.5, 1.0, 2.0, 4.0, 8.0]);
        let steps = [(0.5, 1.0), (1.0, 2.0), (2.0, 4.0)].map(|(from, to)| scale.x(to) - scale.x(from));
        assert!(steps.iter().all(|step| step.abs_diff(steps[0]) <= 1), "{steps:?}");
        assert_eq!(scale.x(0.5), LABELS);
        let wide = Scale { least: 0.25, most: 5_000.0 };
        assert!(wide.ticks().contains(&1.0) && wide.ticks().len() <= 9, "{:?}", wide.ticks());
    }
}
