//! The guard itself: each way in which user code can panic.

use std::future::{pending, poll_fn};
use std::pin::pin;

use futures_util::FutureExt;

use super::*;

/// Panics when it is dropped, with a payload that does the same, and so on.
struct Bomb(u32);

impl Drop for Bomb {
    fn drop(&mut self) {
        std::panic::panic_any(Bomb(self.0 + 1));
    }
}

fn message<T>(result: Result<T, ExitReason>) -> Option<String> {
    match result {
        Err(ExitReason::Panic(message)) => Some(message),
        _ => None,
    }
}

#[test]
fn payload_that_panics_when_it_is_dropped_is_a_failure_like_any_other() {
    let failed = guard(|| std::panic::panic_any(Bomb(0)));
    assert_eq!(message(failed).as_deref(), Some("a panic without a message"));
    assert_eq!(message(discard(Bomb(0))).as_deref(), Some("a panic without a message"));
    assert_eq!(message(guard(|| panic!("a {}", "text"))).as_deref(), Some("a text"));
    assert_eq!(message(guard(|| panic!("a literal"))).as_deref(), Some("a literal"));
}

#[test]
fn contained_value_panics_no_further_even_while_another_panic_unwinds() {
    drop(Contained::new(Bomb(0)));
    let unwound = guard(|| {
        let _values = (Contained::new(Bomb(0)), guarded(holding), Contained::new(Bomb(0)));
        panic!("the first");
    });
    assert_eq!(message(unwound).as_deref(), Some("the first"));
}

fn holding() -> impl Future<Output = ()> {
    let bomb = Bomb(0);
    async move {
        pending::<()>().await;
        drop(bomb);
    }
}

#[test]
fn future_that_panics_in_a_poll_or_in_a_drop_gives_the_reason() {
    let mut polled = pin!(guarded(|| poll_fn(|_| -> Poll<()> { panic!("polled") })));
    let reason = polled.as_mut().now_or_never();
    assert_eq!(reason.and_then(message).as_deref(), Some("polled"));
    assert!(polled.now_or_never().is_none(), "it is over");

    let bomb = Bomb(0);
    let ready = poll_fn(move |_| {
        let _ = &bomb;
        Poll::Ready(())
    });
    let reason = guarded(|| ready).now_or_never();
    assert_eq!(reason.and_then(message).as_deref(), Some("a panic without a message"));

    let cut_off = guarded(holding);
    assert!(cut_off.now_or_never().is_none());
    let reason = guarded(|| -> std::future::Ready<()> { panic!("not even made") }).now_or_never();
    assert_eq!(reason.and_then(message).as_deref(), Some("not even made"));
}

/// Ready at once; panics when it is dropped.
struct Returning {
    output: Option<Bomb>,
    _bomb: Bomb,
}

impl Future for Returning {
    type Output = Result<(), Bomb>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.output.take().map_or(Poll::Pending, |bomb| Poll::Ready(Err(bomb)))
    }
}

#[test]
fn output_and_future_may_both_panic_when_they_are_dropped() {
    let failed = guarded(|| Returning { output: Some(Bomb(0)), _bomb: Bomb(0) }).now_or_never();
    assert_eq!(failed.and_then(message).as_deref(), Some("a panic without a message"));
}

#[test]
fn error_that_panics_when_it_is_displayed_is_displayed_all_the_same() {
    #[derive(Debug)]
    struct Shy;
    impl fmt::Display for Shy {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            std::panic::panic_any(Bomb(0))
        }
    }
    impl std::error::Error for Shy {}
    let reason = ExitReason::Error(std::sync::Arc::new(Shy));
    assert!(Shown(&reason).to_string().ends_with("an error that cannot be displayed"));
    assert_eq!(Shown(&ExitReason::Normal).to_string(), ExitReason::Normal.to_string());
}
