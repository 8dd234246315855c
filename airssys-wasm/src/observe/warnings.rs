//! Throttled log lines about a component that guests can cause as often as they like.

use std::collections::HashMap;
use std::sync::Mutex;

use airssys_rt::{LogThrottle, Suppressed};

use crate::policy::clock::Clock;
use crate::sync::lock;

/// A kind of log line about a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Warning {
    /// Its requests waited for themselves, and timed out.
    Deadlock,
    /// Its batch handler does not show its progress.
    NoProgress,
    /// A message of it will be handled again.
    Postponed,
}

/// The throttles of an app, one for each component and kind of line.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    clock: Clock,
    throttles: Mutex<HashMap<(String, Warning), LogThrottle>>,
}

impl Warnings {
    /// Returns the end of the line to log about a component, or one of its instances. Returns `None` if
    /// the line is suppressed.
    pub(crate) fn pass(&self, instance: &str, warning: Warning) -> Option<Suppressed> {
        let component = instance.split('/').next().unwrap_or(instance);
        let now = self.clock.now_ns();
        lock(&self.throttles).entry((component.to_owned(), warning)).or_default().pass(now).map(Suppressed)
    }

    /// Logs and forgets the numbers of suppressed lines about a component, or about all.
    pub(crate) fn log_suppressed(&self, component: Option<&str>) {
        let mut throttles = lock(&self.throttles);
        let taken = throttles.extract_if(|(of, _), _| component.is_none_or(|wanted| of == wanted));
        let mut taken: Vec<_> = taken.filter(|(_, throttle)| throttle.suppressed() > 0).collect();
        drop(throttles);
        taken.sort_by(|(one, _), (other, _)| one.cmp(other));
        for ((component, warning), throttle) in taken {
            let count = throttle.suppressed();
            match warning {
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
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lines_are_throttled_for_each_component_and_kind() {
        let warnings = Warnings::default();
        let first = Some(Suppressed(0));
        assert_eq!(warnings.pass("a/1", Warning::Deadlock), first);
        assert_eq!(warnings.pass("b", Warning::Deadlock), first);
        assert_eq!(warnings.pass("a", Warning::NoProgress), first);
        // The instances of a component share its lines.
        assert!((0..9).all(|number| warnings.pass(&format!("a/{number}"), Warning::Deadlock).is_none()));
        tokio::time::advance(Duration::from_secs(10)).await;
        let next = warnings.pass("a/2", Warning::Deadlock).unwrap();
        assert_eq!(next.to_string(), " (and 9 more of this kind since the last line)");
        warnings.log_suppressed(Some("a"));
        assert_eq!(lock(&warnings.throttles).len(), 1);
        warnings.log_suppressed(None);
        assert!(lock(&warnings.throttles).is_empty());
    }
}
