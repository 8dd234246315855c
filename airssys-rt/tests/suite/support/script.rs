//! An actor that runs closures, and logs its messages and notifications.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, BoxError, Child, ChildContext, ChildSpec, Down, ReplyTo,
};

pub const SECOND: Duration = Duration::from_secs(1);
pub const MILLI: Duration = Duration::from_millis(1);

#[derive(Debug, thiserror::Error)]
#[error("told to fail")]
pub struct Told;

type Code = Box<dyn FnOnce(&ActorContext<Say>) + Send>;

pub enum Say {
    Note(u32),
    /// Runs this in the handler.
    Run(Code),
    /// Takes this long.
    Take(Duration),
    Fail,
    Panic,
    Stop,
    /// Replies with the number of the incarnation.
    Ask(ReplyTo<u64>),
}

impl fmt::Debug for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Say")
    }
}

impl Say {
    pub fn number(self) -> u32 {
        match self {
            Self::Note(number) => number,
            _ => panic!("another message"),
        }
    }
}

impl From<u32> for Say {
    fn from(number: u32) -> Self {
        Self::Note(number)
    }
}

/// A log, in order; shared by all incarnations, and by all scripts that it is given to.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// The lines since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

pub struct Script {
    pub log: Log,
    /// The number of incarnations after the first that panic when they start.
    pub bad_starts: u64,
}

impl Child for Script {
    async fn pre_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        let incarnation = context.incarnation();
        assert!(incarnation == 0 || incarnation > self.bad_starts, "a bad start");
        Ok(())
    }
}

impl Actor for Script {
    type Message = Say;
    type Error = Told;

    async fn handle_message(&mut self, message: Say, context: &ActorContext<Say>) -> Result<(), Told> {
        match message {
            Say::Note(number) => self.log.note(format!("note {number}")),
            Say::Run(code) => code(context),
            Say::Take(time) => tokio::time::sleep(time).await,
            Say::Fail => return Err(Told),
            Say::Panic => panic!("told to panic"),
            Say::Stop => context.stop_self(),
            Say::Ask(reply) => reply.send(context.incarnation()).unwrap_or_default(),
        }
        Ok(())
    }

    async fn on_down(&mut self, down: Down, _: &ActorContext<Say>) -> Result<(), Told> {
        let then = if down.restarting { ", restarting" } else { "" };
        self.log.note(format!("{} {}{then}", down.actor, down.reason));
        Ok(())
    }

    async fn on_signal(&mut self, _: &ActorContext<Say>) -> Result<(), Told> {
        self.log.note("signal");
        Ok(())
    }
}

pub async fn start(system: &ActorSystem, log: &Log, spec: ChildSpec) -> ActorRef<Say> {
    let log = log.clone();
    system.spawn(spec, move || Script { log: log.clone(), bad_starts: 0 }).await.unwrap()
}

/// Runs a closure in the actor's handler, and returns its result.
pub async fn run<R: Send + 'static>(
    actor: &ActorRef<Say>,
    code: impl FnOnce(&ActorContext<Say>) -> R + Send + 'static,
) -> R {
    let run = |reply: ReplyTo<R>| Say::Run(Box::new(move |context| drop(reply.send(code(context)))));
    actor.request(run, SECOND).await.unwrap()
}

/// Yields until all tasks are idle; the paused clock does not move meanwhile.
pub async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
