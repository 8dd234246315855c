//! The memory of an idle actor. In a program of its own, because it counts all allocations.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;

use airssys_rt::{Actor, ActorContext, ActorSystem, Child, ChildSpec, SupervisorSpec};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

struct Idle(u64);

impl Child for Idle {}

impl Actor for Idle {
    type Message = u64;
    type Error = Infallible;

    async fn handle_message(&mut self, number: u64, _: &ActorContext<u64>) -> Result<(), Infallible> {
        self.0 += number;
        Ok(())
    }
}

#[test]
fn an_idle_actor_takes_at_most_its_share() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let system = ActorSystem::new("test");
        let nursery = system.supervise(SupervisorSpec::new("nursery").dynamic()).await.unwrap();
        const ACTORS: usize = 1 << 14;
        let mut refs = Vec::with_capacity(ACTORS);
        refs.push(nursery.spawn(ChildSpec::unnamed(), || Idle(0)).await.unwrap());
        let before = ALLOCATOR.current_usage();
        for _ in 1..ACTORS {
            refs.push(nursery.spawn(ChildSpec::unnamed(), || Idle(0)).await.unwrap());
        }
        let each = (ALLOCATOR.current_usage() - before) / ACTORS;
        assert!(each <= 800, "an idle actor takes {each} bytes");
    });
}
