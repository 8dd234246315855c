//! The objects and bytes of containers, and the bounds on them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::BlobError;

/// The bytes that an object counts beyond those of its name and its content.
const OBJECT_BYTES: u64 = 64;

/// The most that a container may have, and all containers of its backend together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quota {
    pub(super) objects: u64,
    pub(super) bytes: u64,
    pub(super) total_bytes: u64,
}

impl Quota {
    /// Returns the bounds with those of a component.
    pub(super) fn limited(self, objects: u64, bytes: u64) -> Quota {
        Quota { objects: self.objects.min(objects), bytes: self.bytes.min(bytes), ..self }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    objects: u64,
    bytes: u64,
}

/// The use of a backend. Objects that are being written count too.
#[derive(Clone, Default)]
pub(super) struct Usage(Arc<Mutex<HashMap<Arc<str>, Held>>>);

/// Returns the bytes that an object counts.
pub(super) fn weight(name: &str, size: u64) -> u64 {
    size.saturating_add(name.len() as u64).saturating_add(OBJECT_BYTES)
}

/// Returns the seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Usage {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an object that is there.
    pub(super) fn found(&self, label: &Arc<str>, weight: u64) {
        let mut held = self.lock();
        let held = held.entry(Arc::clone(label)).or_default();
        held.objects += 1;
        held.bytes = held.bytes.saturating_add(weight);
    }

    /// Forgets an object that was deleted.
    pub(super) fn deleted(&self, label: &Arc<str>, weight: u64) {
        let mut held = self.lock();
        let Some(of_label) = held.get_mut(label) else { return };
        of_label.objects = of_label.objects.saturating_sub(1);
        of_label.bytes = of_label.bytes.saturating_sub(weight);
        if *of_label == Held::default() {
            held.remove(label);
        }
    }

    /// Counts an object of this size under its new name, in place of an object of that name. No bound
    /// holds, because at most the bytes of a name are added.
    pub(super) fn renamed(
        &self,
        label: &Arc<str>,
        (from, to): (&str, &str),
        size: u64,
        replaced: Option<u64>,
    ) {
        self.found(label, weight(to, size));
        self.deleted(label, weight(from, size));
        if let Some(replaced) = replaced {
            self.deleted(label, weight(to, replaced));
        }
    }

    /// Begins to count an object that is being written.
    pub(super) fn reserve(
        &self,
        label: &Arc<str>,
        quota: Quota,
        name: &str,
    ) -> Result<Reservation, BlobError> {
        let mut reservation = Reservation { usage: self.clone(), label: Arc::clone(label), quota, bytes: 0 };
        reservation.grow(weight(name, 0))?;
        Ok(reservation)
    }
}

/// The bytes of an object that is being written. Dropping it gives them back.
pub(super) struct Reservation {
    usage: Usage,
    label: Arc<str>,
    quota: Quota,
    bytes: u64,
}

impl Reservation {
    /// Counts more bytes.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), BlobError> {
        let mut held = self.usage.lock();
        let full = |whose: &str, most: u64| {
            Err(BlobError::QuotaExceeded(format!("the {whose} has too many bytes: {most} are allowed")))
        };
        let total = held.values().fold(bytes, |sum, held| sum.saturating_add(held.bytes));
        if total > self.quota.total_bytes {
            return full("backend", self.quota.total_bytes);
        }
        let of_label = held.entry(Arc::clone(&self.label)).or_default();
        let own = of_label.bytes.saturating_add(bytes);
        if own > self.quota.bytes {
            return full("container", self.quota.bytes);
        }
        of_label.bytes = own;
        self.bytes += bytes;
        Ok(())
    }

    /// Checks the number of objects, if the object is a new one.
    pub(super) fn check_objects(&self, is_new: bool) -> Result<(), BlobError> {
        let held = self.usage.lock();
        let objects = held.get(&self.label).map_or(0, |held| held.objects);
        match is_new && objects >= self.quota.objects {
            true => {
                let most = self.quota.objects;
                Err(BlobError::QuotaExceeded(format!(
                    "the container has too many objects: {most} are allowed"
                )))
            }
            false => Ok(()),
        }
    }

    /// Keeps the bytes, because the object is in its place.
    pub(super) fn keep(mut self) {
        self.usage.lock().entry(Arc::clone(&self.label)).or_default().objects += 1;
        self.bytes = 0;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut held = self.usage.lock();
        if let Some(of_label) = held.get_mut(&self.label) {
            of_label.bytes = of_label.bytes.saturating_sub(self.bytes);
            if *of_label == Held::default() {
                held.remove(&self.label);
            }
        }
    }
}
