//! The memory of an idle actor. In a program of its own, because it counts all allocations.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, BoxError, Child, ChildContext, ChildSpec, SupervisorRef,
    SupervisorSpec,
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

/// An actor as most are: with a text, any error, and a handler that waits for room in another mailbox.
struct Usual {
    label: String,
    next: Option<ActorRef<u64>>,
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

    async fn handle_message(&mut self, number: u64, _: &ActorContext<u64>) -> Result<(), BoxError> {
        if let Some(next) = &self.next {
            next.send(number + self.label.len() as u64).await?;
        }
        Ok(())
    }
}
struct Usual2(Usual);
impl Child for Usual2 {}
impl Actor for Usual2 {
    type Message = String;
    type Error = BoxError;

    async fn handle_message(&mut self, text: String, _: &ActorContext<String>) -> Result<(), BoxError> {
        if let Some(next) = &self.0.next {
            next.send(text.len() as u64).await?;
        }
        self.0.label = text;
        Ok(())
    }
}
struct Usual3(String);
impl Child for Usual3 {}
impl Actor for Usual3 {
    type Message = u64;
    type Error = BoxError;

    async fn handle_message(&mut self, n: u64, _: &ActorContext<u64>) -> Result<(), BoxError> {
        tokio::task::yield_now().await;
        self.0.push_str(&n.to_string());
        Ok(())
    }
}
const ACTORS: usize = 1 << 14;
fn bytes_of_each<A: Actor>(make: impl Fn() -> A + Clone + Send + 'static) -> usize {
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
        (ALLOCATOR.current_usage() - before).div_ceil(ACTORS)
    })
}
#[test]
fn t() {
    println!("plain {}", bytes_of_each(|| Plain(0)));
    let c = Arc::new(AtomicU64::new(0));
    println!("hooked {}", bytes_of_each(move || Hooked(c.clone())));
    println!("usual {}", bytes_of_each(|| Usual { label: String::new(), next: None}));
    println!("usual2 {}", bytes_of_each(|| Usual2(Usual { label: String::new(), next: None})));
    println!("usual3 {}", bytes_of_each(|| Usual3(String::new())));
}
