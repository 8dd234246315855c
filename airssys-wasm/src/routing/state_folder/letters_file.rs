//! The file of the dead letters that were kept at the ends of runs.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
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

/// The size from which a file is set aside before more is written. A run keeps at most 64 MiB of bodies,
/// so no file has much more than 256 MiB.
const MAX_BYTES: u64 = 128 << 20;

/// Appends the letters, each as a line. After a failure, the file is as it was before.
///
/// A file of [`MAX_BYTES`] is renamed first, in place of an older one.
pub(super) fn append(file: &Path, letters: &[DeadLetter]) -> io::Result<()> {
    append_within(file, letters, MAX_BYTES)
}

fn append_within(path: &Path, letters: &[DeadLetter], max_bytes: u64) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() >= max_bytes) {
        fs::rename(path, path.with_extension("old.jsonl"))?;
    }
    let mut file = open(path)?;
    let length = file.metadata()?.len();
    let written = write_lines(&mut file, length, letters).and_then(|()| file.sync_all());
    if written.is_err() {
        // A full disk must not leave a part of a line. The first error is the one that counts.
        drop(file.set_len(length));
    }
    written
}

fn write_lines(file: &mut File, length: u64, letters: &[DeadLetter]) -> io::Result<()> {
    let is_cut = length > 0 && {
        let mut last = [0];
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
        last != *b"\n"
    };
    let mut lines = BufWriter::new(file);
    if is_cut {
        // The machine failed while an earlier run wrote.
        lines.write_all(b"\n")?;
    }
    for letter in letters {
        serde_json::to_writer(&mut lines, &line(letter))?;
        lines.write_all(b"\n")?;
    }
    lines.flush()
}

/// Opens the file, which only its owner can read, because it has whole messages.
fn open(path: &Path) -> io::Result<File> {
    let file = airssys_spec::file::append_private(path)?;
    // An earlier version left it open to others.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use super::*;
    use crate::observe::dead_letters::DeadLetterReason;

    fn letter(receiver: &str) -> DeadLetter {
        DeadLetter {
            id: 1,
            receiver: Arc::from(receiver),
            instance: None,
            sender: Arc::from("host"),
            topic: None,
            trace: None,
            message: Vec::new().into(),
            reason: DeadLetterReason::MailboxFull,
            attempts: 0,
            at: SystemTime::now(),
        }
    }

    fn receivers(file: &Path) -> Vec<String> {
        let text = fs::read_to_string(file).unwrap();
        let line = |line| serde_json::from_str::<serde_json::Value>(line).ok();
        text.lines()
            .map(|text| line(text).map_or(text.to_owned(), |line| line["receiver"].to_string()))
            .collect()
    }

    #[test]
    fn full_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let (file, old) = (folder.path().join("letters.jsonl"), folder.path().join("letters.old.jsonl"));
        for receiver in ["a", "b"] {
            append_within(&file, &[letter(receiver)], 200).unwrap();
        }
        assert_eq!(receivers(&file), ["\"a\"", "\"b\""]);
        append_within(&file, &[letter("c")], 200).unwrap();
        assert_eq!(
            (receivers(&old), receivers(&file)),
            (vec!["\"a\"".into(), "\"b\"".into()], vec!["\"c\"".into()])
        );
    }

    #[test]
    fn line_that_was_cut_short_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("letters.jsonl");
        fs::write(&file, "{\"id\":").unwrap();
        append(&file, &[letter("a")]).unwrap();
        assert_eq!(receivers(&file), ["{\"id\":", "\"a\""]);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let (new, wide) = (folder.path().join("new.jsonl"), folder.path().join("wide.jsonl"));
        fs::write(&wide, "").unwrap();
        fs::set_permissions(&wide, fs::Permissions::from_mode(0o644)).unwrap();
        for file in [new, wide] {
            append(&file, &[letter("a")]).unwrap();
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
