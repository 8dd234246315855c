//! The amount that a text most likely means.

use super::unit::Unit;

/// A unit by the spellings that people use, in lower case, with its factor and its divisor.
type Spelling = (&'static [&'static str], u64, u64);

const BYTES: [Spelling; 5] = [
    (&["b", "byte", "bytes"], 1, 1),
    (&["kib", "kb", "k", "kilobyte", "kilobytes", "kibibyte", "kibibytes"], 1 << 10, 1),
    (&["mib", "mb", "m", "megabyte", "megabytes", "mebibyte", "mebibytes"], 1 << 20, 1),
    (&["gib", "gb", "g", "gigabyte", "gigabytes", "gibibyte", "gibibytes"], 1 << 30, 1),
    (&["tib", "tb", "t", "terabyte", "terabytes", "tebibyte", "tebibytes"], 1 << 40, 1),
];

const TIMES: [Spelling; 7] = [
    (&["ns", "nanos", "nanosecond", "nanoseconds"], 1, 1_000_000),
    (&["µs", "us", "micros", "microsecond", "microseconds"], 1, 1_000),
    (&["ms", "msec", "msecs", "millis", "millisecond", "milliseconds"], 1, 1),
    (&["s", "sec", "secs", "second", "seconds"], 1_000, 1),
    (&["min", "m", "mins", "minute", "minutes"], 60_000, 1),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600_000, 1),
    (&["d", "day", "days"], 86_400_000, 1),
];

const COUNTS: [Spelling; 2] = [(&["k"], 1_000, 1), (&["m"], 1_000_000, 1)];

/// The most digits of a fraction that count.
const MAX_DECIMALS: usize = 9;

/// An amount that was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    /// Bytes, milliseconds or things.
    Amount(u64),
    /// A number of a size or time whose unit is missing.
    WithoutUnit(Decimal),
}

/// A number that is not negative: `digits` divided by `scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    digits: u128,
    scale: u128,
}

impl Guess {
    /// Returns the amount. Returns `None` if the text has no number, or an unknown unit.
    pub(super) fn of(text: &str, unit: Unit) -> Option<Guess> {
        let text = text.trim();
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if let Some(number) = exponent(rest) {
            return Some(Guess::new(number, negative, unit));
        }
        let mut total = 0_u64;
        let mut parts = 0;
        while !rest.is_empty() {
            let is_number = |c: char| c.is_ascii_digit() || ['.', ',', '_'].contains(&c);
            let end = rest.find(|c| !is_number(c)).unwrap_or(rest.len());
            let number = decimal(&rest[..end])?;
            rest = rest[end..].trim_start();
            let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
            let name = rest[..end].to_lowercase();
            rest = rest[end..].trim_start();
            parts += 1;
            if name.is_empty() {
                // Further parts would need the unit of this one.
                return Some(Guess::new(number, negative, unit)).filter(|_| rest.is_empty() && parts == 1);
            }
            let spellings: &[Spelling] = match unit {
                Unit::Bytes => &BYTES,
                Unit::Time => &TIMES,
                Unit::Count => &COUNTS,
            };
            let (_, factor, divisor) = spellings.iter().find(|(names, ..)| names.contains(&name.as_str()))?;
            let number = Decimal { scale: number.scale.saturating_mul(u128::from(*divisor)), ..number };
            total = total.saturating_add(number.times(*factor));
        }
        Some(Guess::Amount(if negative { 0 } else { total })).filter(|_| parts > 0)
    }

    fn new(number: Decimal, negative: bool, unit: Unit) -> Guess {
        match unit {
            _ if negative => Guess::Amount(0),
            Unit::Count => Guess::Amount(number.times(1)),
            Unit::Bytes | Unit::Time => Guess::WithoutUnit(number),
        }
    }
}

impl Decimal {
    /// Returns the product, rounded to the nearest whole number, or the largest amount if it is larger.
    pub(super) fn times(self, factor: u64) -> u64 {
        let product = self.digits.saturating_mul(u128::from(factor));
        let rounded = product.saturating_add(self.scale / 2) / self.scale.max(1);
        u64::try_from(rounded).unwrap_or(u64::MAX)
    }
}

/// Reads a number with a fraction, or with groups of digits.
fn decimal(text: &str) -> Option<Decimal> {
    let text = text.replace('_', "");
    // A comma before three digits separates a group.
    let is_grouped = text.split(',').skip(1).all(|group| group.len() == 3) && !text.starts_with(',');
    let text = if is_grouped { text.replace(',', "") } else { text.replace(',', ".") };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let fraction = &fraction[..fraction.len().min(MAX_DECIMALS)];
    let digits = format!("{whole}{fraction}");
    // Only too many digits fail here.
    let digits = digits.parse().unwrap_or(u128::MAX);
    Some(Decimal { digits, scale: 10_u128.pow(fraction.len() as u32) })
}

/// Reads a number such as `1e3`.
fn exponent(text: &str) -> Option<Decimal> {
    let is_number = text.starts_with(|c: char| c.is_ascii_digit()) && text.contains(['e', 'E']);
    let number: f64 = if is_number { text.parse().ok()? } else { return None };
    // The conversion is exact enough, and saturates.
    Some(Decimal { digits: (number * 1e3).round() as u128, scale: 1_000 })
}
