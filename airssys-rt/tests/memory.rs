//! The memory of an idle actor. In a program of its own, because it counts all allocations.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, BoxError, Child, ChildContext, ChildSpec, SupervisorSpec,
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// An actor without hooks.
struct Plain(u64);

impl Child for Plain {}

impl Actor for Plain {
    type Message = u64;
    type Error = Infallible;

    async fn handle_message(&mut self, number: u64, _: &ActorContext<u64>) -> Result<(), Infallible> {
        self.0 += number;
        Ok(())
    }
}

/// An actor with all hooks, as that of the bench.
struct Hooked(Arc<AtomicU64>);

impl Child for Hooked {
    async fn pre_start(&mut self, _context: &ChildContext) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn post_start(&mut self, _context: &ChildContext) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn pre_stop(&mut self, _context: &ChildContext) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn post_stop(&mut self, _context: &ChildContext) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Actor for Hooked {
    type Message = u64;
    type Error = Infallible;

    async fn handle_message(&mut self, number: u64, _context: &ActorContext<u64>) -> Result<(), Infallible> {
        std::hint::black_box(number);
        Ok(())
    }
}

/// An actor as most are: with a text, any error, and a handler that waits.
struct Usual {
    label: String,
}

impl Child for Usual {
    async fn pre_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        self.label.push_str(context.name());
        Ok(())
    }
}

impl Actor for Usual {
    type Message = u64;
    type Error = BoxError;

    async fn handle_message(&mut self, number: u64, _context: &ActorContext<u64>) -> Result<(), BoxError> {
        tokio::task::yield_now().await;
        self.label.push_str(&number.to_string());
        Ok(())
    }
}

/// An actor whose handler sends a text to another, which takes more memory than other waits.
struct Sender {
    next: Option<ActorRef<String>>,
}

impl Child for Sender {}

impl Actor for Sender {
    type Message = String;
    type Error = BoxError;

    async fn handle_message(
        &mut self,
        text: String,
        _context: &ActorContext<String>,
    ) -> Result<(), BoxError> {
        if let Some(next) = &self.next {
            next.send(text).await?;
        }
        Ok(())
    }
}

/// The bytes that are requested for each idle actor. The allocator of glibc and the pages make some 700
/// of them: a task is aligned to 128 bytes, so a task and a cell of at most 232 bytes take 640. One
/// byte more of either takes 128 more.
///
/// The figure does not depend on the load of the machine. If it grows, look at the sizes with
/// `-Zprint-type-sizes`; `docs/knowledge/actor-runtime-costs.md` has the parts.
const MOST_BYTES: usize = 664;

/// The sizes of tasks are multiples of this. A handler that waits is part of its actor's task, also
/// while the actor is idle.
const STEP: usize = 128;

/// The bytes that are requested for each idle actor of this kind.
fn bytes_of_each<A: Actor>(make: impl Fn() -> A + Clone + Send + 'static) -> usize {
    const ACTORS: usize = 1 << 14;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let system = ActorSystem::new("test");
        let nursery = system.supervise(SupervisorSpec::new("nursery").dynamic()).await.unwrap();
        let mut refs = Vec::with_capacity(ACTORS + 1);
        refs.push(nursery.spawn(ChildSpec::unnamed(), make.clone()).await.unwrap());
        let before = ALLOCATOR.current_usage();
        for _ in 0..ACTORS - 1 {
            refs.push(nursery.spawn(ChildSpec::unnamed(), make.clone()).await.unwrap());
        }
        // Rounded down, because the system also allocates a few bytes once for all of them.
        (ALLOCATOR.current_usage() - before) / (ACTORS - 1)
    })
}

/// One test, because others would allocate meanwhile.
#[test]
fn idle_actors_take_no_more_than_their_share() {
    let calls = Arc::new(AtomicU64::new(0));
    let sizes = [
        ("without hooks", bytes_of_each(|| Plain(0)), MOST_BYTES),
        ("with all hooks", bytes_of_each(move || Hooked(calls.clone())), MOST_BYTES),
        ("with a handler that waits", bytes_of_each(|| Usual { label: String::new() }), MOST_BYTES + STEP),
        ("with a handler that sends", bytes_of_each(|| Sender { next: None }), MOST_BYTES + STEP),
    ];
    for (actor, bytes, most) in sizes {
        assert!(bytes <= most, "an idle actor {actor} takes {bytes} bytes, and may take {most}");
        assert!(bytes > MOST_BYTES / 2, "the allocator counts");
    }
}
