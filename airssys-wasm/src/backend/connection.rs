//! The connection of one backend: made once, and tried again with a delay that grows.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use airssys_rt::BoxError;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::backend::backoff::Backoff;

/// The time that a product has to connect, because a caller waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The delay after the first failure. It doubles with each failure that follows.
const FIRST_DELAY: Duration = Duration::from_millis(100);

/// The longest delay.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// A connection that is made when it is first needed. Callers that need it meanwhile wait for the same
/// attempt.
pub(super) struct Connection<C> {
    made: OnceLock<C>,
    /// The attempts since the last success.
    attempts: Mutex<Backoff<Arc<BoxError>>>,
}

impl<C> Default for Connection<C> {
    fn default() -> Connection<C> {
        let backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
        Connection { made: OnceLock::new(), attempts: Mutex::new(backoff) }
    }
}

impl<C: Clone> Connection<C> {
    /// Returns the connection if it was made.
    pub(super) fn made(&self) -> Option<C> {
        self.made.get().cloned()
    }

    /// Returns the connection, and makes it if there is none. Between two attempts, fails at once with
    /// the error of the last one. Cancel safe.
    pub(super) async fn get<F: Future<Output = Result<C, BoxError>>>(
        &self,
        connect: impl FnOnce() -> F,
    ) -> Result<C, Arc<BoxError>> {
        if let Some(made) = self.made.get() {
            return Ok(made.clone());
        }
        let mut attempts = self.attempts.lock().await;
        if let Some(made) = self.made.get() {
            return Ok(made.clone());
        }
        if let Some(last) = attempts.last() {
            return Err(Arc::clone(last));
        }
        let late = || format!("it did not answer within {} s", CONNECT_TIMEOUT.as_secs()).into();
        match timeout(CONNECT_TIMEOUT, connect()).await.unwrap_or_else(|_| Err(late())) {
            Ok(made) => Ok(self.made.get_or_init(|| made).clone()),
            Err(error) => {
                let error = Arc::new(error);
                attempts.failed(Arc::clone(&error));
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn callers_share_one_attempt_and_failures_are_tried_again_after_a_delay() {
        let (connection, tried) = (Connection::<u32>::default(), AtomicU32::new(0));
        let fail = || async {
            tried.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(1)).await;
            Err::<u32, BoxError>("refused".into())
        };
        let (one, other) = tokio::join!(connection.get(fail), connection.get(fail));
        assert_eq!(one.unwrap_err().to_string(), "refused");
        assert_eq!(other.unwrap_err().to_string(), "refused");
        assert_eq!(tried.load(Ordering::Relaxed), 1);

        tokio::time::sleep(FIRST_DELAY).await;
        let connect = || async { Ok::<u32, BoxError>(7) };
        assert_eq!(connection.get(connect).await.unwrap(), 7);
        assert_eq!(connection.get(fail).await.unwrap(), 7);
        assert_eq!(tried.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn product_that_does_not_answer_fails_after_its_time() {
        let connection = Connection::<u32>::default();
        let found = connection.get(std::future::pending).await.unwrap_err();
        assert_eq!(found.to_string(), "it did not answer within 5 s");
    }
}
