//! Ctrl-C.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A Ctrl-C pressed after [`Interrupt::listen`], even before [`Interrupt::received`] waits for it.
pub(crate) struct Interrupt {
    signal: Pin<Box<dyn Future<Output = io::Result<()>>>>,
    /// The result of the first poll.
    early: Option<io::Result<()>>,
}

impl Interrupt {
    pub(crate) fn listen() -> Interrupt {
        let mut signal = Box::pin(tokio::signal::ctrl_c());
        // The signal is listened for from the first poll on.
        let early = match signal.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        };
        Interrupt { signal, early }
    }

    /// Waits for Ctrl-C. Never resolves if the program cannot listen for it.
    pub(crate) async fn received(&mut self) {
        let result = match self.early.take() {
            Some(result) => result,
            None => self.signal.as_mut().await,
        };
        if let Err(error) = result {
            tracing::warn!(%error, "the program cannot listen for Ctrl-C");
            pending().await
        }
    }
}
