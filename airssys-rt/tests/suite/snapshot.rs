//! Snapshots of the tree.

use airssys_rt::{ActorSystem, ChildSpec, SupervisionStrategy, SupervisorSpec, SystemSnapshot};
use serde_json::json;

use crate::support::probe::Log;
use crate::support::tree::{SECOND, Say, ask, leaf, leaf_with, supervise};

#[tokio::test(start_paused = true)]
async fn snapshot_contains_the_whole_tree() {
    let system = ActorSystem::new("shop");
    let log = Log::default();
    let orders = leaf(system.root(), &log, "orders").await;
    let storage = supervise(system.root(), "storage", SupervisionStrategy::RestForOne).await;
    let disk = leaf(&storage, &log, "disk").await;
    let pool = storage.supervise(SupervisorSpec::unnamed().dynamic()).await.unwrap();
    let worker = leaf_with(&pool, &log, ChildSpec::unnamed(), |_| {}).await;
    orders.send(Say::Note(1)).await.unwrap();
    ask(&orders).await;
    disk.send(Say::Fail).await.unwrap();
    ask(&disk).await;
    worker.closed().await;
    let worker = leaf_with(&pool, &log, ChildSpec::unnamed(), |_| {}).await;

    let snapshot = system.snapshot();
    let json = serde_json::to_value(&snapshot).unwrap();
    assert_eq!(json["name"], "shop");
    let root = &json["root"];
    let own = ["name", "id", "state", "strategy", "dynamic", "restarts", "children_restarted"];
    let own = |value: &serde_json::Value| own.map(|key| value[key].clone());
    let expected =
        |value: serde_json::Value| serde_json::from_value::<[serde_json::Value; 7]>(value).unwrap();
    assert_eq!(own(root), expected(json!(["shop", 0, "running", "one-for-one", false, 0, 0])));
    let actor = &root["children"][0];
    assert_eq!((&actor["kind"], &actor["name"]), (&json!("actor"), &json!("orders")));
    assert_eq!((&actor["id"], &actor["state"]), (&json!(orders.id()), &json!("running")));
    assert_eq!((&actor["handled"], &actor["restarts"]), (&json!(2), &json!(0)));
    let supervisor = &root["children"][1];
    assert_eq!(supervisor["kind"], "supervisor");
    let fields = json!(["storage", storage.id(), "running", "rest-for-one", false, 0, 1]);
    assert_eq!(own(supervisor), expected(fields));
    assert_eq!(supervisor["children"][0]["restarts"], 1);
    let pool_json = &supervisor["children"][1];
    assert_eq!(own(pool_json), expected(json!(["", pool.id(), "running", "one-for-one", true, 1, 0])));
    assert_eq!(pool_json["children"][0]["id"], json!(worker.id()));

    let text = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<SystemSnapshot>(&text).unwrap(), snapshot);
}

#[tokio::test(start_paused = true)]
async fn snapshot_of_a_stopped_system_is_empty() {
    let system = ActorSystem::new("shop");
    supervise(system.root(), "storage", SupervisionStrategy::OneForAll).await;
    system.shutdown(SECOND).await;
    let root = system.snapshot().root;
    assert_eq!((root.state, root.children), (airssys_rt::ActorState::Stopped, vec![]));
}
