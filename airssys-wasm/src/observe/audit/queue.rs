//! The bounded queue of an audit, which counts the events that find no room.

use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime};

use airssys_spec::GrantVerb;

use super::event::{AuditEvent, LetterChange};
use super::shares::Shares;
use super::stats::AuditStats;
use crate::sync::{lock, wait};

/// The most events that wait.
pub(super) const MAX_EVENTS: usize = 8_192;

/// The most of them that may be messages, so that other events find room when messages do not.
pub(super) const MAX_MESSAGES: usize = 6_144;

/// The most kinds of denials that are counted apart while the queue is full. Changes of grants may add
/// as many kinds.
pub(super) const MAX_KINDS: usize = 1_024;

/// The most of these kinds that may be denials of one component.
pub(super) const MAX_KINDS_OF_ONE: usize = 128;

/// The interval between lines about exceeded quotas, and about denials and uses beyond a share, because a component can
/// cause a million of them a second.
const QUOTAS_EVERY: Duration = Duration::from_secs(1);

/// The number of equal events, with the times of the first and of the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) first: SystemTime,
    pub(super) last: SystemTime,
}

/// The content of a line.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Event(AuditEvent),
    /// Denials of a component beyond its share of lines, and beyond the kinds that are counted apart.
    OtherDenials(Arc<str>),
    /// Uses of services by a component beyond its share of lines, or without room for lines.
    OtherUses(Arc<str>),
    /// Changes of grants beyond the kinds that are counted apart.
    OtherGrants,
    /// Cleared retained messages beyond the topics that are counted apart.
    OtherCleared,
    /// Messages without a line.
    MessagesDropped,
}

/// A line that waits to be written.
#[derive(Clone, Debug)]
pub(super) struct PendingLine {
    pub(super) content: Content,
    pub(super) tally: Tally,
}

/// The lines to write next.
pub(super) struct Batch {
    pub(super) lines: Vec<PendingLine>,
    /// True if no batch follows.
    pub(super) is_last: bool,
}

/// The lines that wait to be written.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    events: VecDeque<PendingLine>,
    /// Events that happened after all `events`, counted by kind.
    counted: BTreeMap<EventKind, PendingLine>,
    /// The lines about denials that each component has left.
    shares: Shares,
    /// The lines about uses of services that each component has left.
    shares_of_uses: Shares,
    /// The time of the last lines about quotas.
    quotas_at: Option<Instant>,
    ended: bool,
    /// Guaranteed events that the writer has taken and not written yet.
    taken: u64,
    stats: AuditStats,
}

/// Events of one kind share a line when they are counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum EventKind {
    Denied(String, &'static str, Option<String>),
    Quota(Arc<str>, &'static str, Option<Arc<str>>),
    Grant(Arc<str>, &'static str, Option<Arc<str>>, bool),
    Letter(Arc<str>, bool),
    Cleared(Arc<str>),
    Resumed(Arc<str>),
    Reloaded(Arc<str>),
    OtherDenials(Arc<str>),
    OtherUses(Arc<str>),
    OtherGrants,
    OtherCleared,
    MessagesDropped,
}

impl Tally {
    pub(super) fn once(at: SystemTime) -> Tally {
        Tally { count: 1, first: at, last: at }
    }

    fn add(&mut self, other: Tally) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

impl Content {
    fn kind(&self) -> EventKind {
        match self {
            Content::Event(AuditEvent::Denied(denied)) => EventKind::Denied(
                denied.who.component().to_owned(),
                denied.capability.key(),
                denied.object.clone(),
            ),
            Content::Event(AuditEvent::QuotaExceeded { component, limit, target, .. }) => {
                EventKind::Quota(Arc::clone(component), limit, target.clone())
            }
            Content::Event(AuditEvent::GrantChanged { component, capability, object, change, .. }) => {
                let given = *change == GrantVerb::Give;
                EventKind::Grant(Arc::clone(component), capability.key(), object.clone(), given)
            }
            Content::Event(AuditEvent::DeadLetter { receiver, change, .. }) => {
                EventKind::Letter(Arc::clone(receiver), *change == LetterChange::Retried)
            }
            Content::Event(AuditEvent::RetainedCleared { topic, .. }) => {
                EventKind::Cleared(Arc::clone(topic))
            }
            Content::Event(AuditEvent::Reloaded { name }) => EventKind::Reloaded(Arc::clone(name)),
            Content::Event(AuditEvent::Resumed { name }) => EventKind::Resumed(Arc::clone(name)),
            Content::Event(AuditEvent::Message { .. }) | Content::MessagesDropped => {
                EventKind::MessagesDropped
            }
            Content::Event(AuditEvent::ServiceUsed { component, .. }) | Content::OtherUses(component) => {
                EventKind::OtherUses(Arc::clone(component))
            }
            Content::OtherCleared => EventKind::OtherCleared,
            Content::OtherDenials(component) => EventKind::OtherDenials(Arc::clone(component)),
            Content::OtherGrants => EventKind::OtherGrants,
        }
    }

    fn is_message(&self) -> bool {
        matches!(self, Content::Event(AuditEvent::Message { .. }) | Content::MessagesDropped)
    }

    /// Returns true if its line can wait for others of its kind.
    fn can_wait(&self) -> bool {
        let is_quota = matches!(self, Content::Event(AuditEvent::QuotaExceeded { .. }));
        is_quota || matches!(self, Content::OtherDenials(_) | Content::OtherUses(_))
    }
}

impl PendingLine {
    /// Adds another line of the same kind.
    fn add(&mut self, other: PendingLine) {
        self.tally.add(other.tally);
        // Every removed pattern is named once, even if it was removed several times.
        if let (
            Content::Event(AuditEvent::GrantChanged { removed: known, .. }),
            Content::Event(AuditEvent::GrantChanged { removed, .. }),
        ) = (&mut self.content, other.content)
        {
            let new: Vec<String> = removed.into_iter().filter(|pattern| !known.contains(pattern)).collect();
            known.extend(new);
        }
    }

    /// Returns how many of its events must not be lost: all, unless they are messages.
    fn guaranteed(&self) -> u64 {
        if self.content.is_message() { 0 } else { self.tally.count }
    }
}

fn guaranteed<'a>(lines: impl IntoIterator<Item = &'a PendingLine>) -> u64 {
    lines.into_iter().map(PendingLine::guaranteed).sum()
}

impl Queue {
    pub(super) fn add(&self, event: AuditEvent, at: SystemTime) {
        let line = PendingLine { content: Content::Event(event), tally: Tally::once(at) };
        let mut state = lock(&self.state);
        let room = if line.content.is_message() { MAX_MESSAGES } else { MAX_EVENTS };
        let line = state.within_share(line);
        let wake = match () {
            // Always counted, because a component exceeds its quota or its share as fast as it can call.
            () if line.content.can_wait() => state.count(line),
            () if state.ended || state.events.len() >= room => state.count(line),
            () => {
                state.events.push_back(line);
                state.events.len() == 1
            }
        };
        drop(state);
        if wake {
            self.changed.notify_one();
        }
    }

    /// Ends the queue. The writer still gets the lines in it.
    pub(super) fn end(&self) {
        lock(&self.state).ended = true;
        self.changed.notify_one();
    }

    /// Waits for lines to write. Waits at least for `pause`, unless the queue ends.
    pub(super) fn next(&self, pause: Option<Duration>) -> Batch {
        let mut state = lock(&self.state);
        let from = Instant::now();
        loop {
            let paused = pause.and_then(|pause| pause.checked_sub(from.elapsed()));
            let timeout = match paused {
                _ if state.ended => break,
                Some(left) => Some(left),
                None if !state.events.is_empty() => break,
                None => match state.delay_of_counted() {
                    Some(Duration::ZERO) => break,
                    delay => delay,
                },
            };
            state = wait(&self.changed, state, timeout);
        }
        let mut lines: Vec<PendingLine> = std::mem::take(&mut state.events).into();
        // Quotas and other denials can wait. All other counted events happened while the queue was full.
        if state.ended || state.delay_of_counted() == Some(Duration::ZERO) {
            state.quotas_at = Some(Instant::now());
            lines.extend(std::mem::take(&mut state.counted).into_values());
        }
        state.taken = guaranteed(&lines);
        Batch { lines, is_last: state.ended }
    }

    /// Counts lines that the writer has written.
    pub(super) fn written(&self, lines: &[PendingLine]) {
        let mut state = lock(&self.state);
        state.taken = state.taken.saturating_sub(guaranteed(lines));
        state.stats.lines += lines.len() as u64;
    }

    /// Takes lines back that could not be written. They are counted by kind and come again.
    pub(super) fn give_back(&self, lines: Vec<PendingLine>) {
        let mut state = lock(&self.state);
        state.taken = state.taken.saturating_sub(guaranteed(&lines));
        state.stats.failures += 1;
        for line in lines {
            state.count(line);
        }
    }

    pub(super) fn stats(&self) -> AuditStats {
        let state = lock(&self.state);
        let queued = guaranteed(state.events.iter().chain(state.counted.values()));
        AuditStats { waiting: queued + state.taken, ..state.stats }
    }
}

impl QueueState {
    /// Returns the line, or only a count if the component has used up its share of lines.
    fn within_share(&mut self, line: PendingLine) -> PendingLine {
        let content = match &line.content {
            Content::Event(AuditEvent::Denied(denied)) => {
                let component = denied.who.component();
                (!self.shares.take(component)).then(|| Content::OtherDenials(Arc::from(component)))
            }
            Content::Event(AuditEvent::ServiceUsed { component, .. }) => {
                let is_beyond = !self.shares_of_uses.take(component);
                is_beyond.then(|| Content::OtherUses(Arc::clone(component)))
            }
            _ => None,
        };
        content.map(|content| PendingLine { content, tally: line.tally }).unwrap_or(line)
    }

    /// Returns true if a denial of this component needs a kind that is not counted apart any more.
    fn has_many_denials(&self, component: &str) -> bool {
        let least = EventKind::Denied(component.to_owned(), "", None);
        let of_it = |kind: &&EventKind| matches!(kind, EventKind::Denied(of, ..) if of == component);
        let kinds = self.counted.range(least..).map(|(kind, _)| kind).take_while(of_it);
        self.counted.len() >= MAX_KINDS || kinds.take(MAX_KINDS_OF_ONE).count() >= MAX_KINDS_OF_ONE
    }

    /// Counts a line by its kind. Returns true if the writer has to be woken.
    fn count(&mut self, mut line: PendingLine) -> bool {
        let is_first = self.counted.is_empty();
        let mut kind = line.content.kind();
        if let Content::Event(AuditEvent::Message { .. }) = line.content {
            line.content = Content::MessagesDropped;
            self.stats.messages_dropped += line.tally.count;
        }
        if let Content::Event(AuditEvent::ServiceUsed { component, .. }) = &line.content {
            line.content = Content::OtherUses(Arc::clone(component));
        }
        if !self.counted.contains_key(&kind) {
            match kind {
                EventKind::Denied(ref component, ..) if self.has_many_denials(component) => {
                    let component: Arc<str> = Arc::from(component.as_str());
                    line.content = Content::OtherDenials(Arc::clone(&component));
                    kind = EventKind::OtherDenials(component);
                }
                // Twice the room, so that denials leave room for the operator's actions.
                EventKind::Grant(..) if self.counted.len() >= 2 * MAX_KINDS => {
                    (kind, line.content) = (EventKind::OtherGrants, Content::OtherGrants);
                }
                EventKind::Cleared(..) if self.counted.len() >= 2 * MAX_KINDS => {
                    (kind, line.content) = (EventKind::OtherCleared, Content::OtherCleared);
                }
                // The manifests bound the number of quotas and components.
                _ => {}
            }
        }
        match self.counted.entry(kind) {
            Vacant(place) => drop(place.insert(line)),
            Occupied(mut known) => known.get_mut().add(line),
        }
        is_first
    }

    /// Returns how long the counted lines have to wait. Returns `None` if there are none.
    fn delay_of_counted(&self) -> Option<Duration> {
        if self.counted.is_empty() {
            return None;
        }
        if self.counted.values().any(|line| !line.content.can_wait()) {
            return Some(Duration::ZERO);
        }
        let since = self.quotas_at.map_or(QUOTAS_EVERY, |at| at.elapsed());
        Some(QUOTAS_EVERY.saturating_sub(since))
    }
}
