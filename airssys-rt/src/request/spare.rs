//! Slots that have been used, for later requests of the same thread.
//!
//! A slot that is made anew costs an allocation, and an entry in the list of deadlines. The list then
//! frees it when it is swept, long after the caches have lost it.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

/// The most slots that a thread keeps for each type of reply.
const SLOTS: usize = 64;

/// The most types of replies that a thread keeps slots for.
const TYPES: usize = 8;

/// The size of the largest slot that is kept, in bytes.
const LARGEST: usize = 256;

thread_local! {
    /// A `Vec<Arc<T>>` for each type of slots.
    static SPARE: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Takes a slot, if this thread has one. A thread that ends has none.
#[inline]
pub(super) fn take<T: 'static>() -> Option<Arc<T>> {
    let take = |spare: &RefCell<Vec<Box<dyn Any>>>| of_type::<T>(&mut spare.borrow_mut())?.pop();
    SPARE.try_with(take).ok().flatten()
}

/// Keeps a slot, or hands it back if there are enough.
#[inline]
pub(super) fn put<T: 'static>(slot: Arc<T>) -> Option<Arc<T>> {
    if size_of::<T>() > LARGEST {
        return Some(slot);
    }
    let mut slot = Some(slot);
    // An error means that the thread ends.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if let Some(slots) = of_type::<T>(&mut spare) {
            if slots.len() < SLOTS {
                slots.extend(slot.take());
            }
        } else if spare.len() < TYPES {
            spare.push(Box::new(Vec::from_iter(slot.take())));
        }
    });
    slot
}

#[inline]
fn of_type<T: 'static>(spare: &mut [Box<dyn Any>]) -> Option<&mut Vec<Arc<T>>> {
    spare.iter_mut().find_map(|slots| slots.downcast_mut())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_kept_by_their_type_up_to_a_bound() {
        std::thread::spawn(|| {
            assert!(take::<u8>().is_none());
            assert!(put(Arc::new(1_u8)).is_none());
            assert!(put(Arc::new(2_u16)).is_none());
            assert_eq!((take::<u8>(), take::<u8>()), (Some(Arc::new(1)), None));
            assert_eq!(take::<u16>(), Some(Arc::new(2)));
            let refused = (0..SLOTS + 3).filter_map(|_| put(Arc::new(0_u8))).count();
            assert_eq!(refused, 3);
            assert!(put(Arc::new([0_u8; LARGEST + 1])).is_some());
        })
        .join()
        .unwrap();
    }
}
