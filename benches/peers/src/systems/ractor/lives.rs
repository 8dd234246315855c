//! Actors that start, stop, crash and are looked up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent, registry};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::measure::{INTENDED, since_struck, struck};
use crate::memory;
use crate::names::Names;
use crate::stats::Spread;
use crate::systems::{Note, nanos_each};
use crate::tally::{Failure, Hooks, all, broken};

struct Idle;

impl Actor for Idle {
    type Msg = Note;
    type State = Arc<Hooks>;
    type Arguments = Arc<Hooks>;

    async fn pre_start(
        &self,
        _me: ActorRef<Note>,
        hooks: Arc<Hooks>,
    ) -> Result<Arc<Hooks>, ActorProcessingErr> {
        hooks.enter();
        // `spawn` waits for this hook only; the next hook may run later.
        hooks.start();
        Ok(hooks)
    }

    async fn handle(
        &self,
        _me: ActorRef<Note>,
        Note(value): Note,
        _hooks: &mut Arc<Hooks>,
    ) -> Result<(), ActorProcessingErr> {
        std::hint::black_box(value);
        Ok(())
    }

    async fn post_stop(&self, _me: ActorRef<Note>, hooks: &mut Arc<Hooks>) -> Result<(), ActorProcessingErr> {
        hooks.leave();
        hooks.stop();
        Ok(())
    }
}

async fn spawn(
    name: Option<String>,
    hooks: &Arc<Hooks>,
) -> Result<(ActorRef<Note>, JoinHandle<()>), Failure> {
    Actor::spawn(name, Idle, hooks.clone()).await.map_err(broken)
}

pub(super) async fn spawn_and_stop(actors: u64) -> Result<(f64, f64), Failure> {
    let hooks = Arc::<Hooks>::default();
    let mut refs = Vec::with_capacity(actors as usize);
    let mut tasks = Vec::with_capacity(actors as usize);
    let start = Instant::now();
    for _ in 0..actors {
        let (actor, task) = spawn(None, &hooks).await?;
        refs.push(actor);
        tasks.push(task);
    }
    let spawned = Instant::now();
    hooks.all_started(actors)?;
    let stop = Instant::now();
    for actor in &refs {
        actor.stop(None);
    }
    for task in tasks {
        task.await.map_err(broken)?;
    }
    let stopped = Instant::now();
    hooks.all_stopped(actors)?;
    Ok((nanos_each(start, spawned, actors), nanos_each(stop, stopped, actors)))
}

pub(super) async fn idle_memory(actors: u64) -> Result<f64, Failure> {
    let hooks = Arc::<Hooks>::default();
    let mut refs = Vec::with_capacity(actors as usize);
    let _first = spawn(None, &hooks).await?;
    let before = memory::resident()?;
    for _ in 0..actors {
        refs.push(spawn(None, &hooks).await?.0);
    }
    let each = memory::per_actor(before, actors)?;
    hooks.all_started(refs.len() as u64 + 1)?;
    Ok(each)
}

pub(super) enum Strike {
    Panic,
    Fail,
    Probe(oneshot::Sender<Instant>),
}

struct Target;

impl Actor for Target {
    type Msg = Strike;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _me: ActorRef<Strike>, _args: ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _me: ActorRef<Strike>,
        strike: Strike,
        _state: &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match strike {
            Strike::Panic => {
                struck();
                std::panic::panic_any(INTENDED)
            }
            Strike::Fail => {
                struck();
                return Err("as told".into());
            }
            // The driver notices a missing result.
            Strike::Probe(handled) => drop(handled.send(Instant::now())),
        }
        Ok(())
    }
}

/// State that the driver and the supervisor share.
#[derive(Default)]
struct Care {
    target: Mutex<Option<ActorRef<Strike>>>,
    /// The probe that the supervisor sends to the next target.
    probe: Mutex<Option<oneshot::Sender<Instant>>>,
    restarts: Mutex<u64>,
}

struct Supervisor;

impl Actor for Supervisor {
    type Msg = ();
    type State = Arc<Care>;
    type Arguments = Arc<Care>;

    async fn pre_start(&self, me: ActorRef<()>, care: Arc<Care>) -> Result<Arc<Care>, ActorProcessingErr> {
        let (target, _task) = Actor::spawn_linked(None, Target, (), me.get_cell()).await?;
        *lock(&care.target) = Some(target);
        Ok(care)
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<()>,
        event: SupervisionEvent,
        care: &mut Arc<Care>,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(..) = event {
            let (target, _task) = Actor::spawn_linked(None, Target, (), me.get_cell()).await?;
            *lock(&care.restarts) += 1;
            *lock(&care.target) = Some(target.clone());
            let probe = lock(&care.probe).take();
            if let Some(probe) = probe {
                target.cast(Strike::Probe(probe))?;
            }
        }
        Ok(())
    }
}

pub(super) async fn restart(strikes: u64, strike: impl Fn() -> Strike) -> Result<f64, Failure> {
    let care = Arc::<Care>::default();
    let _supervisor = Actor::spawn(None, Supervisor, care.clone()).await.map_err(broken)?;
    let mut times = Vec::with_capacity(strikes as usize);
    for _ in 0..strikes {
        let target = lock(&care.target).clone().ok_or_else(|| broken("the target was not spawned"))?;
        let (probe, handled) = oneshot::channel();
        *lock(&care.probe) = Some(probe);
        target.cast(strike()).map_err(broken)?;
        let end = handled.await.map_err(broken)?;
        times.push(since_struck(end));
    }
    all("restarts", *lock(&care.restarts), strikes)?;
    Spread::of(&times).map(|spread| spread.median).ok_or_else(|| broken("no restart was measured"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) async fn look_up(registered: usize, lookups: u64) -> Result<f64, Failure> {
    let names = Names::new(registered, lookups);
    let hooks = Arc::<Hooks>::default();
    for name in &names.names {
        spawn(Some(name.clone()), &hooks).await?;
    }
    let (each, found) = names.look_up(|name| registry::where_is(name));
    all("actors found", found, lookups)?;
    Ok(each)
}
