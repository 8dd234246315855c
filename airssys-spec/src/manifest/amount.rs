//! Sizes, times and counts as they are written in manifests.

mod guess;
mod unit;

use std::ops::RangeInclusive;

use guess::Guess;
pub(super) use unit::Unit;

/// A unit: its name and its factor.
type Row = (&'static str, u64);

/// Smallest first.
const BYTES: [Row; 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Smallest first.
const TIMES: [Row; 3] = [("ms", 1), ("s", 1000), ("min", 60_000)];

impl Unit {
    fn rows(self) -> &'static [Row] {
        match self {
            Self::Bytes => &BYTES,
            Self::Time => &TIMES,
            Self::Count => &[],
        }
    }

    /// The amount in bytes or milliseconds. Too large a number is `u64::MAX`: no limit is so high.
    /// An error describes the mistake.
    pub(super) fn parse(self, text: &str) -> Result<u64, String> {
        let (number, unit) = split(text);
        let row = self.rows().iter().find(|(name, _)| *name == unit);
        match (whole(number), row) {
            (Some(number), Some((_, factor))) => Ok(number.saturating_mul(*factor)),
            (number, _) => Err(self.mistake(text, number.is_some(), unit)),
        }
    }

    fn mistake(self, text: &str, has_number: bool, unit: &str) -> String {
        let kind = if self == Self::Bytes { "size" } else { "time" };
        let names = self.rows().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        match has_number {
            true if unit.is_empty() => format!("{text:?} is a {kind} without a unit: {names}"),
            true if unit.chars().all(char::is_alphabetic) => {
                format!("{unit:?} is not a unit of {kind}: {names}")
            }
            _ => format!("{text:?} is not a {kind}: a whole number, a space and one of {names}"),
        }
    }

    /// The amount as a manifest has it, with the largest unit in which it is a whole number.
    pub(super) fn show(self, amount: u64) -> String {
        let fits = |row: &&Row| amount >= row.1 && amount.is_multiple_of(row.1);
        match self.rows().iter().rev().find(fits).or(self.rows().first()) {
            Some((name, factor)) => format!("\"{} {name}\"", amount / factor),
            None => amount.to_string(),
        }
    }

    /// Returns the right forms that are nearest to a wrong one, and a reason if it had to be changed.
    ///
    /// A number without a unit has a form for each unit with which it is within the range.
    pub(super) fn nearest(self, found: &str, range: &RangeInclusive<u64>) -> Option<(Vec<String>, String)> {
        let (least, most) = (*range.start(), *range.end());
        match Guess::of(found, self)? {
            Guess::Amount(amount) => Some(match amount {
                amount if amount < least => (vec![self.show(least)], ", the least".to_owned()),
                amount if amount > most => (vec![self.show(most)], ", the most".to_owned()),
                amount => (vec![self.show(amount)], String::new()),
            }),
            Guess::WithoutUnit(number) => {
                let amounts = self.rows().iter().map(|(_, factor)| number.times(*factor));
                let fitting = amounts.filter(|amount| range.contains(amount)).map(|amount| self.show(amount));
                match fitting.collect::<Vec<_>>() {
                    forms if forms.is_empty() => {
                        let small = number.times(1) < least;
                        let (bound, name) = if small { (least, "least") } else { (most, "most") };
                        Some((vec![self.show(bound)], format!(", the {name}")))
                    }
                    forms => Some((forms, String::new())),
                }
            }
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
            assert_eq!(unit.parse(text).unwrap(), amount, "{text}");
        }
    }

    #[test]
    fn mistake_names_the_units() {
        for (unit, text, mistake) in [
            (Unit::Bytes, "64 MB", "\"MB\" is not a unit of size: B, KiB, MiB, GiB"),
            (Unit::Bytes, "64", "\"64\" is a size without a unit: B, KiB, MiB, GiB"),
            (Unit::Time, "1.5 s", "\"1.5 s\" is not a time: a whole number, a space and one of ms, s, min"),
            (Unit::Time, "5  s", "\"5  s\" is not a time: a whole number, a space and one of ms, s, min"),
        ] {
            assert_eq!(unit.parse(text).unwrap_err(), mistake, "{text}");
        }
    }

    #[test]
    fn nearest_form_has_the_amount_that_was_written() {
        let sizes = 1 << 10..=2 << 30;
        let times = 1..=3_600_000;
        for (unit, text, range, forms, reason) in [
            (Unit::Bytes, "1.5 GiB", &sizes, &["\"1536 MiB\""][..], ""),
            (Unit::Bytes, "64 MB", &sizes, &["\"64 MiB\""], ""),
            (Unit::Bytes, "9 TB", &sizes, &["\"2 GiB\""], ", the most"),
            (Unit::Bytes, "-1 MiB", &sizes, &["\"1 KiB\""], ", the least"),
            (Unit::Bytes, "64", &sizes, &["\"64 KiB\"", "\"64 MiB\""], ""),
            (Unit::Bytes, "0", &sizes, &["\"1 KiB\""], ", the least"),
            (Unit::Bytes, "1,024 KiB", &sizes, &["\"1 MiB\""], ""),
            (Unit::Bytes, "0,5 MiB", &sizes, &["\"512 KiB\""], ""),
            (Unit::Time, "5 sec", &times, &["\"5 s\""], ""),
            (Unit::Time, "1.5 s", &times, &["\"1500 ms\""], ""),
            (Unit::Time, "1 min 30 s", &times, &["\"90 s\""], ""),
            (Unit::Time, "5  s", &times, &["\"5 s\""], ""),
            (Unit::Time, "1 h", &times, &["\"60 min\""], ""),
            (Unit::Time, "250 µs", &times, &["\"1 ms\""], ", the least"),
            (Unit::Time, "1.5", &times, &["\"2 ms\"", "\"1500 ms\"", "\"90 s\""], ""),
            (Unit::Count, "4", &times, &["4"], ""),
            (Unit::Count, "10.5", &times, &["11"], ""),
            (Unit::Count, "10k", &times, &["10000"], ""),
            (Unit::Count, "1e3", &times, &["1000"], ""),
            (Unit::Count, "-7", &times, &["1"], ", the least"),
            (Unit::Count, "99999999999999999999999999", &times, &["3600000"], ", the most"),
        ] {
            let expected = (forms.iter().map(|form| (*form).to_owned()).collect(), reason.to_owned());
            assert_eq!(unit.nearest(text, range), Some(expected), "{text}");
        }
        for text in ["", "many", "5 apples", "-", "."] {
            assert_eq!(Unit::Bytes.nearest(text, &sizes), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn displayed_amount_parses_to_itself(amount in 0_u64..1 << 50) {
            for unit in [Unit::Bytes, Unit::Time] {
                let shown = unit.show(amount);
                prop_assert_eq!(unit.parse(shown.trim_matches('"')).unwrap(), amount);
            }
        }

        #[test]
        fn nearest_form_is_right(text in "-?[0-9_,.]{0,6} ?[a-zA-Zµ]{0,3}", least in 0_u64..9_999, more in 0_u64..1 << 40) {
            let range = least..=least + more;
            for unit in [Unit::Bytes, Unit::Time, Unit::Count] {
                let (forms, _) = unit.nearest(&text, &range).unwrap_or_default();
                for form in forms {
                    let amount = match unit {
                        Unit::Count => form.parse().unwrap(),
                        _ => unit.parse(form.trim_matches('"')).unwrap(),
                    };
                    prop_assert!(range.contains(&amount), "{} {}", form, text);
                }
            }
        }
    }
}
