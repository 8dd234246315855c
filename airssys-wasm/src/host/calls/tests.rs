use std::cell::Cell;

use airssys_message::Codec;
use airssys_rt::{Actor, ActorContext, ActorSystem, Child, TopicPattern};
use airssys_spec::Capabilities;

use super::*;
use crate::host::ComponentHost;
use crate::host::spec::NativeSpec;

struct Subscriber;

impl Child for Subscriber {}

impl Actor for Subscriber {
    type Message = Envelope;
    type Error = CallError;

    async fn handle_message(
        &mut self,
        message: Envelope,
        _context: &ActorContext<Envelope>,
    ) -> Result<(), CallError> {
        message.done();
        Ok(())
    }
}

#[tokio::test]
async fn publication_whose_publisher_runs_out_of_time_reaches_no_subscriber() {
    const SUBSCRIBERS: u32 = 200;
    let host = ComponentHost::new(ActorSystem::new("test"));
    let pattern: TopicPattern = "t".parse().unwrap();
    for number in 0..SUBSCRIBERS {
        let capabilities = Capabilities { subscribe: vec![pattern.clone()], ..Capabilities::default() };
        let subscribes = vec![pattern.clone()];
        let spec = NativeSpec { capabilities, subscribes, ..NativeSpec::new(format!("n{number}")) };
        host.spawn_native(spec, |_| Subscriber).await.unwrap();
    }
    let calls = host.calls(None);
    let mut route = calls.router.resolve_topic(calls.from, "t".parse().unwrap()).unwrap();
    let message = || Bytes::from(Codec::Cbor.message(b"x"));
    let checks = Cell::new(0);
    let is_over = || {
        checks.set(checks.get() + 1);
        checks.get() == 2
    };
    let publisher = Publisher { is_over: &is_over, ..calls.publisher() };
    let refused = publisher.publish(&mut route, message());
    assert!(matches!(&refused, Err(SendError::Other(text)) if text.contains("is used up")), "{refused:?}");
    assert_eq!(checks.get(), 2, "it does not go on");
    let refused = publisher.publish_retained(&Limits::HOST_MAX, &mut route, message());
    assert!(refused.is_ok(), "the time lasts for another: {refused:?}");
    assert_eq!(calls.publisher().publish(&mut route, message()).unwrap(), SUBSCRIBERS);
    host.drained().await;
    assert_eq!(host.component_snapshot("n0").unwrap().received, 2);
}
