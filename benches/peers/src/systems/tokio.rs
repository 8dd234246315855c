//! Tasks and channels.

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::{Note, nanos_each, number, payload};
use crate::measure::{INTENDED, since_struck, struck};
use crate::memory;
use crate::names::Names;
use crate::stats::Spread;
use crate::tally::{Failure, Finish, Gather, Hooks, Tally, all, broken};
use crate::workload::{BOUND, IN_FLIGHT, Ring, SUBSCRIBERS, Workload, sum_to};

pub(super) fn note(workload: Workload) -> Option<&'static str> {
    match workload {
        Workload::Publish | Workload::PublishOne => Some("a loop over 100 senders"),
        Workload::RestartPanic | Workload::RestartError => {
            Some("a loop that joins the task and spawns the next one, which locks the same receiver")
        }
        Workload::Lookup10 | Workload::Lookup1000 | Workload::Lookup100000 => {
            Some("a HashMap of senders behind a Mutex")
        }
        _ => None,
    }
}

pub(super) async fn run(workload: Workload, operations: u64) -> Result<Option<f64>, Failure> {
    match workload {
        Workload::SendBounded => send(1, operations).await,
        Workload::SendUnbounded => send_unbounded(operations).await,
        Workload::Send8 => send(8, operations).await,
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
            look_up(workload.registered(), operations)
        }
    }
    .map(Some)
}

async fn send(senders: u64, operations: u64) -> Result<f64, Failure> {
    let each = (operations / senders).max(1);
    let messages = each * senders;
    let (finish, mut tally) = Finish::of(messages);
    let (sender, mut receiver) = mpsc::channel(BOUND);
    tokio::spawn(async move {
        while let Some(Note(value)) = receiver.recv().await {
            tally.count(value);
        }
    });
    let start = Instant::now();
    let flood = |first: u64, sender: mpsc::Sender<Note>| async move {
        for value in first..first + each {
            sender.send(Note(value)).await.map_err(broken)?;
        }
        Ok(())
    };
    if senders == 1 {
        flood(0, sender).await?;
    } else {
        let floods = (0..senders).map(|index| flood(index * each, sender.clone()));
        join(floods.collect()).await?;
    }
    Ok(nanos_each(start, finish.wait(sum_to(messages)).await?, messages))
}

/// Waits for all tasks, and returns the first failure.
pub(super) async fn join(mut tasks: JoinSet<Result<(), Failure>>) -> Result<(), Failure> {
    while let Some(joined) = tasks.join_next().await {
        joined.map_err(broken)??;
    }
    Ok(())
}

async fn send_unbounded(messages: u64) -> Result<f64, Failure> {
    let (finish, mut tally) = Finish::of(messages);
    let (sender, mut receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Note(value)) = receiver.recv().await {
            tally.count(value);
        }
    });
    let start = Instant::now();
    for value in 0..messages {
        sender.send(Note(value)).map_err(broken)?;
    }
    Ok(nanos_each(start, finish.wait(sum_to(messages)).await?, messages))
}

struct Ask(u64, oneshot::Sender<u64>);

async fn request(requesters: u64, operations: u64) -> Result<f64, Failure> {
    let each = (operations / requesters).max(1);
    let requests = each * requesters;
    let (finish, mut tally) = Finish::of(requests);
    let (sender, mut receiver) = mpsc::channel(BOUND);
    tokio::spawn(async move {
        while let Some(Ask(value, reply)) = receiver.recv().await {
            tally.count(value);
            // The requester notices a missing reply.
            let _ = reply.send(value + 1);
        }
    });
    let start = Instant::now();
    let ask = |first: u64, sender: mpsc::Sender<Ask>| async move {
        for value in first..first + each {
            let (reply, replied) = oneshot::channel();
            sender.send(Ask(value, reply)).await.map_err(broken)?;
            all("reply", replied.await.map_err(broken)?, value + 1)?;
        }
        Ok(())
    };
    if requesters == 1 {
        ask(0, sender).await?;
    } else {
        let asking = (0..requesters).map(|index| ask(index * each, sender.clone()));
        join(asking.collect()).await?;
    }
    let end = Instant::now();
    finish.wait(sum_to(requests)).await?;
    Ok(nanos_each(start, end, requests))
}

async fn ring(ring: Ring) -> Result<f64, Failure> {
    let mut finish = Finish::new();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..ring.actors).map(|_| mpsc::channel(BOUND)).unzip();
    for (index, mut receiver) in receivers.into_iter().enumerate() {
        let mut tally = finish.tally(ring.of_each());
        let next: mpsc::Sender<Note> = senders[(index + 1) % ring.actors].clone();
        tokio::spawn(async move {
            while let Some(Note(left)) = receiver.recv().await {
                tally.count(left);
                // The check at the end notices a lost hop.
                if left > 1 && next.send(Note(left - 1)).await.is_err() {
                    return;
                }
            }
        });
    }
    let start = Instant::now();
    for index in ring.starts() {
        senders[index].send(Note(ring.hops_of_one())).await.map_err(broken)?;
    }
    Ok(nanos_each(start, finish.wait(ring.sum()).await?, ring.hops()))
}

async fn subscribe(mut receiver: mpsc::Receiver<Arc<[u8]>>, mut tally: Tally, gather: Option<Arc<Gather>>) {
    while let Some(payload) = receiver.recv().await {
        tally.count(number(&payload));
        if let Some(gather) = &gather {
            gather.arrive();
        }
    }
}

async fn publish(publications: u64, gather: Option<Arc<Gather>>) -> Result<f64, Failure> {
    let mut finish = Finish::new();
    let mut subscribers = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let (sender, receiver) = mpsc::channel(BOUND);
        tokio::spawn(subscribe(receiver, finish.tally(publications), gather.clone()));
        subscribers.push(sender);
    }
    let start = Instant::now();
    for number in 0..publications {
        let payload = payload(number);
        for subscriber in &subscribers {
            subscriber.send(payload.clone()).await.map_err(broken)?;
        }
        if let Some(gather) = &gather {
            gather.wait().await?;
        }
    }
    let end = finish.wait(sum_to(publications) * SUBSCRIBERS as u64).await?;
    Ok(nanos_each(start, end, publications))
}

/// Spawns a task that does the work of an actor with hooks.
async fn spawn(hooks: &Arc<Hooks>) -> Result<(mpsc::Sender<Note>, JoinHandle<()>), Failure> {
    let (sender, mut receiver) = mpsc::channel::<Note>(16);
    let (ready, started) = oneshot::channel();
    let hooks = hooks.clone();
    let task = tokio::spawn(async move {
        hooks.enter();
        hooks.start();
        // The send fails if the driver has given up.
        let _ = ready.send(());
        while let Some(Note(value)) = receiver.recv().await {
            std::hint::black_box(value);
        }
        hooks.leave();
        hooks.stop();
    });
    started.await.map_err(broken)?;
    Ok((sender, task))
}

async fn spawn_and_stop(actors: u64) -> Result<(f64, f64), Failure> {
    let hooks = Arc::<Hooks>::default();
    let mut senders = Vec::with_capacity(actors as usize);
    let mut tasks = Vec::with_capacity(actors as usize);
    let start = Instant::now();
    for _ in 0..actors {
        let (sender, task) = spawn(&hooks).await?;
        senders.push(sender);
        tasks.push(task);
    }
    let spawned = Instant::now();
    hooks.all_started(actors)?;
    let stop = Instant::now();
    drop(senders);
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
    let _first = spawn(&hooks).await?;
    let before = memory::resident()?;
    for _ in 0..actors {
        refs.push(spawn(&hooks).await?.0);
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

type Strikes = Arc<tokio::sync::Mutex<mpsc::Receiver<Strike>>>;

async fn incarnation(strikes: Strikes) -> Result<(), Failure> {
    let mut strikes = strikes.lock().await;
    while let Some(strike) = strikes.recv().await {
        match strike {
            Strike::Panic => {
                struck();
                std::panic::panic_any(INTENDED)
            }
            Strike::Fail => {
                struck();
                return Err(broken("as told"));
            }
            // The driver notices a missing result.
            Strike::Probe(handled) => drop(handled.send(Instant::now())),
        }
    }
    Ok(())
}

async fn supervise(strikes: Strikes, restarts: Arc<AtomicU64>) {
    while !matches!(tokio::spawn(incarnation(strikes.clone())).await, Ok(Ok(()))) {
        restarts.fetch_add(1, Ordering::Relaxed);
    }
    pending().await
}

async fn restart(strikes: u64, strike: impl Fn() -> Strike) -> Result<f64, Failure> {
    let (sender, receiver) = mpsc::channel(BOUND);
    let restarts = Arc::<AtomicU64>::default();
    tokio::spawn(supervise(Arc::new(receiver.into()), restarts.clone()));
    let mut times = Vec::with_capacity(strikes as usize);
    for _ in 0..strikes {
        let (probe, handled) = oneshot::channel();
        sender.send(strike()).await.map_err(broken)?;
        sender.send(Strike::Probe(probe)).await.map_err(broken)?;
        let end = handled.await.map_err(broken)?;
        times.push(since_struck(end));
    }
    all("restarts", restarts.load(Ordering::Relaxed), strikes)?;
    Spread::of(&times).map(|spread| spread.median).ok_or_else(|| broken("no restart was measured"))
}

fn look_up(registered: usize, lookups: u64) -> Result<f64, Failure> {
    let names = Names::new(registered, lookups);
    let mut receivers = Vec::with_capacity(registered);
    let register = |name: &String| {
        let (sender, receiver) = mpsc::channel::<Note>(16);
        receivers.push(receiver);
        (name.clone(), sender)
    };
    let actors: HashMap<String, mpsc::Sender<Note>> = names.names.iter().map(register).collect();
    let actors = Mutex::new(actors);
    let find = |name: &str| actors.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
    let (each, found) = names.look_up(find);
    all("actors found", found, lookups)?;
    Ok(each)
}
