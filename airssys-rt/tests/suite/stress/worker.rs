//! An actor that carries out its messages, and counters of everything that is left.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airssys_rt::{Actor, ActorContext, ActorRef, Child, ChildSpec, ReplyTo};

use crate::support::quiet::TOLD;

use super::STUCK;

/// A counter; clones share it.
#[derive(Clone, Default)]
pub struct Count(Arc<AtomicI64>);

/// One unit of a counter, until it is dropped.
pub struct Counted(Count);

impl Count {
    pub fn one(&self) -> Counted {
        self.0.fetch_add(1, Ordering::SeqCst);
        Counted(self.clone())
    }

    pub fn left(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The traces of everything in a system.
#[derive(Clone, Default)]
pub struct Traces {
    pub states: Count,
    pub messages: Count,
    /// The names of actors that started, once for each incarnation.
    started: Arc<Mutex<Vec<ActorRef<Message>>>>,
    /// The names that another actor got after the first.
    seconds: Arc<Mutex<Vec<String>>>,
}

impl Traces {
    pub fn message(&self, task: Task) -> Message {
        Message { task, _counted: self.messages.one() }
    }

    /// A closure that makes workers.
    pub fn maker(&self) -> impl Fn() -> Worker + Send + Sync + Clone + 'static {
        let traces = self.clone();
        move || Worker { _counted: traces.states.one(), traces: traces.clone() }
    }

    pub fn note_second(&self, name: String) {
        self.seconds.lock().unwrap().push(name);
    }

    /// The number of actors that may have had this name after the first.
    pub fn seconds(&self, name: &str) -> usize {
        self.seconds.lock().unwrap().iter().filter(|second| *second == name).count()
    }

    /// The names of actors that ever started, each once.
    pub fn actors(&self) -> Vec<ActorRef<Message>> {
        let mut actors = self.started.lock().unwrap().clone();
        actors.sort_by_key(ActorRef::id);
        actors.dedup_by_key(|actor| actor.id());
        actors
    }
}

pub enum Task {
    Plain,
    Wait(Duration),
    Fail,
    Panic,
    Stop,
    /// Replies with the number of the incarnation.
    Ask(ReplyTo<u64>),
    /// Starts a child that fails, and so ends its parent.
    Bear,
}

pub struct Message {
    task: Task,
    _counted: Counted,
}

pub struct Worker {
    traces: Traces,
    _counted: Counted,
}

impl Child for Worker {}

impl Actor for Worker {
    type Message = Message;
    type Error = std::fmt::Error;

    async fn on_start(&mut self, context: &ActorContext<Message>) -> Result<(), Self::Error> {
        self.traces.started.lock().unwrap().push(context.self_ref().clone());
        Ok(())
    }

    async fn handle_message(
        &mut self,
        message: Message,
        context: &ActorContext<Message>,
    ) -> Result<(), Self::Error> {
        match message.task {
            Task::Plain => {}
            Task::Wait(time) => tokio::time::sleep(time).await,
            Task::Fail => return Err(std::fmt::Error),
            Task::Panic => std::panic::panic_any(TOLD),
            Task::Stop => context.stop_self(),
            // The requester may have stopped waiting.
            Task::Ask(reply) => reply.send(context.incarnation()).unwrap_or_default(),
            Task::Bear => {
                let spec = ChildSpec::unnamed().shutdown(STUCK);
                // It may be told to stop meanwhile.
                if let Ok(child) = context.spawn_child(spec, self.traces.maker()).await {
                    let _ = child.try_send(self.traces.message(Task::Fail));
                }
            }
        }
        Ok(())
    }
}
