//! The keys of names: any name has one, and keys have the order of names, so that lists follow it.
//!
//! Letters except `z`, digits, `-`, `.` and `/` stand for themselves. Every other byte is a sign with two
//! digits, and signs sort with the bytes that they stand for: `!` before `-`, `=` between digits and
//! capitals, `_` between capitals and small letters, and `z` from `z` on. At the beginning of a part between
//! slashes, `.` is `.0` and `/` is `.1`, because keys have neither empty parts nor `..`. A name that ends
//! with a slash gets a `!`.
//!
//! A key has 1,024 bytes at most. So of a name beyond 256 bytes, the key has the beginning and a digest,
//! and the whole name is in the metadata of the object.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

/// The most bytes of a name that is written whole.
const WHOLE_BYTES: usize = 256;

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

fn write_byte(key: &mut String, byte: u8) {
    let begins_part = key.is_empty() || key.ends_with('/');
    let sign = match byte {
        b'.' if begins_part => return key.push_str(".0"),
        b'/' if begins_part => return key.push_str(".1"),
        b'-' | b'.' | b'/' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'y' => return key.push(char::from(byte)),
        ..=b'-' => '!',
        ..=b'@' => '=',
        ..=b'`' => '_',
        _ => 'z',
    };
    // Writing to a string cannot fail.
    write!(key, "{sign}{byte:02X}").unwrap_or_default();
}

fn bytes(name: &[u8]) -> String {
    let mut key = String::with_capacity(name.len());
    name.iter().for_each(|byte| write_byte(&mut key, *byte));
    key
}

/// Returns true if the metadata has to say the name.
pub(crate) fn is_cut(name: &str) -> bool {
    name.len() > WHOLE_BYTES
}

/// Returns the beginning of the keys of names with the beginning of this one, up to the longest that is
/// written whole.
fn beginning(name: &str) -> String {
    bytes(&name.as_bytes()[..name.len().min(WHOLE_BYTES)])
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
    } else if key.ends_with('/') {
        key.push('!');
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

/// Returns the bytes that a text was made of.
fn unwritten(text: &str) -> Option<Vec<u8>> {
    let (mut name, mut rest, mut begins_part) = (Vec::with_capacity(text.len()), text.bytes(), true);
    while let Some(byte) = rest.next() {
        match byte {
            b'.' if begins_part => match rest.next()? {
                b'0' => name.push(b'.'),
                b'1' => name.push(b'/'),
                _ => return None,
            },
            b'!' | b'=' | b'_' | b'z' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                name.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
            }
            byte => name.push(byte),
        }
        begins_part = byte == b'/';
    }
    Some(name)
}

/// Returns the name of a key, or `None` if no name has it: another program has written it.
pub(crate) fn decode(key: &str) -> Option<Decoded> {
    if let Some((beginning, _)) = key.split_once(CUT) {
        let name = unwritten(beginning).filter(|name| name.len() == WHOLE_BYTES)?;
        return (bytes(&name) == beginning).then_some(Decoded::Cut(name));
    }
    let text = key.strip_suffix("/!").map_or(key, |text| &key[..=text.len()]);
    let name = String::from_utf8(unwritten(text)?).ok().filter(|name| !name.is_empty())?;
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
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-./!=_".contains(&byte);
            assert!(key.bytes().all(allowed), "{name:?}: {key}");
            let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
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
        for key in ["", MARK, "!", "!2", "!zz", "a/!/!", "z61", "!2d", "a//b", "..", "a_b", ".2", "n!-0"] {
            assert_eq!(decode(key), None, "{key}");
        }
        assert_eq!(from_metadata(&encode("a"), &to_metadata("b")), None);
        assert_eq!(encode("invoices/2026/a-1.pdf"), "invoices/2026/a-1.pdf");
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
        for (at, name) in names.iter().enumerate() {
            for (place, other) in names.iter().enumerate() {
                // A name that was passed may come again; one that follows may not be left out.
                let comes = encode(other) > after(name);
                assert!(comes || place <= at, "{name:?} {other:?}");
            }
        }
    }
}
