//! A label as its backend makes it at present: a reload replaces it under those who hold it.

use std::any::Any;
use std::sync::{Arc, RwLock};

use crate::sync::{read, write};

/// A label of the trait `T`, such as `dyn Store`.
pub(crate) struct Current<T: ?Sized>(RwLock<Arc<T>>);

impl<T: ?Sized> Current<T> {
    pub(super) fn new(label: Arc<T>) -> Current<T> {
        Current(RwLock::new(label))
    }

    /// Returns the label. A call that works on it is not disturbed by a reload.
    pub(crate) fn get(&self) -> Arc<T> {
        Arc::clone(&read(&self.0))
    }
}

/// A `Current<T>`, where `T` is the trait of the service.
pub(crate) type AnyLabel = Arc<dyn Any + Send + Sync>;

/// Puts a label that was made anew in the place of an old one, if both are of the trait `T`.
pub(super) fn renew<T: ?Sized + Send + Sync + 'static>(old: &AnyLabel, new: &AnyLabel) {
    if let (Some(old), Some(new)) = (old.downcast_ref::<Current<T>>(), new.downcast_ref::<Current<T>>()) {
        *write(&old.0) = new.get();
    }
}
