//! Metrics for Prometheus: a snapshot in its text format, and a server for it.
//!
//! A scrape takes a snapshot of counters that exist anyway, and writes it as text. See ADR 0022.

#[cfg(feature = "metrics")]
mod server;
mod text;

#[cfg(feature = "metrics")]
pub use server::{MetricsError, MetricsListener, MetricsServer};
pub use text::{CONTENT_TYPE, text};
