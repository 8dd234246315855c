//! An actor that fails in every way it is told to, and checks the order of its messages.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airssys_rt::{Actor, ActorContext, Child, ReplyTo};

use crate::support::quiet::TOLD;

/// The number of messages that exist.
#[derive(Clone, Default)]
pub struct Tokens(Arc<AtomicI64>);

pub struct Token(Tokens);

impl Tokens {
    pub fn token(&self) -> Token {
        self.0.fetch_add(1, Ordering::Relaxed);
        Token(self.clone())
    }

    pub fn left(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub type Code = Box<dyn FnOnce(&ActorContext<Message>) + Send>;

pub enum Task {
    Plain,
    Take(Duration),
    Fail,
    Panic,
    Stop,
    Run(Code),
    Ask { reply: ReplyTo<u64>, fails: bool },
}

pub struct Message {
    /// The sender and the number of its message; `None` for the actor's own.
    pub sent: Option<(usize, u64)>,
    pub task: Task,
    pub _token: Token,
}

/// A sender.
pub struct Sender {
    pub number: usize,
    pub last: u64,
    pub tokens: Tokens,
}

impl Sender {
    pub fn message(&mut self, task: Task) -> Message {
        self.last += 1;
        Message { sent: Some((self.number, self.last)), task, _token: self.tokens.token() }
    }
}

/// The errors that were found.
#[derive(Clone, Default)]
pub struct Wrongs(Arc<Mutex<Vec<String>>>);

impl Wrongs {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

pub struct Subject {
    /// The last message of each sender, over all incarnations.
    seen: Arc<Mutex<HashMap<usize, u64>>>,
    wrongs: Wrongs,
}

/// A closure that makes the incarnations of a subject.
pub fn subject(wrongs: &Wrongs) -> impl FnMut() -> Subject + Send + use<> {
    let (seen, wrongs) = (Arc::<Mutex<HashMap<_, _>>>::default(), wrongs.clone());
    move || Subject { seen: seen.clone(), wrongs: wrongs.clone() }
}

impl Child for Subject {}

impl Actor for Subject {
    type Message = Message;
    type Error = std::fmt::Error;

    async fn handle_message(
        &mut self,
        message: Message,
        context: &ActorContext<Message>,
    ) -> Result<(), std::fmt::Error> {
        if let Some((sender, number)) = message.sent {
            let before = self.seen.lock().unwrap().insert(sender, number);
            if before.is_some_and(|before| before >= number) {
                let wrong = format!("{}: {number} of {sender} after {before:?}", context.name());
                self.wrongs.0.lock().unwrap().push(wrong);
            }
        }
        match message.task {
            Task::Plain => {}
            Task::Take(time) => tokio::time::sleep(time).await,
            Task::Fail => return Err(std::fmt::Error),
            Task::Panic => std::panic::panic_any(TOLD),
            Task::Stop => context.stop_self(),
            Task::Run(code) => code(context),
            Task::Ask { fails: true, .. } => return Err(std::fmt::Error),
            Task::Ask { reply, fails: false } => reply.send(context.incarnation()).unwrap_or_default(),
        }
        Ok(())
    }
}
