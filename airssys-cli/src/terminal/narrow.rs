//! The terminal of the progress line.

use std::io;

use console::Term;
use indicatif::TermLike;

/// The standard error, reported as [`ROOM`] columns narrower than it is.
///
/// The progress line fills the reported width. Ctrl-C makes a terminal print `^C` behind it; on a
/// full line that would wrap, and the progress line could not be removed any more.
#[derive(Debug)]
pub(super) struct NarrowTerm(Term);

/// The columns for two `^C`.
const ROOM: u16 = 4;

impl NarrowTerm {
    pub(super) fn stderr() -> NarrowTerm {
        NarrowTerm(Term::buffered_stderr())
    }
}

impl TermLike for NarrowTerm {
    fn width(&self) -> u16 {
        TermLike::width(&self.0).saturating_sub(ROOM).max(1)
    }

    fn height(&self) -> u16 {
        TermLike::height(&self.0)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
