//! The objects that are being read: their parts stay until the last reader is gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The subjects of the parts that this host reads, with their readers.
#[derive(Clone, Default)]
pub(crate) struct Holds(Arc<Mutex<HashMap<String, Held>>>);

#[derive(Default)]
struct Held {
    readers: usize,
    /// The parts are to be deleted after the last reader.
    is_deleted: bool,
}

impl Holds {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the parts of a subject.
    pub(crate) fn hold(&self, subject: &str) {
        self.lock().entry(subject.to_owned()).or_default().readers += 1;
    }

    /// Ends a hold. Returns true if the parts are to be deleted now.
    pub(crate) fn release(&self, subject: &str) -> bool {
        let mut held = self.lock();
        let Some(found) = held.get_mut(subject) else { return false };
        found.readers -= 1;
        if found.readers > 0 {
            return false;
        }
        held.remove(subject).is_some_and(|held| held.is_deleted)
    }

    /// Returns true if the parts can be deleted now. Otherwise the last reader deletes them.
    pub(crate) fn delete(&self, subject: &str) -> bool {
        match self.lock().get_mut(subject) {
            Some(held) => {
                held.is_deleted = true;
                false
            }
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_deleted_after_their_last_reader() {
        let holds = Holds::default();
        assert!(holds.delete("free"));
        holds.hold("read");
        holds.hold("read");
        assert!(!holds.delete("read"));
        assert!(!holds.release("read"));
        assert!(holds.release("read"));
        assert!(holds.delete("read"));
        holds.hold("kept");
        assert!(!holds.release("kept"));
    }
}
