//! `airssys inspect`: a snapshot of a running app.

use airssys_wasm::control::{AskError, Client, Snapshot};
use airssys_wasm::{AppSnapshot, StartStep};
use anstyle::{AnsiColor, Style};

use crate::args::Inspect;
use crate::columns::{Emphasis, StatsTable, TOTALS, emphasis};
use crate::failure::Failure;
use crate::output::{Output, Paint};
use crate::plain::plain;
use crate::units::{bytes, counted, thousands, uptime};
use crate::{control, host_costs, limit_usage, memory_costs, service_calls, tables, tree};

const TITLE: Paint = Paint(Style::new().bold());

pub(crate) fn inspect(args: &Inspect, output: &Output) -> Result<(), Failure> {
    let app = control::connect(&args.target)?.ask(Snapshot { resident: true }).map_err(no_snapshot)?;
    if args.target.json {
        return output.json(&app);
    }
    print(&app, output);
    Ok(())
}

/// Asks an app for its snapshot, without the resident memory.
pub(crate) fn ask(client: &mut Client) -> Result<AppSnapshot, AskError> {
    client.ask(Snapshot::default()).map(|app| *app)
}

pub(crate) fn no_snapshot(error: AskError) -> Failure {
    Failure::run("the app sent no snapshot", error)
}

fn print(app: &AppSnapshot, output: &Output) {
    let rows = tree::rows(app);
    let unrated: Vec<_> = rows.iter().map(|row| (row, None)).collect();
    let table = StatsTable::new(&TOTALS, &unrated, output.bounded_width());
    output.line(format!("{TITLE}{}{TITLE:#}  {}, {}", plain(&app.app), overview(app), memory(app)));
    limit_usage::audit(app).into_iter().for_each(|audit| output.line(audit));
    output.line("");
    output.line(format!("{TITLE}{}{TITLE:#}", table.headings().join(&table.gap()).trim_end()));
    for (index, row) in rows.iter().enumerate() {
        let cells = table.row(index).into_iter().zip(&table.columns).map(|(cell, column)| {
            let style = Paint(style(emphasis(*column, row)));
            format!("{style}{cell}{style:#}")
        });
        output.line(cells.collect::<Vec<_>>().join(&table.gap()));
    }
    output.line(format!("\n{}\n", tables::TIMES));
    let usage = limit_usage::most_used(app);
    if !usage.rows.is_empty() {
        tables::print(output, "Limit usage", usage.table());
    }
    output.line(usage.more());
    output.line("");
    tables::print(output, "Memory on the host", memory_costs::table(app));
    if let Some(costs) = host_costs::table(app) {
        output.line("");
        tables::print(output, "Costs to the host", costs);
    }
    if let Some(calls) = service_calls::table(app) {
        output.line("");
        tables::print(output, "Service calls", calls);
    }
}

/// The size, age and load of an app in one line.
pub(crate) fn overview(app: &AppSnapshot) -> String {
    let instances: usize = app.components.iter().map(|component| component.instances.len()).sum();
    let state = match &app.starting {
        None => "up".to_owned(),
        Some(StartStep::Starting(component)) => format!("starting {}, up", plain(component)),
        Some(_) => "loading its components, up".to_owned(),
    };
    format!(
        "{state} {}, {}, {}, {} in flight, {}",
        uptime(app.uptime_ms),
        counted(app.components.len() as u64, "component"),
        counted(instances as u64, "instance"),
        thousands(app.in_flight as u64),
        counted(app.dead_letters, "dead letter"),
    )
}

/// The linear memory of all components together.
pub(crate) fn memory(app: &AppSnapshot) -> String {
    bytes(app.components.iter().map(|component| component.memory_bytes()).sum())
}

fn style(emphasis: Emphasis) -> Style {
    match emphasis {
        Emphasis::Plain => Style::new(),
        Emphasis::Good => AnsiColor::Green.on_default(),
        Emphasis::Warning => AnsiColor::Yellow.on_default(),
        Emphasis::Bad => AnsiColor::Red.on_default(),
        Emphasis::Faded => Style::new().dimmed(),
    }
}
