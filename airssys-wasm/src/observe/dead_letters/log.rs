//! The log lines about dead letters, throttled for each receiver and kind of reason.

use std::collections::HashMap;
use std::sync::Arc;

use airssys_rt::LogThrottle;

use super::letter::DeadLetterReason;
use crate::policy::clock::Clock;

/// The most pairs of receiver and kind that are throttled apart.
const MAX_KINDS: usize = 1_024;

/// Decides which lines are logged, and counts the suppressed ones.
#[derive(Debug, Default)]
pub(super) struct LetterLog {
    clock: Clock,
    /// By receiver and kind of reason.
    throttles: HashMap<(Arc<str>, &'static str), LogThrottle>,
    others: LogThrottle,
}

/// A line that is logged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LetterLine {
    /// The number of suppressed lines since the last one.
    suppressed: u64,
    /// True if the suppressed lines have the same receiver and kind.
    is_same_kind: bool,
}

/// Suppressed lines of one receiver and kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SuppressedLines {
    receiver: Option<Arc<str>>,
    kind: &'static str,
    count: u64,
}

impl LetterLog {
    /// Returns the line to log about a dead letter. Returns `None` if it is suppressed.
    pub(super) fn pass(&mut self, receiver: &Arc<str>, reason: &DeadLetterReason) -> Option<LetterLine> {
        let now = self.clock.now_ns();
        let key = (Arc::clone(receiver), reason.kind());
        if self.throttles.len() >= MAX_KINDS && !self.throttles.contains_key(&key) {
            // Throttles without suppressed lines are no longer needed.
            self.throttles.retain(|_, throttle| !throttle.is_idle(now));
            if self.throttles.len() >= MAX_KINDS {
                return self
                    .others
                    .pass(now)
                    .map(|suppressed| LetterLine { suppressed, is_same_kind: false });
            }
        }
        self.throttles
            .entry(key)
            .or_default()
            .pass(now)
            .map(|suppressed| LetterLine { suppressed, is_same_kind: true })
    }

    /// Removes and returns the suppressed lines of a receiver, or of all receivers.
    pub(super) fn take_suppressed(&mut self, receiver: Option<&str>) -> Vec<SuppressedLines> {
        let is_wanted = |of: &Arc<str>| receiver.is_none_or(|wanted| **of == *wanted);
        let taken = self.throttles.extract_if(|(receiver, _), _| is_wanted(receiver));
        let mut all: Vec<SuppressedLines> = taken
            .map(|((receiver, kind), throttle)| {
                let count = throttle.suppressed();
                SuppressedLines { receiver: Some(receiver), kind, count }
            })
            .collect();
        if receiver.is_none() {
            let count = std::mem::take(&mut self.others).suppressed();
            all.push(SuppressedLines { receiver: None, kind: "other dead letters", count });
        }
        all.retain(|lines| lines.count > 0);
        all
    }
}

impl LetterLine {
    /// Returns the end of the line, with the number of suppressed lines.
    pub(super) fn more(&self) -> String {
        match self {
            LetterLine { suppressed: 0, .. } => String::new(),
            LetterLine { suppressed, is_same_kind: true } => {
                format!(" (and {suppressed} more of this kind since the last line)")
            }
            LetterLine { suppressed, is_same_kind: false } => {
                format!(" (and {suppressed} others since the last line)")
            }
        }
    }
}

impl SuppressedLines {
    pub(super) fn log(&self) {
        let SuppressedLines { receiver, kind, count } = self;
        let receiver = receiver.as_deref();
        tracing::warn!(target: "airssys::dead_letter", receiver, "{kind}: {count} more since the last line");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rejected(text: &str) -> DeadLetterReason {
        DeadLetterReason::Rejected(text.into())
    }

    #[tokio::test(start_paused = true)]
    async fn lines_are_throttled_for_each_receiver_and_kind() {
        let mut log = LetterLog::default();
        let (one, two): (Arc<str>, Arc<str>) = (Arc::from("one"), Arc::from("two"));
        let first = |line: Option<LetterLine>| line.is_some_and(|line| line.more().is_empty());
        assert!(first(log.pass(&one, &rejected("a"))) && first(log.pass(&two, &rejected("a"))));
        assert!(first(log.pass(&one, &DeadLetterReason::MailboxFull)));
        assert!((0..9).all(|number| log.pass(&one, &rejected(&number.to_string())).is_none()));
        tokio::time::advance(Duration::from_secs(10)).await;
        let next = log.pass(&one, &rejected("b")).unwrap();
        assert_eq!(next.more(), " (and 9 more of this kind since the last line)");
        assert_eq!(log.pass(&one, &rejected("c")), None);
        assert_eq!(log.take_suppressed(Some("two")), []);
        let kind = "rejected";
        assert_eq!(log.take_suppressed(None), [SuppressedLines { receiver: Some(one), kind, count: 1 }]);
        assert!(log.throttles.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn number_of_throttles_is_bounded() {
        let mut log = LetterLog::default();
        let mut pass = |number: usize| log.pass(&Arc::from(number.to_string()), &rejected("a"));
        // The last line passes as one of the others.
        assert!((0..=MAX_KINDS).all(|number| pass(number).is_some()));
        assert!((0..=MAX_KINDS + 9).all(|number| pass(number).is_none()));
        let suppressed = log.take_suppressed(None);
        assert_eq!(suppressed.len(), MAX_KINDS + 1);
        assert_eq!(suppressed.last().unwrap().count, 10);
        assert!(log.throttles.is_empty());
    }
}
