//! What waits to be written: bounded, and exact about what does not fit.

use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use airssys_spec::{Capability, GrantVerb};

use super::{AuditEvent, AuditStats, LetterChange};

/// Most events that wait.
pub(super) const MAX_EVENTS: usize = 8_192;

/// Most of them that may be messages: all else finds room when messages do not.
pub(super) const MAX_MESSAGES: usize = 6_144;

/// Most kinds of denials that are told apart when there is no room for each; of changes of grants
/// there may be as many more.
pub(super) const MAX_KINDS: usize = 1_024;

/// How often quotas that are exceeded are written: a component can exceed one a million times a
/// second.
const QUOTAS_EVERY: Duration = Duration::from_secs(1);

/// How often it happened, and when first and last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) first: SystemTime,
    pub(super) last: SystemTime,
}

/// What a line is about.
#[derive(Clone, Debug)]
pub(super) enum What {
    Event(AuditEvent),
    /// Denials of more kinds than are told apart.
    OtherDenials,
    /// Changes of grants of more kinds than are told apart.
    OtherGrants,
    /// Retained messages, cleared, of more topics than are told apart.
    OtherCleared,
    /// Messages without a line.
    MessagesDropped,
}

/// A line to be written.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) what: What,
    pub(super) tally: Tally,
}

/// What is to be written next.
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// Nothing comes after it.
    pub(super) last: bool,
}

/// What waits to be written.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    events: VecDeque<Entry>,
    /// What happened after all `events`, by its kind.
    kinds: BTreeMap<Kind, Entry>,
    /// When quotas were written last.
    quotas_at: Option<Instant>,
    ended: bool,
    /// Entries that the writer has taken and not written yet.
    taken: u64,
    stats: AuditStats,
}

/// What is counted as one: everything but messages.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Denied(String, &'static str, Option<String>),
    Quota(Arc<str>, &'static str, Option<Arc<str>>),
    Grant(Arc<str>, &'static str, Option<Arc<str>>, bool),
    Letter(Arc<str>, bool),
    Cleared(Arc<str>),
    OtherDenials,
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

impl What {
    fn kind(&self) -> Kind {
        let key = |capability: &Capability| capability.key();
        match self {
            What::Event(AuditEvent::Denied(denied)) => Kind::Denied(
                denied.who.component().to_owned(),
                key(&denied.capability),
                denied.object.clone(),
            ),
            What::Event(AuditEvent::QuotaExceeded { component, limit, target, .. }) => {
                Kind::Quota(Arc::clone(component), limit, target.clone())
            }
            What::Event(AuditEvent::GrantChanged { component, capability, object, change, .. }) => {
                let given = *change == GrantVerb::Give;
                Kind::Grant(Arc::clone(component), key(capability), object.clone(), given)
            }
            What::Event(AuditEvent::DeadLetter { receiver, change, .. }) => {
                Kind::Letter(Arc::clone(receiver), *change == LetterChange::Retried)
            }
            What::Event(AuditEvent::RetainedCleared { topic, .. }) => Kind::Cleared(Arc::clone(topic)),
            What::Event(AuditEvent::Message { .. }) | What::MessagesDropped => Kind::MessagesDropped,
            What::OtherCleared => Kind::OtherCleared,
            What::OtherDenials => Kind::OtherDenials,
            What::OtherGrants => Kind::OtherGrants,
        }
    }

    pub(super) fn is_message(&self) -> bool {
        matches!(self, What::Event(AuditEvent::Message { .. }) | What::MessagesDropped)
    }

    fn is_quota(&self) -> bool {
        matches!(self, What::Event(AuditEvent::QuotaExceeded { .. }))
    }
}

impl Entry {
    /// Counts another of its kind.
    fn add(&mut self, other: Entry) {
        self.tally.add(other.tally);
        // What was removed is named, however often that was.
        if let (
            What::Event(AuditEvent::GrantChanged { removed: known, .. }),
            What::Event(AuditEvent::GrantChanged { removed, .. }),
        ) = (&mut self.what, other.what)
        {
            let new: Vec<String> = removed.into_iter().filter(|pattern| !known.contains(pattern)).collect();
            known.extend(new);
        }
    }
}

impl Queue {
    pub(super) fn add(&self, event: AuditEvent, at: SystemTime) {
        let entry = Entry { what: What::Event(event), tally: Tally::once(at) };
        let mut state = self.lock();
        let room = if entry.what.is_message() { MAX_MESSAGES } else { MAX_EVENTS };
        let wake = match () {
            // Always counted: a component exceeds its quota as fast as it can ask.
            () if entry.what.is_quota() => state.count(entry),
            () if state.ended || state.events.len() >= room => state.count(entry),
            () => {
                state.events.push_back(entry);
                state.events.len() == 1
            }
        };
        drop(state);
        if wake {
            self.changed.notify_one();
        }
    }

    /// Ends it: what is there is still written.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_one();
    }

    /// Waits for something to write, at least so long.
    pub(super) fn next(&self, pause: Option<Duration>) -> Batch {
        let mut state = self.lock();
        let from = Instant::now();
        loop {
            let paused = pause.and_then(|pause| pause.checked_sub(from.elapsed()));
            let wait = match paused {
                _ if state.ended => break,
                Some(left) => Some(left),
                None if !state.events.is_empty() => break,
                None => match state.wait_for_kinds() {
                    Some(Duration::ZERO) => break,
                    wait => wait,
                },
            };
            state = match wait {
                Some(wait) => {
                    self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        let mut entries: Vec<Entry> = std::mem::take(&mut state.events).into();
        // Quotas can wait. All else that is counted happened when there was no room for more events.
        if state.ended || state.wait_for_kinds() == Some(Duration::ZERO) {
            state.quotas_at = Some(Instant::now());
            entries.extend(std::mem::take(&mut state.kinds).into_values());
        }
        state.taken = entries.iter().map(owed).sum();
        Batch { entries, last: state.ended }
    }

    /// These were written, as so many lines.
    pub(super) fn written(&self, entries: &[Entry]) {
        let mut state = self.lock();
        state.taken = state.taken.saturating_sub(entries.iter().map(owed).sum());
        state.stats.lines += entries.len() as u64;
    }

    /// These could not be written: they are counted, and come again.
    pub(super) fn give_back(&self, entries: Vec<Entry>) {
        let mut state = self.lock();
        state.taken = state.taken.saturating_sub(entries.iter().map(owed).sum());
        state.stats.failures += 1;
        for entry in entries {
            state.count(entry);
        }
    }

    pub(super) fn stats(&self) -> AuditStats {
        let state = self.lock();
        let queued: u64 = state.events.iter().chain(state.kinds.values()).map(owed).sum();
        AuditStats { waiting: queued + state.taken, ..state.stats }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many lines an entry stands for that must not be lost.
fn owed(entry: &Entry) -> u64 {
    if entry.what.is_message() { 0 } else { entry.tally.count }
}

impl State {
    /// Counts what has no place of its own; whether the writer has to know.
    fn count(&mut self, mut entry: Entry) -> bool {
        let first = self.kinds.is_empty();
        let mut kind = entry.what.kind();
        if let What::Event(AuditEvent::Message { .. }) = entry.what {
            entry.what = What::MessagesDropped;
            self.stats.messages_dropped += entry.tally.count;
        }
        if !self.kinds.contains_key(&kind) {
            match kind {
                Kind::Denied(..) if self.kinds.len() >= MAX_KINDS => {
                    (kind, entry.what) = (Kind::OtherDenials, What::OtherDenials);
                }
                // Denials do not take the room of what the operator does.
                Kind::Grant(..) if self.kinds.len() >= 2 * MAX_KINDS => {
                    (kind, entry.what) = (Kind::OtherGrants, What::OtherGrants);
                }
                Kind::Cleared(..) if self.kinds.len() >= 2 * MAX_KINDS => {
                    (kind, entry.what) = (Kind::OtherCleared, What::OtherCleared);
                }
                // Of quotas there are only as many as the manifests have.
                _ => {}
            }
        }
        match self.kinds.entry(kind) {
            Vacant(place) => drop(place.insert(entry)),
            Occupied(mut known) => known.get_mut().add(entry),
        }
        first
    }

    /// How long what is counted has to wait; none if there is nothing.
    fn wait_for_kinds(&self) -> Option<Duration> {
        let mut entries = self.kinds.values();
        if self.kinds.is_empty() {
            return None;
        }
        if entries.any(|entry| !entry.what.is_quota()) {
            return Some(Duration::ZERO);
        }
        let since = self.quotas_at.map_or(QUOTAS_EVERY, |at| at.elapsed());
        Some(QUOTAS_EVERY.saturating_sub(since))
    }
}
