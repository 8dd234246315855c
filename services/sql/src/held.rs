//! Values that a component holds open for a limited time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

use crate::values::Error;

/// A transaction or the rows of a result: dropped when its time is over, or with this value.
pub(crate) struct Held<T: ?Sized> {
    value: Arc<Slot<T>>,
    timer: JoinHandle<()>,
}

type Slot<T> = Mutex<Option<Box<T>>>;

impl<T: ?Sized + Send + 'static> Held<T> {
    /// Holds a value for this time. A call that has the value at the end of the time ends first.
    pub(crate) fn new(value: Box<T>, time: Duration) -> Held<T> {
        let value = Arc::new(Mutex::new(Some(value)));
        let held: Weak<Slot<T>> = Arc::downgrade(&value);
        let timer = tokio::spawn(async move {
            tokio::time::sleep(time).await;
            if let Some(value) = held.upgrade() {
                drop(value.lock().await.take());
            }
        });
        Held { value, timer }
    }

    /// Returns the value, or `None` inside if its time is over. Taken out, it is not put back.
    pub(crate) async fn lock(&self) -> MutexGuard<'_, Option<Box<T>>> {
        self.value.lock().await
    }
}

impl<T: ?Sized> Drop for Held<T> {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

/// The number of open handles of one kind of an instance.
#[derive(Clone)]
pub(crate) struct Counter {
    open: Arc<AtomicUsize>,
    most: usize,
    of: &'static str,
}

/// The place of a handle; given back when it is dropped.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Counter {
    pub(crate) fn new(most: usize, of: &'static str) -> Counter {
        Counter { open: Arc::default(), most, of }
    }

    /// Takes a place.
    pub(crate) fn take(&self) -> Result<Place, Error> {
        let more = |open: usize| (open < self.most).then_some(open + 1);
        match self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Place(Arc::clone(&self.open))),
            Err(_) => {
                let Counter { most, of, .. } = self;
                Err(Error::LimitExceeded(format!("the instance has {most} open {of}; drop some of them")))
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn value_is_dropped_when_its_time_is_over() {
        let (alive, time) = (Arc::new(()), Duration::from_secs(30));
        let held = Held::new(Box::new(Arc::clone(&alive)), time);
        tokio::time::sleep(time - Duration::from_millis(1)).await;
        assert!(held.lock().await.is_some());
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(held.lock().await.is_none());
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn value_is_dropped_with_its_holder_at_once() {
        let alive = Arc::new(());
        let held = Held::new(Box::new(Arc::clone(&alive)), Duration::from_secs(30));
        drop(held);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let counter = Counter::new(2, "rows");
        let places = [counter.take().map(Some), counter.take().map(Some)];
        assert!(places.iter().all(Result::is_ok));
        assert!(matches!(counter.take().map(drop), Err(Error::LimitExceeded(_))));
        drop(places);
        assert!(counter.take().is_ok());
    }
}
