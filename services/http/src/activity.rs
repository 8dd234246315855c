//! The requests that a connection serves at present.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// The requests of a connection.
#[derive(Default)]
pub(crate) struct Activity {
    begun: AtomicUsize,
    running: AtomicUsize,
}

impl Activity {
    /// Resolves when no request has run for the limit, or up to twice as long.
    pub(crate) async fn idle(self: Arc<Activity>, limit: Duration) {
        loop {
            let begun = self.begun.load(Ordering::Relaxed);
            sleep(limit).await;
            if self.running.load(Ordering::Relaxed) == 0 && self.begun.load(Ordering::Relaxed) == begun {
                return;
            }
        }
    }
}

/// A request that runs until it is dropped, with the body of its response.
pub(crate) struct Running(Arc<Activity>);

impl Running {
    pub(crate) fn begin(activity: &Arc<Activity>) -> Running {
        activity.begun.fetch_add(1, Ordering::Relaxed);
        activity.running.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(activity))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn connection_is_idle_only_without_requests() {
        let activity = Arc::<Activity>::default();
        let running = Running::begin(&activity);
        assert!(timeout(LIMIT * 10, Arc::clone(&activity).idle(LIMIT)).await.is_err(), "a request runs");
        drop(running);
        let began = Instant::now();
        activity.idle(LIMIT).await;
        assert_eq!(began.elapsed(), LIMIT);
    }
}
