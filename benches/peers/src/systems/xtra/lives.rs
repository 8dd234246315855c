//! Actors that start, stop and crash.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::oneshot;
use xtra::{Actor, Address, Context, Handler, Mailbox, spawn_tokio};

use super::tell;
use crate::measure::{INTENDED, since_struck, struck};
use crate::memory;
use crate::stats::Spread;
use crate::systems::{Note, nanos_each};
use crate::tally::{Failure, Gather, Hooks, all, broken};
use crate::workload::BOUND;

/// Receives every start and every stop of some actors.
struct Lives {
    hooks: Hooks,
    started: Arc<Gather>,
    stopped: Arc<Gather>,
}

impl Lives {
    fn of(actors: u64) -> Arc<Self> {
        let gather = || Gather::new(actors as usize);
        Arc::new(Self { hooks: Hooks::default(), started: gather(), stopped: gather() })
    }
}

struct Idle(Arc<Lives>);

impl Actor for Idle {
    type Stop = ();

    async fn started(&mut self, _mailbox: &Mailbox<Self>) -> Result<(), ()> {
        self.0.hooks.enter();
        self.0.hooks.start();
        self.0.started.arrive();
        Ok(())
    }

    async fn stopped(self) {
        self.0.hooks.leave();
        self.0.hooks.stop();
        self.0.stopped.arrive();
    }
}

impl Handler<Note> for Idle {
    type Return = ();

    async fn handle(&mut self, Note(value): Note, _context: &mut Context<Self>) {
        std::hint::black_box(value);
    }
}

fn spawn(lives: &Arc<Lives>) -> Address<Idle> {
    spawn_tokio(Idle(lives.clone()), Mailbox::bounded(16))
}

pub(super) async fn spawn_and_stop(actors: u64) -> Result<(f64, f64), Failure> {
    let lives = Lives::of(actors);
    let mut addresses = Vec::with_capacity(actors as usize);
    let start = Instant::now();
    for _ in 0..actors {
        addresses.push(spawn(&lives));
    }
    lives.started.wait().await?;
    let spawned = Instant::now();
    lives.hooks.all_started(actors)?;
    let stop = Instant::now();
    drop(addresses);
    lives.stopped.wait().await?;
    let stopped = Instant::now();
    lives.hooks.all_stopped(actors)?;
    Ok((nanos_each(start, spawned, actors), nanos_each(stop, stopped, actors)))
}

pub(super) async fn idle_memory(actors: u64) -> Result<f64, Failure> {
    let first = Lives::of(1);
    let _first = spawn(&first);
    first.started.wait().await?;
    let lives = Lives::of(actors);
    let mut addresses = Vec::with_capacity(actors as usize);
    let before = memory::resident()?;
    for _ in 0..actors {
        addresses.push(spawn(&lives));
    }
    lives.started.wait().await?;
    let each = memory::per_actor(before, actors)?;
    lives.hooks.all_started(addresses.len() as u64)?;
    Ok(each)
}

pub(super) enum Strike {
    Panic,
    Fail,
    Probe(oneshot::Sender<Instant>),
}

struct Target;

impl Actor for Target {
    type Stop = ();

    async fn stopped(self) {}
}

impl Handler<Strike> for Target {
    type Return = ();

    async fn handle(&mut self, strike: Strike, context: &mut Context<Self>) {
        match strike {
            Strike::Panic => {
                struck();
                std::panic::panic_any(INTENDED)
            }
            Strike::Fail => {
                struck();
                context.stop_self();
            }
            // The driver notices a missing result.
            Strike::Probe(handled) => drop(handled.send(Instant::now())),
        }
    }
}

async fn supervise(mailbox: Mailbox<Target>, restarts: Arc<AtomicU64>) {
    loop {
        // A panic is an end like any other.
        let _ = tokio::spawn(xtra::run(mailbox.clone(), Target)).await;
        restarts.fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) async fn restart(strikes: u64, strike: impl Fn() -> Strike) -> Result<f64, Failure> {
    let (target, mailbox) = Mailbox::bounded(BOUND);
    let restarts = Arc::<AtomicU64>::default();
    let supervisor = tokio::spawn(supervise(mailbox, restarts.clone()));
    let mut times = Vec::with_capacity(strikes as usize);
    for _ in 0..strikes {
        let (probe, handled) = oneshot::channel();
        tell(&target, strike()).await?;
        tell(&target, Strike::Probe(probe)).await?;
        let end = handled.await.map_err(broken)?;
        times.push(since_struck(end));
    }
    all("restarts", restarts.load(Ordering::Relaxed), strikes)?;
    supervisor.abort();
    Spread::of(&times).map(|spread| spread.median).ok_or_else(|| broken("no restart was measured"))
}
