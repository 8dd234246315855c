//! The subjects of keys: any text has one, and no other text has it.
//!
//! Letters, digits, `-`, `_` and `/` stand for themselves, as does a dot between two other characters.
//! Every other byte is `=` with two digits. So most keys have the names that other NATS clients give them.

use std::fmt::Write;

/// Returns the subject of a key below the prefix of its bucket.
pub(crate) fn encode(key: &str) -> String {
    let bytes = key.as_bytes();
    let mut subject = String::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        // A subject has no empty token.
        let parts_tokens = || {
            let before = at.checked_sub(1).map(|before| bytes[before]);
            [before, bytes.get(at + 1).copied()].iter().all(|byte| byte.is_some_and(|byte| byte != b'.'))
        };
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'/' => subject.push(char::from(*byte)),
            b'.' if parts_tokens() => subject.push('.'),
            // Writing to a string cannot fail.
            byte => write!(subject, "={byte:02X}").unwrap_or_default(),
        }
    }
    subject
}

/// Returns the key of a subject, or `None` if no key has it: another program has written it.
pub(crate) fn decode(subject: &str) -> Option<String> {
    let (mut key, mut rest) = (Vec::with_capacity(subject.len()), subject.bytes());
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            key.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            key.push(byte);
        }
    }
    let key = String::from_utf8(key).ok()?;
    (encode(&key) == subject).then_some(key)
}

/// Returns a filter of subjects that holds every key with a prefix. It may hold others.
pub(crate) fn filter(prefix: &str) -> String {
    // The token that the prefix ends in may go on.
    match encode(prefix).rsplit_once('.') {
        Some((tokens, _)) => format!("{tokens}.>"),
        None => ">".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 16] = [
        "plain", "a.b", "a..b", ".", "..", ".a", "a.", "a.b.", "*", ">", "a=b", "=3D", "a b\n", "ü/漢", "\0",
        "a.>.b",
    ];

    #[test]
    fn every_key_has_a_subject_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for key in KEYS {
            let subject = encode(key);
            assert!(!subject.split('.').any(str::is_empty), "{key:?}: {subject}");
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/=.".contains(&byte);
            assert!(subject.bytes().all(allowed), "{key:?}: {subject}");
            assert_eq!(decode(&subject).as_deref(), Some(key), "{subject}");
            assert!(seen.insert(subject), "{key:?}");
        }
        for subject in ["=", "=4", "=zz", "=61", "=FF", "a=b", "=2e"] {
            assert_eq!(decode(subject), None, "{subject}");
        }
    }

    #[test]
    fn filter_of_a_prefix_holds_every_key_that_begins_with_it() {
        for key in KEYS {
            for (end, _) in key.char_indices().chain([(key.len(), ' ')]) {
                let (filter, subject) = (filter(&key[..end]), encode(key));
                let tokens = filter.strip_suffix('>').unwrap_or_else(|| panic!("{filter}"));
                assert!(subject.starts_with(tokens) && subject.len() > tokens.len(), "{key:?}: {filter}");
            }
        }
        assert_eq!(filter("user.1.na"), "user.1.>");
    }
}
