//! Actors whose tasks move to another runtime, and come back.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, BoxError, Child, ChildSpec, ReplyTo, RestartStrategy,
    SupervisorConfig, relocate, requeue,
};
use tokio::runtime::{Builder, Handle, Runtime};

/// The names of the threads of both runtimes.
const HOME: &str = "home";
const ELSEWHERE: &str = "elsewhere";

const LONG: Duration = Duration::from_secs(600);

fn runtime(name: &str) -> Runtime {
    Builder::new_multi_thread().worker_threads(2).thread_name(name).enable_time().build().unwrap()
}

enum Order {
    /// Moves for this time.
    Go(Duration),
    /// Answers with its thread and its incarnation.
    Where(ReplyTo<(String, u64)>),
    /// Starts a task and a timer as any actor does, and answers with the thread of the task.
    Spawn(ReplyTo<String>),
    /// Sends itself the next one, and yields.
    More,
    /// Notes the number, and moves for no time.
    Note(u32),
    Fail,
}

struct Nomad {
    elsewhere: Handle,
    noted: Arc<Mutex<Vec<u32>>>,
}

fn thread() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

impl Child for Nomad {}

impl Actor for Nomad {
    type Message = Order;
    type Error = BoxError;

    async fn handle_message(&mut self, order: Order, context: &ActorContext<Order>) -> Result<(), BoxError> {
        match order {
            Order::Go(time) => relocate(&self.elsewhere, Instant::now() + time),
            Order::Where(reply) => drop(reply.send((thread(), context.incarnation()))),
            Order::Spawn(reply) => {
                let name = tokio::spawn(async {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    thread()
                });
                tokio::time::sleep(Duration::from_millis(1)).await;
                drop(reply.send(name.await?));
            }
            Order::More => {
                context.self_ref().try_send(Order::More).map_err(|_| "full")?;
                requeue().await;
            }
            Order::Note(number) => {
                self.noted.lock().unwrap().push(number);
                relocate(&self.elsewhere, Instant::now());
                requeue().await;
            }
            Order::Fail => return Err("told to fail".into()),
        }
        Ok(())
    }
}

/// A system with a nomad, and the runtimes of both.
struct Scene {
    home: Runtime,
    elsewhere: Runtime,
    system: ActorSystem,
    nomad: ActorRef<Order>,
    noted: Arc<Mutex<Vec<u32>>>,
}

impl Scene {
    fn new(movable: bool) -> Scene {
        let (home, elsewhere) = (runtime(HOME), runtime(ELSEWHERE));
        let config = SupervisorConfig {
            max_restarts: u32::MAX,
            restart_strategy: RestartStrategy::Immediate,
            ..SupervisorConfig::default()
        };
        let noted = Arc::new(Mutex::new(Vec::new()));
        let (handle, shared) = (elsewhere.handle().clone(), noted.clone());
        let make = move || Nomad { elsewhere: handle.clone(), noted: shared.clone() };
        let (system, nomad) = home.block_on(async {
            let system = ActorSystem::builder("test").supervisor(config).build();
            let spec = ChildSpec::new("nomad").capacity(100_000).movable(movable);
            let nomad = system.spawn(spec, make).await.unwrap();
            (system, nomad)
        });
        Scene { home, elsewhere, system, nomad, noted }
    }

    fn tell(&self, order: Order) {
        assert!(self.nomad.try_send(order).is_ok());
    }

    /// Returns the nomad's thread and incarnation.
    fn place(&self) -> (String, u64) {
        self.home.block_on(self.nomad.request(Order::Where, LONG)).unwrap()
    }

    /// Returns once the nomad answers from this thread and incarnation.
    fn reaches(&self, thread: &str, incarnation: u64) {
        while self.place() != (thread.to_owned(), incarnation) {
            std::thread::yield_now();
        }
    }

    /// Shuts down in time, and returns when no part of the nomad is left.
    fn ends(self) {
        let report = self.home.block_on(self.system.shutdown(LONG));
        assert_eq!((report.stopped, report.late), (vec!["nomad".to_owned()], Vec::<String>::new()));
        assert_eq!(Arc::strong_count(&self.noted), 1, "the nomad or its closure is still there");
        assert_eq!(self.elsewhere.metrics().num_alive_tasks(), 0);
    }
}

#[test]
fn actor_goes_on_elsewhere_and_comes_back_when_its_time_is_over() {
    let scene = Scene::new(true);
    scene.reaches(HOME, 0);
    scene.tell(Order::Go(LONG));
    scene.reaches(ELSEWHERE, 0);
    scene.tell(Order::Go(Duration::ZERO));
    scene.reaches(HOME, 0);
    scene.ends();
}

#[test]
fn actor_that_is_not_movable_stays() {
    let scene = Scene::new(false);
    for _ in 0..100 {
        scene.tell(Order::Go(LONG));
        scene.reaches(HOME, 0);
    }
    scene.ends();
}

#[test]
fn tasks_and_timers_of_an_actor_elsewhere_belong_to_its_own_runtime() {
    let scene = Scene::new(true);
    scene.tell(Order::Go(LONG));
    scene.reaches(ELSEWHERE, 0);
    // The other runtime has no timers.
    let thread = scene.home.block_on(scene.nomad.request(Order::Spawn, LONG)).unwrap();
    assert_eq!(thread, HOME);
    scene.reaches(ELSEWHERE, 0);
    scene.ends();
}

#[test]
fn actor_elsewhere_is_restarted_killed_and_shut_down_as_any_other() {
    let scene = Scene::new(true);
    scene.tell(Order::Go(LONG));
    scene.reaches(ELSEWHERE, 0);
    scene.tell(Order::Fail);
    // An immediate restart keeps the task.
    scene.reaches(ELSEWHERE, 1);
    scene.nomad.restart();
    scene.reaches(ELSEWHERE, 2);
    scene.nomad.kill();
    // A kill ends it.
    scene.reaches(HOME, 3);
    scene.tell(Order::Go(LONG));
    scene.reaches(ELSEWHERE, 3);
    scene.ends();
}

#[test]
fn actor_elsewhere_ends_with_the_runtime_of_its_system() {
    let scene = Scene::new(true);
    scene.tell(Order::Go(LONG));
    scene.reaches(ELSEWHERE, 0);
    scene.tell(Order::More);
    let Scene { home, elsewhere, system, noted, .. } = scene;
    drop((home, system));
    while Arc::strong_count(&noted) > 1 || elsewhere.metrics().num_alive_tasks() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn messages_are_conserved_and_in_order_while_an_actor_moves_and_is_killed() {
    const MESSAGES: u32 = 5_000;
    let scene = Scene::new(true);
    for number in 0..MESSAGES {
        scene.tell(Order::Note(number));
        if number % 50 == 0 {
            scene.nomad.kill();
        }
    }
    let _last = scene.place();
    let stats = scene.nomad.stats();
    let noted = scene.noted.lock().unwrap().clone();
    assert!(noted.is_sorted_by(|earlier, later| earlier < later), "out of order");
    // A message that is cut off after it was noted counts as failed.
    assert_eq!(stats.handled + stats.failed, u64::from(MESSAGES) + 1);
    assert!(noted.len() as u64 >= stats.handled - 1 && stats.failed <= stats.restarts, "{stats:?}");
    scene.ends();
}
