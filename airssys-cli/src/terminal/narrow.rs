//! The terminal of the progress line.

use std::fmt::{self, Write};
use std::io;
use std::sync::{Mutex, PoisonError};

use console::Term;
use indicatif::TermLike;

use crate::output;

/// The standard error, reported as [`ROOM`] columns narrower than it is.
///
/// The progress line fills the reported width. Ctrl-C makes a terminal print `^C` behind it; on a
/// full line that would wrap, and the progress line could not be removed any more.
///
/// Drawings enter the queue of the standard error, so that they never wait for the terminal.
#[derive(Debug)]
pub(super) struct NarrowTerm {
    size: Term,
    drawn: Mutex<String>,
}

/// The columns for two `^C`.
const ROOM: u16 = 4;

impl NarrowTerm {
    pub(super) fn stderr() -> NarrowTerm {
        NarrowTerm { size: Term::stderr(), drawn: Mutex::default() }
    }

    fn draw(&self, what: fmt::Arguments<'_>) -> io::Result<()> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.write_fmt(what).map_err(io::Error::other)
    }

    /// Moves the cursor, unless by 0, which terminals read as 1.
    fn move_cursor(&self, count: usize, direction: char) -> io::Result<()> {
        match count {
            0 => Ok(()),
            _ => self.draw(format_args!("\x1b[{count}{direction}")),
        }
    }
}

impl TermLike for NarrowTerm {
    fn width(&self) -> u16 {
        TermLike::width(&self.size).saturating_sub(ROOM).max(1)
    }

    fn height(&self) -> u16 {
        TermLike::height(&self.size)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.move_cursor(lines, 'A')
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.move_cursor(lines, 'B')
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.move_cursor(columns, 'C')
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.move_cursor(columns, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.draw(format_args!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(format_args!("{text}"))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw(format_args!("\r\x1b[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner));
        if !drawn.is_empty() {
            output::draw(drawn);
        }
        Ok(())
    }
}
