//! A worker that logs its messages.

use std::sync::{Arc, Mutex};

use airssys_rt::{Actor, ActorContext, BoxError, Child, ChildContext, ReplyTo};
use tokio::sync::oneshot;

/// The handled messages, in order: the worker's name and the number.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("told to fail")]
pub struct Told;

#[derive(Debug)]
pub enum Do {
    Note(u64),
    Who(ReplyTo<String>),
    Fail,
    FailOn(#[expect(dead_code, reason = "dropped without a reply")] ReplyTo<()>),
    Panic,
    Stop,
    /// Sends when it is being handled, then waits to be let go.
    Hold(oneshot::Sender<()>, oneshot::Receiver<()>),
    Hang(oneshot::Sender<()>, ReplyTo<()>),
}

impl Clone for Do {
    /// For broadcasts, which only notes are sent by.
    fn clone(&self) -> Self {
        match self {
            Self::Note(number) => Self::Note(*number),
            other => panic!("{other:?} is not for many"),
        }
    }
}

pub struct Worker {
    log: Log,
    fails: Option<&'static str>,
    hangs: Option<&'static str>,
}

impl Worker {
    pub fn new(log: &Log) -> Self {
        Self { log: log.clone(), fails: None, hangs: None }
    }

    /// The worker with this name does not start.
    pub fn that_fails_as(log: &Log, name: &'static str) -> Self {
        Self { fails: Some(name), ..Self::new(log) }
    }

    /// The worker with this name hangs in its start.
    pub fn that_hangs_as(log: &Log, name: &'static str) -> Self {
        Self { hangs: Some(name), ..Self::new(log) }
    }
}

impl Child for Worker {
    async fn pre_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        if self.hangs == Some(context.name()) {
            std::future::pending::<()>().await;
        }
        if self.fails == Some(context.name()) { Err(Told.into()) } else { Ok(()) }
    }
}

impl Actor for Worker {
    type Message = Do;
    type Error = Told;

    async fn handle_message(&mut self, message: Do, context: &ActorContext<Do>) -> Result<(), Told> {
        match message {
            Do::Note(number) => self.log.0.lock().unwrap().push(format!("{} {number}", context.name())),
            Do::Who(reply) => reply.send(context.name().to_owned()).unwrap_or_default(),
            Do::Fail | Do::FailOn(_) => return Err(Told),
            Do::Panic => panic!("told to panic"),
            Do::Stop => context.stop_self(),
            Do::Hold(here, go) => {
                here.send(()).unwrap();
                let _ = go.await;
            }
            Do::Hang(here, _reply) => {
                let _ = here.send(());
                std::future::pending().await
            }
        }
        Ok(())
    }
}

/// A message that holds the worker until the sender is used or dropped, and a receiver that is
/// notified when it does.
pub fn hold() -> (Do, oneshot::Receiver<()>, oneshot::Sender<()>) {
    let (here, is_here) = oneshot::channel();
    let (go, may_go) = oneshot::channel();
    (Do::Hold(here, may_go), is_here, go)
}
