//! `airssys run`: starts an app, follows it to its end, and prints the result.

use std::num::NonZero;
use std::time::Duration;

use airssys_message::report::Report;
use airssys_wasm::app::{self, AppEvent, Ended, InputOverride, RunningApp, StartOptions, StartingApp};
use airssys_wasm::manifest::App;
use airssys_wasm::otlp::Otlp;
use airssys_wasm::{CallError, ComponentHost, ensure_threads};

use crate::args::Run;
use crate::building::{self, Building};
use crate::control;
use crate::failure::{Failure, with_causes};
use crate::http;
use crate::output::Output;
use crate::place;
use crate::run_result::RunResult;
use crate::services::{Loaded, backends, load_configured, services};
use crate::signals::{Attention, EndSignal, Signals};
use crate::telemetry;
use crate::terminal::Terminal;
use crate::units::thousands;

/// The interval between two updates of the progress line.
const PROGRESS: Duration = Duration::from_millis(200);

/// The threads of an app beside its workers: for its clocks, its files, its control socket and metrics, and
/// for the process that compiles.
const OTHER_THREADS: usize = 12;

pub(crate) fn run(
    args: &Run,
    terminal: &Terminal,
    output: &Output,
    signals: &Signals,
) -> Result<(), Failure> {
    let Loaded { app: manifest, runtime: config, .. } =
        load_configured(&place::app(&args.app)?, &args.config)?;
    let input = args.input.as_deref().map(|text| InputOverride::parse(text, &manifest));
    let input = input.transpose().map_err(Failure::usage)?;
    // The runtime panics without its threads.
    let threads = ensure_threads(workers().saturating_add(OTHER_THREADS));
    threads.map_err(|error| Failure::run("the app cannot run", error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // While components keep a worker busy, timers and input are looked at every so many polls.
        .event_interval(4)
        // A guest that runs long keeps a thread, also while it waits for its turn.
        .max_blocking_threads(blocking_threads(&manifest))
        .build();
    let runtime = runtime.map_err(|error| Failure::run("the runtime cannot be started", error))?;
    let otlp = telemetry::spans(&manifest);
    let tracer = otlp.as_ref().map(Otlp::tracer);
    let options = StartOptions {
        input,
        tracer,
        services: services(),
        backends: backends(),
        runtime: config,
        stop_timeout: own_stop_timeout(args),
        ..StartOptions::default()
    };
    let attention = signals.attend(most_to_stop(args));
    let ran = runtime.block_on(run_app(args, &manifest, options, terminal, &attention));
    // From here on nothing has to be stopped in order, so a signal ends the program at once. One that
    // came while a complete app was stopped has ended the run too.
    let last = attention.end();
    telemetry::flush(otlp);
    // A thread that reads the standard input cannot be interrupted, so nothing waits for it.
    runtime.shutdown_background();
    let (result, ended) = ran?;
    let ended = ended.and_then(|()| last.map_or(Ok(()), |signal| Err(stopped_by(signal, &manifest))));
    let printed = result.print(args.json, output);
    ended.and(printed)
}

/// Returns the number of workers that the runtime starts.
fn workers() -> usize {
    let chosen = std::env::var("TOKIO_WORKER_THREADS").ok().and_then(|text| text.parse().ok());
    chosen.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get))
}

/// Returns the most threads beside the workers: one for each instance, and tokio's usual number for files.
fn blocking_threads(manifest: &App) -> usize {
    manifest.components.iter().map(|component| component.instances).fold(512, usize::saturating_add)
}

/// Runs an app until it has stopped. Returns its result, and the failure that ended it.
async fn run_app(
    args: &Run,
    manifest: &App,
    options: StartOptions,
    terminal: &Terminal,
    attention: &Attention,
) -> Result<(RunResult, Result<(), Failure>), Failure> {
    let metrics = telemetry::metrics(args, terminal).await?;
    let mut http = http::bind(manifest, terminal).await?;
    let stopped = |signal| stopped_by(signal, manifest);
    let starting = tokio::select! {
        starting = prepare(manifest, options) => starting?,
        signal = attention.received() => return Err(stopped(signal)),
    };
    // Both answer from the first moment on, because a start can take long.
    let _metrics = telemetry::serve(metrics, starting.host())?;
    let _control = control::open(args, starting.host(), terminal)?;
    let names = manifest.components.iter().map(|component| component.name.clone());
    let mut building = Building::new(terminal, &building::folders(manifest)).with_names(names);
    let app = tokio::select! {
        started = starting.start(|event| show_start(terminal, &mut building, &event)) => started.map_err(start_failure)?,
        signal = attention.received() => {
            let (stopped, took) = (stopped(signal), starting.host().uptime());
            stop(starting.host(), args, terminal).await;
            // Those that had started may have handled messages.
            return Ok((RunResult::of(starting.host(), took, None), Err(stopped)));
        }
    };
    // Its thread ends, so that an idle app wakes none.
    drop(building);
    if let Err(failure) = http::serve(&mut http, app.host()) {
        stop(app.host(), args, terminal).await;
        return Err(failure);
    }
    tracing::info!("every component has started");
    let activity = "running";
    let mut ended = tokio::select! {
        ended = follow(&app, activity, terminal) => ended,
        signal = attention.received() => Err(stopped(signal)),
    };
    let took = app.uptime();
    terminal.finish();
    http::drain(&mut http, own_stop_timeout(args), terminal).await;
    // The counters are read before the report is requested, because that request must not count.
    let done = ended.is_ok().then(|| RunResult::of(app.host(), took, None));
    let reporter = manifest.report.as_deref().and_then(|name| app.host().component_snapshot(name));
    let mut requested = std::pin::pin!(app.report());
    let in_time = if ended.is_err() {
        None
    } else {
        tokio::select! {
            report = &mut requested => Some(report),
            signal = attention.received() => {
                ended = Err(stopped(signal));
                None
            }
        }
    };
    let report = match in_time {
        Some(report) => report.map_err(|error| Failure::run("the app's report is missing", error)),
        None => Ok(early_report(requested, args, terminal).await),
    };
    let reporter = reporter.filter(|_| report.as_ref().is_ok_and(Option::is_some));
    stop(app.host(), args, terminal).await;
    // Unless all work was done, the counters are final only now, because the shutdown ends queued messages.
    let mut result = done.unwrap_or_else(|| RunResult::of(app.host(), took, reporter));
    result.report = report.as_ref().ok().cloned().flatten();
    Ok((result, ended.and(report.map(drop))))
}

/// Makes the host of an app on a thread that may block, because it opens files of the app.
async fn prepare(manifest: &App, options: StartOptions) -> Result<StartingApp, Failure> {
    let manifest = manifest.clone();
    let prepared = tokio::task::spawn_blocking(move || StartingApp::new(&manifest, options));
    match prepared.await {
        Ok(starting) => starting.map_err(start_failure),
        Err(error) => Err(Failure::run("the app does not start", error)),
    }
}

/// The report of an app that is stopped early. Its component may have much to do before.
async fn early_report(
    requested: impl Future<Output = Result<Option<Report>, CallError>>,
    args: &Run,
    terminal: &Terminal,
) -> Option<Report> {
    terminal.working("stopping");
    let limit = Duration::from_secs(args.stop_timeout) / 2;
    match tokio::time::timeout(limit, requested).await {
        Ok(Ok(report)) => report,
        Ok(Err(error)) => {
            tracing::warn!("the app's report is missing: {}", with_causes(&error));
            None
        }
        Err(_) => {
            tracing::warn!(
                "the app's report is missing, because it was not made within half of --stop-timeout"
            );
            None
        }
    }
}

/// The end of a run by a signal.
///
/// SIGTERM and SIGHUP are the usual end of a service, an app that runs until it is stopped. An app
/// with `until` has not done its work then.
fn stopped_by(signal: EndSignal, manifest: &App) -> Failure {
    tracing::info!("the app is stopping because of {}", signal.name());
    let is_service = manifest.until.is_none() && signal != EndSignal::Interrupt;
    Failure::Stopped { signal, status: if is_service { 0 } else { signal.status() } }
}

/// The most time that a stop takes: its requests, the report, the components, and a moment to print.
fn most_to_stop(args: &Run) -> Duration {
    2 * Duration::from_secs(args.stop_timeout) + Duration::from_secs(5)
}

/// The time that one component has to stop: half of what all have together, so that one that hangs leaves
/// the others time to stop in order.
fn own_stop_timeout(args: &Run) -> Duration {
    Duration::from_secs(args.stop_timeout) / 2
}

/// Stops the components in order.
async fn stop(host: &ComponentHost, args: &Run, terminal: &Terminal) {
    terminal.working("stopping");
    let stopped = host.shutdown(Duration::from_secs(args.stop_timeout)).await;
    terminal.finish();
    let (seconds, own) = (args.stop_timeout, own_stop_timeout(args).as_secs_f64());
    for late in &stopped.late {
        terminal.line(&format!(
            "warning: {late} was ended because it did not stop in time; a component has {own} s, and all together \
             have {seconds} s (--stop-timeout)"
        ));
    }
}

/// Waits for the end of the run and shows its progress.
async fn follow(app: &RunningApp, activity: &str, terminal: &Terminal) -> Result<(), Failure> {
    let mut ended = std::pin::pin!(app.ended());
    let mut renew = tokio::time::interval(PROGRESS);
    loop {
        tokio::select! {
            ended = &mut ended => return match ended {
                Ended::Done => Ok(()),
                Ended::Failed(error) => Err(Failure::run("the app failed", error)),
            },
            _ = renew.tick(), if terminal.shows_progress() => {
                let handled: u64 = app.component_snapshots().iter().map(|component| component.handled).sum();
                let in_flight = thousands(app.in_flight() as u64);
                terminal.working(format!("{activity}: {} handled, {in_flight} in flight", thousands(handled)));
            }
        }
    }
}

/// Shows a step of the start of an app.
pub(crate) fn show_start(terminal: &Terminal, building: &mut Building, event: &AppEvent) {
    match event {
        AppEvent::Build(event) => building.show(event),
        AppEvent::Loading { component } => building.loading(component),
        AppEvent::Loaded { component } => building.loaded(component),
        AppEvent::Starting { component } => {
            building.end();
            terminal.working(format!("starting {component}"));
        }
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
