//! The standard error: progress on a terminal, and the log.

mod log;
mod narrow;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use log::LogFormat;
use narrow::NarrowTerm;

use crate::output;
use crate::plain::plain;

/// The log filters, by the number of `-v`.
///
/// The logs of components are shown even without `-v`. Dead letters are logged from `-v` on,
/// because the end of a run counts them anyway.
const LEVELS: [&str; 3] = [
    "warn,airssys::component=info,airssys::audit=info,airssys::dead_letter=off",
    "info,wasmtime=warn,airssys_rt=debug,airssys_wasm=debug",
    "debug,wasmtime=info,airssys=trace,airssys_rt=trace,airssys_wasm=trace",
];

/// The time between two turns of the spinner.
const SPIN: Duration = Duration::from_millis(100);

/// The standard error: progress on a terminal, and the log above it. Clones share it.
#[derive(Clone)]
pub(crate) struct Terminal {
    progress: ProgressBar,
    /// True while a thread turns the spinner.
    spins: Arc<AtomicBool>,
}

impl Terminal {
    pub(crate) fn new(verbose: u8) -> Terminal {
        let progress = match output::errors_are_terminal() {
            true => ProgressBar::with_draw_target(None, target()),
            false => ProgressBar::hidden(),
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            progress.set_style(style);
        }
        let level = LEVELS[usize::from(verbose).min(LEVELS.len() - 1)];
        let (filter, invalid) = match std::env::var("RUST_LOG") {
            Ok(text) if !text.is_empty() => match EnvFilter::try_new(&text) {
                Ok(filter) => (filter, None),
                Err(error) => (EnvFilter::new(level), Some(error)),
            },
            _ => (EnvFilter::new(level), None),
        };
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(output::errors_are_coloured())
            .with_writer(LogWriter(progress.clone()))
            .event_format(LogFormat { short_time: output::errors_are_terminal(), with_target: verbose > 0 })
            .init();
        if let Some(error) = invalid {
            tracing::warn!("RUST_LOG is ignored because it is invalid: {error}");
        }
        Terminal { progress, spins: Arc::default() }
    }

    /// Returns true if there is a progress line, because the standard error is a terminal.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.progress.is_hidden()
    }

    /// Shows the current activity in the progress line.
    pub(crate) fn working(&self, activity: impl Into<String>) {
        if !self.shows_progress() {
            return;
        }
        // Each call of `enable_steady_tick` makes a thread.
        if !self.spins.swap(true, Ordering::Relaxed) {
            self.progress.reset();
            self.progress.enable_steady_tick(SPIN);
        }
        let activity: String = activity.into();
        self.progress.set_message(plain(&activity).into_owned());
    }

    /// Prints a line above the progress line.
    pub(crate) fn line(&self, text: &str) {
        self.progress.suspend(|| output::add_error_line(&text));
    }

    /// Removes the progress line.
    pub(crate) fn finish(&self) {
        if self.spins.swap(false, Ordering::Relaxed) {
            self.progress.finish_and_clear();
        }
    }
}

fn target() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like(Box::new(NarrowTerm::stderr()))
}

/// Writes the log without tearing the progress line. Never waits, because workers log too.
struct LogWriter(ProgressBar);

struct LogLine {
    progress: ProgressBar,
    line: Vec<u8>,
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = LogLine;

    fn make_writer(&'a self) -> LogLine {
        LogLine { progress: self.0.clone(), line: Vec::new() }
    }
}

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return Ok(());
        }
        self.progress.suspend(|| output::add_error_lines(&String::from_utf8_lossy(&line)));
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        // It never fails, because a line only enters the queue.
        drop(self.flush());
    }
}
