//! Messages from outside that continue a trace.

use std::time::Duration;

use bytes::Bytes;

use crate::host::ComponentHost;
use crate::host::error::CallError;
use crate::observe::trace::TraceContext;

/// A sender from outside whose messages continue a trace. Made by [`ComponentHost::in_trace`].
#[derive(Clone, Copy)]
pub struct InTrace<'a> {
    host: &'a ComponentHost,
    trace: TraceContext,
}

impl ComponentHost {
    /// Returns a sender whose messages continue this trace, as children of its span.
    ///
    /// ```no_run
    /// # async fn example(host: airssys_wasm::ComponentHost, message: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
    /// let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
    /// host.in_trace(traceparent).send("quake-parse", message).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn in_trace(&self, trace: TraceContext) -> InTrace<'_> {
        InTrace { host: self, trace }
    }
}

impl InTrace<'_> {
    /// As [`ComponentHost::send`].
    ///
    /// # Errors
    /// As there.
    pub async fn send(&self, target: &str, message: impl Into<Bytes>) -> Result<(), CallError> {
        self.host.send_in(target, message.into(), Some(self.trace)).await
    }

    /// As [`ComponentHost::request`].
    ///
    /// # Errors
    /// As there.
    pub async fn request(
        &self,
        target: &str,
        message: impl Into<Bytes>,
        timeout: Duration,
    ) -> Result<Bytes, CallError> {
        self.host.request_in(target, message.into(), timeout, Some(self.trace)).await
    }

    /// As [`ComponentHost::publish`].
    ///
    /// # Errors
    /// As there.
    pub fn publish(&self, topic: &str, message: impl Into<Bytes>) -> Result<u32, CallError> {
        self.host.publish_in(topic, message.into(), Some(self.trace))
    }
}
