//! A terminal that progress does not fill.

use std::io;

use console::Term;
use indicatif::TermLike;

/// The standard error, a little narrower than it is. A line of progress is as wide as the terminal;
/// the `^C` that a terminal shows behind it would break it, and it could not be taken away again.
#[derive(Debug)]
pub(super) struct NarrowTerm(Term);

/// Room for `^C`, and for one more.
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
