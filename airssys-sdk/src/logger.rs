//! A logger for the `log` crate that writes to the host's log.

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::host::logging;

struct HostLogger;

impl Log for HostLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        logging::enabled(level(metadata.level()))
    }

    fn log(&self, record: &Record<'_>) {
        let level = level(record.level());
        if !logging::enabled(level) {
            return;
        }
        match record.args().as_str() {
            Some(text) => logging::log(level, text),
            None => logging::log(level, &record.args().to_string()),
        }
    }

    fn flush(&self) {}
}

/// Makes the host's log the logger of this instance.
pub(crate) fn install() {
    // Fails only if the component has set a logger of its own, which then stays.
    if log::set_logger(&HostLogger).is_ok() {
        // The host filters each line, because its levels may change while the instance lives.
        log::set_max_level(LevelFilter::Trace);
    }
}

fn level(level: Level) -> logging::Level {
    match level {
        Level::Error => logging::Level::Error,
        Level::Warn => logging::Level::Warn,
        Level::Info => logging::Level::Info,
        Level::Debug => logging::Level::Debug,
        Level::Trace => logging::Level::Trace,
    }
}
