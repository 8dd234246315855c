//! ractor, with its default features.

mod lives;

use std::sync::Arc;
use std::time::Instant;

use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use self::lives::{Strike, idle_memory, look_up, restart, spawn_and_stop};
use super::tokio::join;
use super::{Note, nanos_each, number, payload};
use crate::tally::{Failure, Finish, Gather, Tally, all, broken};
use crate::workload::{IN_FLIGHT, Ring, SUBSCRIBERS, Workload, sum_to};

pub(super) fn note(workload: Workload) -> Option<&'static str> {
    match workload {
        Workload::SendBounded | Workload::Send8 => Some("its mailboxes are unbounded"),
        Workload::Publish | Workload::PublishOne => Some(
            "a loop over 100 references, because an OutputPort drops the unread messages of a slow subscriber",
        ),
        Workload::Stop => Some("ActorRef::stop for all, then each task is joined"),
        Workload::RestartPanic | Workload::RestartError => Some(
            "a supervisor that spawns the next actor on ActorFailed, with a new mailbox, and sends to it",
        ),
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
        // The requester notices a missing reply.
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
                _ => return Err(broken("a request got no reply")),
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
