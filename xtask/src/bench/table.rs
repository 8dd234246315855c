//! The table for the terminal, as Markdown and as JSON.

use serde_json::{Value as Json, json};

use super::machine::Setting;
use super::results::{Beside, Measured, Report, Verdict};
use super::row::{Row, Target};
use super::unit::Unit;

/// Formats the table for the terminal.
pub(crate) fn plain(report: &Report) -> String {
    let heading = ["", "median", "ratio", "target", ""].map(str::to_owned);
    let rows = report.sections.iter().flat_map(|(_, rows)| rows).map(|row| {
        let median = row.value.unit.shown(row.value.amount);
        [
            row.row.name.to_owned(),
            median,
            ratios(&row.ratios, ""),
            target(row),
            verdict(row.verdict).to_owned(),
        ]
    });
    let rows: Vec<[String; 5]> = std::iter::once(heading.clone()).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let [name, median, ratio, target, verdict] = row;
        let [w0, w1, w2, w3, _] = widths;
        let line = format!("{name:<w0$}  {median:>w1$}  {ratio:<w2$}  {target:<w3$}  {verdict}");
        line.trim_end().to_owned() + "\n"
    };
    let mut text = line(&heading);
    let mut left = rows.iter().skip(1);
    for (section, rows) in &report.sections {
        text += &format!("\n{}\n", section.title);
        left.by_ref().take(rows.len()).for_each(|row| text += &line(row));
    }
    text + &absent(report).map(|line| format!("\n{line}\n")).unwrap_or_default()
}

/// Formats the table as Markdown.
pub(crate) fn markdown(report: &Report, setting: &Setting, images: &[(String, String)]) -> String {
    let mut text = format!(
        "# Costs of messages between components, measured\n\n\
         Written by `cargo xtask bench`: do not edit. The table shows medians with their 95 % \
         confidence intervals. A ratio compares a row with a floor of the same run, so it stays valid \
         when nanoseconds drift with the machine.\n\n\
         {}; rustc {}, wasmtime {}{}.\n",
        setting.machine,
        setting.rustc,
        setting.wasmtime,
        setting.commit.as_ref().map(|commit| format!(", commit {commit}")).unwrap_or_default()
    );
    for (title, file) in images {
        text += &format!("\n![{title}]({file})\n");
    }
    for (section, rows) in &report.sections {
        text += &format!("\n## {}\n\n", section.title);
        text += "| row | median | ratio | target | | bench |\n|---|---|---|---|---|---|\n";
        for row in rows {
            text += &format!(
                "| {} | {} | {} | {} | {} | `{}` |\n",
                row.row.name,
                median(row),
                ratios(&row.ratios, "`"),
                target(row),
                verdict(row.verdict),
                row.row.value.id()
            );
        }
    }
    text + &absent(report).map(|line| format!("\n{line}\n")).unwrap_or_default()
}

/// Returns the table as JSON.
pub(crate) fn json(report: &Report, setting: &Setting) -> Json {
    let rows = report.sections.iter().flat_map(|(section, rows)| {
        rows.iter().map(|row| {
            let ratios: serde_json::Map<String, Json> =
                row.ratios.iter().map(|beside| (beside.to.clone(), json!(beside.ratio))).collect();
            json!({
                "section": section.title,
                "what": row.row.name,
                "bench": row.row.value.id(),
                "value": row.value.amount,
                "unit": row.value.unit.name(),
                "interval": row.value.interval.map(|(lower, upper)| [lower, upper]),
                "ratios": ratios,
                "target": target_json(row.row.target),
                "met": match row.verdict {
                    Verdict::Met => Some(true),
                    Verdict::Missed => Some(false),
                    Verdict::NoTarget => None,
                },
            })
        })
    });
    let rows: Vec<Json> = rows.collect();
    let plots: Vec<Json> = report
        .plots
        .iter()
        .flat_map(|plotted| {
            plotted.series.iter().map(|(series, points)| {
                let name = series.name;
                json!({ "plot": plotted.plot.file, "series": name, "bench": series.id, "points_ns": points })
            })
        })
        .collect();
    json!({
        "machine": setting.machine.to_string(),
        "rustc": setting.rustc,
        "wasmtime": setting.wasmtime,
        "commit": setting.commit,
        "rows": rows,
        "plots": plots,
    })
}

fn target_json(target: Target) -> Json {
    match target {
        Target::Report => Json::Null,
        Target::Ratio(most) => json!({ "ratio_at_most": most }),
        Target::AtMost(most) => json!({ "at_most": most }),
        Target::AtLeast(least) => json!({ "at_least": least }),
    }
}

/// Formats a median with its interval: `224 ns (221–229)`.
fn median(row: &Measured) -> String {
    let unit = &row.value.unit;
    let shown = unit.shown(row.value.amount);
    let Some((lower, upper)) = row.value.interval else { return shown };
    let (lower, upper) = (unit.shown(lower), unit.shown(upper));
    let number = |text: &str| {
        text.split_once(' ')
            .map_or((text.to_owned(), String::new()), |(number, unit)| (number.to_owned(), unit.to_owned()))
    };
    let units = [&shown, &lower, &upper].map(|text| number(text).1);
    match units.iter().all(|unit| *unit == units[0]) {
        true => format!("{shown} ({}–{})", number(&lower).0, number(&upper).0),
        false => format!("{shown} ({lower} – {upper})"),
    }
}

/// Formats the ratios, each with the name of its other side.
fn ratios(ratios: &[Beside], quote: &str) -> String {
    let shown =
        ratios.iter().map(|Beside { ratio, to }| format!("{} {quote}{to}{quote}", Unit::Ratio.shown(*ratio)));
    match ratios {
        [] => "–".to_owned(),
        _ => shown.collect::<Vec<_>>().join(", "),
    }
}

fn target(row: &Measured) -> String {
    match row.row.target {
        Target::Report => "–".to_owned(),
        Target::Ratio(most) => format!("≤ {}", Unit::Ratio.shown_short(most)),
        Target::AtMost(most) => format!("≤ {}", row.value.unit.shown_short(most)),
        Target::AtLeast(least) => format!("≥ {}", row.value.unit.shown_short(least)),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::Missed => "missed",
        Verdict::NoTarget => "–",
    }
}

/// Names the rows that were not measured, each with the reason.
fn absent(report: &Report) -> Option<String> {
    let one =
        |row: &&Row| format!("{} (`{}` needs {})", row.name, row.value.id(), row.needs.unwrap_or_default());
    let rows: Vec<String> = report.absent.iter().map(one).collect();
    (!rows.is_empty()).then(|| format!("Not measured here: {}.", rows.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::machine::Machine;
    use super::super::planted::Planted;
    use super::super::results::Results;
    use super::*;

    fn setting() -> Setting {
        let [rustc, wasmtime, commit] = ["1.95.0", "48.0.1", "abc1234"].map(str::to_owned);
        let commit = Some(commit);
        Setting { machine: Machine::new("AMD EPYC", 2), rustc, wasmtime, commit }
    }

    /// A table with a target met, one missed, a row without a target, and an absent row.
    fn report() -> Report {
        let planted = Planted::new();
        planted.time("routing/send", 211.4, None);
        planted.time("routing/floor_component_call", 166.0, None);
        planted.time("publish/100_subscribers", 31_000.0, None);
        planted.time("publish/floor_component_call", 16_000.0, None);
        planted.time("publish/floor_tokio_mpsc", 10_000.0, None);
        planted.time("publish/100_subscribers_one_at_a_time", 1_000.0, None);
        planted.time("languages/rust", 7_000.0, None);
        planted.time("languages/python", 70_000.0, None);
        planted.time("languages/floor_component_call", 166.0, None);
        let only = ["routing", "publish", "languages"].map(str::to_owned);
        Results::read(planted.target(), None).unwrap().report(&only)
    }

    #[test]
    fn the_markdown_has_every_row_and_the_absent_ones() {
        let images = [("Ratios".to_owned(), "ratios.svg".to_owned())];
        let expected = "\
# Costs of messages between components, measured

Written by `cargo xtask bench`: do not edit. The table shows medians with their 95 % confidence intervals. \
A ratio compares a row with a floor of the same run, so it stays valid when nanoseconds drift with the machine.

AMD EPYC, 2 cores; rustc 1.95.0, wasmtime 48.0.1, commit abc1234.

![Ratios](ratios.svg)

## Messages

| row | median | ratio | target | | bench |
|---|---|---|---|---|---|
| routing alone | 211 ns (190–233) | 1.27 × `component_call` | ≤ 1.3 × | met | `routing/send` |
| publish to 100 subscribers, all handled | 31.0 µs (27.9–34.1) | 1.94 × `component_call`, 3.10 × `tokio_mpsc` | ≤ 30 µs | missed | `publish/100_subscribers` |
| the same, one publication at a time | 1.00 µs (900 ns – 1.10 µs) | 0.0625 × `component_call` | – | – | `publish/100_subscribers_one_at_a_time` |

## Languages

| row | median | ratio | target | | bench |
|---|---|---|---|---|---|
| one message to Rust, from outside | 7.00 µs (6.30–7.70) | 42.2 × `component_call` | – | – | `languages/rust` |
| one message to Python, from outside | 70.0 µs (63.0–77.0) | 422 × `component_call` | – | – | `languages/python` |

Not measured here: one message to JavaScript, from outside (`languages/javascript` needs Node.js with npm).
";
        assert_eq!(markdown(&report(), &setting(), &images), expected);
    }

    #[test]
    fn the_terminal_shows_aligned_columns() {
        let expected = "
                                          median  ratio                                      target
\x20
Messages
routing alone                             211 ns  1.27 × component_call                      ≤ 1.3 ×  met
publish to 100 subscribers, all handled  31.0 µs  1.94 × component_call, 3.10 × tokio_mpsc   ≤ 30 µs  missed
the same, one publication at a time      1.00 µs  0.0625 × component_call                    –        –
";
        let shown = plain(&report());
        for line in expected.lines().skip(1).filter(|line| !line.trim().is_empty()) {
            assert!(
                shown.lines().any(|own| own.split_whitespace().eq(line.split_whitespace())),
                "{line}\n{shown}"
            );
        }
        let column = |name: &str| {
            let line = shown.lines().find(|line| line.contains(name)).unwrap();
            line[..line.find(name).unwrap()].chars().count()
        };
        assert_eq!(column("met"), column("missed"));
        assert_eq!(column("1.27 ×"), column("1.94 ×"));
    }

    #[test]
    fn the_json_has_plain_numbers() {
        let json = json(&report(), &setting());
        let row = &json["rows"][0];
        assert_eq!((row["bench"].as_str(), row["value"].as_f64()), (Some("routing/send"), Some(211.4)));
        assert_eq!((row["unit"].as_str(), row["met"].as_bool()), (Some("ns"), Some(true)));
        assert_eq!(row["target"]["ratio_at_most"].as_f64(), Some(1.3));
        let ratio = row["ratios"]["component_call"].as_f64().unwrap();
        assert!((ratio - 211.4 / 166.0).abs() < 1e-9);
        assert!(json["rows"][2]["met"].is_null());
    }
}
