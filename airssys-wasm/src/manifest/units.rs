//! Sizes and durations with their units.

use std::time::Duration;

const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
const TIMES: [(&str, u64); 3] = [("ms", 1), ("s", 1_000), ("min", 60_000)];

/// Spellings that are often tried, and what is meant.
const MEANT: [(&str, &str); 14] = [
    ("KB", "KiB"),
    ("kB", "KiB"),
    ("kb", "KiB"),
    ("K", "KiB"),
    ("MB", "MiB"),
    ("mb", "MiB"),
    ("M", "MiB"),
    ("GB", "GiB"),
    ("G", "GiB"),
    ("bytes", "B"),
    ("sec", "s"),
    ("m", "min"),
    ("msec", "ms"),
    ("seconds", "s"),
];

/// A text that is no size, or no duration: what is wrong, and how to write it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadUnit {
    pub(super) message: String,
    pub(super) help: String,
}

/// Reads a size such as `64 MiB`, in bytes.
pub(super) fn size(text: &str) -> Result<u64, BadUnit> {
    read(text, &SIZES, "a size", "64 MiB")
}

/// Reads a duration such as `100 ms`.
pub(super) fn duration(text: &str) -> Result<Duration, BadUnit> {
    read(text, &TIMES, "a duration", "100 ms").map(Duration::from_millis)
}

fn read(text: &str, units: &[(&str, u64)], what: &str, example: &str) -> Result<u64, BadUnit> {
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    let known = names.join(", ");
    let digits_end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (digits, unit) = (text[..digits_end].replace('_', ""), text[digits_end..].trim());
    let bad = |message: String, help: String| Err(BadUnit { message, help });
    let Ok(number) = digits.parse::<u64>() else {
        return bad(
            format!("\"{text}\" is not {what}"),
            format!("write a whole number and a unit ({known}), such as \"{example}\""),
        );
    };
    if unit.is_empty() {
        let suggested = format!("{digits} {}", names[1.min(names.len() - 1)]);
        return bad(
            format!("\"{text}\" has no unit"),
            format!("write a unit after the number ({known}), such as \"{suggested}\""),
        );
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        let meant = MEANT.iter().find(|(wrong, right)| *wrong == unit && names.contains(right));
        let help = match meant {
            Some((_, right)) => format!("write \"{digits} {right}\""),
            None => format!("the units are {known}, as in \"{example}\""),
        };
        return bad(format!("`{unit}` in \"{text}\" is not a unit of {what}"), help);
    };
    number.checked_mul(*factor).map_or_else(
        || bad(format!("\"{text}\" is too large"), format!("write a smaller number, such as \"{example}\"")),
        Ok,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_read() {
        assert_eq!(size("64 MiB"), Ok(64 << 20));
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("10_000 B"), Ok(10_000));
        assert_eq!(duration("100 ms"), Ok(Duration::from_millis(100)));
        assert_eq!(duration("2 min"), Ok(Duration::from_secs(120)));
    }

    #[test]
    fn wrong_units_are_shown_right() {
        assert_eq!(size("64 MB").unwrap_err().help, "write \"64 MiB\"");
        assert_eq!(size("64").unwrap_err().message, "\"64\" has no unit");
        assert_eq!(duration("5 sec").unwrap_err().help, "write \"5 s\"");
        assert_eq!(duration("5 MiB").unwrap_err().help, "the units are ms, s, min, as in \"100 ms\"");
        assert!(size("").is_err() && size("-1 B").is_err() && size("1.5 MiB").is_err());
        assert!(size("99999999999999 GiB").unwrap_err().message.contains("too large"));
    }
}
