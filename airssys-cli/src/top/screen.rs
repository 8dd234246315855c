//! The terminal: taken over, and restored at the end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::EnterAlternateScreen;
use ratatui::layout::{Rect, Size};
use ratatui::{DefaultTerminal, Frame, TerminalOptions, Viewport};

use crate::output;
use crate::plain::is_unsafe;
use crate::signals::Attention;

/// The time that the program has to end in order after a signal.
const GRACE: Duration = Duration::from_millis(500);

/// The alternate screen of the terminal. Dropping it restores the terminal, as does a panic.
pub(super) struct Screen(DefaultTerminal);

/// The largest part of a terminal that is drawn. A terminal can claim 65,535 columns and lines, and each
/// cell takes memory and time.
const MAX_SIZE: Size = Size { width: 1_000, height: 500 };

/// Returns the part of a terminal that is drawn.
fn drawn(terminal: Size) -> Rect {
    Rect::new(0, 0, terminal.width.min(MAX_SIZE.width), terminal.height.min(MAX_SIZE.height))
}

impl Screen {
    pub(super) fn take() -> io::Result<Screen> {
        // Its size is set before the first drawing.
        let viewport = Viewport::Fixed(Rect::ZERO);
        let mut screen = Screen(ratatui::try_init_with_options(TerminalOptions { viewport })?);
        execute!(screen.0.backend_mut(), EnterAlternateScreen)?;
        Ok(screen)
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
        let area = drawn(self.0.size()?);
        if area != self.0.get_frame().area() {
            self.0.resize(area)?;
        }
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
        std::thread::Builder::new().name("airssys-signal".to_owned()).spawn(move || {
            runtime.block_on(attention.received());
            shared.store(true, Ordering::Relaxed);
            // The main thread may be stuck: reading keys from a closed terminal never returns.
            std::thread::sleep(GRACE);
            ratatui::restore();
            output::flush_errors();
            std::process::exit(0);
        })?;
        Ok(SignalSeen(seen))
    }

    pub(super) fn received(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_of_any_size_is_drawn_up_to_a_bound() {
        for (terminal, expected) in [
            ((80, 24), (80, 24)),
            ((0, 0), (0, 0)),
            ((u16::MAX, 1), (1_000, 1)),
            ((3, u16::MAX), (3, 500)),
            ((u16::MAX, u16::MAX), (1_000, 500)),
        ] {
            assert_eq!(drawn(terminal.into()), Rect::new(0, 0, expected.0, expected.1));
        }
    }
}
