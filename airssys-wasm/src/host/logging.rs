//! `airssys:component/logging`: a component's log is the host's, under the instance's name.

use tracing::Level as TracingLevel;

use super::GuestContext;
use crate::bindings::logging::{Host, Level};

/// What components log has this target.
macro_rules! target {
    () => {
        "airssys::component"
    };
}
pub(crate) use target;

impl Host for GuestContext {
    fn log(&mut self, level: Level, message: String) {
        self.meter.pause(|| write(self, level, &message));
    }

    fn enabled(&mut self, level: Level) -> bool {
        match level {
            Level::Trace => tracing::enabled!(target: target!(), TracingLevel::TRACE),
            Level::Debug => tracing::enabled!(target: target!(), TracingLevel::DEBUG),
            Level::Info => tracing::enabled!(target: target!(), TracingLevel::INFO),
            Level::Warn => tracing::enabled!(target: target!(), TracingLevel::WARN),
            Level::Error => tracing::enabled!(target: target!(), TracingLevel::ERROR),
        }
    }
}

fn write(guest: &GuestContext, level: Level, message: &str) {
    let (instance, line) = (&guest.identity.instance, guest.log_line(message));
    match level {
        Level::Trace => tracing::trace!(target: target!(), %instance, "{line}"),
        Level::Debug => tracing::debug!(target: target!(), %instance, "{line}"),
        Level::Info => tracing::info!(target: target!(), %instance, "{line}"),
        Level::Warn => tracing::warn!(target: target!(), %instance, "{line}"),
        Level::Error => tracing::error!(target: target!(), %instance, "{line}"),
    }
}
