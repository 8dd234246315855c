//! Actors that start, stop, crash and are looked up.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, BoxError, Child, ChildContext, ChildSpec, RestartStrategy,
    SupervisorConfig, SupervisorRef, SupervisorSpec,
};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::measure::{INTENDED, since_struck, struck};
use crate::memory;
use crate::names::Names;
use crate::stats::Spread;
use crate::systems::{Note, nanos_each};
use crate::tally::{Failure, Hooks, all, broken};
use crate::workload::BOUND;

#[derive(Clone)]
struct Idle {
    hooks: Arc<Hooks>,
}

impl Child for Idle {
    async fn pre_start(&mut self, _context: &ChildContext) -> Result<(), BoxError> {
        self.hooks.enter();
        Ok(())
    }

    async fn post_start(&mut self, _context: &ChildContext) -> Result<(), BoxError> {
        self.hooks.start();
        Ok(())
    }

    async fn pre_stop(&mut self, _context: &ChildContext) -> Result<(), BoxError> {
        self.hooks.leave();
        Ok(())
    }

    async fn post_stop(&mut self, _context: &ChildContext) -> Result<(), BoxError> {
        self.hooks.stop();
        Ok(())
    }
}

impl Actor for Idle {
    type Message = Note;
    type Error = Infallible;

    async fn handle_message(
        &mut self,
        Note(value): Note,
        _context: &ActorContext<Note>,
    ) -> Result<(), Infallible> {
        std::hint::black_box(value);
        Ok(())
    }
}

/// Starts a dynamic supervisor for nameless children, the usual way to start many.
async fn nursery(system: &ActorSystem) -> Result<SupervisorRef, Failure> {
    system.supervise(SupervisorSpec::new("nursery").dynamic()).await.map_err(broken)
}

async fn spawn(nursery: &SupervisorRef, hooks: &Arc<Hooks>) -> Result<ActorRef<Note>, Failure> {
    let idle = Idle { hooks: hooks.clone() };
    nursery.spawn(ChildSpec::unnamed(), move || idle.clone()).await.map_err(broken)
}

pub(super) async fn spawn_and_stop(actors: u64) -> Result<(f64, f64), Failure> {
    let hooks = Arc::<Hooks>::default();
    let system = ActorSystem::new("bench");
    let nursery = nursery(&system).await?;
    let mut refs = Vec::with_capacity(actors as usize);
    let start = Instant::now();
    for _ in 0..actors {
        refs.push(spawn(&nursery, &hooks).await?);
    }
    let spawned = Instant::now();
    hooks.all_started(actors)?;
    let stopping = Instant::now();
    nursery.stop();
    nursery.closed().await;
    let stopped = Instant::now();
    hooks.all_stopped(actors)?;
    Ok((nanos_each(start, spawned, actors), nanos_each(stopping, stopped, actors)))
}

pub(super) async fn idle_memory(actors: u64) -> Result<f64, Failure> {
    let hooks = Arc::<Hooks>::default();
    let system = ActorSystem::new("bench");
    let mut refs = Vec::with_capacity(actors as usize);
    let nursery = nursery(&system).await?;
    let _first = spawn(&nursery, &hooks).await?;
    let before = memory::resident()?;
    for _ in 0..actors {
        refs.push(spawn(&nursery, &hooks).await?);
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

#[derive(Debug, Error)]
#[error("as told")]
struct AsTold;

impl Child for Target {}

impl Actor for Target {
    type Message = Strike;
    type Error = AsTold;

    async fn handle_message(
        &mut self,
        strike: Strike,
        _context: &ActorContext<Strike>,
    ) -> Result<(), AsTold> {
        match strike {
            Strike::Panic => {
                struck();
                std::panic::panic_any(INTENDED)
            }
            Strike::Fail => {
                struck();
                return Err(AsTold);
            }
            // The driver notices a missing result.
            Strike::Probe(handled) => drop(handled.send(Instant::now())),
        }
        Ok(())
    }
}

pub(super) async fn restart(strikes: u64, strike: impl Fn() -> Strike) -> Result<f64, Failure> {
    let config = SupervisorConfig {
        max_restarts: u32::MAX,
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    };
    let system = ActorSystem::builder("bench").supervisor(config).build();
    let spec = ChildSpec::new("target").capacity(BOUND);
    let target = system.spawn(spec, || Target).await.map_err(broken)?;
    let mut times = Vec::with_capacity(strikes as usize);
    for _ in 0..strikes {
        let (probe, handled) = oneshot::channel();
        target.send(strike()).await.map_err(broken)?;
        target.send(Strike::Probe(probe)).await.map_err(broken)?;
        let end = handled.await.map_err(broken)?;
        times.push(since_struck(end));
    }
    all("restarts", target.stats().restarts, strikes)?;
    Spread::of(&times).map(|spread| spread.median).ok_or_else(|| broken("no restart was measured"))
}

pub(super) async fn look_up(registered: usize, lookups: u64) -> Result<f64, Failure> {
    let names = Names::new(registered, lookups);
    let hooks = Arc::<Hooks>::default();
    let system = ActorSystem::new("bench");
    for name in &names.names {
        let idle = Idle { hooks: hooks.clone() };
        system.spawn(ChildSpec::new(name.clone()), move || idle.clone()).await.map_err(broken)?;
    }
    let (each, found) = names.look_up(|name| system.whereis::<Note>(name));
    all("actors found", found, lookups)?;
    Ok(each)
}
