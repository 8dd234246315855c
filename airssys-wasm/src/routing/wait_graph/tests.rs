use std::sync::atomic::{AtomicUsize, Ordering};

use airssys_rt::{ActorSystem, ChildSpec, Prepared};

use super::*;

/// An instance that waits for these, and counts how many of its waits were asked for.
struct Waiting {
    targets: Vec<AwaitedTarget>,
    followed: Arc<AtomicUsize>,
}

impl WaitNode for Waiting {
    fn in_flight_count(&self) -> usize {
        self.targets.len()
    }

    fn awaited_targets(&self, most: usize) -> Vec<AwaitedTarget> {
        let targets: Vec<_> = self.targets.iter().take(most).cloned().collect();
        self.followed.fetch_add(targets.len(), Ordering::Relaxed);
        targets
    }
}

/// Each of many instances waits for all others but one, which ends no wait of theirs.
#[tokio::test]
async fn search_among_many_waits_ends_after_a_bounded_number_of_steps() {
    const INSTANCES: usize = 200;
    let system = ActorSystem::new("test");
    let seats: Vec<Prepared<()>> =
        (0..INSTANCES).map(|number| system.prepare(ChildSpec::new(format!("a{number}"))).unwrap()).collect();
    let targets: Vec<_> =
        seats.iter().map(|seat| AwaitedTarget::Instance(seat.actor_ref().handle())).collect();
    let (graph, followed) = (WaitGraph::default(), Arc::<AtomicUsize>::default());
    let nodes: Vec<Arc<dyn WaitNode>> = (0..INSTANCES)
        .map(|_| {
            let (targets, followed) = (targets.clone(), Arc::clone(&followed));
            Arc::new(Waiting { targets, followed }) as Arc<dyn WaitNode>
        })
        .collect();
    for (number, node) in nodes.iter().enumerate() {
        graph.add(&format!("a{number}"), Arc::downgrade(node));
    }
    graph.report("outside", &targets[0], &Warnings::default());
    let followed = followed.load(Ordering::Relaxed);
    assert!((MAX_STEPS / 2..=MAX_STEPS * MAX_CYCLE).contains(&followed), "{followed}");
}
