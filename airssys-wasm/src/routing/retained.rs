//! The last message of each topic whose publisher asked to retain it, for those who subscribe later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use airssys_message::Codec;
use airssys_rt::{Topic, TopicPattern};
use airssys_spec::Limits;
use serde::{Deserialize, Serialize};

use crate::observe::unix_time::unix_ms;
use crate::policy::quota::Exceeded;
use crate::routing::draft::Draft;
use crate::routing::sender::Sender;

/// What is retained, by topic.
#[derive(Default)]
pub(crate) struct Retained {
    state: Mutex<State>,
}

/// What is retained, while nothing else is published to be retained and nobody subscribes: so that
/// a new subscriber gets a message once, as it is published or as it was retained, and none before an
/// older one of its topic.
///
/// That is why this is held while messages are put into mailboxes, of which none is waited for. With
/// copies taken here and handed over later, a publication could be there before them; with a
/// publication handed out first and kept later, or the reverse, who subscribes in between would have
/// it twice or not at all. What is logged about it waits until this is given back.
#[derive(Default)]
pub(crate) struct State {
    kept: HashMap<Topic, Kept>,
    used: HashMap<Arc<str>, Used>,
}

/// A message, and who published it.
pub(crate) struct Kept {
    pub(crate) draft: Draft,
    pub(crate) from: Sender,
    pub(crate) at: SystemTime,
}

/// A message that is retained for those who subscribe later, without its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RetainedMessage {
    /// The topic whose last it is.
    pub topic: String,
    /// The instance that published it.
    pub sender: String,
    /// When it was published, in milliseconds since 1970.
    pub at_ms: u64,
    /// Its codec.
    pub codec: String,
    /// The length of its body, in bytes.
    pub body_bytes: usize,
}

impl RetainedMessage {
    fn of(topic: &Topic, kept: &Kept) -> RetainedMessage {
        let message = &kept.draft.body;
        // What has no known prefix is not published.
        let split = Codec::split(message).ok();
        RetainedMessage {
            topic: topic.as_str().to_owned(),
            sender: kept.draft.origin.sender.to_string(),
            at_ms: unix_ms(kept.at),
            codec: split.map(|(codec, _)| codec.to_string()).unwrap_or_default(),
            body_bytes: split.map_or(message.len(), |(_, body)| body.len()),
        }
    }
}

/// What one component has retained.
#[derive(Clone, Copy, Default)]
struct Used {
    topics: usize,
    bytes: usize,
}

impl Retained {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a component may retain so many bytes for a topic.
    pub(crate) fn has_room(
        &self,
        from: &Sender,
        limits: &Limits,
        topic: &Topic,
        bytes: usize,
    ) -> Result<(), Exceeded> {
        let component = from.subject.component();
        let mut used = self.used.get(component).copied().unwrap_or_default();
        if let Some(kept) = self.kept.get(topic).filter(|kept| kept.from.subject.component() == component) {
            used.topics -= 1;
            used.bytes -= kept.draft.body.len();
        }
        let (topics, most) = (limits.retained, limits.memory_bytes);
        if used.topics >= topics {
            return Err(Exceeded::of("retained", topics));
        }
        if used.bytes.saturating_add(bytes) > most {
            return Err(Exceeded::of("memory", most));
        }
        Ok(())
    }

    /// How many topics' messages are a component's.
    pub(crate) fn used(&self, component: &str) -> usize {
        self.used.get(component).map_or(0, |used| used.topics)
    }

    /// Keeps a message in place of the topic's last.
    pub(crate) fn keep(&mut self, topic: Topic, kept: Kept) {
        drop(self.clear(&topic));
        let used = self.used.entry(Arc::from(kept.from.subject.component())).or_default();
        used.topics += 1;
        used.bytes += kept.draft.body.len();
        self.kept.insert(topic, kept);
    }

    /// Forgets what is retained of a topic; none if there was nothing.
    pub(crate) fn clear(&mut self, topic: &Topic) -> Option<Kept> {
        let kept = self.kept.remove(topic)?;
        let component = kept.from.subject.component();
        if let Some(used) = self.used.get_mut(component) {
            used.topics -= 1;
            used.bytes -= kept.draft.body.len();
            if used.topics == 0 {
                self.used.remove(component);
            }
        }
        Some(kept)
    }

    /// What is retained of the topics that match, or of all, in no order.
    pub(crate) fn list(&self, pattern: Option<&TopicPattern>) -> Vec<RetainedMessage> {
        let matching = self.kept.iter().filter(|(topic, _)| pattern.is_none_or(|own| own.matches(topic)));
        matching.map(|(topic, kept)| RetainedMessage::of(topic, kept)).collect()
    }

    /// What is retained of the topics that match.
    pub(crate) fn matching<'s>(
        &'s self,
        pattern: &'s TopicPattern,
    ) -> impl Iterator<Item = (&'s Topic, &'s Kept)> {
        self.kept.iter().filter(|(topic, _)| pattern.matches(topic))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

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

    fn keep(state: &mut State, component: &str, topic: &str, bytes: usize) -> bool {
        let (from, topic) = (sender(component), Topic::parse(topic).unwrap());
        let limits = Limits { memory_bytes: 100, ..Limits::DEFAULT };
        let fits = state.has_room(&from, &limits, &topic, bytes).is_ok();
        if fits {
            let (body, sender) = (Bytes::from(vec![0; bytes]), Arc::clone(&from.instance));
            let origin = Arc::new(Origin { sender, topic: None, retained: true, trace: None });
            let draft = Draft { body, origin };
            state.keep(topic, Kept { draft, from, at: SystemTime::UNIX_EPOCH });
        }
        fits
    }

    #[test]
    fn a_component_retains_so_many_bytes_and_no_more() {
        let mut state = State::default();
        assert!(keep(&mut state, "a", "one", 60));
        assert!(!keep(&mut state, "a", "two", 41));
        assert!(keep(&mut state, "a", "two", 40));
        assert!(keep(&mut state, "a", "one", 60), "in place of its own");
        assert!(keep(&mut state, "b", "one", 100), "another's, which takes it over");
        assert!(keep(&mut state, "a", "three", 60));
        for topic in ["one", "two", "three"] {
            assert!(state.clear(&Topic::parse(topic).unwrap()).is_some());
        }
        assert!(state.used.is_empty() && state.kept.is_empty());
    }
}
