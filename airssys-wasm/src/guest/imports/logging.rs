//! `airssys:component/logging`, which writes to the host's log under the instance's name.

use tracing::Level as TracingLevel;

use crate::contract::logging::{Host, Level};
use crate::guest::component_log;
use crate::guest::context::GuestContext;

impl Host for GuestContext {
    fn log(&mut self, level: Level, message: String) {
        let level = level.into();
        if !component_log::enabled(level) {
            return;
        }
        self.stats().host_call(|| {
            let line = self.log_line(&message);
            self.instance.log.write(&self.instance.identity.instance, level, &line);
        });
    }

    fn enabled(&mut self, level: Level) -> bool {
        self.sampled(|_| component_log::enabled(level.into()))
    }
}

impl From<Level> for TracingLevel {
    fn from(level: Level) -> TracingLevel {
        match level {
            Level::Trace => TracingLevel::TRACE,
            Level::Debug => TracingLevel::DEBUG,
            Level::Info => TracingLevel::INFO,
            Level::Warn => TracingLevel::WARN,
            Level::Error => TracingLevel::ERROR,
        }
    }
}
