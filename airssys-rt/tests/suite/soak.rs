//! One hour of faults in virtual time, which leaves nothing behind.

mod subject;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airssys_rt::{
    ActorRef, ActorState, ActorSystem, ChildSpec, EventStream, MessageBroker, Overflow, RequestError,
    Reservation, RestartPolicy, RestartStrategy, Router, RouterSpec, SupervisionStrategy, SupervisorConfig,
    SupervisorRef, SupervisorSpec, Topic, TopicPattern,
};
use fastrand::Rng;
use tokio::task::JoinSet;

use self::subject::{Message, Sender, Task, Tokens, Wrongs, subject};
use crate::support::quiet::hush;
use crate::support::tasks::tasks;

const SECOND: Duration = Duration::from_secs(1);
/// The time between two actions.
const STEP: Duration = Duration::from_millis(50);
const STEPS: u32 = 72_000;
const PATTERNS: [&str; 6] = ["a", "a.*", "a.b", "*", "a.*.c", "b.*"];
const TOPICS: [&str; 5] = ["a", "a.b", "a.b.c", "b", "b.a"];
const GROUPS: [&str; 3] = ["red", "green", "blue"];

type Subjects = ActorRef<Message>;

/// The results of requests.
#[derive(Debug, Default)]
struct Answers {
    replied: u32,
    timed_out: u32,
    no_reply: u32,
    refused: u32,
}

struct World {
    rng: Rng,
    system: ActorSystem,
    sender: Sender,
    wrongs: Wrongs,
    /// Actors that exist from the beginning to the end.
    lasting: Vec<Subjects>,
    /// Actors that come and go, the oldest first.
    passing: VecDeque<Subjects>,
    pool: SupervisorRef,
    router: Router<Message>,
    broker: MessageBroker<Message>,
    /// A stream whose reader is too slow.
    events: EventStream,
    requests: JoinSet<Result<u64, RequestError<Message>>>,
    answers: Answers,
}

fn config(strategy: SupervisionStrategy, max_restarts: u32) -> SupervisorConfig {
    let restart_strategy = RestartStrategy::ExponentialBackoff {
        initial_delay: Duration::from_millis(1),
        max_delay: SECOND,
        multiplier: 2.0,
        jitter: 0.5,
    };
    SupervisorConfig { strategy, max_restarts, restart_strategy, ..SupervisorConfig::default() }
}

impl World {
    async fn new() -> Self {
        use SupervisionStrategy::{OneForAll, OneForOne, RestForOne};
        let system = ActorSystem::builder("soak").supervisor(config(OneForOne, u32::MAX)).build();
        let wrongs = Wrongs::default();
        let mut lasting = Vec::new();
        for overflow in [Overflow::Wait, Overflow::Reject, Overflow::DropOldest, Overflow::DropNewest] {
            let spec = ChildSpec::new(format!("{overflow:?}")).capacity(16).overflow(overflow);
            lasting.push(system.spawn(spec, subject(&wrongs)).await.unwrap());
        }
        // The last supervisor gives up now and then.
        for (name, strategy, limit) in
            [("all", OneForAll, u32::MAX), ("rest", RestForOne, u32::MAX), ("few", OneForOne, 2)]
        {
            let spec = SupervisorSpec::new(name).config(config(strategy, limit));
            let group = system.supervise(spec).await.unwrap();
            for number in 0..3 {
                let spec = ChildSpec::new(format!("{name}-{number}")).capacity(8);
                lasting.push(group.spawn(spec, subject(&wrongs)).await.unwrap());
            }
        }
        let pool = SupervisorSpec::new("pool").config(config(OneForOne, u32::MAX)).dynamic();
        let pool = system.supervise(pool).await.unwrap();
        let spec = RouterSpec::new("router").size(3).supervisor(config(OneForOne, u32::MAX)).capacity(8);
        let own = wrongs.clone();
        let router = system.router(spec, move || subject(&own)()).await.unwrap();
        Self {
            rng: Rng::with_seed(3),
            events: system.events(),
            system,
            sender: Sender { number: 0, last: 0, tokens: Tokens::default() },
            wrongs,
            lasting,
            passing: VecDeque::new(),
            pool,
            router,
            broker: MessageBroker::new(),
            requests: JoinSet::new(),
            answers: Answers::default(),
        }
    }

    fn anybody(&mut self) -> Subjects {
        let index = self.rng.usize(..self.lasting.len() + self.passing.len());
        let passing = || self.passing[index - self.lasting.len()].clone();
        self.lasting.get(index).cloned().unwrap_or_else(passing)
    }

    fn millis(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.rng.u64(1..most))
    }

    /// Sends a message, which may be refused.
    fn send(&mut self, to: &Subjects, task: Task) {
        let _ = to.try_send(self.sender.message(task));
    }

    async fn step(&mut self) {
        let somebody = self.anybody();
        match self.rng.u32(..100) {
            0..28 => self.send(&somebody, Task::Plain),
            28..33 => self.send(&somebody, Task::Fail),
            33..36 => self.send(&somebody, Task::Panic),
            36..39 => self.send(&somebody, Task::Stop),
            39..43 => {
                let task = Task::Take(self.millis(2000));
                self.send(&somebody, task);
            }
            43..45 => somebody.kill(),
            45..48 => (0..60).for_each(|_| self.send(&somebody, Task::Plain)),
            48..58 => self.request(somebody),
            58..63 => self.set_timers(&somebody),
            63..70 => self.watch(&somebody),
            70..76 => self.subscribe(somebody),
            76..82 => self.publish(),
            82..92 => self.come_and_go().await,
            92..95 => {
                let group = GROUPS[self.rng.usize(..GROUPS.len())];
                // An actor that has ended cannot join.
                let _ = self.system.groups().join(group, &somebody);
                let other = self.anybody();
                self.system.groups().leave(group, &other);
            }
            95 => {
                let size = self.rng.usize(1..6);
                self.router.resize(size).await.unwrap();
            }
            96..99 => {
                let task = if self.rng.bool() { Task::Plain } else { Task::Fail };
                let message = self.sender.message(task);
                let _ = self.router.try_send(message);
            }
            _ => {
                somebody.signal();
                assert!(self.system.actors().len() > self.lasting.len());
            }
        }
    }

    fn request(&mut self, of: Subjects) {
        let (timeout, token) = (self.millis(300), self.sender.tokens.token());
        let fails = self.rng.u32(..10) == 0;
        let message = move |reply| Message { sent: None, task: Task::Ask { reply, fails }, _token: token };
        self.requests.spawn(async move { of.request(message, timeout).await });
    }

    fn note_answers(&mut self) {
        while let Some(answer) = self.requests.try_join_next() {
            let answers = &mut self.answers;
            *match answer.unwrap() {
                Ok(_) => &mut answers.replied,
                Err(RequestError::TimedOut) => &mut answers.timed_out,
                Err(RequestError::NoReply) => &mut answers.no_reply,
                Err(_) => &mut answers.refused,
            } += 1;
        }
    }

    fn set_timers(&mut self, of: &Subjects) {
        let tokens = self.sender.tokens.clone();
        let own = move |task| Message { sent: None, task, _token: tokens.token() };
        let (delay, fails, cancelled) = (self.millis(2000), self.rng.bool(), self.rng.bool());
        let code = move |context: &airssys_rt::ActorContext<Message>| {
            let timer = context.send_after(delay, own(if fails { Task::Fail } else { Task::Plain }));
            let interval = context.send_interval(delay, move || own(Task::Stop));
            // The task that stops its actor is the last.
            if cancelled {
                assert!(context.cancel_timer(timer) && context.cancel_timer(interval));
            }
        };
        self.send(of, Task::Run(Box::new(code)));
    }

    fn watch(&mut self, by: &Subjects) {
        let (whom, way) = (self.anybody(), self.rng.u32(..5));
        let code = move |context: &airssys_rt::ActorContext<Message>| match way {
            0 | 1 => context.monitor(&whom),
            2 => context.demonitor(&whom),
            3 => context.link(&whom),
            _ => context.unlink(&whom),
        };
        self.send(by, Task::Run(Box::new(code)));
    }

    fn subscribe(&mut self, who: Subjects) {
        let pattern = TopicPattern::parse(PATTERNS[self.rng.usize(..PATTERNS.len())]).unwrap();
        if self.rng.bool() || !self.broker.unsubscribe(&pattern, who.id()) {
            self.broker.subscribe(pattern, who);
        }
    }

    fn publish(&mut self) {
        let topic = Topic::parse(TOPICS[self.rng.usize(..TOPICS.len())]).unwrap();
        let subscribers = self.broker.matching(&topic);
        if let Ok(reserved) = Reservation::new(&subscribers, |_| true) {
            for (_, permit) in reserved.places {
                let _ = permit.send(self.sender.message(Task::Plain));
            }
        }
        for ended in subscribers.iter().filter(|subscriber| subscriber.actor.is_closed()) {
            self.broker.unsubscribe_all(ended.actor.id());
        }
    }

    async fn come_and_go(&mut self) {
        let spec = match self.rng.bool() {
            true => ChildSpec::unnamed(),
            false => ChildSpec::new(format!("passing-{}", self.sender.last)),
        };
        let policies = [RestartPolicy::Permanent, RestartPolicy::Transient, RestartPolicy::Temporary];
        let spec = spec.capacity(self.rng.usize(1..20)).restart(policies[self.rng.usize(..3)]);
        // The name may be taken. An actor that is not started ends at once.
        if let Ok(actor) = self.pool.spawn(spec, subject(&self.wrongs)).await {
            let watched = actor.clone();
            let watch = move |context: &airssys_rt::ActorContext<Message>| context.monitor(&watched);
            let lasting = self.lasting[self.rng.usize(..self.lasting.len())].clone();
            self.send(&lasting, Task::Run(Box::new(watch)));
            // And the other way round: it watches an actor that outlives it.
            let watch = move |context: &airssys_rt::ActorContext<Message>| context.monitor(&lasting);
            self.send(&actor, Task::Run(Box::new(watch)));
            self.passing.push_back(actor);
        }
        while self.passing.len() > 20 {
            let Some(oldest) = self.passing.pop_front() else { return };
            match self.rng.bool() {
                true => oldest.stop(),
                false => oldest.drain(),
            }
        }
    }

    /// Waits for the requests and tasks in flight.
    async fn settle(&mut self) {
        self.passing.drain(..).for_each(|actor| actor.stop());
        tokio::time::sleep(60 * SECOND).await;
        self.note_answers();
    }

    /// Checks that nothing is left.
    fn check(&mut self) {
        assert_eq!(self.wrongs.all(), [""; 0]);
        assert!(self.requests.is_empty());
        for actor in &self.lasting {
            let stats = actor.stats();
            let known = stats.handled + stats.failed + stats.overflowed;
            assert_eq!((stats.accepted, stats.depth, stats.dropped), (known, 0, 0), "{actor:?} {stats:?}");
            assert_eq!(stats.state, ActorState::Running);
            assert!(stats.high_water <= actor.capacity());
        }
        assert_eq!(self.sender.tokens.left(), 0, "messages");
        let names: Vec<_> = self.system.actors().into_iter().map(|actor| actor.name).collect();
        let mut expected: Vec<_> = self.lasting.iter().map(|actor| actor.name().to_owned()).collect();
        expected.extend(self.router.workers().iter().map(|worker| worker.name().to_owned()));
        assert_eq!(names, expected);
        for group in self.system.groups().names() {
            let members = self.system.groups().members::<Message>(&group);
            assert!(members.iter().all(|member| self.lasting.iter().any(|one| one.id() == member.id())));
        }
    }
}

/// Sends to the lasting actors, and waits for room if it has to.
async fn send_patiently(mut sender: Sender, to: Vec<Subjects>, done: Arc<AtomicBool>) -> u64 {
    let mut rng = Rng::with_seed(sender.number as u64);
    let mut taken = 0;
    while !done.load(Ordering::Relaxed) {
        let message = sender.message(Task::Plain);
        taken += u64::from(to[rng.usize(..to.len())].send(message).await.is_ok());
        tokio::time::sleep(Duration::from_millis(rng.u64(..200))).await;
    }
    taken
}

/// The memory in KiB; `None` where the system does not tell.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_faults_leaves_nothing_behind() {
    hush();
    fastrand::seed(1);
    let mut world = World::new().await;
    let tasks_before = tasks();
    let done = Arc::<AtomicBool>::default();
    let mut senders = JoinSet::new();
    for number in 1..=3 {
        let sender = Sender { number, last: 0, tokens: world.sender.tokens.clone() };
        senders.spawn(send_patiently(sender, world.lasting.clone(), done.clone()));
    }
    let mut early = None;
    for step in 0..STEPS {
        for _ in 0..world.rng.u32(1..5) {
            world.step().await;
        }
        world.note_answers();
        if step % 1200 == 0 {
            // It misses most of them.
            let _ = world.events.next().await;
        }
        if step == STEPS / 4 {
            early = memory();
        }
        tokio::time::sleep(STEP).await;
    }
    let late = memory();
    done.store(true, Ordering::Relaxed);
    assert!(senders.join_all().await.into_iter().all(|taken| taken > 10_000), "the senders get through");
    world.router.resize(3).await.unwrap();
    world.settle().await;
    world.check();
    assert_eq!(tasks(), tasks_before);

    let restarts: u64 = world.lasting.iter().map(|actor| actor.stats().restarts).sum();
    eprintln!("{restarts} restarts, {:?}, {early:?} KiB after a quarter, {late:?} KiB", world.answers);
    let Answers { replied, timed_out, no_reply, refused } = world.answers;
    assert!(restarts > 1000 && [replied, timed_out, no_reply, refused].iter().all(|count| *count > 100));
    if let (Some(early), Some(late)) = (early, late) {
        assert!(late < early + 4096, "{early} KiB after a quarter of an hour, {late} KiB in the end");
    }
    let report = world.system.shutdown(10 * SECOND).await;
    assert_eq!((report.stopped.len(), report.late.len()), (world.lasting.len() + 3, 0));
    assert_eq!(tasks(), 0);
}
