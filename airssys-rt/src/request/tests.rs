use std::task::Wake;

use super::*;

/// Looks at the request when it is dropped.
struct Looks(Arc<Mutex<Option<ReplyTo<u32>>>>);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Looks {
    fn drop(&mut self) {
        if let Some(reply) = &*lock(&self.0) {
            assert!(!reply.is_closed());
        }
    }
}

#[test]
fn waker_of_a_requester_may_use_its_request_when_it_is_replaced() {
    let shared = Arc::new(Mutex::new(None));
    let waker = || Waker::from(Arc::new(Looks(shared.clone())));
    let first = waker();
    let (reply_to, reply) = slot::<u32>(&first);
    *lock(&shared) = Some(reply_to);
    drop(first);
    let mut reply = pin!(reply);
    for _ in 0..3 {
        let next = waker();
        let mut context = Context::from_waker(&next);
        assert!(reply.as_mut().poll(&mut context).is_pending());
        // The requester can be polled by another task, whose waker takes the place of the first.
        assert!(reply.as_mut().poll(&mut context).is_pending());
    }
    let reply_to = lock(&shared).take().unwrap();
    assert_eq!(reply_to.send(7), Ok(()));
    let polled = reply.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(7))));
}
