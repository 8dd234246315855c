//! What the log says of dead letters: of those of one kind for one receiver, one line in a while.

use std::collections::HashMap;
use std::sync::Arc;

use super::DeadLetterReason;
use crate::observe::log_throttle::LogThrottle;
use crate::policy::clock::Clock;

/// Most receivers and kinds whose lines are kept apart.
const MAX_KINDS: usize = 1_024;

/// Which lines of the log pass, and how many were suppressed back since the last that did.
#[derive(Debug, Default)]
pub(super) struct Lines {
    clock: Clock,
    /// By receiver and kind.
    gates: HashMap<(Arc<str>, &'static str), LogThrottle>,
    others: LogThrottle,
}

/// A line that passes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// How many were suppressed back since the last.
    suppressed: u64,
    /// Whether these were of its kind.
    of_its_kind: bool,
}

/// Lines that were suppressed back, and are told without the next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held {
    receiver: Option<Arc<str>>,
    kind: &'static str,
    count: u64,
}

impl Lines {
    /// Whether there is to be a line about a dead letter now.
    pub(super) fn pass(&mut self, receiver: &Arc<str>, reason: &DeadLetterReason) -> Option<Line> {
        let now = self.clock.now_ns();
        let key = (Arc::clone(receiver), kind(reason));
        if self.gates.len() >= MAX_KINDS && !self.gates.contains_key(&key) {
            // Those that nothing more is to be said of make way.
            self.gates.retain(|_, throttle| !throttle.is_idle(now));
            if self.gates.len() >= MAX_KINDS {
                return self.others.pass(now).map(|suppressed| Line { suppressed, of_its_kind: false });
            }
        }
        self.gates.entry(key).or_default().pass(now).map(|suppressed| Line { suppressed, of_its_kind: true })
    }

    /// What was suppressed back of a receiver, or of all: it is said now.
    pub(super) fn take(&mut self, of: Option<&str>) -> Vec<Held> {
        let taken = self.gates.extract_if(|(receiver, _), _| of.is_none_or(|of| **receiver == *of));
        let suppressed = |((receiver, kind), throttle): ((Arc<str>, &'static str), LogThrottle)| Held {
            receiver: Some(receiver),
            kind,
            count: throttle.suppressed(),
        };
        let mut all: Vec<Held> = taken.map(suppressed).collect();
        if of.is_none() {
            let count = std::mem::take(&mut self.others).suppressed();
            all.push(Held { receiver: None, kind: "other dead letters", count });
        }
        all.retain(|suppressed| suppressed.count > 0);
        all
    }
}

impl Line {
    /// What is added to the line.
    pub(super) fn more(&self) -> String {
        match self {
            Line { suppressed: 0, .. } => String::new(),
            Line { suppressed, of_its_kind: true } => {
                format!(" (and {suppressed} more of this kind since the last line)")
            }
            Line { suppressed, of_its_kind: false } => {
                format!(" (and {suppressed} others since the last line)")
            }
        }
    }
}

impl Held {
    pub(super) fn log(&self) {
        let Held { receiver, kind, count } = self;
        let receiver = receiver.as_deref();
        tracing::warn!(target: "airssys::dead_letter", receiver, "{kind}: {count} more since the last line");
    }
}

/// The kind of a reason, whatever text comes with it.
fn kind(reason: &DeadLetterReason) -> &'static str {
    match reason {
        DeadLetterReason::Rejected(_) => "rejected",
        DeadLetterReason::RetryAsked(_) => "asked for another attempt",
        DeadLetterReason::HandlerFailed(_) => "failed",
        DeadLetterReason::Abandoned => "abandoned",
        DeadLetterReason::Interrupted => "the receiver was ended",
        DeadLetterReason::TargetStopped => "the receiver stopped",
        DeadLetterReason::MailboxFull => "the mailbox was full",
        DeadLetterReason::MadeWay => "made way",
        DeadLetterReason::CodecRefused(_) => "the codec is not accepted",
        DeadLetterReason::TooLarge { .. } => "too large",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rejected(text: &str) -> DeadLetterReason {
        DeadLetterReason::Rejected(text.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn one_line_in_a_while_for_each_receiver_and_kind_however_many_there_are() {
        let mut lines = Lines::default();
        let (one, two): (Arc<str>, Arc<str>) = (Arc::from("one"), Arc::from("two"));
        let first = |line: Option<Line>| line.is_some_and(|line| line.more().is_empty());
        assert!(first(lines.pass(&one, &rejected("a"))) && first(lines.pass(&two, &rejected("a"))));
        assert!(first(lines.pass(&one, &DeadLetterReason::MailboxFull)));
        assert!((0..9).all(|number| lines.pass(&one, &rejected(&number.to_string())).is_none()));
        tokio::time::advance(Duration::from_secs(10)).await;
        let next = lines.pass(&one, &rejected("b")).unwrap();
        assert_eq!(next.more(), " (and 9 more of this kind since the last line)");
        assert_eq!(lines.pass(&one, &rejected("c")), None);
        assert_eq!(lines.take(Some("two")), []);
        let kind = "rejected";
        assert_eq!(lines.take(None), [Held { receiver: Some(one), kind, count: 1 }]);
        assert!(lines.gates.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_apart_has_a_bound() {
        let mut lines = Lines::default();
        let mut pass = |number: usize| lines.pass(&Arc::from(number.to_string()), &rejected("a"));
        // The last of them passes as one of the others.
        assert!((0..=MAX_KINDS).all(|number| pass(number).is_some()));
        assert!((0..=MAX_KINDS + 9).all(|number| pass(number).is_none()));
        let suppressed = lines.take(None);
        assert_eq!(suppressed.len(), MAX_KINDS + 1);
        assert_eq!(suppressed.last().unwrap().count, 10);
        assert!(lines.gates.is_empty());
    }
}
