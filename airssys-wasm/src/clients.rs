//! The clients of a server: a bound on their number, which no client can use up.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use tokio::task::{AbortHandle, JoinSet};

/// The tasks of a server's clients, at most a number of them.
///
/// A new client always gets a place. If all are taken, it is that of the quietest client: one that has
/// never sent a request, or else the one that has made no progress for the longest time. So clients
/// that say nothing or read nothing lock no other client out.
pub(crate) struct Clients {
    most: usize,
    began: Instant,
    tasks: JoinSet<()>,
    open: Vec<(Arc<Progress>, AbortHandle)>,
}

/// The progress of one client.
pub(crate) struct Progress {
    began: Instant,
    /// True if it has sent a whole request.
    has_spoken: AtomicBool,
    /// The time of its last progress, in nanoseconds since `began`.
    last_ns: AtomicU64,
}

impl Clients {
    pub(crate) fn at_most(most: usize) -> Clients {
        Clients { most, began: Instant::now(), tasks: JoinSet::new(), open: Vec::new() }
    }

    /// Starts the task that serves a client. Ends that of the quietest client if there are too many.
    pub(crate) fn admit<F>(&mut self, serve: impl FnOnce(Arc<Progress>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|(_, task)| !task.is_finished());
        if self.open.len() >= self.most {
            let quietest = self.open.iter().enumerate().min_by_key(|(_, (progress, _))| progress.rank());
            if let Some((index, _)) = quietest {
                self.open.swap_remove(index).1.abort();
            }
        }
        let has_spoken = AtomicBool::new(false);
        let progress = Arc::new(Progress { began: self.began, has_spoken, last_ns: AtomicU64::new(0) });
        progress.made();
        let task = self.tasks.spawn(serve(Arc::clone(&progress)));
        self.open.push((progress, task));
    }

    /// Waits for the end of a client. Waits without end if there is none. Cancel safe.
    pub(crate) async fn ended(&mut self) {
        if self.tasks.join_next().await.is_none() {
            std::future::pending().await
        }
    }
}

impl Progress {
    /// Notes that the client has sent a whole request.
    pub(crate) fn has_asked(&self) {
        self.has_spoken.store(true, Ordering::Relaxed);
        self.made();
    }

    /// Notes that the client has sent or read something.
    pub(crate) fn made(&self) {
        let elapsed = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.last_ns.store(elapsed, Ordering::Relaxed);
    }

    /// The rank of the client: the lowest is the first to give up its place.
    fn rank(&self) -> (bool, u64) {
        (self.has_spoken.load(Ordering::Relaxed), self.last_ns.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::sync::lock;

    /// The numbers of the clients whose tasks have ended.
    type Gone = Arc<Mutex<Vec<usize>>>;

    struct Client(usize, Gone);

    impl Drop for Client {
        fn drop(&mut self) {
            lock(&self.1).push(self.0);
        }
    }

    fn admit(clients: &mut Clients, number: usize, gone: &Gone) -> Arc<Progress> {
        let client = Client(number, Arc::clone(gone));
        let mut own = None;
        clients.admit(|progress| {
            own = Some(Arc::clone(&progress));
            async move {
                let _client = client;
                std::future::pending::<()>().await;
            }
        });
        own.unwrap()
    }

    #[tokio::test]
    async fn quietest_client_gives_up_its_place() {
        let (mut clients, gone) = (Clients::at_most(3), Gone::default());
        let first = admit(&mut clients, 1, &gone);
        let second = admit(&mut clients, 2, &gone);
        let third = admit(&mut clients, 3, &gone);
        first.has_asked();
        second.has_asked();
        // The third has never asked.
        drop((admit(&mut clients, 4, &gone), third));
        clients.ended().await;
        let fifth = admit(&mut clients, 5, &gone);
        clients.ended().await;
        fifth.has_asked();
        first.made();
        // All have asked, and the second was quiet for the longest time.
        admit(&mut clients, 6, &gone);
        clients.ended().await;
        assert_eq!(*lock(&gone), [3, 4, 2]);
    }
}
