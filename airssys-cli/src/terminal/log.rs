//! The format of log lines: `12:30:05.123  INFO quake-alerts: magnitude 5 in asia`.

use std::fmt::{self, Debug, Write};

use anstyle::{AnsiColor, Style};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::output::Paint;
use crate::plain::plain_lines;

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// The fields that name the subject of a line, which is shown before the message.
const SUBJECT_FIELDS: [&str; 3] = ["instance", "actor", "receiver"];

/// The format of a line.
pub(super) struct LogFormat {
    /// Shows only the time of day, which suits a terminal.
    pub(super) short_time: bool,
    /// Shows the target: the part of the program that wrote the line.
    pub(super) with_target: bool,
}

impl<S, N> FormatEvent<S, N> for LogFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line::default();
        event.record(&mut line);
        let coloured = writer.has_ansi_escapes();
        let style = |style: Style| Paint(if coloured { style } else { Style::new() });
        let (dim, bold, level) = (style(DIM), style(BOLD), style(level_style(event.metadata().level())));
        write!(writer, "{dim}{}{dim:#} {level}{:>5}{level:#} ", self.time()?, event.metadata().level())?;
        if self.with_target {
            write!(writer, "{dim}{}{dim:#} ", event.metadata().target())?;
        }
        if !line.subject.is_empty() {
            write!(writer, "{bold}{}{bold:#}: ", line.subject)?;
        }
        writeln!(writer, "{}{dim}{}{dim:#}", line.message, line.others)
    }
}

impl LogFormat {
    /// The time in UTC: `2026-01-31T12:30:05.123456Z`, or only `12:30:05.123`.
    fn time(&self) -> Result<String, fmt::Error> {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        Ok(match time.get(11..23) {
            Some(short) if self.short_time => short.to_owned(),
            _ => time,
        })
    }
}

fn level_style(level: &Level) -> Style {
    match *level {
        Level::ERROR => AnsiColor::Red.on_default().bold(),
        Level::WARN => AnsiColor::Yellow.on_default(),
        Level::INFO => AnsiColor::Green.on_default(),
        Level::DEBUG => AnsiColor::Blue.on_default(),
        Level::TRACE => AnsiColor::Magenta.on_default(),
    }
}

/// The fields of an event.
#[derive(Default)]
struct Line {
    subject: String,
    message: String,
    /// ` name=value` for each of the other fields.
    others: String,
}

impl Line {
    fn add(&mut self, field: &Field, value: &str) {
        let value = plain_lines(value);
        match field.name() {
            "message" => self.message.push_str(&value),
            name if SUBJECT_FIELDS.contains(&name) && self.subject.is_empty() => {
                self.subject.push_str(&value)
            }
            // Writing to a string cannot fail.
            name => write!(self.others, " {name}={value}").unwrap_or_default(),
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, &format!("{value:?}"));
    }
}
