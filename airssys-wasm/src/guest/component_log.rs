//! Log lines of components.

use tracing::Level;

/// The tracing target of components' log lines.
macro_rules! target {
    () => {
        "airssys::component"
    };
}

/// Returns true if lines of this level are written.
pub(crate) fn enabled(level: Level) -> bool {
    match level {
        Level::TRACE => tracing::enabled!(target: target!(), Level::TRACE),
        Level::DEBUG => tracing::enabled!(target: target!(), Level::DEBUG),
        Level::INFO => tracing::enabled!(target: target!(), Level::INFO),
        Level::WARN => tracing::enabled!(target: target!(), Level::WARN),
        _ => tracing::enabled!(target: target!(), Level::ERROR),
    }
}

/// Writes a log line of an instance.
pub(crate) fn write(instance: &str, level: Level, line: &str) {
    match level {
        Level::TRACE => tracing::trace!(target: target!(), %instance, "{line}"),
        Level::DEBUG => tracing::debug!(target: target!(), %instance, "{line}"),
        Level::INFO => tracing::info!(target: target!(), %instance, "{line}"),
        Level::WARN => tracing::warn!(target: target!(), %instance, "{line}"),
        _ => tracing::error!(target: target!(), %instance, "{line}"),
    }
}

/// Returns the beginning of a line that was cut, with a mark that says how much is missing.
pub(crate) fn mark_cut(kept: &str, missing_bytes: usize, limit_bytes: usize) -> String {
    format!("{kept}… ({missing_bytes} bytes more, log_line is {limit_bytes})")
}
