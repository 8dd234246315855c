//! A trie of patterns, by their segments.

#[cfg(test)]
pub(super) mod visits;

use std::collections::{BTreeMap, HashMap};

use airssys_core::{Topic, TopicPattern};

/// Values stored under patterns, found by topic.
pub(super) struct Trie<V> {
    root: Node<V>,
}

/// Values by their number.
pub(super) type Filed<V> = BTreeMap<u64, V>;

struct Node<V> {
    named: HashMap<Box<str>, Node<V>>,
    /// The branch of a `*` in the middle.
    any: Option<Box<Node<V>>>,
    /// The values of patterns that end here.
    here: Filed<V>,
    /// The values of patterns that end here with a trailing `*`.
    below: Filed<V>,
}

impl<V> Default for Node<V> {
    fn default() -> Self {
        Self { named: HashMap::new(), any: None, here: Filed::new(), below: Filed::new() }
    }
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

impl<V> Trie<V> {
    /// The values of a pattern.
    pub(super) fn at(&mut self, pattern: &TopicPattern) -> &mut Filed<V> {
        let mut node = &mut self.root;
        let mut segments = pattern.segments().peekable();
        while let Some(segment) = segments.next() {
            node = match (segment, segments.peek()) {
                ("*", None) => return &mut node.below,
                ("*", Some(_)) => node.any.get_or_insert_default(),
                (name, _) => node.named.entry(name.into()).or_default(),
            };
        }
        &mut node.here
    }

    /// Removes the value of a pattern that has this number, and the branches that are empty then.
    pub(super) fn remove(&mut self, pattern: &TopicPattern, number: u64) -> Option<V> {
        let segments: Vec<&str> = pattern.segments().collect();
        self.root.remove(&segments, number)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.root.is_empty()
    }

    /// Visits the values of all patterns that match the topic.
    pub(super) fn matching<'a>(&'a self, topic: &Topic, mut give: impl FnMut(&'a V)) {
        self.root.matching(topic.segments(), &mut give);
    }
}

// A recursion is as deep as a pattern has segments: at most 128.
impl<V> Node<V> {
    fn remove(&mut self, segments: &[&str], number: u64) -> Option<V> {
        match segments {
            [] => self.here.remove(&number),
            ["*"] => self.below.remove(&number),
            ["*", rest @ ..] => {
                let next = self.any.as_mut()?;
                let removed = next.remove(rest, number);
                if next.is_empty() {
                    self.any = None;
                }
                removed
            }
            [name, rest @ ..] => {
                let next = self.named.get_mut(*name)?;
                let removed = next.remove(rest, number);
                if next.is_empty() {
                    self.named.remove(*name);
                }
                removed
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.named.is_empty() && self.any.is_none() && self.here.is_empty() && self.below.is_empty()
    }

    fn matching<'a, 't>(
        &'a self,
        mut segments: impl Iterator<Item = &'t str> + Clone,
        give: &mut impl FnMut(&'a V),
    ) {
        #[cfg(test)]
        visits::count();
        let Some(name) = segments.next() else {
            self.here.values().for_each(give);
            return;
        };
        self.below.values().for_each(&mut *give);
        if let Some(next) = self.named.get(name) {
            next.matching(segments.clone(), give);
        }
        if let Some(next) = &self.any {
            next.matching(segments, give);
        }
    }
}
