//! Throttled log lines about a component that guests can cause as often as they like.

use std::sync::Mutex;

use airssys_rt::{LogThrottle, Suppressed};

use crate::policy::clock::Clock;
use crate::sync::lock;

/// A kind of log line about a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Warning {
    /// Its requests waited for themselves, and timed out.
    Deadlock,
    /// Its batch handler does not show its progress.
    NoProgress,
    /// A message of it will be handled again.
    Postponed,
}

/// The throttles of one component's lines. All its instances share them, and no other component does.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    clock: Clock,
    deadlock: Mutex<LogThrottle>,
    no_progress: Mutex<LogThrottle>,
    postponed: Mutex<LogThrottle>,
}

impl Warnings {
    /// Returns the end of the line to log. Returns `None` if the line is suppressed.
    pub(crate) fn pass(&self, warning: Warning) -> Option<Suppressed> {
        let now = self.clock.now_ns();
        lock(self.throttle(warning)).pass(now).map(Suppressed)
    }

    /// Logs and forgets the numbers of suppressed lines.
    pub(crate) fn log_suppressed(&self, component: &str) {
        for warning in [Warning::Deadlock, Warning::NoProgress, Warning::Postponed] {
            let count = std::mem::take(&mut *lock(self.throttle(warning))).suppressed();
            match warning {
                _ if count == 0 => {}
                Warning::Deadlock => tracing::warn!(
                    target: "airssys::deadlock", component, "{count} more deadlocks since the last line"
                ),
                Warning::NoProgress => tracing::warn!(
                    component,
                    "`batch-handler` did not show its progress {count} times more since the last line"
                ),
                Warning::Postponed => {
                    tracing::info!(component, "{count} more messages to be handled again since the last line")
                }
            }
        }
    }

    fn throttle(&self, warning: Warning) -> &Mutex<LogThrottle> {
        match warning {
            Warning::Deadlock => &self.deadlock,
            Warning::NoProgress => &self.no_progress,
            Warning::Postponed => &self.postponed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::observe::stats::ComponentStats;

    #[tokio::test(start_paused = true)]
    async fn lines_are_throttled_for_each_component_and_kind() {
        let (a, b) = (Warnings::default(), Warnings::default());
        let first = Some(Suppressed(0));
        assert_eq!(a.pass(Warning::Deadlock), first);
        assert_eq!(b.pass(Warning::Deadlock), first);
        assert_eq!(a.pass(Warning::NoProgress), first);
        assert!((0..9).all(|_| a.pass(Warning::Deadlock).is_none()));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(b.pass(Warning::Deadlock), first);
        let next = a.pass(Warning::Deadlock).unwrap();
        assert_eq!(next.to_string(), " (and 9 more of this kind since the last line)");
        assert!(a.pass(Warning::Deadlock).is_none());
        a.log_suppressed("a");
        assert_eq!(a.throttle(Warning::Deadlock).lock().unwrap().suppressed(), 0);
    }

    #[test]
    fn component_that_warns_holds_no_lock_that_another_needs() {
        let (busy, other) = (ComponentStats::new(), ComponentStats::new());
        let _held = busy.warnings().throttle(Warning::Postponed).lock().unwrap();
        assert_eq!(other.warnings().pass(Warning::Postponed), Some(Suppressed(0)));
    }
}
