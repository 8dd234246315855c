//! The log lines of a component: what its instances log, and what they print.

use std::sync::{Arc, Mutex};

use airssys_rt::LogThrottle;
use airssys_spec::Limits;
use airssys_spec::plain::plain_lines;
use tracing::Level;

use crate::observe::stats::ComponentStats;
use crate::policy::clock::Clock;
use crate::policy::rate::{Bucket, Rate};
use crate::sync::lock;

/// The tracing target of components' log lines.
macro_rules! target {
    () => {
        "airssys::component"
    };
}

/// The log of a component. All its instances share it, over all incarnations.
///
/// Lines beyond `log_lines_per_second` or `log_bytes_per_second` are dropped and counted. The log says
/// so at the first one, then every ten seconds, and at the end of the component.
pub(crate) struct ComponentLog {
    component: Arc<str>,
    clock: Clock,
    lines: Bucket,
    bytes: Bucket,
    stats: Arc<ComponentStats>,
    dropped: Mutex<LogThrottle>,
}

/// The key and value of a limit on the log.
type LogLimit = (&'static str, u64);

impl ComponentLog {
    pub(crate) fn new(
        component: &str,
        limits: &Limits,
        clock: Clock,
        stats: Arc<ComponentStats>,
    ) -> ComponentLog {
        let bucket = |per_second: usize| {
            let per_second = per_second as u64;
            Bucket::new(Rate { per_second, burst: per_second })
        };
        ComponentLog {
            component: Arc::from(component),
            clock,
            lines: bucket(limits.log_lines_per_second),
            bytes: bucket(limits.log_bytes_per_second),
            stats,
            dropped: Mutex::default(),
        }
    }

    /// Writes a line of an instance, or drops it if the component logs too much. Ignores a line whose
    /// level is not enabled.
    ///
    /// The program escapes a line where it writes it. So the bytes of the escaped line count.
    pub(crate) fn write(&self, instance: &str, level: Level, line: &str) {
        if !enabled(level) {
            return;
        }
        let now_ns = self.clock.now_ns();
        let bytes = plain_lines(line).len();
        match self.admit(bytes as u64, now_ns) {
            Ok(()) => {
                self.stats.logged(bytes);
                emit(instance, level, line);
            }
            Err(limit) => {
                self.stats.log_dropped(bytes);
                let due = lock(&self.dropped).pass(now_ns);
                due.into_iter().for_each(|suppressed| self.report(limit, suppressed));
            }
        }
    }

    /// Returns the stats of the component.
    pub(crate) fn stats(&self) -> &ComponentStats {
        &self.stats
    }

    /// Takes the tokens of a line. Returns the limit that it exceeds, if it does.
    fn admit(&self, bytes: u64, now_ns: u64) -> Result<(), LogLimit> {
        let (lines, bytes_rate) = (self.lines.rate().per_second, self.bytes.rate());
        let taken = self.lines.take(1, now_ns).ok_or(("log_lines_per_second", lines))?;
        // A line longer than the burst would never pass.
        if self.bytes.take(bytes.min(bytes_rate.burst), now_ns).is_none() {
            self.lines.put_back(taken);
            return Err(("log_bytes_per_second", bytes_rate.per_second));
        }
        Ok(())
    }

    fn report(&self, (key, limit): LogLimit, suppressed: u64) {
        let component = &*self.component;
        match suppressed {
            0 => tracing::warn!(
                target: target!(), instance = %component,
                "logs more than {key} allows ({limit}), so lines are dropped; log less, or raise {key} \
                 under [limits]"
            ),
            _ => tracing::warn!(
                target: target!(), instance = %component,
                "logs more than {key} allows ({limit}): {suppressed} lines dropped since the last report"
            ),
        }
    }
}

impl Drop for ComponentLog {
    fn drop(&mut self) {
        let dropped = lock(&self.dropped).suppressed();
        if dropped > 0 {
            let component = &*self.component;
            tracing::warn!(
                target: target!(), instance = %component,
                "{dropped} lines of its log were dropped since the last report"
            );
        }
    }
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

fn emit(instance: &str, level: Level, line: &str) {
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
