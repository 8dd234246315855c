//! Decimal numbers in the binary form of PostgreSQL: digits to the base of 10,000.

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

/// Returns the text of a binary form, or `None` if it is malformed.
pub(crate) fn decode(bytes: &[u8]) -> Option<String> {
    let number = |at: usize| Some(u16::from_be_bytes([*bytes.get(2 * at)?, *bytes.get(2 * at + 1)?]));
    let (count, weight, sign, scale) = (number(0)?, number(1)? as i16, number(2)?, number(3)?);
    let mut text = match sign {
        POSITIVE => String::new(),
        NEGATIVE => "-".to_owned(),
        NAN => return Some("NaN".to_owned()),
        INFINITY => return Some("Infinity".to_owned()),
        MINUS_INFINITY => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    // The group of this place, which is counted from the point to the left.
    let group = |place: i32| match i32::from(weight) - place {
        at if at >= 0 && at < i32::from(count) => number(4 + at as usize),
        _ => Some(0),
    };
    text.push_str(&group(i32::from(weight).max(0))?.to_string());
    for place in (0..i32::from(weight)).rev() {
        text.push_str(&format!("{:04}", group(place)?));
    }
    if scale > 0 {
        let groups = (i32::from(scale) + 3) / 4;
        let mut part = String::new();
        for place in 1..=groups {
            part.push_str(&format!("{:04}", group(-place)?));
        }
        text.push('.');
        text.push_str(part.get(..usize::from(scale))?);
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
