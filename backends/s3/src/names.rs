//! The keys of names: any name has one, and keys have the order of names, so that lists follow it.
//!
//! Letters except `z`, digits and `-` stand for themselves. A dot is `.d`, and a slash is `.s`. Every other
//! byte is a sign with two digits, and signs sort with the bytes that they stand for: `!` before `-`, `=`
//! between digits and capitals, `_` between capitals and small letters, and `z` from `z` on.
//!
//! A key has no slash of its name, because some products list folder by folder, which is another order. It is
//! cut into parts that file systems take; a part that goes on ends with `+`. A key has 1,024 bytes at most.
//! So of a name beyond 256 bytes, the key has the beginning and a digest, and the whole name is in the
//! metadata of the object.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

/// The most bytes of a name that is written whole.
const WHOLE_BYTES: usize = 256;

/// The characters of a part that goes on. Products take 255, and a digest has 66.
const PART: usize = 180;

/// The end of a part that goes on.
const GOES_ON: &str = "+/";

/// The sign of a name that is not written whole. It sorts before every longer name with this beginning.
const CUT: &str = "!-";

/// The last part of the key of a container's mark, which no name has.
pub(crate) const MARK: &str = "!container";

/// A key, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    Name(String),
    /// The name begins with these bytes; the metadata has it whole.
    Cut(Vec<u8>),
}

/// Returns the text of bytes, in parts.
fn written(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        let sign = match byte {
            b'.' => ".d",
            b'/' => ".s",
            b'-' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'y' => {
                text.push(char::from(*byte));
                continue;
            }
            ..=b'-' => "!",
            ..=b'@' => "=",
            ..=b'`' => "_",
            _ => "z",
        };
        text.push_str(sign);
        if !matches!(byte, b'.' | b'/') {
            // Writing to a string cannot fail.
            write!(text, "{byte:02X}").unwrap_or_default();
        }
    }
    // The text is ASCII, so it can be cut anywhere.
    let parts: Vec<_> =
        (0..text.len()).step_by(PART).map(|at| &text[at..text.len().min(at + PART)]).collect();
    parts.join(GOES_ON)
}

/// Returns the bytes that a text was made of.
fn unwritten(text: &str) -> Option<Vec<u8>> {
    let text = text.replace(GOES_ON, "");
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        match byte {
            b'.' => match rest.next()? {
                b'd' => bytes.push(b'.'),
                b's' => bytes.push(b'/'),
                _ => return None,
            },
            b'!' | b'=' | b'_' | b'z' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
            }
            byte => bytes.push(byte),
        }
    }
    Some(bytes)
}

/// Returns true if the metadata has to say the name.
pub(crate) fn is_cut(name: &str) -> bool {
    name.len() > WHOLE_BYTES
}

/// Returns the text of the beginning of a name, up to the longest that is written whole.
fn beginning(name: &str) -> String {
    written(&name.as_bytes()[..name.len().min(WHOLE_BYTES)])
}

/// Returns the key of a name below the prefix of its container.
pub(crate) fn encode(name: &str) -> String {
    let mut key = beginning(name);
    if is_cut(name) {
        key.push_str(CUT);
        for byte in digest(&SHA256, name.as_bytes()).as_ref() {
            // Writing to a string cannot fail.
            write!(key, "{byte:02x}").unwrap_or_default();
        }
    }
    key
}

/// Returns the key after which a list goes on that has come to a name. Names that were cut like this one
/// come again.
pub(crate) fn after(name: &str) -> String {
    match is_cut(name) {
        // A comma sorts before the sign.
        true => format!("{}!,", beginning(name)),
        false => encode(name),
    }
}

/// Returns the name of a key, or `None` if no name has it: another program has written it.
pub(crate) fn decode(key: &str) -> Option<Decoded> {
    if let Some((beginning, _)) = key.split_once(CUT) {
        let bytes = unwritten(beginning).filter(|bytes| bytes.len() == WHOLE_BYTES)?;
        return (written(&bytes) == beginning).then_some(Decoded::Cut(bytes));
    }
    let name = String::from_utf8(unwritten(key)?).ok().filter(|name| !name.is_empty())?;
    (encode(&name) == key).then_some(Decoded::Name(name))
}

/// Returns a name in the form of metadata, which are ASCII and short.
pub(crate) fn to_metadata(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(name)
}

/// Returns the name of an object by its metadata, if it belongs to the key.
pub(crate) fn from_metadata(key: &str, metadata: &str) -> Option<String> {
    let name = String::from_utf8(URL_SAFE_NO_PAD.decode(metadata).ok()?).ok()?;
    (encode(&name) == key).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        let mut names: Vec<String> = (0..0x80_u8).map(|byte| char::from(byte).to_string()).collect();
        let parts =
            ["", "a", "/", "//", ".", "..", "!", "-", "0", "=", "Z", "_", "z", "ü", "漢", "\0", "+", "%41"];
        for one in parts {
            for two in parts {
                for three in ["", "/", ".", "a", "!", "~"] {
                    names.push(format!("{one}{two}{three}"));
                }
            }
        }
        let long = "ü/".repeat(85);
        names.extend(["", "x", "y", "!", "/"].map(|end| format!("{long}{end}")));
        names.extend([180, 181, 255].map(|length| "n".repeat(length)));
        names.extend([long.repeat(4), "n".repeat(256), "n".repeat(257), "n".repeat(1_024)]);
        names.retain(|name| !name.is_empty());
        names.sort();
        names.dedup();
        names
    }

    #[test]
    fn every_name_has_a_key_of_its_own_that_s3_takes() {
        let mut seen = std::collections::BTreeSet::from([MARK.to_owned()]);
        for name in names() {
            let key = encode(&name);
            assert!(key.len() <= 860, "{name:?}: {key}");
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-./!=_+".contains(&byte);
            assert!(key.bytes().all(allowed), "{name:?}: {key}");
            let is_part = |part: &str| (1..=250).contains(&part.len()) && part != "." && part != "..";
            assert!(key.split('/').all(is_part), "{name:?}: {key}");
            match decode(&key) {
                Some(Decoded::Name(found)) => assert_eq!(found, name, "{key}"),
                Some(Decoded::Cut(beginning)) => {
                    assert!(is_cut(&name) && name.as_bytes().starts_with(&beginning), "{key}");
                    assert_eq!(from_metadata(&key, &to_metadata(&name)).as_deref(), Some(&*name), "{key}");
                }
                None => panic!("{name:?}: {key}"),
            }
            assert!(seen.insert(key), "{name:?}");
        }
        for key in
            ["", MARK, "!", "!2", "!zz", "a/b", "a+/b", "z61", "!2d", "a//b", "..", "a_b", ".2", "a.", "n!-0"]
        {
            assert_eq!(decode(key), None, "{key}");
        }
        assert_eq!(from_metadata(&encode("a"), &to_metadata("b")), None);
        assert_eq!(encode("invoices/2026/a-1.pdf"), "invoices.s2026.sa-1.dpdf");
    }

    #[test]
    fn keys_have_the_order_of_names() {
        let names: Vec<_> = names().into_iter().filter(|name| !is_cut(name)).collect();
        for pair in names.windows(2) {
            assert!(encode(&pair[0]) < encode(&pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn list_goes_on_with_every_name_that_follows() {
        let names = names();
        let keys: Vec<_> = names.iter().map(|name| encode(name)).collect();
        for (at, name) in names.iter().enumerate() {
            let after = after(name);
            // A name that was passed may come again; one that follows may not be left out.
            for (place, key) in keys.iter().enumerate().skip(at + 1) {
                assert!(*key > after, "{name:?} {:?}", names[place]);
            }
        }
    }
}
