//! `airssys inspect`.

use std::io::{self, IsTerminal};

use airssys_wasm::AppSnapshot;
use airssys_wasm::control::{Answer, Client, Request};
use anstyle::{AnsiColor, Style};

use crate::args::Inspect;
use crate::control;
use crate::failure::Failure;
use crate::output::print_json;
use crate::plain::plain;
use crate::sheet::{Mood, ONCE, Sheet, mood};
use crate::units::{bytes, counted, thousands, uptime};
use crate::{tables, tree, usage};

const TITLE: Style = Style::new().bold();

/// What came back is the answer to something else.
#[derive(Debug, thiserror::Error)]
#[error("the app answered something else than its state")]
struct Unexpected;

pub(crate) fn inspect(args: &Inspect) -> Result<(), Failure> {
    let app = ask(&mut control::connect(&args.target)?)?;
    if args.target.json {
        return print_json(&app);
    }
    let stdout = io::stdout();
    let width = if stdout.is_terminal() { terminal_size::terminal_size_of(stdout) } else { None };
    print(&app, width.map(|(width, _)| width.0.into()));
    Ok(())
}

/// Asks an app how it is.
pub(crate) fn ask(client: &mut Client) -> Result<AppSnapshot, Failure> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Failure::run("the app did not say how it is", error)
    };
    match client.ask(Request::Snapshot).map_err(|error| failed(error.into()))? {
        Answer::Snapshot(app) => Ok(*app),
        _ => Err(failed(Unexpected.into())),
    }
}

fn print(app: &AppSnapshot, width: Option<usize>) {
    let rows = tree::rows(app);
    let unrated: Vec<_> = rows.iter().map(|row| (row, None)).collect();
    let sheet = Sheet::new(&ONCE, &unrated, width);
    anstream::println!("{TITLE}{}{TITLE:#}  {}, {}", plain(&app.app), summary(app), memory(app));
    usage::audit(app).into_iter().for_each(|audit| anstream::println!("{audit}"));
    anstream::println!();
    anstream::println!("{TITLE}{}{TITLE:#}", sheet.titles().join(&sheet.gap()).trim_end());
    for (index, row) in rows.iter().enumerate() {
        let cells = sheet.row(index).into_iter().zip(&sheet.columns).map(|(cell, column)| {
            let style = style(mood(*column, row));
            format!("{style}{cell}{style:#}")
        });
        anstream::println!("{}", cells.collect::<Vec<_>>().join(&sheet.gap()));
    }
    anstream::println!();
    let mut used = tables::empty(usage::TITLES);
    for row in usage::rows(app) {
        used.add_row(row.cells().map(|cell| plain(&cell).into_owned()));
    }
    (2..usage::TITLES.len()).for_each(|column| tables::align_right(&mut used, column));
    tables::print("Usage", used);
}

/// An app in a line.
pub(crate) fn summary(app: &AppSnapshot) -> String {
    let instances: usize = app.components.iter().map(|component| component.instances.len()).sum();
    format!(
        "up {}, {}, {}, {} in flight, {}",
        uptime(app.uptime_ms),
        counted(app.components.len() as u64, "component"),
        counted(instances as u64, "instance"),
        thousands(app.in_flight as u64),
        counted(app.dead_letters, "dead letter"),
    )
}

/// The memory of all components.
pub(crate) fn memory(app: &AppSnapshot) -> String {
    bytes(app.components.iter().map(|component| component.memory_bytes()).sum())
}

fn style(mood: Mood) -> Style {
    match mood {
        Mood::Plain => Style::new(),
        Mood::Good => AnsiColor::Green.on_default(),
        Mood::Warning => AnsiColor::Yellow.on_default(),
        Mood::Bad => AnsiColor::Red.on_default(),
        Mood::Faded => Style::new().dimmed(),
    }
}
