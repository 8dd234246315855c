//! The log lines about a backend that fails.

use std::fmt::Display;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use airssys_rt::{LogThrottle, Suppressed};
use airssys_spec::plain::plain;

use crate::sync::lock;

/// The most bytes of an error in the log. Texts of servers can repeat those of guests.
const MAX_BYTES: usize = 1_024;

/// Writes to the log when a backend begins to fail, and when it works again.
///
/// A guest can cause a failure with each of its calls. So a failure like the last one is not written, and
/// others are written once in ten seconds at most, with the number of those between them.
#[derive(Debug)]
pub struct FailureLog {
    backend: String,
    began: Instant,
    /// True from a failure to the next success.
    fails: AtomicBool,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    throttle: LogThrottle,
    /// The error that was written last, since the last success.
    written: Option<String>,
}

impl FailureLog {
    /// Makes the log of a backend, which is named in its lines.
    pub fn new(backend: impl Into<String>) -> FailureLog {
        let (began, fails, lines) = (Instant::now(), AtomicBool::new(false), Mutex::default());
        FailureLog { backend: backend.into(), began, fails, lines }
    }

    /// Writes a failure as a warning, unless it is like the last one, or follows too soon.
    pub fn failed(&self, error: &dyn Display) {
        if let Some((text, suppressed)) = self.line(error) {
            let backend = &*self.backend;
            tracing::warn!(target: "airssys::backend", backend, "the backend fails: {text}{suppressed}");
        }
    }

    /// Notes a success, and writes that the backend works again if its failure was written.
    pub fn works(&self) {
        if self.recovers() {
            let backend = &*self.backend;
            tracing::info!(target: "airssys::backend", backend, "the backend works again");
        }
    }

    fn line(&self, error: &dyn Display) -> Option<(String, Suppressed)> {
        let text = error.to_string();
        let text = plain(&text[..text.floor_char_boundary(MAX_BYTES)]).into_owned();
        let mut lines = lock(&self.lines);
        self.fails.store(true, Ordering::Relaxed);
        if lines.written.as_ref() == Some(&text) {
            return None;
        }
        let now_ns = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let suppressed = lines.throttle.pass(now_ns)?;
        lines.written = Some(text.clone());
        Some((text, Suppressed(suppressed)))
    }

    fn recovers(&self) -> bool {
        // Read first, because most calls succeed after others that did.
        self.fails.load(Ordering::Relaxed)
            && self.fails.swap(false, Ordering::Relaxed)
            && lock(&self.lines).written.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_written_when_the_state_changes_and_not_for_each_call() {
        let log = FailureLog::new("main");
        assert!(!log.recovers());
        assert_eq!(log.line(&"refused\n").map(|(text, _)| text).as_deref(), Some("refused\\n"));
        assert!((0..1_000).all(|_| log.line(&"refused\n").is_none()));
        // Another reason waits for its time.
        assert!((0..1_000).all(|call| log.line(&format!("reason {call}")).is_none()));
        assert!(log.recovers());
        assert!(!log.recovers());
        // A guest that fails and succeeds in turn does not fill the log.
        for call in 0..1_000 {
            assert!(log.line(&format!("again {call}")).is_none());
            assert!(!log.recovers());
        }
    }

    #[test]
    fn text_of_a_server_is_cut() {
        let (text, _) = FailureLog::new("main").line(&"ü".repeat(4_000)).unwrap();
        assert_eq!(text.len(), MAX_BYTES);
    }
}
