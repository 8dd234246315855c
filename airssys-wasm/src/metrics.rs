//! Figures for Prometheus: the text of its exposition format, and a server that hands it out.
//!
//! What is counted is counted anyway; a scrape takes a copy and writes it down. See ADR 0022.

#[cfg(feature = "metrics")]
mod server;
mod text;

#[cfg(feature = "metrics")]
pub use server::{MetricsError, MetricsListener, MetricsServer};
pub use text::{CONTENT_TYPE, text};
