//! The connections of one file, each on a thread of its own.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::database::Access;
use crate::session::{Command, Reply, User};
use crate::sqlite::authorizer::Decisions;
use crate::sqlite::connection::{self, Watch};
use crate::sqlite::folder::Options;
use crate::sqlite::session::Session;
use crate::values::Error;

/// The time after which a thread without work ends.
const IDLE: Duration = Duration::from_secs(60);

/// The same while more than [`MANY`] threads are open. A component that may use every label can open them
/// without end, and each thread holds a file.
const IDLE_AMONG_MANY: Duration = Duration::from_millis(100);

/// The threads of this process that may stay idle for long.
const MANY: usize = 64;

/// The threads of this process.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Counts a thread until it ends.
struct Counted;

impl Counted {
    fn one() -> Counted {
        THREADS.fetch_add(1, Ordering::Relaxed);
        Counted
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the time for which a thread waits for work.
fn idle() -> Duration {
    if THREADS.load(Ordering::Relaxed) > MANY { IDLE_AMONG_MANY } else { IDLE }
}

/// The connections of one file with one access.
pub(super) struct Pool {
    file: PathBuf,
    access: Access,
    options: Options,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Worker>>,
    sessions: AtomicU64,
}

/// A thread with a connection.
struct Worker {
    jobs: Sender<Job>,
    watch: Arc<Watch>,
}

/// The work of one user of a connection.
struct Job {
    session: u64,
    commands: UnboundedReceiver<Command>,
    /// The reply to the begin of a transaction, if the user wants one.
    begin: Option<Reply<()>>,
    /// The thread that does the job goes back to its pool afterwards, and then the permit.
    worker: Worker,
    permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(file: PathBuf, access: Access, options: Options) -> Arc<Pool> {
        // SQLite has one writer at a time. It is waited for here, where a wait can be cancelled.
        let most = match access {
            Access::Write => 1,
            Access::Read => options.connections,
        };
        let (permits, idle) = (Arc::new(Semaphore::new(most)), Mutex::default());
        Arc::new(Pool { file, access, options, permits, idle, sessions: AtomicU64::new(1) })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a connection, and for its transaction if it has to begin one. Calls a function when the
    /// file is open. Cancel safe.
    pub(super) async fn user(
        self: &Arc<Pool>,
        in_transaction: bool,
        is_open: impl FnOnce() + Send,
    ) -> Result<User, Error> {
        let closed = |_| Error::Other("the database is closed".to_owned());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(closed)?;
        let worker = match self.alive() {
            Some(worker) => worker,
            None => self.start().await?,
        };
        is_open();
        // Taken with the thread, because a thread takes an id below a cancelled one for cancelled too.
        let session = self.sessions.fetch_add(1, Ordering::Relaxed);
        let (user, commands) = User::new();
        let (jobs, watch) = (worker.jobs.clone(), Arc::clone(&worker.watch));
        let user = user.cancelled_by(move || watch.cancel(session));
        let ended = || Error::Unavailable("the thread of the database has ended".to_owned());
        let (begin, begun) = in_transaction.then(oneshot::channel).unzip();
        jobs.send(Job { session, commands, begin, worker, permit }).map_err(|_| ended())?;
        if let Some(begun) = begun {
            begun.await.unwrap_or_else(|_| Err(ended()))?;
        }
        Ok(user)
    }

    /// Takes a thread that waits for work.
    fn alive(&self) -> Option<Worker> {
        self.idle().pop()
    }

    /// Starts a thread, and waits until it has opened the file.
    async fn start(self: &Arc<Pool>) -> Result<Worker, Error> {
        let (jobs, received) = mpsc::channel();
        let (opened, open) = oneshot::channel();
        let (watch, pool) = (Arc::<Watch>::default(), Arc::downgrade(self));
        let thread = Thread {
            file: self.file.clone(),
            access: self.access,
            options: self.options,
            watch: Arc::clone(&watch),
            pool,
        };
        let spawned = std::thread::Builder::new()
            .name("airssys-sqlite".to_owned())
            .spawn(move || thread.run(opened, &received));
        spawned.map_err(|error| Error::Unavailable(format!("no thread can be started: {error}")))?;
        let ended = || Err(Error::Unavailable("the thread of the database has ended".to_owned()));
        open.await.unwrap_or_else(|_| ended())?;
        Ok(Worker { jobs, watch })
    }
}

/// The thread of a connection.
struct Thread {
    file: PathBuf,
    access: Access,
    options: Options,
    watch: Arc<Watch>,
    pool: Weak<Pool>,
}

impl Thread {
    fn run(self, opened: Reply<()>, jobs: &Receiver<Job>) {
        let _counted = Counted::one();
        let decisions = Decisions::default();
        // No session runs yet: the progress handler must not take that for a cancelled one.
        self.watch.begin(u64::MAX);
        let connection =
            match connection::open(&self.file, self.access, &self.options, &self.watch, &decisions) {
                Ok(connection) => connection,
                Err(error) => return drop(opened.send(Err(error))),
            };
        if opened.send(Ok(())).is_err() {
            return;
        }
        while let Some(Job { session, commands, begin, worker, permit }) = self.next(jobs) {
            self.watch.begin(session);
            let session = Session {
                connection: &connection,
                decisions: &decisions,
                commands: RefCell::new(commands),
                access: self.access,
                file: &self.file,
                max_log_bytes: self.options.bytes,
                in_transaction: begin.is_some(),
            };
            let begun = begin.is_none_or(|begin| {
                let result = session.begin();
                let has_begun = result.is_ok();
                begin.send(result).is_ok() && has_begun
            });
            session.run(begun);
            self.watch.begin(u64::MAX);
            if let Some(pool) = self.pool.upgrade() {
                pool.idle().push(worker);
            }
            drop(permit);
        }
    }

    /// Waits for work. Returns `None` if the pool is gone, or if there is none for a time.
    fn next(&self, jobs: &Receiver<Job>) -> Option<Job> {
        match jobs.recv_timeout(idle()) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                // Whatever is taken from the list under its lock has work that arrives in a moment.
                let pool = self.pool.upgrade()?;
                let mut idle = pool.idle();
                let own = idle.iter().position(|worker| Arc::ptr_eq(&worker.watch, &self.watch));
                match own {
                    Some(own) => {
                        drop(idle.swap_remove(own));
                        None
                    }
                    None => {
                        drop(idle);
                        jobs.recv().ok()
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn threads_of_many_labels_end_soon_after_their_work() {
        let folder = tempfile::tempdir().unwrap();
        let options =
            Options { connections: 1, timeout: Duration::from_secs(5), bytes: 1 << 20, labels: 1_000 };
        let mut pools = Vec::new();
        for label in 0..MANY + 40 {
            let pool = Pool::new(folder.path().join(format!("{label}.db")), Access::Write, options);
            drop(pool.user(false, || {}).await.unwrap());
            pools.push(pool);
        }
        for _ in 0..300 {
            if THREADS.load(Ordering::Relaxed) <= MANY {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let left = THREADS.load(Ordering::Relaxed);
        assert!(left <= MANY, "{left} threads wait for work");
        // A label whose thread has ended gets another.
        for pool in &pools {
            drop(pool.user(false, || {}).await.unwrap());
        }
    }
}
