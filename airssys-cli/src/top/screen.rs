//! The terminal, and that it is given back.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::{DefaultTerminal, Frame};

/// How long the program may take to end in order after a signal.
const GRACE: Duration = Duration::from_millis(500);

/// The whole terminal, until it is dropped; a panic gives it back too.
pub(super) struct Screen(DefaultTerminal);

impl Screen {
    pub(super) fn take() -> io::Result<Screen> {
        ratatui::try_init().map(Screen)
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.0.draw(draw).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// A signal that ends the program: it has to give the terminal back first.
pub(super) struct EndSignal(Arc<AtomicBool>);

impl EndSignal {
    /// Listens, on a thread of its own, until the program ends.
    pub(super) fn listen() -> io::Result<EndSignal> {
        let came = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&came);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            // Where it cannot be heard, it ends the program as it always does.
            if runtime.block_on(any_signal()).is_ok() {
                seen.store(true, Ordering::Relaxed);
                // Who reads the keys of a terminal that has gone does not come back to look.
                std::thread::sleep(GRACE);
                ratatui::restore();
                std::process::exit(0);
            }
        });
        Ok(EndSignal(came))
    }

    pub(super) fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(unix)]
async fn any_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn any_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
