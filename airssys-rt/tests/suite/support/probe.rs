//! An actor that carries out its messages, and logs its life.

use std::sync::{Arc, Mutex};

use airssys_rt::{Actor, ActorContext, BoxError, Child, ChildContext, ReplyTo};
use tokio::sync::oneshot;

#[derive(Debug, thiserror::Error)]
#[error("told to fail")]
pub struct Told;

/// A log, in order; shared by all incarnations, and by all probes that it is given to.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// The lines with this prefix.
    pub fn only(&self, prefix: &str) -> Vec<String> {
        self.all().into_iter().filter(|line| line.starts_with(prefix)).collect()
    }
}

#[derive(Debug)]
pub enum Do {
    Note(u32),
    Fail,
    Panic,
    Stop,
    /// Replies with the number of the incarnation.
    Ask(ReplyTo<u64>),
    /// Sends when it is being handled, then waits to be let go.
    Hold(oneshot::Sender<()>, oneshot::Receiver<()>),
    /// Never returns.
    Hang(oneshot::Sender<()>),
}

pub struct Probe {
    pub log: Log,
    /// `hook` or `hook incarnation`: fails there; with a `!` at the end, panics there.
    pub fail_in: &'static [&'static str],
}

impl Probe {
    pub fn new(log: &Log) -> Self {
        Self { log: log.clone(), fail_in: &[] }
    }

    fn hook(&self, hook: &str, context: &ChildContext) -> Result<(), BoxError> {
        let this = format!("{hook} {}", context.incarnation());
        self.log.note(this.clone());
        for entry in self.fail_in {
            match entry.strip_suffix('!') {
                Some(entry) if entry == hook || entry == this => panic!("told to panic in {hook}"),
                None if *entry == hook || *entry == this => return Err(Told.into()),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Child for Probe {
    async fn pre_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        self.hook("pre_start", context)
    }

    async fn post_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        self.hook("post_start", context)
    }

    async fn pre_stop(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        self.hook("pre_stop", context)
    }

    async fn post_stop(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        self.hook("post_stop", context)?;
        self.log.note(format!("{} stopped", context.name()));
        Ok(())
    }
}

impl Actor for Probe {
    type Message = Do;
    type Error = Told;

    async fn on_start(&mut self, context: &ActorContext<Do>) -> Result<(), Told> {
        self.hook("on_start", context.child()).map_err(|_| Told)
    }

    async fn handle_message(&mut self, message: Do, context: &ActorContext<Do>) -> Result<(), Told> {
        match message {
            Do::Note(number) => self.log.note(format!("note {number}")),
            Do::Fail => return Err(Told),
            Do::Panic => panic!("told to panic"),
            Do::Stop => context.stop_self(),
            Do::Ask(reply) => reply.send(context.incarnation()).unwrap_or_default(),
            Do::Hold(here, go) => {
                here.send(()).unwrap();
                go.await.unwrap();
            }
            Do::Hang(here) => {
                here.send(()).unwrap();
                std::future::pending().await
            }
        }
        Ok(())
    }

    async fn on_signal(&mut self, _: &ActorContext<Do>) -> Result<(), Told> {
        self.log.note("signal");
        Ok(())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.log.note("dropped");
    }
}

/// A message that holds the actor until the sender is used or dropped, and a receiver that is
/// notified when it does.
pub fn hold() -> (Do, oneshot::Receiver<()>, oneshot::Sender<()>) {
    let (here, is_here) = oneshot::channel();
    let (go, may_go) = oneshot::channel();
    (Do::Hold(here, may_go), is_here, go)
}

/// A message that holds the actor for ever, and a receiver that is notified when it does.
pub fn hang() -> (Do, oneshot::Receiver<()>) {
    let (here, is_here) = oneshot::channel();
    (Do::Hang(here), is_here)
}
