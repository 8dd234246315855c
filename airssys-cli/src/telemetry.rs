//! What a run tells of itself while it runs: spans to a collector, figures to Prometheus.

use std::net::SocketAddr;
use std::time::Duration;

use airssys_wasm::manifest::App;
use airssys_wasm::metrics::{MetricsError, MetricsListener};
use airssys_wasm::otlp::Otlp;

use crate::args::Run;
use crate::failure::Failure;
use crate::output::with_causes;
use crate::terminal::Terminal;

/// How long the last spans may take.
const FLUSH: Duration = Duration::from_secs(5);

/// Who sends spans to a collector, if the environment asks for that. Settings that make no sense
/// are told, and are no reason not to run.
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

/// Listens for who wants the figures, if the command line asks for that.
pub(crate) async fn metrics(args: &Run, terminal: &Terminal) -> Result<Option<MetricsListener>, Failure> {
    let Some(address) = args.metrics else { return Ok(None) };
    let listener = MetricsListener::bind(address, args.metrics_anywhere).await.map_err(failure)?;
    terminal.line(&format!("metrics at {}", url(listener.address())));
    Ok(Some(listener))
}

fn failure(error: MetricsError) -> Failure {
    match error {
        MetricsError::NotLoopback { .. } => Failure::usage(NotAllowed(error)),
        error => Failure::run("the metrics cannot be handed out", error),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the metrics are for this machine unless --metrics-anywhere says otherwise")]
struct NotAllowed(#[source] MetricsError);

fn url(address: SocketAddr) -> String {
    format!("http://{address}/metrics")
}
