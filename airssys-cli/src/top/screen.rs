//! The terminal: taken over, and restored at the end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::{DefaultTerminal, Frame};

/// The time that the program has to end in order after a signal.
const GRACE: Duration = Duration::from_millis(500);

/// The alternate screen of the terminal. Dropping it restores the terminal, as does a panic.
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

/// A signal that ends the program, which has to restore the terminal first.
pub(super) struct EndSignal(Arc<AtomicBool>);

impl EndSignal {
    /// Listens on a thread of its own until the program ends.
    pub(super) fn listen() -> io::Result<EndSignal> {
        let received = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&received);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            // Without a listener, a signal ends the program at once, which is its default.
            if runtime.block_on(any_signal()).is_ok() {
                seen.store(true, Ordering::Relaxed);
                // The main thread may be stuck: reading keys from a closed terminal never returns.
                std::thread::sleep(GRACE);
                ratatui::restore();
                std::process::exit(0);
            }
        });
        Ok(EndSignal(received))
    }

    pub(super) fn received(&self) -> bool {
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
