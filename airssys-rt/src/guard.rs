//! The guard around user code: a panic in it becomes a value, and gets no further.
//!
//! User code runs where it is called, and also where a value of a user's type is dropped: an actor, a
//! message, a closure, a future, an error, the payload of a panic.

use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use airssys_core::ExitReason;
use pin_project_lite::pin_project;

/// Runs user code. A panic becomes the reason of a failure.
///
/// It may leave a value of that code half-changed. After it, an actor only runs its last hooks.
#[inline]
pub(crate) fn guard<T>(code: impl FnOnce() -> T) -> Result<T, ExitReason> {
    catch_unwind(AssertUnwindSafe(code)).map_err(panicked)
}

/// Drops a value of a user's type. A panic becomes the reason of a failure.
pub(crate) fn discard<T>(value: T) -> Result<(), ExitReason> {
    guard(|| drop(value))
}

#[cold]
fn panicked(payload: Box<dyn Any + Send>) -> ExitReason {
    let message = match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => {
            let message = payload.downcast_ref::<&str>().unwrap_or(&"a panic without a message").to_string();
            if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                // Its drop may panic as well, and so on for ever.
                std::mem::forget(another);
            }
            message
        }
    };
    ExitReason::Panic(message)
}

/// A value of a user's type. Dropped, it panics no further than here.
pub(crate) struct Contained<T>(Option<T>);

impl<T> Contained<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// Takes the value out. Its drop is up to the caller.
    #[inline]
    pub(crate) fn into_inner(mut self) -> T {
        match self.0.take() {
            Some(value) => value,
            None => unreachable!("only a drop takes the value"),
        }
    }

    /// Drops the value; gives the reason if that panics.
    pub(crate) fn discard(mut self) -> Result<(), ExitReason> {
        discard(self.0.take())
    }
}

impl<T: Clone> Clone for Contained<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Contained<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.0 {
            Some(value) => value,
            None => unreachable!("only a drop takes the value"),
        }
    }
}

impl<T> DerefMut for Contained<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.0 {
            Some(value) => value,
            None => unreachable!("only a drop takes the value"),
        }
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take()
            && let Err(reason) = discard(value)
        {
            log_panic(&reason, "a value panicked when it was dropped");
        }
    }
}

pin_project! {
    /// A future of user code, made when it is polled first. A panic in its making, in it, or in its
    /// drop becomes the reason of a failure.
    pub(crate) struct Guarded<M, F> {
        #[pin]
        state: State<M, F>,
    }

    impl<M, F> PinnedDrop for Guarded<M, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut state = this.project().state;
            if !matches!(*state, State::Over)
                && let Err(reason) = guard(|| state.set(State::Over))
            {
                log_panic(&reason, "a future panicked when it was dropped");
            }
        }
    }
}

pin_project! {
    #[project = StateProjection]
    #[project_replace = StateTaken]
    enum State<M, F> {
        Unmade { make: M },
        Running { #[pin] future: F },
        Over,
    }
}

/// Makes a future of user code when it is polled.
#[inline]
pub(crate) fn guarded<M: FnOnce() -> F, F>(make: M) -> Guarded<M, F> {
    Guarded { state: State::Unmade { make } }
}

impl<M: FnOnce() -> F, F: Future> Future for Guarded<M, F> {
    type Output = Result<F::Output, ExitReason>;

    // One guard for the making and the first poll, because most handlers are over after that.
    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        let mut output = None;
        let ran = guard(|| {
            if matches!(*state, State::Unmade { .. })
                && let StateTaken::Unmade { make } = state.as_mut().project_replace(State::Over)
            {
                state.set(State::Running { future: make() });
            }
            if let StateProjection::Running { future } = state.as_mut().project()
                && let Poll::Ready(ready) = future.poll(context)
            {
                // Kept outside of the guard: the drop of the future may panic.
                output = Some(ready);
                state.set(State::Over);
            }
        });
        match (ran, output) {
            (Ok(()), Some(output)) => Poll::Ready(Ok(output)),
            (Ok(()), None) => Poll::Pending,
            (Err(reason), output) => {
                // The first failure counts.
                let _ = discard(output);
                let _ = guard(|| state.set(State::Over));
                Poll::Ready(Err(reason))
            }
        }
    }
}

pin_project! {
    /// A future that has guards of its own around user code. A panic that gets past them all is a
    /// failure too, and not the end of its task.
    pub(crate) struct Net<F> {
        #[pin]
        pub(crate) future: F,
    }
}

impl<F: Future<Output = ExitReason>> Future for Net<F> {
    type Output = ExitReason;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ExitReason> {
        guard(|| self.project().future.poll(context)).unwrap_or_else(Poll::Ready)
    }
}

/// Writes logs, or notifies others, in the middle of steps that must be finished. A panic in that is
/// only logged.
pub(crate) fn inform(code: impl FnOnce()) {
    if let Err(reason) = guard(code) {
        log_panic(&reason, "code that is notified panicked");
    }
}

/// Logs a panic. The subscriber of the logs may panic as well.
#[cold]
fn log_panic(reason: &ExitReason, place: &str) {
    let _ = guard(|| tracing::error!(%reason, "{place}"));
}

/// Displays a reason, which may hold an error of a user's type.
pub(crate) struct Shown<'a>(pub(crate) &'a ExitReason);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        guard(|| write!(f, "{}", self.0)).unwrap_or_else(|_| f.write_str("an error that cannot be displayed"))
    }
}

#[cfg(test)]
mod tests;
