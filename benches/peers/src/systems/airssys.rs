//! airssys-rt, as it is published.

mod lives;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, Child, ChildSpec, MessageBroker, ReplyTo, Topic, TopicPattern,
};

use self::lives::{Strike, idle_memory, look_up, restart, spawn_and_stop};
use super::tokio::join;
use super::{Note, nanos_each, number, payload};
use crate::tally::{Failure, Finish, Gather, Tally, all, broken};
use crate::workload::{BOUND, IN_FLIGHT, Ring, SUBSCRIBERS, Workload, sum_to};

/// A capacity above the number of messages, in place of an unbounded mailbox.
const UNBOUNDED: usize = 2_000_000;

pub(super) fn note(workload: Workload) -> Option<&'static str> {
    match workload {
        Workload::SendUnbounded => Some("a mailbox for 2,000,000 messages, because every mailbox is bounded"),
        Workload::Publish | Workload::PublishOne => Some("MessageBroker::publish"),
        Workload::Request | Workload::Request64 => Some("each request has a timeout of 1 s"),
        Workload::Stop => Some("SupervisorRef::stop of the dynamic supervisor, then SupervisorRef::closed"),
        _ => None,
    }
}

pub(super) async fn run(workload: Workload, operations: u64) -> Result<Option<f64>, Failure> {
    match workload {
        Workload::SendBounded => send(1, operations, BOUND).await,
        Workload::SendUnbounded => send(1, operations, UNBOUNDED).await,
        Workload::Send8 => send(8, operations, BOUND).await,
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

#[derive(Clone)]
struct Sink {
    tally: Tally,
}

impl Child for Sink {}

impl Actor for Sink {
    type Message = Note;
    type Error = Infallible;

    async fn handle_message(
        &mut self,
        Note(value): Note,
        _context: &ActorContext<Note>,
    ) -> Result<(), Infallible> {
        self.tally.count(value);
        Ok(())
    }
}

async fn send(senders: u64, operations: u64, capacity: usize) -> Result<f64, Failure> {
    let each = (operations / senders).max(1);
    let messages = each * senders;
    let (finish, tally) = Finish::of(messages);
    let system = ActorSystem::new("bench");
    let sink = Sink { tally };
    let spec = ChildSpec::new("sink").capacity(capacity);
    let sink = system.spawn(spec, move || sink.clone()).await.map_err(broken)?;
    let start = Instant::now();
    let flood = |first: u64, sink: ActorRef<Note>| async move {
        for value in first..first + each {
            sink.send(Note(value)).await.map_err(broken)?;
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

struct Ask(u64, ReplyTo<u64>);

#[derive(Clone)]
struct Echo {
    tally: Tally,
}

impl Child for Echo {}

impl Actor for Echo {
    type Message = Ask;
    type Error = Infallible;

    async fn handle_message(
        &mut self,
        Ask(value, reply): Ask,
        _context: &ActorContext<Ask>,
    ) -> Result<(), Infallible> {
        self.tally.count(value);
        // The requester notices a missing reply.
        let _ = reply.send(value + 1);
        Ok(())
    }
}

async fn request(requesters: u64, operations: u64) -> Result<f64, Failure> {
    let each = (operations / requesters).max(1);
    let requests = each * requesters;
    let (finish, tally) = Finish::of(requests);
    let system = ActorSystem::new("bench");
    let echo = Echo { tally };
    let spec = ChildSpec::new("echo").capacity(BOUND);
    let echo = system.spawn(spec, move || echo.clone()).await.map_err(broken)?;
    let start = Instant::now();
    let ask = |first: u64, echo: ActorRef<Ask>| async move {
        for value in first..first + each {
            let reply = echo.request(|reply| Ask(value, reply), Duration::from_secs(1)).await;
            all("reply", reply.map_err(broken)?, value + 1)?;
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

#[derive(Clone)]
struct Node {
    tally: Tally,
    next: ActorRef<Note>,
}

impl Child for Node {}

impl Actor for Node {
    type Message = Note;
    type Error = Failure;

    async fn handle_message(
        &mut self,
        Note(left): Note,
        _context: &ActorContext<Note>,
    ) -> Result<(), Failure> {
        self.tally.count(left);
        if left > 1 {
            self.next.send(Note(left - 1)).await.map_err(broken)?;
        }
        Ok(())
    }
}

async fn ring(ring: Ring) -> Result<f64, Failure> {
    let mut finish = Finish::new();
    let system = ActorSystem::new("bench");
    let prepare = |index| system.prepare(ChildSpec::new(format!("node-{index}")).capacity(BOUND));
    let prepared = (0..ring.actors).map(prepare).collect::<Result<Vec<_>, _>>().map_err(broken)?;
    let refs: Vec<ActorRef<Note>> = prepared.iter().map(|prepared| prepared.actor_ref()).collect();
    for (index, prepared) in prepared.into_iter().enumerate() {
        let tally = finish.tally(ring.of_each());
        let node = Node { tally, next: refs[(index + 1) % ring.actors].clone() };
        system.start(prepared, move || node.clone()).await.map_err(broken)?;
    }
    let start = Instant::now();
    for index in ring.starts() {
        refs[index].send(Note(ring.hops_of_one())).await.map_err(broken)?;
    }
    Ok(nanos_each(start, finish.wait(ring.sum()).await?, ring.hops()))
}

#[derive(Clone)]
struct Reader {
    tally: Tally,
    gather: Option<Arc<Gather>>,
}

impl Child for Reader {}

impl Actor for Reader {
    type Message = Arc<[u8]>;
    type Error = Infallible;

    async fn handle_message(
        &mut self,
        payload: Arc<[u8]>,
        _context: &ActorContext<Arc<[u8]>>,
    ) -> Result<(), Infallible> {
        self.tally.count(number(&payload));
        if let Some(gather) = &self.gather {
            gather.arrive();
        }
        Ok(())
    }
}

async fn publish(publications: u64, gather: Option<Arc<Gather>>) -> Result<f64, Failure> {
    let mut finish = Finish::new();
    let system = ActorSystem::new("bench");
    let broker = MessageBroker::<Arc<[u8]>>::new();
    let pattern = TopicPattern::parse("orders.*").map_err(broken)?;
    let topic = Topic::parse("orders.created").map_err(broken)?;
    for index in 0..SUBSCRIBERS {
        let reader = Reader { tally: finish.tally(publications), gather: gather.clone() };
        let spec = ChildSpec::new(format!("reader-{index}")).capacity(BOUND);
        let reader = system.spawn(spec, move || reader.clone()).await.map_err(broken)?;
        broker.subscribe(pattern.clone(), reader);
    }
    let start = Instant::now();
    for number in 0..publications {
        let published = broker.publish(&topic, payload(number)).await;
        all("subscribers reached", published.delivered as u64, SUBSCRIBERS as u64)?;
        if let Some(gather) = &gather {
            gather.wait().await?;
        }
    }
    let end = finish.wait(sum_to(publications) * SUBSCRIBERS as u64).await?;
    Ok(nanos_each(start, end, publications))
}
