//! The two streams of the program. Nothing else in this crate writes to them.
//!
//! All text is escaped on its way, so that no text of a component, a file or a tool controls the
//! terminal, even if a caller has not made it [plain](crate::plain). Only the sequences of a [`Paint`]
//! pass. They carry a number that nobody outside of the program knows.
//!
//! A write can fail at any time: a disk is full, a pipe is closed. A command does its work all the
//! same, and the program says at its end that its output is incomplete.

mod paint;
mod stderr;

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};

use crate::failure::Failure;
use crate::plain::plain_json;
pub(crate) use paint::{Paint, painted};
use stderr::STDERR;

/// The width of rows that are cut to fit, without a terminal.
pub(crate) const PIPED_WIDTH: usize = 140;

/// The standard output, which has the result of a command.
#[derive(Default)]
pub(crate) struct Output(RefCell<State>);

#[derive(Default)]
struct State {
    /// The first failed write. Nothing is written after it.
    failed: Option<io::Error>,
    /// True if a JSON document was printed, so that nothing else may follow.
    is_document: bool,
}

impl Output {
    /// Prints a line, or several.
    ///
    /// A failure is kept for [`Output::finish`], because the reader of a result does not decide
    /// about the work of a command.
    pub(crate) fn line(&self, text: impl Display) {
        let mut state = self.0.borrow_mut();
        if state.failed.is_none() {
            state.failed = write_line(anstream::stdout().lock(), &text).err();
        }
    }

    /// Prints a value as JSON.
    pub(crate) fn json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value);
        let text = text.map_err(|error| Failure::run("the result cannot be written as JSON", error))?;
        self.line(plain_json(text));
        self.0.borrow_mut().is_document = true;
        Ok(())
    }

    /// The width of the terminal, in columns. Returns `None` if the output is not a terminal.
    pub(crate) fn width(&self) -> Option<u16> {
        terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0)
    }

    /// The width for rows that are cut to fit: that of the terminal, or else [`PIPED_WIDTH`].
    pub(crate) fn bounded_width(&self) -> usize {
        self.width().map_or(PIPED_WIDTH, usize::from)
    }

    /// Returns an error if the output is incomplete.
    ///
    /// A closed pipe does not count, because its reader wanted no more, as in `airssys inspect | head`.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        match self.0.borrow_mut().failed.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
            _ => Ok(()),
        }
    }

    /// Prints a failure on the standard error, or here if that cannot be written.
    pub(crate) fn failure(&self, text: impl Display) {
        if error_line(&text).is_err() && !self.0.borrow().is_document {
            self.line(text);
        }
    }
}

/// Prints a line on the standard error. Waits until it is written, for two seconds at most.
///
/// Most callers drop the error, because the standard output has the result and must not be mixed
/// with messages.
pub(crate) fn error_line(text: &impl Display) -> io::Result<()> {
    STDERR.write(error_bytes(text))
}

/// Adds a line to the standard error, without waiting for its reader.
pub(crate) fn add_error_line(text: &impl Display) {
    STDERR.add(error_bytes(text));
}

/// Adds lines of the log to the standard error, without waiting for its reader. They have their line
/// ends.
pub(crate) fn add_error_lines(lines: &str) {
    STDERR.add(paint::safe(lines).into_owned().into_bytes());
}

/// Adds a drawing of the progress line, without waiting. It moves the cursor, so it is written as it
/// is: its texts are plain.
pub(crate) fn draw(drawing: String) {
    STDERR.add(drawing.into_bytes());
}

/// Waits until the standard error is written, but not for a reader that stalls.
pub(crate) fn flush_errors() {
    STDERR.flush();
}

/// A line for the standard error, without colours unless it shows them.
fn error_bytes(text: &impl Display) -> Vec<u8> {
    let line = format!("{text}\n");
    let line = paint::safe(&line);
    match errors_are_coloured() {
        true => line.into_owned().into_bytes(),
        false => strip_str(&line).to_string().into_bytes(),
    }
}

/// Returns true if the standard output is a terminal.
pub(crate) fn output_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Returns true if the standard error is a terminal.
pub(crate) fn errors_are_terminal() -> bool {
    io::stderr().is_terminal()
}

/// The width of the standard error, in columns. Returns `None` if it is not a terminal.
pub(crate) fn errors_width() -> Option<usize> {
    let stderr = io::stderr();
    if !stderr.is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(stderr).map(|(width, _)| width.0.into())
}

/// Returns true if the standard output takes colours.
pub(crate) fn output_is_coloured() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// Returns true if the standard error takes colours.
pub(crate) fn errors_are_coloured() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

fn write_line(mut to: impl Write, text: &impl Display) -> io::Result<()> {
    to.write_all(paint::safe(&format!("{text}\n")).as_bytes())?;
    to.flush()
}
