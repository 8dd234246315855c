//! Decimal numbers in the binary form of PostgreSQL: digits to the base of 10,000.

use std::fmt::Write;

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// Returns the binary form of a decimal number such as `-12.50`, or `None` if it has too many digits.
pub(crate) fn encode(text: &str) -> Option<Vec<u8>> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (NEGATIVE, digits),
        None => (POSITIVE, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = u16::try_from(part.len()).ok().filter(|scale| *scale <= 16_383)?;
    let whole = whole.trim_start_matches('0');
    // Groups of four digits, to the left and to the right of the point.
    let left = "0".repeat((4 - whole.len() % 4) % 4);
    let right = "0".repeat((4 - part.len() % 4) % 4);
    let all = format!("{left}{whole}{part}{right}");
    let mut groups = Vec::with_capacity(all.len() / 4);
    for group in all.as_bytes().chunks(4) {
        let group = group
            .iter()
            .try_fold(0_u16, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u16::from(digit - b'0')));
        groups.push(group?);
    }
    let mut weight = ((left.len() + whole.len()) / 4) as i64 - 1;
    let zeros = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..zeros);
    weight -= zeros as i64;
    while groups.last() == Some(&0) {
        groups.pop();
    }
    if groups.is_empty() {
        weight = 0;
    }
    let (count, weight) = (u16::try_from(groups.len()).ok()?, i16::try_from(weight).ok()?);
    let mut bytes = Vec::with_capacity(8 + 2 * groups.len());
    bytes.extend(count.to_be_bytes());
    bytes.extend(weight.to_be_bytes());
    bytes.extend(sign.to_be_bytes());
    bytes.extend(scale.to_be_bytes());
    bytes.extend(groups.into_iter().flat_map(u16::to_be_bytes));
    Some(bytes)
}

/// Returns the two bytes at a place of a binary form as a number.
fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(2 * at)?, *bytes.get(2 * at + 1)?]))
}

/// Returns the most bytes of the text of a binary form. A form of ten bytes may have 131,072 digits.
pub(crate) fn text_bytes(bytes: &[u8]) -> usize {
    let weight = word(bytes, 1).map_or(0, |weight| usize::try_from(weight as i16).unwrap_or(0));
    let scale = word(bytes, 3).map_or(0, usize::from);
    // A sign, the digits before the point, the point, and those behind it.
    1 + 4 * (weight + 1) + 1 + scale
}

/// Returns the text of a binary form, or `None` if it is malformed.
pub(crate) fn decode(bytes: &[u8]) -> Option<String> {
    let (count, weight) = (word(bytes, 0)?, i32::from(word(bytes, 1)? as i16));
    let (sign, scale) = (word(bytes, 2)?, usize::from(word(bytes, 3)?));
    let mut text = String::with_capacity(text_bytes(bytes));
    match sign {
        POSITIVE => {}
        NEGATIVE => text.push('-'),
        NAN => return Some("NaN".to_owned()),
        INFINITY => return Some("Infinity".to_owned()),
        MINUS_INFINITY => return Some("-Infinity".to_owned()),
        _ => return None,
    }
    // The group of this place, which is counted from the point to the left.
    let group = |place: i32| match weight - place {
        at if at >= 0 && at < i32::from(count) => word(bytes, 4 + at as usize),
        _ => Some(0),
    };
    write!(text, "{}", group(weight.max(0))?).ok()?;
    for place in (0..weight).rev() {
        write!(text, "{:04}", group(place)?).ok()?;
    }
    if scale > 0 {
        text.push('.');
        let point = text.len();
        for place in 1..=scale.div_ceil(4) {
            write!(text, "{:04}", group(-(place as i32))?).ok()?;
        }
        text.truncate(point + scale);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_with_their_digits() {
        for text in [
            "0",
            "0.00",
            "1",
            "-1",
            "10000",
            "9999",
            "100000000",
            "0.1",
            "-0.0001",
            "0.00001",
            "12.50",
            "-12345678901234567890.0500",
            "3.14159265358979323846264338327950288",
            "1000000000000.0000",
        ] {
            assert_eq!(encode(text).and_then(|bytes| decode(&bytes)).as_deref(), Some(text));
        }
        let long = format!("{}.{}", "9".repeat(1_000), "7".repeat(1_000));
        assert_eq!(encode(&long).and_then(|bytes| decode(&bytes)), Some(long));
        assert_eq!(encode("+007.50").and_then(|bytes| decode(&bytes)).as_deref(), Some("7.50"));
        assert_eq!(encode(&"9".repeat(300_000)), None);
        assert_eq!(decode(&[0, 1, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(decode(&[0]), None);
    }

    #[test]
    fn size_of_a_text_is_known_before_it_is_made() {
        let large = [0, 1, 0x7F, 0xFF, 0, 0, 0, 0, 0, 1];
        assert_eq!(text_bytes(&large), 131_074);
        assert_eq!(decode(&large).map(|text| text.len()), Some(131_069));
        for text in ["0", "-1", "12345.678", "-0.05", "1000000000000.0000"] {
            let bytes = encode(text).unwrap();
            assert!((text.len()..text.len() + 6).contains(&text_bytes(&bytes)), "{text}");
        }
        assert_eq!(text_bytes(&[]), 6);
    }

    #[test]
    fn form_is_that_of_the_protocol() {
        let words = |text| {
            encode(text).map(|bytes| {
                bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>()
            })
        };
        assert_eq!(words("12345.678"), Some(vec![3, 1, 0, 3, 1, 2345, 6780]));
        assert_eq!(words("-0.05"), Some(vec![1, 0xFFFF, 0x4000, 2, 500]));
    }
}
