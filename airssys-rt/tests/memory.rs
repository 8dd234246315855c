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

/// The bytes that are requested for each idle actor. The allocator of glibc and the pages make some 700
/// of them: a task is aligned to 128 bytes, so a task and a cell of at most 232 bytes take 640.
///
/// The figure does not depend on the load of the machine. If it grows, look at the sizes with
/// `-Zprint-type-sizes`; `docs/knowledge/actor-runtime-costs.md` has the parts.
const MOST_BYTES: usize = 672;

#[test]
fn idle_actor_takes_no_more_than_its_share() {
    const ACTORS: usize = 1 << 14;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let system = ActorSystem::new("test");
        let nursery = system.supervise(SupervisorSpec::new("nursery").dynamic()).await.unwrap();
        let mut refs = Vec::with_capacity(ACTORS + 1);
        refs.push(nursery.spawn(ChildSpec::unnamed(), || Idle(0)).await.unwrap());
        let before = ALLOCATOR.current_usage();
        for _ in 0..ACTORS - 1 {
            refs.push(nursery.spawn(ChildSpec::unnamed(), || Idle(0)).await.unwrap());
        }
        let each = (ALLOCATOR.current_usage() - before).div_ceil(ACTORS);
        assert!(each <= MOST_BYTES, "an idle actor takes {each} bytes, and may take {MOST_BYTES}");
        assert!(each > MOST_BYTES / 2, "the allocator counts");
    });
}
