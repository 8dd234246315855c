//! xtra, on tokio.

mod lives;

use std::sync::Arc;
use std::time::Instant;

use xtra::{Actor, Address, Context, Handler, Mailbox, spawn_tokio};

use self::lives::{Strike, idle_memory, restart, spawn_and_stop};
use super::tokio::join;
use super::{Note, nanos_each, number, payload};
use crate::tally::{Failure, Finish, Gather, Tally, all, broken};
use crate::workload::{BOUND, IN_FLIGHT, Ring, SUBSCRIBERS, Workload, sum_to};

pub(super) fn note(workload: Workload) -> Option<&'static str> {
    match workload {
        Workload::Publish | Workload::PublishOne => {
            Some("a loop over 100 addresses, because a broadcast reaches the copies of one actor only")
        }
        Workload::Spawn | Workload::Memory => {
            Some("all are spawned, and then waited for, because a spawn does not wait for the start")
        }
        Workload::Stop => Some("the last address of each is dropped, and all ends are waited for"),
        Workload::RestartPanic | Workload::RestartError => {
            Some("a loop that joins the task and spawns the next one on the same mailbox")
        }
        Workload::Lookup10 | Workload::Lookup1000 | Workload::Lookup100000 => Some("it has no registry"),
        _ => None,
    }
}

pub(super) async fn run(workload: Workload, operations: u64) -> Result<Option<f64>, Failure> {
    match workload {
        Workload::SendBounded => send(1, operations, Mailbox::bounded(BOUND)).await,
        Workload::SendUnbounded => send(1, operations, Mailbox::unbounded()).await,
        Workload::Send8 => send(8, operations, Mailbox::bounded(BOUND)).await,
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
        Workload::Lookup10 | Workload::Lookup1000 | Workload::Lookup100000 => return Ok(None),
    }
    .map(Some)
}

/// Makes an actor without hooks.
macro_rules! hookless {
    ($($actor:ty),*) => {$(
        impl Actor for $actor {
            type Stop = ();

            async fn stopped(self) {}
        }
    )*};
}

hookless!(Sink, Echo, Node, Reader);

/// Sends a message, and does not wait for the result of its handler.
async fn tell<A: Handler<M>, M: Send + 'static>(actor: &Address<A>, message: M) -> Result<(), Failure> {
    drop(actor.send(message).detach().await.map_err(broken)?);
    Ok(())
}

struct Sink(Tally);

impl Handler<Note> for Sink {
    type Return = ();

    async fn handle(&mut self, Note(value): Note, _context: &mut Context<Self>) {
        self.0.count(value);
    }
}

async fn send(
    senders: u64,
    operations: u64,
    mailbox: (Address<Sink>, Mailbox<Sink>),
) -> Result<f64, Failure> {
    let each = (operations / senders).max(1);
    let messages = each * senders;
    let (finish, tally) = Finish::of(messages);
    let sink = spawn_tokio(Sink(tally), mailbox);
    let start = Instant::now();
    let flood = |first: u64, sink: Address<Sink>| async move {
        for value in first..first + each {
            tell(&sink, Note(value)).await?;
        }
        Ok(())
    };
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

impl Handler<Ask> for Echo {
    type Return = u64;

    async fn handle(&mut self, Ask(value): Ask, _context: &mut Context<Self>) -> u64 {
        self.0.count(value);
        value + 1
    }
}

async fn request(requesters: u64, operations: u64) -> Result<f64, Failure> {
    let each = (operations / requesters).max(1);
    let requests = each * requesters;
    let (finish, tally) = Finish::of(requests);
    let echo = spawn_tokio(Echo(tally), Mailbox::bounded(BOUND));
    let start = Instant::now();
    let ask = |first: u64, echo: Address<Echo>| async move {
        for value in first..first + each {
            all("reply", echo.send(Ask(value)).await.map_err(broken)?, value + 1)?;
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
    next: Address<Node>,
}

impl Handler<Note> for Node {
    type Return = Result<(), Failure>;

    async fn handle(&mut self, Note(left): Note, _context: &mut Context<Self>) -> Result<(), Failure> {
        self.tally.count(left);
        if left > 1 {
            tell(&self.next, Note(left - 1)).await?;
        }
        Ok(())
    }
}

async fn ring(ring: Ring) -> Result<f64, Failure> {
    let mut finish = Finish::new();
    let (nodes, mailboxes): (Vec<_>, Vec<_>) = (0..ring.actors).map(|_| Mailbox::bounded(BOUND)).unzip();
    for (index, mailbox) in mailboxes.into_iter().enumerate() {
        let next = nodes[(index + 1) % ring.actors].clone();
        spawn_tokio(Node { tally: finish.tally(ring.of_each()), next }, (nodes[index].clone(), mailbox));
    }
    let start = Instant::now();
    for index in ring.starts() {
        tell(&nodes[index], Note(ring.hops_of_one())).await?;
    }
    Ok(nanos_each(start, finish.wait(ring.sum()).await?, ring.hops()))
}

struct Reader {
    tally: Tally,
    gather: Option<Arc<Gather>>,
}

impl Handler<Arc<[u8]>> for Reader {
    type Return = ();

    async fn handle(&mut self, payload: Arc<[u8]>, _context: &mut Context<Self>) {
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
        readers.push(spawn_tokio(reader, Mailbox::bounded(BOUND)));
    }
    let start = Instant::now();
    for number in 0..publications {
        let payload = payload(number);
        for reader in &readers {
            tell(reader, payload.clone()).await?;
        }
        if let Some(gather) = &gather {
            gather.wait().await?;
        }
    }
    let end = finish.wait(sum_to(publications) * SUBSCRIBERS as u64).await?;
    Ok(nanos_each(start, end, publications))
}
