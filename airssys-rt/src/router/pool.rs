//! The workers of a router.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use futures_util::future::{Either, select, try_join_all};
use tokio::sync::Mutex;

use super::spec::{RouterError, RouterSpec, Routing};

use crate::services::Services;
use crate::sync::{read, write};
use crate::{
    Actor, ActorRef, ActorState, ChildSpec, Overflow, Prepared, SendError, StartError, SupervisorRef,
    SupervisorSpec,
};

/// The choice of a worker.
#[derive(Debug, Clone, Copy)]
pub(super) enum By {
    /// By the spec's routing.
    Routing,
    /// By the hash of a key.
    Key(u64),
}

impl By {
    pub(super) fn key(key: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Self::Key(hasher.finish())
    }
}

/// The reason for which no worker can be chosen.
enum NoWorker {
    Ended,
    /// Those that are left are quarantined.
    Quarantined,
}

impl NoWorker {
    fn hand_back<M>(self, message: M) -> SendError<M> {
        match self {
            Self::Ended => SendError::Closed(message),
            Self::Quarantined => SendError::Quarantined(message),
        }
    }
}

struct Worker<M> {
    number: u64,
    actor: ActorRef<M>,
}

impl<M> Worker<M> {
    fn is_quarantined(&self) -> bool {
        self.actor.cell().state() == ActorState::Quarantined
    }

    /// The order of choice: true if a message would wait for a restart, and its number in the line.
    fn burden(&self) -> (bool, u64) {
        (self.actor.cell().state() != ActorState::Running, self.actor.load())
    }
}

type Starting<M> = Pin<Box<dyn Future<Output = Result<ActorRef<M>, StartError>> + Send>>;

pub(super) struct Pool<M> {
    supervisor: SupervisorRef,
    routing: Routing,
    worker: ChildSpec,
    start: Box<dyn Fn(Prepared<M>) -> Starting<M> + Send + Sync>,
    /// Ordered by number.
    workers: RwLock<Vec<Worker<M>>>,
    turn: AtomicUsize,
    /// The last number that a worker got; locked during a resize.
    last_number: Mutex<u64>,
}

impl<M> Pool<M> {
    pub(super) fn supervisor(&self) -> &SupervisorRef {
        &self.supervisor
    }

    pub(super) fn services(&self) -> &Services {
        self.supervisor.node().registry().services()
    }

    pub(super) fn size(&self) -> usize {
        read(&self.workers).iter().filter(|worker| !worker.actor.is_closed()).count()
    }

    /// The workers that have not ended.
    pub(super) fn workers(&self) -> Vec<ActorRef<M>> {
        let workers = read(&self.workers);
        workers.iter().map(|worker| &worker.actor).filter(|actor| !actor.is_closed()).cloned().collect()
    }

    /// The worker for the next message, among those that are not quarantined.
    fn choose(&self, by: By) -> Result<ActorRef<M>, NoWorker> {
        let workers = read(&self.workers);
        if workers.is_empty() {
            return Err(NoWorker::Ended);
        }
        let takes = |worker: &&Worker<M>| !worker.is_quarantined();
        let chosen = match by {
            By::Key(key) => workers.iter().filter(takes).max_by_key(|worker| claim(key, worker.number)),
            By::Routing => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                let (round, next) = (turn / workers.len(), turn % workers.len());
                match self.routing {
                    Routing::RoundRobin => workers.get(next).filter(takes).or_else(|| {
                        // The others take the turns of a quarantined worker by turns.
                        let others = workers.iter().filter(takes).count().max(1);
                        workers.iter().filter(takes).nth(round % others)
                    }),
                    Routing::LeastLoaded => {
                        let (before, from) = workers.split_at(next);
                        from.iter().chain(before).filter(takes).min_by_key(|worker| worker.burden())
                    }
                }
            }
        };
        chosen.map(|worker| worker.actor.clone()).ok_or(NoWorker::Quarantined)
    }

    /// Removes a worker that takes no more messages.
    fn forget(&self, gone: &ActorRef<M>) {
        write(&self.workers).retain(|worker| worker.actor.id() != gone.id());
    }

    pub(super) fn choose_live(&self, by: By) -> Option<ActorRef<M>> {
        loop {
            let chosen = self.choose(by).ok()?;
            if !chosen.is_closed() {
                return Some(chosen);
            }
            self.forget(&chosen);
        }
    }

    pub(super) async fn send(&self, by: By, mut message: M) -> Result<(), SendError<M>> {
        loop {
            let worker = match self.choose(by) {
                Ok(worker) => worker,
                Err(none) => return Err(none.hand_back(message)),
            };
            message = match self.send_to(&worker, message).await {
                Err(SendError::Closed(again)) => {
                    self.forget(&worker);
                    again
                }
                Err(SendError::Quarantined(again)) => {
                    // The choice may see the quarantine a moment later, on another thread.
                    tokio::task::yield_now().await;
                    again
                }
                sent => return sent,
            };
        }
    }

    /// Sends to this worker, and waits for room as long as it is not quarantined.
    pub(super) async fn send_to(&self, worker: &ActorRef<M>, message: M) -> Result<(), SendError<M>> {
        if worker.cell().state() == ActorState::Quarantined {
            return Err(SendError::Quarantined(message));
        }
        let message = match worker.cell().send_now(message) {
            Err(SendError::Full(message)) if worker.overflow() == Overflow::Wait => message,
            sent => return sent,
        };
        let room = pin!(worker.reserve());
        let changes = &self.services().tree_changes;
        let quarantined = pin!(changes.wait_for(|| worker.cell().is_quarantined().then_some(())));
        match select(room, quarantined).await {
            Either::Left((Ok(permit), _)) => permit.send(message).map_err(SendError::Closed),
            // A sender that waits is never refused for lack of room.
            Either::Left((Err(_), _)) => Err(SendError::Closed(message)),
            Either::Right(_) => Err(SendError::Quarantined(message)),
        }
    }

    pub(super) fn try_send(&self, by: By, mut message: M) -> Result<(), SendError<M>> {
        loop {
            let worker = match self.choose(by) {
                Ok(worker) => worker,
                Err(none) => return Err(none.hand_back(message)),
            };
            message = match worker.try_send(message) {
                Err(SendError::Closed(again)) => again,
                sent => return sent,
            };
            self.forget(&worker);
        }
    }
}

impl<M: Send + 'static> Pool<M> {
    pub(super) async fn start<A, F>(
        parent: &SupervisorRef,
        spec: RouterSpec,
        make: F,
    ) -> Result<Self, RouterError>
    where
        A: Actor<Message = M>,
        F: Fn() -> A + Send + Sync + 'static,
    {
        let RouterSpec { name, size, routing, supervisor: config, worker } = spec;
        if size == 0 {
            return Err(RouterError::NoWorkers { name: name.to_string() });
        }
        // The supervisor is not dynamic, so that workers and their mailboxes outlive its restart.
        let supervisor = parent.supervise(SupervisorSpec::new(name).config(config)).await?;
        let abandoned = Abandoned(Some(supervisor.clone()));
        let start = starter(supervisor.clone(), make);
        let pool = Self {
            supervisor,
            routing,
            worker,
            start,
            workers: RwLock::default(),
            turn: AtomicUsize::new(0),
            last_number: Mutex::new(0),
        };
        if let Err(error) = pool.resize(size).await {
            drop(abandoned);
            // The name is free again when the error is returned.
            pool.supervisor.closed().await;
            return Err(error);
        }
        abandoned.keep();
        Ok(pool)
    }

    pub(super) async fn resize(&self, size: usize) -> Result<(), RouterError> {
        if size == 0 {
            return Err(RouterError::NoWorkers { name: self.supervisor.name().to_owned() });
        }
        let mut last_number = self.last_number.lock().await;
        let (leaving, missing) = {
            let mut workers = write(&self.workers);
            workers.retain(|worker| !worker.actor.is_closed());
            let stay = size.min(workers.len());
            let leaving = workers.split_off(stay);
            (leaving, size - stay)
        };
        // After their removal: senders no longer choose them, and a sender that already has gets the
        // message back and chooses again.
        leaving.iter().for_each(|worker| worker.actor.drain());
        for worker in leaving {
            worker.actor.closed().await;
        }
        self.grow(missing, &mut last_number).await
    }

    async fn grow(&self, count: usize, last_number: &mut u64) -> Result<(), RouterError> {
        let mut newcomers = Newcomers(Vec::with_capacity(count));
        let mut starting = Vec::with_capacity(count);
        for _ in 0..count {
            *last_number += 1;
            let name = format!("{}/{last_number}", self.supervisor.name());
            let spec = ChildSpec { name: Some(name.into()), ..self.worker.clone() };
            let prepared = self.supervisor.prepare(spec).map_err(StartError::from)?;
            newcomers.0.push(Worker { number: *last_number, actor: prepared.actor_ref() });
            starting.push((self.start)(prepared));
        }
        try_join_all(starting).await?;
        write(&self.workers).append(&mut newcomers.0);
        Ok(())
    }
}

fn starter<M, A, F>(
    supervisor: SupervisorRef,
    make: F,
) -> Box<dyn Fn(Prepared<M>) -> Starting<M> + Send + Sync>
where
    M: Send + 'static,
    A: Actor<Message = M>,
    F: Fn() -> A + Send + Sync + 'static,
{
    let make = Arc::new(make);
    Box::new(move |prepared| {
        let (supervisor, make) = (supervisor.clone(), make.clone());
        Box::pin(async move { supervisor.start(prepared, move || make()).await })
    })
}

/// New workers until they are in the pool. Dropped before, they end.
struct Newcomers<M>(Vec<Worker<M>>);

impl<M> Drop for Newcomers<M> {
    fn drop(&mut self) {
        for Worker { actor, .. } in &self.0 {
            actor.stop();
            // Its start may never be done.
            if actor.stats().state == ActorState::Starting {
                actor.kill();
            }
        }
    }
}

/// The supervisor of a router that is being made. Dropped before it is kept, it stops.
struct Abandoned(Option<SupervisorRef>);

impl Abandoned {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.iter().for_each(SupervisorRef::stop);
    }
}

/// The strength of a worker's claim to a key (rendezvous hashing). The strongest claim wins, so a
/// worker that is added or removed does not change the claims of the others.
fn claim(key: u64, worker: u64) -> u64 {
    mix(key ^ mix(worker))
}

/// The last steps of splitmix64.
fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
