//! Ctrl-C.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A Ctrl-C that comes after this was made, whether or not somebody waits for it then.
pub(crate) struct Interrupt {
    signal: Pin<Box<dyn Future<Output = io::Result<()>>>>,
    /// What the first look at it found.
    early: Option<io::Result<()>>,
}

impl Interrupt {
    pub(crate) fn listen() -> Interrupt {
        let mut signal = Box::pin(tokio::signal::ctrl_c());
        // It listens from the first time that it is polled.
        let early = match signal.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        };
        Interrupt { signal, early }
    }

    /// Waits for it. Never resolves if it cannot be heard.
    pub(crate) async fn came(&mut self) {
        let result = match self.early.take() {
            Some(result) => result,
            None => self.signal.as_mut().await,
        };
        if let Err(error) = result {
            tracing::warn!(%error, "Ctrl-C cannot be heard");
            pending().await
        }
    }
}
