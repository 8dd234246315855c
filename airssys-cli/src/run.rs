//! `airssys run`: starts an app, follows it to its end, and prints the result.

use std::time::Duration;

use airssys_wasm::app::{self, AppEvent, Ended, InputOverride, RunningApp, StartOptions};
use airssys_wasm::manifest::App;
use airssys_wasm::otlp::Otlp;

use crate::args::Run;
use crate::build;
use crate::control;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::place;
use crate::run_result::RunResult;
use crate::services::{load_app, services};
use crate::telemetry;
use crate::terminal::Terminal;
use crate::units::thousands;

/// The interval between two updates of the progress line.
const PROGRESS: Duration = Duration::from_millis(200);

pub(crate) fn run(args: &Run, terminal: &Terminal, output: &Output) -> Result<(), Failure> {
    let manifest = load_app(&place::app(&args.app)?)?;
    let input = args.input.as_deref().map(|text| InputOverride::parse(text, &manifest));
    let input = input.transpose().map_err(Failure::usage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // While components keep a worker busy, timers and input are looked at every so many polls.
        .event_interval(4)
        .build();
    let runtime = runtime.map_err(|error| Failure::run("the runtime cannot be started", error))?;
    let otlp = telemetry::spans(&manifest);
    let tracer = otlp.as_ref().map(Otlp::tracer);
    let options = StartOptions { input, tracer, services: services(), ..StartOptions::default() };
    let result = runtime.block_on(run_app(args, &manifest, options, terminal, output));
    telemetry::flush(otlp);
    // A thread that reads the standard input cannot be interrupted, so nothing waits for it.
    runtime.shutdown_background();
    result
}

async fn run_app(
    args: &Run,
    manifest: &App,
    options: StartOptions,
    terminal: &Terminal,
    output: &Output,
) -> Result<(), Failure> {
    let metrics = telemetry::metrics(args, terminal).await?;
    let mut interrupt = None;
    let started = app::start(manifest, options, |event| {
        // Before that, Ctrl-C may end the program at once: only builds run, which end by themselves.
        if let AppEvent::Starting { .. } = event {
            interrupt.get_or_insert_with(Interrupt::listen);
        }
        show_start(terminal, &event);
    });
    let app = started.await.map_err(start_failure)?;
    let _metrics = metrics.map(|listener| listener.serve(app.host().clone()));
    let interrupt = interrupt.unwrap_or_else(Interrupt::listen);
    let _control = match control::open(args, &app, terminal) {
        Ok(server) => server,
        Err(failure) => return stop(&app, args, terminal).await.and(Err(failure)),
    };
    let activity = if manifest.until.is_some() { "running" } else { "running until Ctrl-C" };
    let ended = follow(&app, interrupt, activity, terminal).await;
    let took = app.uptime();
    terminal.finish();
    // The counters are read before the report is requested, because that request must not count.
    let done = ended.is_ok().then(|| RunResult::of(&app, took));
    let report = match &ended {
        Ok(()) => app.report().await.map_err(|error| Failure::run("the app's report is missing", error)),
        Err(_) => Ok(None),
    };
    stop(&app, args, terminal).await?;
    // After a failure the counters are final only now, because the shutdown ends queued messages.
    let mut result = done.unwrap_or_else(|| RunResult::of(&app, took));
    result.report = report.as_ref().ok().cloned().flatten();
    let printed = result.print(args.json, output);
    ended.and(report.map(drop)).and(printed)
}

/// Stops the app in order, or at once if Ctrl-C is pressed meanwhile.
async fn stop(app: &RunningApp, args: &Run, terminal: &Terminal) -> Result<(), Failure> {
    terminal.working("stopping");
    let mut again = Interrupt::listen();
    let stopped = tokio::select! {
        stopped = app.shutdown(Duration::from_secs(args.stop_timeout)) => stopped,
        () = again.received() => return Err(Failure::Interrupted),
    };
    terminal.finish();
    for late in &stopped.late {
        let seconds = args.stop_timeout;
        terminal.line(&format!(
            "warning: {late} was ended because it did not stop within {seconds} s; --stop-timeout allows more time"
        ));
    }
    Ok(())
}

/// Waits for the end of the run and shows its progress.
async fn follow(
    app: &RunningApp,
    mut interrupt: Interrupt,
    activity: &str,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let mut ended = std::pin::pin!(app.ended());
    let mut interrupted = std::pin::pin!(interrupt.received());
    let mut renew = tokio::time::interval(PROGRESS);
    loop {
        tokio::select! {
            ended = &mut ended => return match ended {
                Ended::Done => Ok(()),
                Ended::Failed(error) => Err(Failure::run("the app failed", error)),
            },
            () = &mut interrupted => return Err(Failure::Interrupted),
            _ = renew.tick(), if terminal.shows_progress() => {
                let handled: u64 = app.component_snapshots().iter().map(|component| component.handled).sum();
                let in_flight = thousands(app.in_flight() as u64);
                terminal.working(format!("{activity}: {} handled, {in_flight} in flight", thousands(handled)));
            }
        }
    }
}

/// Shows a step of the start of an app.
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
    let message = "the app does not start";
    match error {
        E::Build(error) => Failure::Build(error),
        error @ E::Load { .. } => Failure::misfit(message, error),
        error => Failure::run(message, error),
    }
}
