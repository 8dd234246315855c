//! Sizes and times as they are written in manifests: a whole number and a unit.

use super::diagnostic::Fault;

/// The unit of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Bytes, written with a unit.
    Bytes,
    /// Milliseconds, written with a unit.
    Time,
    /// Things, written as a number.
    Count,
}

/// A unit: its name, its factor, and other spellings of it.
type Row = (&'static str, u64, &'static [&'static str]);

/// Smallest first.
const BYTES: [Row; 4] = [
    ("B", 1, &["b", "byte", "bytes"]),
    ("KiB", 1 << 10, &["kib", "kb", "k", "kilobytes", "kibibytes"]),
    ("MiB", 1 << 20, &["mib", "mb", "m", "megabytes", "mebibytes"]),
    ("GiB", 1 << 30, &["gib", "gb", "g", "gigabytes", "gibibytes"]),
];

/// Smallest first.
const TIMES: [Row; 3] = [
    ("ms", 1, &["ms", "msec", "msecs", "millis", "millisecond", "milliseconds"]),
    ("s", 1000, &["s", "sec", "secs", "second", "seconds"]),
    ("min", 60_000, &["min", "m", "mins", "minute", "minutes"]),
];

impl Unit {
    fn rows(self) -> &'static [Row] {
        match self {
            Self::Bytes => &BYTES,
            Self::Time => &TIMES,
            Self::Count => &[],
        }
    }

    /// The amount in bytes or milliseconds. Too large a number is `u64::MAX`: no limit is so high.
    pub(super) fn parse(self, text: &str, example: &str) -> Result<u64, Fault> {
        let (number, unit) = split(text);
        let row = self.rows().iter().find(|(name, _, _)| *name == unit);
        match (whole(number), row) {
            (Some(number), Some((_, factor, _))) => Ok(number.saturating_mul(*factor)),
            (number, _) => Err(self.fault(text, number, unit, example)),
        }
    }

    fn fault(self, text: &str, number: Option<u64>, unit: &str, example: &str) -> Fault {
        let kind = if self == Self::Bytes { "size" } else { "time" };
        let names = self.rows().iter().map(|(name, _, _)| *name).collect::<Vec<_>>().join(", ");
        let meant = self.rows().iter().find(|(_, _, others)| others.contains(&&*unit.to_lowercase()));
        let spelling = match (number, meant) {
            (Some(number), Some((name, _, _))) => format!("\"{number} {name}\""),
            _ => example.to_owned(),
        };
        let message = match number {
            Some(_) if unit.is_empty() => format!("{text:?} is a {kind} without a unit"),
            Some(_) if unit.chars().all(char::is_alphabetic) => format!("{unit:?} is not a unit of {kind}"),
            _ => format!("{text:?} is not a {kind}: a whole number, a space and a unit"),
        };
        Fault { message, help: format!("write {spelling}; the units are {names}") }
    }

    /// The amount as a manifest has it, with the largest unit in which it is a whole number.
    pub(super) fn show(self, amount: u64) -> String {
        let fits = |row: &&Row| amount >= row.1 && amount.is_multiple_of(row.1);
        match self.rows().iter().rev().find(fits).or(self.rows().first()) {
            Some((name, factor, _)) => format!("\"{} {name}\"", amount / factor),
            None => amount.to_string(),
        }
    }
}

/// The number and the unit; at most one space is between them.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.strip_prefix(' ').unwrap_or(unit))
}

fn whole(digits: &str) -> Option<u64> {
    if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(u64::MAX)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_and_a_unit() {
        for (unit, text, amount) in [
            (Unit::Bytes, "64 MiB", 64 << 20),
            (Unit::Bytes, "0 B", 0),
            (Unit::Bytes, "8KiB", 8 << 10),
            (Unit::Time, "1 s", 1000),
            (Unit::Time, "2 min", 120_000),
            (Unit::Bytes, "99999999999999999999 GiB", u64::MAX),
            (Unit::Time, "18446744073709551615 min", u64::MAX),
        ] {
            assert_eq!(unit.parse(text, "").unwrap(), amount, "{text}");
        }
    }

    #[test]
    fn help_shows_the_intended_amount() {
        for (unit, text, help) in [
            (Unit::Bytes, "64 MB", "write \"64 MiB\"; the units are B, KiB, MiB, GiB"),
            (Unit::Bytes, "64", "write EXAMPLE; the units are B, KiB, MiB, GiB"),
            (Unit::Bytes, "1.5 MiB", "write EXAMPLE; the units are B, KiB, MiB, GiB"),
            (Unit::Bytes, "-1 MiB", "write EXAMPLE; the units are B, KiB, MiB, GiB"),
            (Unit::Time, "5 sec", "write \"5 s\"; the units are ms, s, min"),
            (Unit::Time, "", "write EXAMPLE; the units are ms, s, min"),
            (Unit::Time, "5  s", "write EXAMPLE; the units are ms, s, min"),
        ] {
            assert_eq!(unit.parse(text, "EXAMPLE").unwrap_err().help, help, "{text}");
        }
    }

    proptest! {
        #[test]
        fn displayed_amount_parses_to_itself(amount in 0_u64..1 << 50) {
            for unit in [Unit::Bytes, Unit::Time] {
                let shown = unit.show(amount);
                prop_assert_eq!(unit.parse(shown.trim_matches('"'), "").unwrap(), amount);
            }
        }
    }
}
