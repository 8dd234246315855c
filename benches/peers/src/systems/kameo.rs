//! kameo, with its default features.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kameo::actor::{Actor, ActorRef, Spawn, WeakActorRef};
use kameo::error::{ActorStopReason, Infallible};
use kameo::mailbox::{self, MailboxReceiver, MailboxSender};
use kameo::message::{Context, Message};
use tokio::sync::oneshot;

use super::tokio::join;
use super::{Note, nanos_each, number, payload};
use crate::measure::{INTENDED, since_struck, struck};
use crate::memory;
use crate::names::Names;
use crate::stats::Spread;
use crate::tally::{Failure, Finish, Gather, Hooks, Tally, all, broken};
use crate::workload::{BOUND, IN_FLIGHT, Ring, SUBSCRIBERS, Workload, sum_to};

pub(super) fn note(workload: Workload) -> Option<&'static str> {
    match workload {
        Workload::Publish | Workload::PublishOne => Some("a loop over 100 references"),
        Workload::Stop => Some("ActorRef::stop_gracefully for all, then wait_for_shutdown for each"),
        Workload::RestartPanic | Workload::RestartError => Some("its own supervision, one for one"),
        Workload::Lookup10 | Workload::Lookup1000 | Workload::Lookup100000 => Some("ActorRef::lookup"),
        _ => None,
    }
}

pub(super) async fn run(workload: Workload, operations: u64) -> Result<Option<f64>, Failure> {
    match workload {
        Workload::SendBounded => send(1, operations, mailbox::bounded(BOUND)).await,
        Workload::SendUnbounded => send(1, operations, mailbox::unbounded()).await,
        Workload::Send8 => send(8, operations, mailbox::bounded(BOUND)).await,
        Workload::Request => request(1, operations).await,
        Workload::Request64 => request(IN_FLIGHT, operations).await,
        Workload::PingPong => ring(Ring::two(operations)).await,
        Workload::Ring => ring(Ring::thousand(operations)).await,
        Workload::Publish => publish(operations, None).await,
        Workload::PublishOne => publish(operations, Some(Gather::new(SUBSCRIBERS))).await,
        Workload::Spawn => Ok(spawn_and_stop(operations).await?.0),
        Workload::Stop => Ok(spawn_and_stop(operations).await?.1),
        Workload::Memory => idle_memory(operations).await,
        Workload::RestartPanic => restart(operations, || Strike::Panic).await,
        Workload::RestartError => restart(operations, || Strike::Fail).await,
        Workload::Lookup10 | Workload::Lookup1000 | Workload::Lookup100000 => {
            look_up(workload.registered(), operations).await
        }
    }
    .map(Some)
}

/// Makes an actor whose arguments are its state.
macro_rules! given {
    ($($actor:ty),*) => {$(
        impl Actor for $actor {
            type Args = Self;
            type Error = Infallible;

            async fn on_start(actor: Self, _me: ActorRef<Self>) -> Result<Self, Infallible> {
                Ok(actor)
            }
        }
    )*};
}

given!(Sink, Echo, Node, Reader);

struct Sink(Tally);

impl Message<Note> for Sink {
    type Reply = ();

    async fn handle(&mut self, Note(value): Note, _context: &mut Context<Self, ()>) {
        self.0.count(value);
    }
}

async fn send(
    senders: u64,
    operations: u64,
    mailbox: (MailboxSender<Sink>, MailboxReceiver<Sink>),
) -> Result<f64, Failure> {
    let each = (operations / senders).max(1);
    let messages = each * senders;
    let (finish, tally) = Finish::of(messages);
    let sink = Sink::spawn_with_mailbox(Sink(tally), mailbox);
    sink.wait_for_startup().await;
    let start = Instant::now();
    let flood = |first: u64, sink: ActorRef<Sink>| async move {
        for value in first..first + each {
            sink.tell(Note(value)).await.map_err(broken)?;
        }
        Ok(())
    };
    // The actor lives as long as a reference to it.
    let _kept = sink.clone();
    if senders == 1 {
        flood(0, sink).await?;
    } else {
        let floods = (0..senders).map(|index| flood(index * each, sink.clone()));
        join(floods.collect()).await?;
    }
    Ok(nanos_each(start, finish.wait(sum_to(messages)).await?, messages))
}

struct Ask(u64);

struct Echo(Tally);

impl Message<Ask> for Echo {
    type Reply = u64;

    async fn handle(&mut self, Ask(value): Ask, _context: &mut Context<Self, u64>) -> u64 {
        self.0.count(value);
        value + 1
    }
}

async fn request(requesters: u64, operations: u64) -> Result<f64, Failure> {
    let each = (operations / requesters).max(1);
    let requests = each * requesters;
    let (finish, tally) = Finish::of(requests);
    let echo = Echo::spawn_with_mailbox(Echo(tally), mailbox::bounded(BOUND));
    echo.wait_for_startup().await;
    let start = Instant::now();
    let ask = |first: u64, echo: ActorRef<Echo>| async move {
        for value in first..first + each {
            all("reply", echo.ask(Ask(value)).await.map_err(broken)?, value + 1)?;
        }
        Ok(())
    };
    if requesters == 1 {
        ask(0, echo).await?;
    } else {
        let asking = (0..requesters).map(|index| ask(index * each, echo.clone()));
        join(asking.collect()).await?;
    }
    let end = Instant::now();
    finish.wait(sum_to(requests)).await?;
    Ok(nanos_each(start, end, requests))
}

struct Node {
    tally: Tally,
    next: ActorRef<Node>,
}

impl Message<Note> for Node {
    type Reply = Result<(), Failure>;

    async fn handle(
        &mut self,
        Note(left): Note,
        _context: &mut Context<Self, Self::Reply>,
    ) -> Result<(), Failure> {
        self.tally.count(left);
        if left > 1 {
            self.next.tell(Note(left - 1)).await.map_err(broken)?;
        }
        Ok(())
    }
}

async fn ring(ring: Ring) -> Result<f64, Failure> {
    let mut finish = Finish::new();
    let prepared: Vec<_> =
        (0..ring.actors).map(|_| Node::prepare_with_mailbox(mailbox::bounded(BOUND))).collect();
    let nodes: Vec<_> = prepared.iter().map(|prepared| prepared.actor_ref().clone()).collect();
    for (index, prepared) in prepared.into_iter().enumerate() {
        let next = nodes[(index + 1) % ring.actors].clone();
        prepared.spawn(Node { tally: finish.tally(ring.of_each()), next });
    }
    for node in &nodes {
        node.wait_for_startup().await;
    }
    let start = Instant::now();
    for index in ring.starts() {
        nodes[index].tell(Note(ring.hops_of_one())).await.map_err(broken)?;
    }
    Ok(nanos_each(start, finish.wait(ring.sum()).await?, ring.hops()))
}

struct Reader {
    tally: Tally,
    gather: Option<Arc<Gather>>,
}

impl Message<Arc<[u8]>> for Reader {
    type Reply = ();

    async fn handle(&mut self, payload: Arc<[u8]>, _context: &mut Context<Self, ()>) {
        self.tally.count(number(&payload));
        if let Some(gather) = &self.gather {
            gather.arrive();
        }
    }
}

async fn publish(publications: u64, gather: Option<Arc<Gather>>) -> Result<f64, Failure> {
    let mut finish = Finish::new();
    let mut readers = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let reader = Reader { tally: finish.tally(publications), gather: gather.clone() };
        let reader = Reader::spawn_with_mailbox(reader, mailbox::bounded(BOUND));
        reader.wait_for_startup().await;
        readers.push(reader);
    }
    let start = Instant::now();
    for number in 0..publications {
        let payload = payload(number);
        for reader in &readers {
            reader.tell(payload.clone()).await.map_err(broken)?;
        }
        if let Some(gather) = &gather {
            gather.wait().await?;
        }
    }
    let end = finish.wait(sum_to(publications) * SUBSCRIBERS as u64).await?;
    Ok(nanos_each(start, end, publications))
}

struct Idle(Arc<Hooks>);

impl Actor for Idle {
    type Args = Arc<Hooks>;
    type Error = Infallible;

    async fn on_start(hooks: Arc<Hooks>, _me: ActorRef<Self>) -> Result<Self, Infallible> {
        hooks.enter();
        hooks.start();
        Ok(Self(hooks))
    }

    async fn on_stop(&mut self, _me: WeakActorRef<Self>, _reason: ActorStopReason) -> Result<(), Infallible> {
        self.0.leave();
        self.0.stop();
        Ok(())
    }
}

impl Message<Note> for Idle {
    type Reply = ();

    async fn handle(&mut self, Note(value): Note, _context: &mut Context<Self, ()>) {
        std::hint::black_box(value);
    }
}

async fn spawn(hooks: &Arc<Hooks>) -> ActorRef<Idle> {
    let idle = Idle::spawn(hooks.clone());
    idle.wait_for_startup().await;
    idle
}

async fn spawn_and_stop(actors: u64) -> Result<(f64, f64), Failure> {
    let hooks = Arc::<Hooks>::default();
    let mut refs = Vec::with_capacity(actors as usize);
    let start = Instant::now();
    for _ in 0..actors {
        refs.push(spawn(&hooks).await);
    }
    let spawned = Instant::now();
    hooks.all_started(actors)?;
    let stop = Instant::now();
    for actor in &refs {
        actor.stop_gracefully().await.map_err(broken)?;
    }
    for actor in &refs {
        actor.wait_for_shutdown().await;
    }
    let stopped = Instant::now();
    // `wait_for_shutdown` can return while the last hook of an actor still runs.
    let hooks_ran = async {
        while hooks.all_stopped(actors).is_err() {
            tokio::task::yield_now().await;
        }
    };
    drop(tokio::time::timeout(Duration::from_secs(5), hooks_ran).await);
    hooks.all_stopped(actors)?;
    Ok((nanos_each(start, spawned, actors), nanos_each(stop, stopped, actors)))
}

async fn idle_memory(actors: u64) -> Result<f64, Failure> {
    let hooks = Arc::<Hooks>::default();
    let mut refs = Vec::with_capacity(actors as usize);
    let _first = spawn(&hooks).await;
    let before = memory::resident()?;
    for _ in 0..actors {
        refs.push(spawn(&hooks).await);
    }
    let each = memory::per_actor(before, actors)?;
    hooks.all_started(refs.len() as u64 + 1)?;
    Ok(each)
}

struct Supervisor;

given!(Supervisor);

enum Strike {
    Panic,
    Fail,
    Probe(oneshot::Sender<Instant>),
}

struct Target;

impl Actor for Target {
    type Args = Arc<AtomicU64>;
    type Error = Infallible;

    async fn on_start(starts: Arc<AtomicU64>, _me: ActorRef<Self>) -> Result<Self, Infallible> {
        starts.fetch_add(1, Ordering::Relaxed);
        Ok(Self)
    }
}

impl Message<Strike> for Target {
    type Reply = Result<(), Failure>;

    async fn handle(
        &mut self,
        strike: Strike,
        _context: &mut Context<Self, Self::Reply>,
    ) -> Result<(), Failure> {
        match strike {
            Strike::Panic => {
                struck();
                std::panic::panic_any(INTENDED)
            }
            // Without a requester, the error is a failure of the actor.
            Strike::Fail => {
                struck();
                return Err(broken("as told"));
            }
            // The driver notices a missing result.
            Strike::Probe(handled) => drop(handled.send(Instant::now())),
        }
        Ok(())
    }
}

async fn restart(strikes: u64, strike: impl Fn() -> Strike) -> Result<f64, Failure> {
    kameo::error::set_actor_error_hook(|_| {});
    let starts = Arc::<AtomicU64>::default();
    let supervisor = Supervisor::spawn(Supervisor);
    let target = Target::supervise(&supervisor, starts.clone())
        .restart_limit(u32::MAX, Duration::from_secs(5))
        .spawn_with_mailbox(mailbox::bounded(BOUND))
        .await;
    target.wait_for_startup().await;
    let mut times = Vec::with_capacity(strikes as usize);
    for _ in 0..strikes {
        let (probe, handled) = oneshot::channel();
        target.tell(strike()).await.map_err(broken)?;
        target.tell(Strike::Probe(probe)).await.map_err(broken)?;
        let end = handled.await.map_err(broken)?;
        times.push(since_struck(end));
    }
    all("starts", starts.load(Ordering::Relaxed), strikes + 1)?;
    Spread::of(&times).map(|spread| spread.median).ok_or_else(|| broken("no restart was measured"))
}

async fn look_up(registered: usize, lookups: u64) -> Result<f64, Failure> {
    let names = Names::new(registered, lookups);
    let hooks = Arc::<Hooks>::default();
    for name in &names.names {
        spawn(&hooks).await.register(name.clone()).map_err(broken)?;
    }
    let (each, found) = names.look_up(|name| ActorRef::<Idle>::lookup(name).ok().flatten());
    all("actors found", found, lookups)?;
    Ok(each)
}
