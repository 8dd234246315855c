//! The bound on the connections of one table, which the pools of its labels share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use airssys_wasm::FairShare;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::values::Error;

/// Closes the connections of a pool that nobody uses.
pub trait CloseIdle: Send + Sync {
    /// Closes them.
    fn close_idle(&self);
}

/// The connections of one table.
pub struct Connections {
    permits: Arc<Semaphore>,
    /// The number of pools that wait for a connection of another one.
    waiting: AtomicUsize,
    pools: Mutex<Vec<Weak<dyn CloseIdle>>>,
    shares: FairShare,
}

/// Counts a pool as waiting, until it is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Connections {
    /// Makes the bound of a table.
    pub fn new(most: usize) -> Connections {
        let permits = Arc::new(Semaphore::new(most));
        let shares = FairShare::new(most);
        Connections { permits, waiting: AtomicUsize::new(0), pools: Mutex::default(), shares }
    }

    /// Returns the shares of components.
    pub fn shares(&self) -> &FairShare {
        &self.shares
    }

    fn pools(&self) -> MutexGuard<'_, Vec<Weak<dyn CloseIdle>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the pool of a label.
    pub fn add(&self, pool: Weak<dyn CloseIdle>) {
        let mut pools = self.pools();
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(pool);
    }

    /// Waits for room for one more connection. Those that other labels do not use are closed for it.
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the backend is closed.
    pub async fn permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waits = Waits(&self.waiting);
        let pools: Vec<_> = self.pools().iter().filter_map(Weak::upgrade).collect();
        pools.iter().for_each(|pool| pool.close_idle());
        let closed = |_| Error::Unavailable("the backend is closed".to_owned());
        Arc::clone(&self.permits).acquire_owned().await.map_err(closed)
    }

    /// Returns true if a connection should be closed after its use, because another label waits.
    pub fn is_short(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pool with one connection, which nobody uses.
    struct Idle(Mutex<Option<OwnedSemaphorePermit>>);

    impl CloseIdle for Idle {
        fn close_idle(&self) {
            drop(self.0.lock().unwrap().take());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connections_of_a_label_make_room_for_another() {
        let connections = Arc::new(Connections::new(2));
        let idle = Arc::new(Idle(Mutex::new(Some(connections.permit().await.unwrap()))));
        let weak = Arc::downgrade(&idle);
        connections.add(weak);
        let _first = connections.permit().await.unwrap();
        let second = connections.permit().await.unwrap();
        // A connection in use is waited for, and its label learns of that.
        let waits = tokio::spawn({
            let connections = Arc::clone(&connections);
            async move { connections.permit().await.map(drop) }
        });
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        assert!(connections.is_short() && !waits.is_finished());
        drop(second);
        assert!(waits.await.unwrap().is_ok());
        assert!(!connections.is_short());
    }
}
