//! The terminal: taken over, and restored at the end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::{DefaultTerminal, Frame};

use crate::output;
use crate::plain::is_unsafe;
use crate::signals::Attention;

/// The time that the program has to end in order after a signal.
const GRACE: Duration = Duration::from_millis(500);

/// The alternate screen of the terminal. Dropping it restores the terminal, as does a panic.
pub(super) struct Screen(DefaultTerminal);

impl Screen {
    pub(super) fn take() -> io::Result<Screen> {
        ratatui::try_init().map(Screen)
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        let plain = |frame: &mut Frame<'_>| {
            draw(frame);
            // Names are in the cells, and the terminal gets each cell as it is.
            for cell in &mut frame.buffer_mut().content {
                if cell.symbol().contains(is_unsafe) {
                    cell.set_symbol("\u{fffd}");
                }
            }
        };
        self.0.draw(plain).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// True after a signal that ends the program, which has to restore the terminal first.
pub(super) struct SignalSeen(Arc<AtomicBool>);

impl SignalSeen {
    /// Waits for the signal on a thread of its own until the program ends.
    pub(super) fn watch(attention: Attention) -> io::Result<SignalSeen> {
        let seen = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&seen);
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        std::thread::spawn(move || {
            runtime.block_on(attention.received());
            shared.store(true, Ordering::Relaxed);
            // The main thread may be stuck: reading keys from a closed terminal never returns.
            std::thread::sleep(GRACE);
            ratatui::restore();
            output::flush_errors();
            std::process::exit(0);
        });
        Ok(SignalSeen(seen))
    }

    pub(super) fn received(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
