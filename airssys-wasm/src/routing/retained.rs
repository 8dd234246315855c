//! Retained messages: the last one of each topic, delivered to later subscribers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use airssys_message::Codec;
use airssys_rt::{Topic, TopicPattern};
use airssys_spec::Limits;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::observe::unix_time::unix_ms;
use crate::policy::quota::Exceeded;
use crate::routing::draft::Draft;
use crate::routing::sender::Sender;
use crate::sync::lock;

/// The retained messages of an app.
#[derive(Default)]
pub(crate) struct Retained {
    table: Mutex<RetainedTable>,
}

/// The retained messages by topic, and their totals per component.
///
/// A retained publication is fanned out and stored under the lock on this table. A subscription is
/// added and gets its retained messages under it too. Both put messages into mailboxes without
/// waiting for room. That gives a new subscriber each message exactly once, in the order of its
/// topic:
///
/// - If the messages were delivered after unlocking, a later publication could overtake them.
/// - If a publication were fanned out and stored in two steps, a subscriber in between would get it
///   twice or never.
///
/// Logging waits until the lock is released.
#[derive(Default)]
pub(crate) struct RetainedTable {
    entries: HashMap<Topic, RetainedEntry>,
    totals: HashMap<Arc<str>, RetainedTotals>,
}

/// A retained message, with its publisher.
pub(crate) struct RetainedEntry {
    pub(crate) draft: Draft,
    pub(crate) from: Sender,
    pub(crate) at: SystemTime,
}

/// The description of a retained message, without its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RetainedMessage {
    /// The topic that it was published on.
    pub topic: String,
    /// The instance that published it.
    pub sender: String,
    /// The time of its publication, in milliseconds since 1970.
    pub at_ms: u64,
    /// The name of its codec.
    pub codec: String,
    /// The length of its body, in bytes.
    pub body_bytes: usize,
}

impl RetainedMessage {
    fn of(topic: &Topic, entry: &RetainedEntry) -> RetainedMessage {
        let message = &entry.draft.body;
        // Always succeeds, because a message without a known codec prefix is not published.
        let split = Codec::split(message).ok();
        RetainedMessage {
            topic: topic.as_str().to_owned(),
            sender: entry.draft.origin.sender.to_string(),
            at_ms: unix_ms(entry.at),
            codec: split.map(|(codec, _)| codec.to_string()).unwrap_or_default(),
            body_bytes: split.map_or(message.len(), |(_, body)| body.len()),
        }
    }
}

/// The number and size of a component's retained messages.
#[derive(Clone, Copy, Default)]
struct RetainedTotals {
    topics: usize,
    bytes: usize,
}

impl Retained {
    pub(crate) fn lock(&self) -> MutexGuard<'_, RetainedTable> {
        lock(&self.table)
    }
}

impl RetainedTable {
    /// Checks the sender's limits on retained topics and bytes.
    pub(crate) fn has_room(
        &self,
        from: &Sender,
        limits: &Limits,
        topic: &Topic,
        bytes: usize,
    ) -> Result<(), Exceeded> {
        let component = from.subject.component();
        let mut totals = self.totals.get(component).copied().unwrap_or_default();
        if let Some(entry) =
            self.entries.get(topic).filter(|entry| entry.from.subject.component() == component)
        {
            totals.topics -= 1;
            totals.bytes -= entry.draft.body.len();
        }
        let (topics, most) = (limits.retained, limits.memory_bytes);
        if totals.topics >= topics {
            return Err(Exceeded::of("retained", topics));
        }
        if totals.bytes.saturating_add(bytes) > most {
            return Err(Exceeded::of("memory", most));
        }
        Ok(())
    }

    /// Returns the number of topics whose retained message is the component's.
    pub(crate) fn topics_of(&self, component: &str) -> usize {
        self.totals.get(component).map_or(0, |totals| totals.topics)
    }

    /// Returns the bytes of the component's retained messages.
    pub(crate) fn bytes_of(&self, component: &str) -> usize {
        self.totals.get(component).map_or(0, |totals| totals.bytes)
    }

    /// Stores a message, in place of the topic's last one.
    pub(crate) fn insert(&mut self, topic: Topic, entry: RetainedEntry) {
        drop(self.remove(&topic));
        let totals = self.totals.entry(Arc::from(entry.from.subject.component())).or_default();
        totals.topics += 1;
        totals.bytes += entry.draft.body.len();
        self.entries.insert(topic, entry);
    }

    /// Removes the retained message of a topic. Returns `None` if the topic has none.
    pub(crate) fn remove(&mut self, topic: &Topic) -> Option<RetainedEntry> {
        let entry = self.entries.remove(topic)?;
        let component = entry.from.subject.component();
        if let Some(totals) = self.totals.get_mut(component) {
            totals.topics -= 1;
            totals.bytes -= entry.draft.body.len();
            if totals.topics == 0 {
                self.totals.remove(component);
            }
        }
        Some(entry)
    }

    /// Describes the retained messages of matching topics, or of all topics, in no order.
    pub(crate) fn list(&self, pattern: Option<&TopicPattern>) -> Vec<RetainedMessage> {
        let matching = self.entries.iter().filter(|(topic, _)| pattern.is_none_or(|own| own.matches(topic)));
        matching.map(|(topic, entry)| RetainedMessage::of(topic, entry)).collect()
    }

    /// Returns the retained message of a topic, with its codec prefix and body.
    pub(crate) fn get(&self, topic: &Topic) -> Option<(RetainedMessage, Bytes)> {
        let (topic, entry) = self.entries.get_key_value(topic)?;
        Some((RetainedMessage::of(topic, entry), entry.draft.body.clone()))
    }

    /// Returns the retained messages of matching topics, in no order.
    pub(crate) fn matching<'s>(
        &'s self,
        pattern: &'s TopicPattern,
    ) -> impl Iterator<Item = (&'s Topic, &'s RetainedEntry)> {
        self.entries.iter().filter(|(topic, _)| pattern.matches(topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::audit::Trail;
    use crate::observe::stats::ComponentStats;
    use crate::policy::grants::Grants;
    use crate::policy::quota::Quota;
    use crate::routing::draft::Origin;
    use airssys_spec::capability::{Capabilities, Subject};

    fn sender(component: &str) -> Sender {
        let (nothing, everything) = (Capabilities::default(), Capabilities::everything());
        let (name, trail): (Arc<str>, Arc<Trail>) = (Arc::from(component), Arc::default());
        Sender {
            subject: Subject::new(component, component),
            instance: Arc::clone(&name),
            accepts: None,
            stats: Arc::new(ComponentStats::new()),
            grants: Arc::new(Grants::new(nothing, everything, Vec::new())),
            quota: Arc::new(Quota::new(&Limits::DEFAULT, trail.clock())),
            trail,
        }
    }

    fn keep(table: &mut RetainedTable, component: &str, topic: &str, bytes: usize) -> bool {
        let (from, topic) = (sender(component), Topic::parse(topic).unwrap());
        let limits = Limits { memory_bytes: 100, ..Limits::DEFAULT };
        let fits = table.has_room(&from, &limits, &topic, bytes).is_ok();
        if fits {
            let (body, sender) = (Bytes::from(vec![0; bytes]), Arc::clone(&from.instance));
            let origin = Arc::new(Origin { sender, topic: None, retained: true, trace: None });
            let draft = Draft { body, origin };
            table.insert(topic, RetainedEntry { draft, from, at: SystemTime::UNIX_EPOCH });
        }
        fits
    }

    #[test]
    fn a_component_retains_messages_up_to_its_limit_in_bytes() {
        let mut table = RetainedTable::default();
        assert!(keep(&mut table, "a", "one", 60));
        assert!(!keep(&mut table, "a", "two", 41));
        assert!(keep(&mut table, "a", "two", 40));
        assert!(keep(&mut table, "a", "one", 60), "in place of its own");
        assert!(keep(&mut table, "b", "one", 100), "another's, which takes it over");
        assert!(keep(&mut table, "a", "three", 60));
        for topic in ["one", "two", "three"] {
            assert!(table.remove(&Topic::parse(topic).unwrap()).is_some());
        }
        assert!(table.totals.is_empty() && table.entries.is_empty());
    }
}
