//! The names that a component has used, each with the host's handle for it.

/// A map by name that checks the name of the last lookup first, because it is mostly the same.
pub(super) struct Names<T> {
    /// Sorted by name.
    known: Vec<(Box<str>, T)>,
    last: usize,
}

impl<T> Default for Names<T> {
    fn default() -> Names<T> {
        Names { known: Vec::new(), last: 0 }
    }
}

impl<T: Copy> Names<T> {
    #[inline]
    pub(super) fn get(&mut self, name: &str) -> Option<T> {
        match self.known.get(self.last) {
            Some((last, value)) if **last == *name => Some(*value),
            _ => self.find(name),
        }
    }

    #[inline(never)]
    fn find(&mut self, name: &str) -> Option<T> {
        self.last = self.place(name).ok()?;
        self.known.get(self.last).map(|(_, value)| *value)
    }

    pub(super) fn insert(&mut self, name: &str, value: T) {
        match self.place(name) {
            Ok(place) => self.known[place].1 = value,
            Err(place) => self.known.insert(place, (name.into(), value)),
        }
    }

    /// The name whose value matches. A linear search, because only error messages need it.
    pub(super) fn name_of(&self, is_it: impl Fn(T) -> bool) -> String {
        let found = self.known.iter().find(|(_, value)| is_it(*value));
        found.map_or_else(String::new, |(name, _)| name.to_string())
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.known.binary_search_by(|(known, _)| (**known).cmp(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_value() {
        let mut names = Names::default();
        assert_eq!(names.get("b"), None);
        for (name, value) in [("b", 2), ("a", 1), ("c", 3)] {
            names.insert(name, value);
        }
        for (name, value) in [("c", 3), ("a", 1), ("a", 1), ("b", 2)] {
            assert_eq!(names.get(name), Some(value));
        }
        assert_eq!(names.get("d"), None);
        names.insert("a", 4);
        assert_eq!(names.get("a"), Some(4));
        assert_eq!(names.name_of(|value| value == 3), "c");
        assert_eq!(names.name_of(|value| value == 1), "");
    }
}
