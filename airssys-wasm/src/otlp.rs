//! Export of spans to an OpenTelemetry collector, configured by the standard variables.
//!
//! Spans are sent only if `OTEL_EXPORTER_OTLP_ENDPOINT` or `…_TRACES_ENDPOINT` is set. They wait in a
//! queue, and a separate thread sends them. A slow or absent collector costs spans, but does not slow
//! the app.

mod shares;
mod span;

use std::env;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};

use crate::observe::trace::MessageTracer;
use shares::{CountingExporter, SharedQueue, Shares};
use span::OtlpTracer;

/// The queue size in spans, unless `OTEL_BSP_MAX_QUEUE_SIZE` is set. A burst of messages makes more
/// spans than the usual 2,048.
const QUEUE: usize = 32_768;

/// An exporter of spans to an OpenTelemetry collector.
#[derive(Debug)]
pub struct Otlp {
    provider: SdkTracerProvider,
    tracer: Arc<OtlpTracer>,
    shares: Arc<Shares>,
}

/// The spans cannot be exported, although an endpoint is set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// The protocol is not supported.
    #[error(
        "{variable} is `{protocol}`, which is not supported; set it to http/protobuf, usually on port 4318"
    )]
    Protocol {
        /// The variable that selects it.
        variable: &'static str,
        /// The value of the variable.
        protocol: String,
    },
    /// The settings are invalid.
    #[error("the OTEL_EXPORTER_OTLP_* settings are invalid")]
    Exporter(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The last spans may not have reached the collector.
#[derive(Debug, thiserror::Error)]
#[error("the last spans may not have reached the collector")]
pub struct NotFlushed(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Otlp {
    /// Makes an exporter from the `OTEL_*` variables. Returns `None` if no endpoint is set, or if
    /// `OTEL_SDK_DISABLED` or `OTEL_TRACES_EXPORTER=none` disables it.
    ///
    /// `service` is the service name unless a variable sets one.
    ///
    /// # Errors
    /// [`OtlpError`] if the settings are invalid.
    pub fn from_env(service: &str) -> Result<Option<Otlp>, OtlpError> {
        let endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
        let disabled = variable("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|exporter| exporter != "otlp");
        if disabled || endpoints.iter().all(|endpoint| variable(endpoint).is_none()) {
            return Ok(None);
        }
        let protocols = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
        let named = protocols.into_iter().find_map(|name| Some((name, variable(name)?)));
        if let Some((variable, protocol)) = named.filter(|(_, protocol)| protocol != "http/protobuf") {
            return Err(OtlpError::Protocol { variable, protocol });
        }
        // Fails if the program has installed a provider itself, which then takes effect.
        drop(rustls::crypto::ring::default_provider().install_default());
        let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build();
        let exporter = exporter.map_err(|error| OtlpError::Exporter(error.into()))?;
        let size = variable("OTEL_BSP_MAX_QUEUE_SIZE").and_then(|size| size.parse().ok()).unwrap_or(QUEUE);
        let batches = BatchConfigBuilder::default().with_max_queue_size(size).build();
        let shares = Shares::new(size);
        let exporter = CountingExporter { exporter, shares: Arc::clone(&shares) };
        let queue = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(service))
            .with_span_processor(SharedQueue { queue, shares: Arc::clone(&shares) })
            .build();
        let tracer = Arc::new(OtlpTracer::new(provider.tracer("airssys")));
        Ok(Some(Otlp { provider, tracer, shares }))
    }

    /// Returns the tracer that makes the spans, for [`StartOptions`](crate::app::StartOptions) or
    /// [`ComponentHost::trace_with`](crate::ComponentHost::trace_with).
    pub fn tracer(&self) -> Arc<dyn MessageTracer> {
        Arc::clone(&self.tracer) as Arc<dyn MessageTracer>
    }

    /// Sends the remaining spans, within `timeout`. Later spans are not sent. Blocks.
    ///
    /// # Errors
    /// [`NotFlushed`] if the collector did not accept all of them in time.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), NotFlushed> {
        let flushed = self.provider.shutdown_with_timeout(timeout);
        let dropped = self.shares.dropped();
        if dropped > 0 {
            tracing::warn!("{dropped} spans were dropped, because the collector took them too slowly");
        }
        flushed.map_err(|error| NotFlushed(error.into()))
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Returns the resource that sends the spans: from the variables, or with this service name.
fn resource(service: &str) -> Resource {
    let attributes = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let is_named =
        attributes.split(',').any(|pair| pair.split('=').next().map(str::trim) == Some("service.name"));
    // In the SDK, the attributes would override `OTEL_SERVICE_NAME`.
    let name = variable("OTEL_SERVICE_NAME").or_else(|| (!is_named).then(|| service.to_owned()));
    Resource::builder().with_attributes(name.map(|name| KeyValue::new("service.name", name))).build()
}
