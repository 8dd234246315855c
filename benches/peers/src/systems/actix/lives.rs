//! Actors that start, stop and crash.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix::{
    Actor, ActorContext, Addr, ArbiterHandle, Context, Handler, Message, Running, Supervised, Supervisor,
};
use tokio::sync::oneshot;

use crate::measure::{since_struck, struck};
use crate::memory;
use crate::stats::Spread;
use crate::systems::nanos_each;
use crate::tally::{Failure, Gather, Hooks, all, broken};

/// Receives every start and every stop of some actors.
#[derive(Clone)]
struct Lives {
    hooks: Arc<Hooks>,
    started: Arc<Gather>,
    stopped: Arc<Gather>,
}

impl Lives {
    fn of(actors: u64) -> Self {
        let actors = actors as usize;
        Self { hooks: Arc::default(), started: Gather::new(actors), stopped: Gather::new(actors) }
    }
}

struct Idle(Lives);

impl Actor for Idle {
    type Context = Context<Self>;

    fn started(&mut self, _context: &mut Context<Self>) {
        self.0.hooks.enter();
        self.0.hooks.start();
        self.0.started.arrive();
    }

    fn stopping(&mut self, _context: &mut Context<Self>) -> Running {
        self.0.hooks.leave();
        Running::Stop
    }

    fn stopped(&mut self, _context: &mut Context<Self>) {
        self.0.hooks.stop();
        self.0.stopped.arrive();
    }
}

struct Stop;

impl Message for Stop {
    type Result = ();
}

impl Handler<Stop> for Idle {
    type Result = ();

    fn handle(&mut self, _stop: Stop, context: &mut Context<Self>) {
        context.stop();
    }
}

fn spawn(index: u64, lives: &Lives, threads: &[ArbiterHandle; 2]) -> Addr<Idle> {
    let idle = Idle(lives.clone());
    Idle::start_in_arbiter(&threads[index as usize % 2], move |_| idle)
}

pub(super) async fn spawn_and_stop(actors: u64, threads: &[ArbiterHandle; 2]) -> Result<(f64, f64), Failure> {
    let lives = Lives::of(actors);
    let mut addresses = Vec::with_capacity(actors as usize);
    let begun = Instant::now();
    for index in 0..actors {
        addresses.push(spawn(index, &lives, threads));
    }
    lives.started.wait().await?;
    let spawned = Instant::now();
    lives.hooks.all_started(actors)?;
    let stop = Instant::now();
    for address in &addresses {
        address.do_send(Stop);
    }
    lives.stopped.wait().await?;
    let stopped = Instant::now();
    lives.hooks.all_stopped(actors)?;
    Ok((nanos_each(begun, spawned, actors), nanos_each(stop, stopped, actors)))
}

pub(super) async fn idle_memory(actors: u64, threads: &[ArbiterHandle; 2]) -> Result<f64, Failure> {
    let firsts = Lives::of(2);
    let _firsts = [spawn(0, &firsts, threads), spawn(1, &firsts, threads)];
    firsts.started.wait().await?;
    let lives = Lives::of(actors);
    let mut addresses = Vec::with_capacity(actors as usize);
    let before = memory::resident()?;
    for index in 0..actors {
        addresses.push(spawn(index, &lives, threads));
    }
    lives.started.wait().await?;
    let each = memory::per_actor(before, actors)?;
    lives.hooks.all_started(addresses.len() as u64)?;
    Ok(each)
}

struct Fail;

impl Message for Fail {
    type Result = ();
}

struct Probe(oneshot::Sender<Instant>);

impl Message for Probe {
    type Result = ();
}

struct Target(Arc<AtomicU64>);

impl Actor for Target {
    type Context = Context<Self>;
}

impl Supervised for Target {
    fn restarting(&mut self, _context: &mut Context<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Handler<Fail> for Target {
    type Result = ();

    fn handle(&mut self, _fail: Fail, context: &mut Context<Self>) {
        struck();
        context.stop();
    }
}

impl Handler<Probe> for Target {
    type Result = ();

    fn handle(&mut self, Probe(handled): Probe, _context: &mut Context<Self>) {
        // The driver notices a missing result.
        let _ = handled.send(Instant::now());
    }
}

pub(super) async fn restart(strikes: u64, thread: &ArbiterHandle) -> Result<f64, Failure> {
    let restarts = Arc::<AtomicU64>::default();
    let target = Target(restarts.clone());
    let target = Supervisor::start_in_arbiter(thread, move |_| target);
    let mut times = Vec::with_capacity(strikes as usize);
    for _ in 0..strikes {
        let (probe, handled) = oneshot::channel();
        target.do_send(Fail);
        target.do_send(Probe(probe));
        let end = handled.await.map_err(broken)?;
        times.push(since_struck(end));
    }
    all("restarts", restarts.load(Ordering::Relaxed), strikes)?;
    Spread::of(&times).map(|spread| spread.median).ok_or_else(|| broken("no restart was measured"))
}
