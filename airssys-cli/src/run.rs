//! `airssys run`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use airssys_message::report::Report;
use airssys_wasm::app::{self, AppEvent, Ended, InputOverride, RunningApp, StartOptions};
use airssys_wasm::manifest::{App, AppManifest};
use airssys_wasm::{ComponentSummary, DeadLetterCount};

use crate::args::Run;
use crate::build;
use crate::exit::Failure;
use crate::output::{self, thousands};
use crate::terminal::Terminal;

/// How often the progress is renewed.
const PROGRESS: Duration = Duration::from_millis(200);

pub(crate) fn run(args: &Run, terminal: &Terminal) -> Result<(), Failure> {
    let manifest = AppManifest::load(&args.app)?;
    let input = args.input.as_deref().map(|text| InputOverride::parse(text, &manifest));
    let input = input.transpose().map_err(|error| Failure::Usage(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::run("the runtime cannot be started", error))?;
    let result = runtime.block_on(run_app(args, &manifest, input, terminal));
    // A thread that reads the standard input cannot be interrupted: do not wait for it.
    runtime.shutdown_background();
    result
}

async fn run_app(
    args: &Run,
    manifest: &App,
    input: Option<InputOverride>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let options = StartOptions { input, ..StartOptions::default() };
    let started = app::start(manifest, options, |event| show_start(terminal, &event)).await;
    let app = started.map_err(start_failure)?;
    let began = Instant::now();
    let ended = follow(&app, terminal).await;
    let took = began.elapsed();
    terminal.finish();
    let report = match &ended {
        Ok(()) => app.report().await.map_err(|error| Failure::run("the app's report is missing", error)),
        Err(_) => Ok(None),
    };
    let outcome = Outcome::of(&app, report.as_ref().ok().cloned().flatten(), took);
    let stopped = app.shutdown(Duration::from_secs(args.stop_timeout)).await;
    for late in &stopped.late {
        terminal.line(&format!("warning: {late} did not stop in time and was ended"));
    }
    outcome.print(args.json)?;
    ended.and(report.map(drop))
}

/// Waits until the run has ended, and shows how it is going.
async fn follow(app: &RunningApp, terminal: &Terminal) -> Result<(), Failure> {
    let mut ended = std::pin::pin!(app.ended());
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut renew = tokio::time::interval(PROGRESS);
    loop {
        tokio::select! {
            ended = &mut ended => return match ended {
                Ended::Done => Ok(()),
                Ended::Failed(error) => Err(Failure::run("the app failed", error)),
            },
            _ = &mut interrupted => return Err(Failure::Interrupted),
            _ = renew.tick() => {
                let handled: u64 = app.summaries().iter().map(|component| component.handled).sum();
                let waiting = thousands(app.in_flight() as u64);
                terminal.working(format!("running: {} handled, {waiting} under way", thousands(handled)));
            }
        }
    }
}

pub(crate) fn show_start(terminal: &Terminal, event: &AppEvent) {
    match event {
        AppEvent::Build(event) => build::show(terminal, event),
        AppEvent::Loading { component } => terminal.working(format!("loading {component}")),
        AppEvent::Starting { component } => terminal.working(format!("starting {component}")),
        _ => {}
    }
}

fn start_failure(error: app::StartAppError) -> Failure {
    use app::StartAppError as E;
    let what = "the app does not start";
    match error {
        E::Build(source) => Failure::build(what, source),
        error @ E::Load { .. } => Failure::misfit(what, error),
        error => Failure::run(what, error),
    }
}

/// What came out of a run.
#[derive(serde::Serialize)]
struct Outcome {
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Report>,
    components: Vec<ComponentSummary>,
    dead_letters: Vec<DeadLetterCount>,
    summary: Summary,
}

#[derive(serde::Serialize)]
struct Summary {
    handled: u64,
    refused: u64,
    refused_by_reason: BTreeMap<&'static str, u64>,
    dead_lettered: u64,
    restarts: u64,
    seconds: f64,
}

impl Outcome {
    fn of(app: &RunningApp, report: Option<Report>, took: Duration) -> Outcome {
        let components = app.summaries();
        let sum = |count: fn(&ComponentSummary) -> u64| components.iter().map(count).sum();
        let mut refused_by_reason = BTreeMap::new();
        for (reason, count) in components.iter().flat_map(|component| &component.refused) {
            *refused_by_reason.entry(*reason).or_default() += count;
        }
        let summary = Summary {
            handled: sum(|component| component.handled),
            refused: sum(ComponentSummary::refused_total),
            refused_by_reason,
            dead_lettered: app.dead_letters().total(),
            restarts: sum(|component| component.restarts),
            seconds: took.as_secs_f64(),
        };
        let dead_letters = app.dead_letters().counts();
        Outcome { app: app.name().to_owned(), report, components, dead_letters, summary }
    }

    fn print(&self, json: bool) -> Result<(), Failure> {
        if json {
            let text = serde_json::to_string_pretty(self);
            anstream::println!("{}", text.map_err(|error| Failure::run("the outcome is no JSON", error))?);
            return Ok(());
        }
        for table in self.report.iter().flat_map(|report| &report.tables) {
            output::print_table(&table.title, &output::report_table(table));
        }
        output::print_table("Components", &output::components_table(&self.components));
        if self.summary.refused + self.summary.dead_lettered > 0 {
            let lost = output::lost_table(&self.components, &self.dead_letters);
            output::print_table("Refused and dead-lettered messages", &lost);
        }
        anstream::println!("{}", self.summary.line());
        Ok(())
    }
}

impl Summary {
    fn line(&self) -> String {
        let count = |count, one: &str, many: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{} {many}", thousands(count)),
        };
        format!(
            "{}, {} refused, {}, {}, in {:.2} s",
            count(self.handled, "message handled", "messages handled"),
            thousands(self.refused),
            count(self.dead_lettered, "dead letter", "dead letters"),
            count(self.restarts, "restart", "restarts"),
            self.seconds,
        )
    }
}
