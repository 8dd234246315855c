//! ractor, with its default features.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ractor::{
    Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent, registry, rpc::CallResult,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::tokio::join;
use super::{Note, nanos_each, number, payload};
use crate::measure::INTENDED;
use crate::memory;
use crate::names::Names;
use crate::stats::Spread;
use crate::tally::{Failure, Finish, Gather, Hooks, Tally, all, broken};
use crate::workload::{IN_FLIGHT, Ring, SUBSCRIBERS, Workload, sum_to};

pub(super) fn note(workload: Workload) -> Option<&'static str> {
    match workload {
        Workload::SendBounded | Workload::Send8 => Some("no mailbox has a bound"),
        Workload::Publish | Workload::PublishOne => {
            Some("a loop over 100 references: an OutputPort drops what a slow subscriber has not read")
        }
        Workload::Stop => Some("ActorRef::stop for all, then each task is joined"),
        Workload::RestartPanic | Workload::RestartError => {
            Some("a supervisor that spawns the next on ActorFailed, with a new mailbox, and sends to that")
        }
        Workload::Lookup10 | Workload::Lookup1000 | Workload::Lookup100000 => Some("registry::where_is"),
        _ => None,
    }
}

pub(super) async fn run(workload: Workload, operations: u64) -> Result<Option<f64>, Failure> {
    match workload {
        Workload::SendBounded | Workload::Send8 => return Ok(None),
        Workload::SendUnbounded => send(operations).await,
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

struct Sink;

impl Actor for Sink {
    type Msg = Note;
    type State = Tally;
    type Arguments = Tally;

    async fn pre_start(&self, _me: ActorRef<Note>, tally: Tally) -> Result<Tally, ActorProcessingErr> {
        Ok(tally)
    }

    async fn handle(
        &self,
        _me: ActorRef<Note>,
        Note(value): Note,
        tally: &mut Tally,
    ) -> Result<(), ActorProcessingErr> {
        tally.count(value);
        Ok(())
    }
}

async fn send(messages: u64) -> Result<f64, Failure> {
    let (finish, tally) = Finish::of(messages);
    let (sink, _task) = Actor::spawn(None, Sink, tally).await.map_err(broken)?;
    let start = Instant::now();
    for value in 0..messages {
        sink.cast(Note(value)).map_err(broken)?;
    }
    Ok(nanos_each(start, finish.wait(sum_to(messages)).await?, messages))
}

struct Ask(u64, RpcReplyPort<u64>);

struct Echo;

impl Actor for Echo {
    type Msg = Ask;
    type State = Tally;
    type Arguments = Tally;

    async fn pre_start(&self, _me: ActorRef<Ask>, tally: Tally) -> Result<Tally, ActorProcessingErr> {
        Ok(tally)
    }

    async fn handle(
        &self,
        _me: ActorRef<Ask>,
        Ask(value, reply): Ask,
        tally: &mut Tally,
    ) -> Result<(), ActorProcessingErr> {
        tally.count(value);
        // Whoever asked sees that there is no reply.
        let _ = reply.send(value + 1);
        Ok(())
    }
}

async fn request(requesters: u64, operations: u64) -> Result<f64, Failure> {
    let each = (operations / requesters).max(1);
    let requests = each * requesters;
    let (finish, tally) = Finish::of(requests);
    let (echo, _task) = Actor::spawn(None, Echo, tally).await.map_err(broken)?;
    let start = Instant::now();
    let ask = |first: u64, echo: ActorRef<Ask>| async move {
        for value in first..first + each {
            match echo.call(|reply| Ask(value, reply), None).await.map_err(broken)? {
                CallResult::Success(reply) => all("reply", reply, value + 1)?,
                _ => return Err(broken("there was no reply")),
            }
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

enum Hop {
    Next(ActorRef<Hop>),
    Token(u64),
}

struct Node;

struct Place {
    tally: Tally,
    next: Option<ActorRef<Hop>>,
}

impl Actor for Node {
    type Msg = Hop;
    type State = Place;
    type Arguments = Tally;

    async fn pre_start(&self, _me: ActorRef<Hop>, tally: Tally) -> Result<Place, ActorProcessingErr> {
        Ok(Place { tally, next: None })
    }

    async fn handle(
        &self,
        _me: ActorRef<Hop>,
        hop: Hop,
        place: &mut Place,
    ) -> Result<(), ActorProcessingErr> {
        match hop {
            Hop::Next(next) => place.next = Some(next),
            Hop::Token(left) => {
                place.tally.count(left);
                if let Some(next) = &place.next
                    && left > 1
                {
                    next.cast(Hop::Token(left - 1))?;
                }
            }
        }
        Ok(())
    }
}

async fn ring(ring: Ring) -> Result<f64, Failure> {
    let mut finish = Finish::new();
    let mut nodes = Vec::new();
    for _ in 0..ring.actors {
        let tally = finish.tally(ring.of_each());
        nodes.push(Actor::spawn(None, Node, tally).await.map_err(broken)?.0);
    }
    for (index, node) in nodes.iter().enumerate() {
        node.cast(Hop::Next(nodes[(index + 1) % ring.actors].clone())).map_err(broken)?;
    }
    let start = Instant::now();
    for index in ring.starts() {
        nodes[index].cast(Hop::Token(ring.hops_of_one())).map_err(broken)?;
    }
    Ok(nanos_each(start, finish.wait(ring.sum()).await?, ring.hops()))
}

struct Reader;

type Reading = (Tally, Option<Arc<Gather>>);

impl Actor for Reader {
    type Msg = Arc<[u8]>;
    type State = Reading;
    type Arguments = Reading;

    async fn pre_start(
        &self,
        _me: ActorRef<Arc<[u8]>>,
        reading: Reading,
    ) -> Result<Reading, ActorProcessingErr> {
        Ok(reading)
    }

    async fn handle(
        &self,
        _me: ActorRef<Arc<[u8]>>,
        payload: Arc<[u8]>,
        (tally, gather): &mut Reading,
    ) -> Result<(), ActorProcessingErr> {
        tally.count(number(&payload));
        if let Some(gather) = gather {
            gather.arrive();
        }
        Ok(())
    }
}

async fn publish(publications: u64, gather: Option<Arc<Gather>>) -> Result<f64, Failure> {
    let mut finish = Finish::new();
    let mut readers = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let reading = (finish.tally(publications), gather.clone());
        readers.push(Actor::spawn(None, Reader, reading).await.map_err(broken)?.0);
    }
    let start = Instant::now();
    for number in 0..publications {
        let payload = payload(number);
        for reader in &readers {
            reader.cast(payload.clone()).map_err(broken)?;
        }
        if let Some(gather) = &gather {
            gather.wait().await?;
        }
    }
    let end = finish.wait(sum_to(publications) * SUBSCRIBERS as u64).await?;
    Ok(nanos_each(start, end, publications))
}

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
        // `spawn` waits for this hook alone: the one after it may run later.
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

async fn spawn_and_stop(actors: u64) -> Result<(f64, f64), Failure> {
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

async fn idle_memory(actors: u64) -> Result<f64, Failure> {
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

enum Strike {
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
            Strike::Panic => std::panic::panic_any(INTENDED),
            Strike::Fail => return Err("as told".into()),
            // The driver sees that nothing came.
            Strike::Probe(handled) => drop(handled.send(Instant::now())),
        }
        Ok(())
    }
}

/// What the driver and the supervisor both know.
#[derive(Default)]
struct Care {
    target: Mutex<Option<ActorRef<Strike>>>,
    /// What the supervisor is to send to the next target.
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

async fn restart(strikes: u64, strike: impl Fn() -> Strike) -> Result<f64, Failure> {
    let care = Arc::<Care>::default();
    let _supervisor = Actor::spawn(None, Supervisor, care.clone()).await.map_err(broken)?;
    let mut times = Vec::with_capacity(strikes as usize);
    for _ in 0..strikes {
        let target = lock(&care.target).clone().ok_or_else(|| broken("there is no target"))?;
        let (probe, handled) = oneshot::channel();
        *lock(&care.probe) = Some(probe);
        let start = Instant::now();
        target.cast(strike()).map_err(broken)?;
        let end = handled.await.map_err(broken)?;
        times.push(nanos_each(start, end, 1));
    }
    all("restarts", *lock(&care.restarts), strikes)?;
    Spread::of(&times).map(|spread| spread.median).ok_or_else(|| broken("nothing was measured"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn look_up(registered: usize, lookups: u64) -> Result<f64, Failure> {
    let names = Names::new(registered, lookups);
    let hooks = Arc::<Hooks>::default();
    for name in &names.names {
        spawn(Some(name.clone()), &hooks).await?;
    }
    let (each, found) = names.look_up(|name| registry::where_is(name));
    all("actors found", found, lookups)?;
    Ok(each)
}
