//! Stops between two incarnations of a supervisor, which are only visible from outside with two threads.

use futures_util::FutureExt;
use tokio::sync::watch;

use super::*;
use crate::ReplyTo;

fn node() -> SupervisorNode {
    let registry = Arc::new(Registry::new(Arc::new(Services::new(Handle::current()))));
    let health = watch::Sender::new(Health::Sound);
    let root = SupervisorNode::root("root".into(), SupervisorConfig::default(), registry, health);
    root.below(&SupervisorSpec::new("below"), None)
}

#[tokio::test]
async fn a_stop_of_the_group_counts_until_it_has_stopped() {
    let node = Arc::new(node());
    node.begin(0);
    assert!(node.supervise(ReplyTo::to_none()).now_or_never().is_none(), "it is running");
    node.stop(StopRequest::Group);
    assert!(node.supervise(ReplyTo::to_none()).now_or_never().is_some(), "it ends");
    node.finish();

    node.stop(StopRequest::Group);
    node.begin(1);
    assert!(node.supervise(ReplyTo::to_none()).now_or_never().is_some(), "it was told to before it began");
    node.finish();

    node.stop(StopRequest::Group);
    node.rejoin();
    node.begin(2);
    assert!(node.supervise(ReplyTo::to_none()).now_or_never().is_none(), "its group starts again");

    node.finish();
    node.stop(StopRequest::Shutdown);
    node.rejoin();
    node.begin(3);
    assert!(node.supervise(ReplyTo::to_none()).now_or_never().is_some(), "it ends for good");
}
