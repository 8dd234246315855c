//! Spans to an OpenTelemetry collector, as the standard variables say.
//!
//! Nothing is sent unless `OTEL_EXPORTER_OTLP_ENDPOINT`, or `…_TRACES_ENDPOINT`, is set. Spans are
//! queued, and sent by a thread of their own: a collector that is slow or away costs spans, and
//! nothing else.

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
use span::OtlpTracer;

/// Spans that may wait to be sent, unless `OTEL_BSP_MAX_QUEUE_SIZE` says otherwise. A burst of
/// messages makes more of them than the 2,048 that are usual.
const QUEUE: usize = 32_768;

/// Sends spans to an OpenTelemetry collector.
#[derive(Debug)]
pub struct Otlp {
    provider: SdkTracerProvider,
    tracer: Arc<OtlpTracer>,
}

/// Why no spans are sent, although an endpoint is set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// The protocol is not one that is spoken here.
    #[error("{variable} is `{protocol}`: only http/protobuf is spoken, to port 4318 as a rule")]
    Protocol {
        /// The variable that names it.
        variable: &'static str,
        /// What it says.
        protocol: String,
    },
    /// The settings make no exporter.
    #[error("the OTEL_EXPORTER_OTLP_* settings make no exporter")]
    Exporter(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why some spans may not have reached the collector.
#[derive(Debug, thiserror::Error)]
#[error("the last spans may not have reached the collector")]
pub struct NotFlushed(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Otlp {
    /// An exporter as the `OTEL_*` variables say; none if no endpoint is set, or they say that
    /// there is to be none (`OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER=none`).
    ///
    /// `service` is the service's name if the variables give it none.
    ///
    /// # Errors
    /// [`OtlpError`] if the settings make no exporter.
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
        // Fails where the program has chosen one itself, which is then what counts.
        drop(rustls::crypto::ring::default_provider().install_default());
        let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build();
        let exporter = exporter.map_err(|error| OtlpError::Exporter(error.into()))?;
        let mut batches = BatchConfigBuilder::default();
        if variable("OTEL_BSP_MAX_QUEUE_SIZE").is_none() {
            batches = batches.with_max_queue_size(QUEUE);
        }
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches.build()).build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(service))
            .with_span_processor(processor)
            .build();
        let tracer = Arc::new(OtlpTracer::new(provider.tracer("airssys")));
        Ok(Some(Otlp { provider, tracer }))
    }

    /// What makes the spans: for [`StartOptions`](crate::app::StartOptions), or
    /// [`ComponentHost::trace_with`](crate::ComponentHost::trace_with).
    pub fn tracer(&self) -> Arc<dyn MessageTracer> {
        Arc::clone(&self.tracer) as Arc<dyn MessageTracer>
    }

    /// Sends what is left, within `timeout`. Nothing is sent afterwards. Blocks.
    ///
    /// # Errors
    /// [`NotFlushed`] if the collector did not take all of it in time.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), NotFlushed> {
        self.provider.shutdown_with_timeout(timeout).map_err(|error| NotFlushed(error.into()))
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Who sends the spans: by the variables, and by what is known here where they say nothing.
fn resource(service: &str) -> Resource {
    let attributes = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let is_named =
        attributes.split(',').any(|pair| pair.split('=').next().map(str::trim) == Some("service.name"));
    // The SDK lets the attributes go before the variable that is there for the name.
    let name = variable("OTEL_SERVICE_NAME").or_else(|| (!is_named).then(|| service.to_owned()));
    Resource::builder().with_attributes(name.map(|name| KeyValue::new("service.name", name))).build()
}
