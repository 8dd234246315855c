//! actix, on two arbiters, because its actors do not move between threads. Senders have one arbiter
//! and receivers the other. If all actors are alike, each arbiter has half of them.

mod lives;

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::SendError;
use actix::{Actor, Addr, Arbiter, ArbiterHandle, Context, Handler, Message, System};
use tokio::sync::oneshot;

use self::lives::{idle_memory, restart, spawn_and_stop};
use super::tokio::join;
use super::{LIMIT, Note, nanos_each, number, payload};
use crate::tally::{Failure, Finish, Gather, Tally, all, broken};
use crate::workload::{BOUND, IN_FLIGHT, Ring, SUBSCRIBERS, Workload, sum_to};

/// Divisor of the operations where every operation wakes the other thread.
const FEWER: u64 = 10;

pub(super) fn note(workload: Workload) -> Option<&'static str> {
    match workload {
        Workload::SendBounded | Workload::Send8 => Some(
            "try_send and a yield while the mailbox is full, because only a send with a reply waits for room",
        ),
        Workload::SendUnbounded => Some("do_send, which ignores the bound"),
        Workload::Request | Workload::Request64 | Workload::PingPong => Some("each side has its own thread"),
        Workload::Ring => Some("half of the ring on each thread, do_send"),
        Workload::Publish | Workload::PublishOne => Some(
            "a loop over 100 Recipients, half of them on each thread; try_send and a yield while a mailbox is full",
        ),
        Workload::Spawn | Workload::Memory => Some("half of them on each thread"),
        Workload::Stop => Some("a message that calls Context::stop, half of them on each thread"),
        Workload::RestartPanic => Some("its Supervisor does not catch panics"),
        Workload::RestartError => Some("Context::stop under its Supervisor, which keeps the state"),
        Workload::Lookup10 | Workload::Lookup1000 | Workload::Lookup100000 => {
            Some("its registry has no names, only one actor of each type")
        }
    }
}

/// Runs a workload's driver on one arbiter and gives it both.
pub(super) fn run(workload: Workload, operations: u64) -> Result<Option<f64>, Failure> {
    System::new().block_on(async {
        let arbiters = [Arbiter::new(), Arbiter::new()];
        let handles = [arbiters[0].handle(), arbiters[1].handle()];
        let (sender, measured) = oneshot::channel();
        arbiters[0].spawn(async move {
            // The send fails if the run has already timed out.
            let _ = sender.send(drive(workload, operations, handles).await);
        });
        let measured = tokio::time::timeout(LIMIT, measured).await;
        for arbiter in &arbiters {
            arbiter.stop();
        }
        measured
            .map_err(|_| broken(format!("the measurement did not end within {LIMIT:?}")))?
            .map_err(broken)?
    })
}

async fn drive(
    workload: Workload,
    operations: u64,
    threads: [ArbiterHandle; 2],
) -> Result<Option<f64>, Failure> {
    let other = &threads[1];
    let fewer = (operations / FEWER).max(1);
    match workload {
        Workload::SendBounded => send(1, operations, other).await,
        Workload::SendUnbounded => send_unbounded(operations, other).await,
        Workload::Send8 => send(8, operations, other).await,
        Workload::Request => request(1, fewer, other).await,
        Workload::Request64 => request(IN_FLIGHT, operations, other).await,
        Workload::PingPong => ring(Ring::two(fewer), &threads).await,
        Workload::Ring => ring(Ring::thousand(operations), &threads).await,
        Workload::Publish => publish(operations, None, &threads).await,
        Workload::PublishOne => publish(operations, Some(Gather::new(SUBSCRIBERS)), &threads).await,
        Workload::Spawn => Ok(spawn_and_stop(operations, &threads).await?.0),
        Workload::Stop => Ok(spawn_and_stop(operations, &threads).await?.1),
        Workload::Memory => idle_memory(operations, &threads).await,
        Workload::RestartError => restart(operations, other).await,
        Workload::RestartPanic | Workload::Lookup10 | Workload::Lookup1000 | Workload::Lookup100000 => {
            return Ok(None);
        }
    }
    .map(Some)
}

impl Message for Note {
    type Result = ();
}

/// Starts an actor on a thread, and waits until its mailbox has the capacity.
async fn start<A>(actor: A, thread: &ArbiterHandle) -> Result<Addr<A>, Failure>
where
    A: Actor<Context = Context<A>> + Send,
{
    let (sender, ready) = oneshot::channel();
    let address = A::start_in_arbiter(thread, move |context| {
        context.set_mailbox_capacity(BOUND);
        // The send fails if the run has already timed out.
        let _ = sender.send(());
        actor
    });
    ready.await.map_err(broken)?;
    Ok(address)
}

/// Sends a message as soon as there is room for it.
async fn send_once_free<M>(
    mut message: M,
    try_send: impl Fn(M) -> Result<(), SendError<M>>,
) -> Result<(), Failure> {
    loop {
        match try_send(message) {
            Ok(()) => return Ok(()),
            Err(SendError::Full(back)) => message = back,
            Err(SendError::Closed(_)) => return Err(broken("the actor has stopped")),
        }
        tokio::task::yield_now().await;
    }
}

struct Sink(Tally);

impl Actor for Sink {
    type Context = Context<Self>;
}

impl Handler<Note> for Sink {
    type Result = ();

    fn handle(&mut self, Note(value): Note, _context: &mut Context<Self>) {
        self.0.count(value);
    }
}

async fn send(senders: u64, operations: u64, thread: &ArbiterHandle) -> Result<f64, Failure> {
    let each = (operations / senders).max(1);
    let messages = each * senders;
    let (finish, tally) = Finish::of(messages);
    let sink = start(Sink(tally), thread).await?;
    let begun = Instant::now();
    let flood = |first: u64, sink: Addr<Sink>| async move {
        for value in first..first + each {
            send_once_free(Note(value), |note| sink.try_send(note)).await?;
        }
        Ok(())
    };
    let floods = (0..senders).map(|index| flood(index * each, sink.clone()));
    join(floods.collect()).await?;
    Ok(nanos_each(begun, finish.wait(sum_to(messages)).await?, messages))
}

async fn send_unbounded(messages: u64, thread: &ArbiterHandle) -> Result<f64, Failure> {
    let (finish, tally) = Finish::of(messages);
    let sink = start(Sink(tally), thread).await?;
    let begun = Instant::now();
    for value in 0..messages {
        sink.do_send(Note(value));
    }
    Ok(nanos_each(begun, finish.wait(sum_to(messages)).await?, messages))
}

struct Ask(u64);

impl Message for Ask {
    type Result = u64;
}

struct Echo(Tally);

impl Actor for Echo {
    type Context = Context<Self>;
}

impl Handler<Ask> for Echo {
    type Result = u64;

    fn handle(&mut self, Ask(value): Ask, _context: &mut Context<Self>) -> u64 {
        self.0.count(value);
        value + 1
    }
}

async fn request(requesters: u64, operations: u64, thread: &ArbiterHandle) -> Result<f64, Failure> {
    let each = (operations / requesters).max(1);
    let requests = each * requesters;
    let (finish, tally) = Finish::of(requests);
    let echo = start(Echo(tally), thread).await?;
    let begun = Instant::now();
    let ask = |first: u64, echo: Addr<Echo>| async move {
        for value in first..first + each {
            all("reply", echo.send(Ask(value)).await.map_err(broken)?, value + 1)?;
        }
        Ok(())
    };
    let asking = (0..requesters).map(|index| ask(index * each, echo.clone()));
    join(asking.collect()).await?;
    let end = Instant::now();
    finish.wait(sum_to(requests)).await?;
    Ok(nanos_each(begun, end, requests))
}

struct Node {
    tally: Tally,
    next: Option<Addr<Node>>,
}

struct Next(Addr<Node>);

impl Message for Next {
    type Result = ();
}

impl Actor for Node {
    type Context = Context<Self>;
}

impl Handler<Next> for Node {
    type Result = ();

    fn handle(&mut self, Next(next): Next, _context: &mut Context<Self>) {
        self.next = Some(next);
    }
}

impl Handler<Note> for Node {
    type Result = ();

    fn handle(&mut self, Note(left): Note, _context: &mut Context<Self>) {
        self.tally.count(left);
        if let Some(next) = &self.next
            && left > 1
        {
            next.do_send(Note(left - 1));
        }
    }
}

async fn ring(ring: Ring, threads: &[ArbiterHandle; 2]) -> Result<f64, Failure> {
    let mut finish = Finish::new();
    let mut nodes = Vec::new();
    for index in 0..ring.actors {
        let node = Node { tally: finish.tally(ring.of_each()), next: None };
        nodes.push(start(node, &threads[index * 2 / ring.actors]).await?);
    }
    for (index, node) in nodes.iter().enumerate() {
        node.send(Next(nodes[(index + 1) % ring.actors].clone())).await.map_err(broken)?;
    }
    let begun = Instant::now();
    for index in ring.starts() {
        nodes[index].do_send(Note(ring.hops_of_one()));
    }
    Ok(nanos_each(begun, finish.wait(ring.sum()).await?, ring.hops()))
}

struct Publication(Arc<[u8]>);

impl Message for Publication {
    type Result = ();
}

struct Reader {
    tally: Tally,
    gather: Option<Arc<Gather>>,
}

impl Actor for Reader {
    type Context = Context<Self>;
}

impl Handler<Publication> for Reader {
    type Result = ();

    fn handle(&mut self, Publication(payload): Publication, _context: &mut Context<Self>) {
        self.tally.count(number(&payload));
        if let Some(gather) = &self.gather {
            gather.arrive();
        }
    }
}

async fn publish(
    publications: u64,
    gather: Option<Arc<Gather>>,
    threads: &[ArbiterHandle; 2],
) -> Result<f64, Failure> {
    let mut finish = Finish::new();
    let mut readers = Vec::new();
    for index in 0..SUBSCRIBERS {
        let reader = Reader { tally: finish.tally(publications), gather: gather.clone() };
        readers.push(start(reader, &threads[index % 2]).await?.recipient::<Publication>());
    }
    let begun = Instant::now();
    for number in 0..publications {
        let payload = payload(number);
        for reader in &readers {
            send_once_free(Publication(payload.clone()), |message| reader.try_send(message)).await?;
        }
        if let Some(gather) = &gather {
            gather.wait().await?;
        }
    }
    let end = finish.wait(sum_to(publications) * SUBSCRIBERS as u64).await?;
    Ok(nanos_each(begun, end, publications))
}
