//! Trees of probes that all write into one log, each line with the probe's name.

use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorRef, BoxError, Child, ChildContext, ChildSpec, ReplyTo, RestartStrategy,
    SupervisionStrategy, SupervisorConfig, SupervisorRef, SupervisorSpec,
};
use tokio::sync::oneshot;

use crate::support::probe::{Log, Told};

pub const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub enum Say {
    Note(u32),
    Fail,
    Panic,
    Stop,
    /// Replies with the number of the incarnation.
    Ask(ReplyTo<u64>),
    /// Sends when it is being handled, then never returns.
    Hang(oneshot::Sender<()>),
}

/// Logs `+name` when it has started, `-name` when it stops, `name 3` for a message.
pub struct Leaf {
    pub log: Log,
    pub name: String,
    /// The incarnations that fail to start.
    pub bad_starts: &'static [u64],
    /// The incarnations that hang in `pre_start`.
    pub hangs: &'static [u64],
    /// The time that its stop takes.
    pub slow_stop: Duration,
}

impl Leaf {
    pub fn new(log: &Log, name: &str) -> Self {
        let (log, name) = (log.clone(), name.to_owned());
        Self { log, name, bad_starts: &[], hangs: &[], slow_stop: Duration::ZERO }
    }
}

impl Child for Leaf {
    async fn pre_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        if self.hangs.contains(&context.incarnation()) {
            self.log.note(format!("hangs {}", self.name));
            std::future::pending::<()>().await;
        }
        // Yields, so that a start that does not wait for the one before is seen.
        tokio::task::yield_now().await;
        match self.bad_starts.contains(&context.incarnation()) {
            true => Err(Told.into()),
            false => Ok(()),
        }
    }

    async fn post_start(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        tokio::task::yield_now().await;
        self.log.note(format!("+{}", self.name));
        Ok(())
    }

    async fn pre_stop(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        tokio::time::sleep(self.slow_stop).await;
        Ok(())
    }

    async fn post_stop(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        self.log.note(format!("-{}", self.name));
        Ok(())
    }
}

impl Actor for Leaf {
    type Message = Say;
    type Error = Told;

    async fn handle_message(&mut self, message: Say, context: &ActorContext<Say>) -> Result<(), Told> {
        match message {
            Say::Note(number) => self.log.note(format!("{} {number}", self.name)),
            Say::Fail => return Err(Told),
            Say::Panic => panic!("told to panic"),
            Say::Stop => context.stop_self(),
            Say::Ask(reply) => reply.send(context.incarnation()).unwrap_or_default(),
            Say::Hang(here) => {
                here.send(()).unwrap();
                std::future::pending().await
            }
        }
        Ok(())
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        self.log.note(format!("dropped {}", self.name));
    }
}

/// Immediate restarts, many of them.
pub fn config(strategy: SupervisionStrategy) -> SupervisorConfig {
    SupervisorConfig {
        strategy,
        max_restarts: 100,
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    }
}

pub async fn supervise(parent: &SupervisorRef, name: &str, strategy: SupervisionStrategy) -> SupervisorRef {
    parent.supervise(SupervisorSpec::new(name).config(config(strategy))).await.unwrap()
}

pub async fn leaf(parent: &SupervisorRef, log: &Log, name: &str) -> ActorRef<Say> {
    leaf_with(parent, log, ChildSpec::new(name), |_| {}).await
}

pub async fn leaf_with(
    parent: &SupervisorRef,
    log: &Log,
    spec: ChildSpec,
    change: impl Fn(&mut Leaf) + Send + 'static,
) -> ActorRef<Say> {
    let prepared = parent.prepare::<Say>(spec).unwrap();
    let (log, name) = (log.clone(), prepared.actor_ref().name().to_owned());
    let make = move || {
        let mut leaf = Leaf::new(&log, &name);
        change(&mut leaf);
        leaf
    };
    parent.start(prepared, make).await.unwrap()
}

pub async fn hang(actor: &ActorRef<Say>) {
    let (here, is_here) = oneshot::channel();
    actor.send(Say::Hang(here)).await.unwrap();
    is_here.await.unwrap();
}

/// The number of the incarnation that answers.
pub async fn ask(actor: &ActorRef<Say>) -> u64 {
    actor.request(Say::Ask, 1000 * SECOND).await.unwrap()
}

/// The starts and stops in the log.
pub fn moves(log: &Log) -> Vec<String> {
    log.all().into_iter().filter(|line| line.starts_with(['+', '-'])).collect()
}

/// The names of the children.
pub fn names(supervisor: &SupervisorRef) -> Vec<String> {
    supervisor.children().into_iter().map(|child| child.name).collect()
}
