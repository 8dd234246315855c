//! The file of the dead letters that were kept at the end of a run.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::observe::dead_letters::DeadLetter;
use crate::observe::unix_time::unix_ms;

/// A dead letter as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    id: u64,
    receiver: &'a str,
    instance: Option<&'a str>,
    sender: &'a str,
    topic: Option<&'a str>,
    reason: String,
    attempts: u32,
    at_ms: u64,
    /// The codec prefix and the body, in hexadecimal.
    message_hex: String,
}

/// Writes the letters, each as a line. The file is complete or as it was before.
pub(super) fn write(file: &Path, letters: &[DeadLetter]) -> io::Result<()> {
    let mut text = String::new();
    for letter in letters {
        text += &serde_json::to_string(&line(letter))?;
        text.push('\n');
    }
    let new = file.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(&new, file)
}

fn line(letter: &DeadLetter) -> Line<'_> {
    let mut message_hex = String::with_capacity(2 * letter.message.len());
    // Writing to a `String` cannot fail.
    letter.message.iter().for_each(|byte| write!(message_hex, "{byte:02x}").unwrap_or_default());
    Line {
        id: letter.id,
        receiver: &letter.receiver,
        instance: letter.instance.as_deref(),
        sender: &letter.sender,
        topic: letter.topic.as_deref(),
        reason: letter.reason.to_string(),
        attempts: letter.attempts,
        at_ms: unix_ms(letter.at),
        message_hex,
    }
}
