//! An actor that does what it is told, and what is left of all of them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airssys_rt::{Actor, ActorContext, ActorRef, Child, ChildSpec, ReplyTo};

use crate::support::quiet::TOLD;

use super::STUCK;

/// How many of something there are; clones count in the same place.
#[derive(Clone, Default)]
pub struct Count(Arc<AtomicI64>);

/// One of them, until it is dropped.
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

/// All there has been in a system.
#[derive(Clone, Default)]
pub struct Traces {
    pub states: Count,
    pub messages: Count,
    /// Who has started, once for each incarnation.
    started: Arc<Mutex<Vec<ActorRef<Message>>>>,
    /// Names that another has got after the first.
    seconds: Arc<Mutex<Vec<String>>>,
}

impl Traces {
    pub fn message(&self, task: Task) -> Message {
        Message { task, _counted: self.messages.one() }
    }

    /// What a supervisor makes the actors with.
    pub fn maker(&self) -> impl Fn() -> Worker + Send + Sync + Clone + 'static {
        let traces = self.clone();
        move || Worker { _counted: traces.states.one(), traces: traces.clone() }
    }

    pub fn note_second(&self, name: String) {
        self.seconds.lock().unwrap().push(name);
    }

    /// How many may have had this name after the first.
    pub fn seconds(&self, name: &str) -> usize {
        self.seconds.lock().unwrap().iter().filter(|second| *second == name).count()
    }

    /// Who has ever started, each once.
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
    /// Says which incarnation handles it.
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
            // Who asks may have given up.
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
