//! The telemetry of a run: spans for a collector, metrics for Prometheus.

use std::net::SocketAddr;
use std::time::Duration;

use airssys_wasm::ComponentHost;
use airssys_wasm::manifest::App;
use airssys_wasm::metrics::{MetricsError, MetricsListener, MetricsServer};
use airssys_wasm::otlp::Otlp;

use crate::args::Run;
use crate::failure::{Failure, with_causes};
use crate::terminal::Terminal;

/// The time limit for sending the last spans.
const FLUSH: Duration = Duration::from_secs(5);

/// Starts the export of spans if the environment asks for it.
///
/// Wrong settings are logged and do not stop the run.
pub(crate) fn spans(app: &App) -> Option<Otlp> {
    let otlp = Otlp::from_env(&app.name);
    otlp.unwrap_or_else(|error| {
        tracing::warn!("no traces are sent: {}", with_causes(&error));
        None
    })
}

/// Sends the last spans.
pub(crate) fn flush(otlp: Option<Otlp>) {
    if let Some(Err(error)) = otlp.map(|otlp| otlp.shutdown(FLUSH)) {
        tracing::warn!("{}", with_causes(&error));
    }
}

/// Opens the port of the metrics if the command line asks for it.
pub(crate) async fn metrics(args: &Run, terminal: &Terminal) -> Result<Option<MetricsListener>, Failure> {
    let Some(address) = args.metrics else { return Ok(None) };
    let listener = MetricsListener::bind(address, args.metrics_anywhere).await.map_err(failure)?;
    terminal.line(&format!("metrics at {}", url(listener.address())));
    Ok(Some(listener))
}

/// Serves the metrics, if their port is open, until the result is dropped.
pub(crate) fn serve(
    listener: Option<MetricsListener>,
    host: &ComponentHost,
) -> Result<Option<MetricsServer>, Failure> {
    listener.map(|listener| listener.serve(host.clone())).transpose().map_err(failure)
}

fn failure(error: MetricsError) -> Failure {
    match error {
        MetricsError::NotLoopback { address } => Failure::usage(NotLoopback { address }),
        error => Failure::run("the metrics cannot be served", error),
    }
}

/// Other machines could read the metrics, which the command line does not allow.
#[derive(Debug, thiserror::Error)]
#[error("`{address}` is not a loopback address; pass `--metrics-anywhere` to serve metrics there")]
struct NotLoopback {
    address: SocketAddr,
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}/metrics")
}
