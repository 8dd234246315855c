//! The files of names: any name has a path below its container, which no other name has.
//!
//! A name is written in small letters, digits, `-`, `_` and `.`, and every other byte as `%` with two
//! digits, so that names that differ in capitals stay apart on every file system. A part of a path begins
//! with no dot. A name beyond one part goes on in a folder whose name ends with `+`.

use std::path::{Path, PathBuf};

/// The most characters of a part. File systems take 255.
const PART: usize = 200;

/// Returns the path of a name.
pub(super) fn path(folder: &Path, name: &str) -> PathBuf {
    let mut path = folder.to_owned();
    let mut part = String::new();
    for byte in name.bytes() {
        if part.len() + 3 > PART {
            part.push('+');
            path.push(std::mem::take(&mut part));
        }
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => part.push(char::from(byte)),
            b'.' if !part.is_empty() => part.push('.'),
            byte => part.push_str(&format!("%{byte:02x}")),
        }
    }
    path.push(part);
    path
}

/// Returns the bytes of a part, and true if the name goes on, or `None` if no name has the part.
pub(super) fn decode(part: &str) -> Option<(Vec<u8>, bool)> {
    let (text, goes_on) = part.strip_suffix('+').map_or((part, false), |text| (text, true));
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
            }
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => bytes.push(byte),
            b'.' if !bytes.is_empty() => bytes.push(byte),
            _ => return None,
        }
    }
    (!bytes.is_empty()).then_some((bytes, goes_on))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_path_of_its_own_inside_its_folder() {
        let folder = Path::new("/data");
        let long = "ü/".repeat(341);
        let names =
            ["a", "A", "%41", "..", ".", "../a", "a/../b", "/etc/passwd", "a+", "a\0b", "con", ".tmp", &long];
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            let found = path(folder, name);
            let below = found.strip_prefix(folder).unwrap_or_else(|_| panic!("{name:?} leaves the folder"));
            let mut bytes = Vec::new();
            for (place, part) in below.iter().enumerate() {
                let part = part.to_str().unwrap_or_else(|| panic!("{name:?} is not a text"));
                assert!(!part.starts_with('.') && part.len() <= 255, "{name:?}: {part}");
                let (more, goes_on) = decode(part).unwrap_or_else(|| panic!("{name:?}: {part}"));
                assert_eq!(goes_on, place + 1 < below.iter().count(), "{name:?}: {part}");
                bytes.extend(more);
            }
            assert_eq!(bytes, name.as_bytes());
            assert!(seen.insert(found), "{name:?}");
        }
        for part in ["", "+", ".tmp", "%", "%4", "%zz", "A", "a b"] {
            assert_eq!(decode(part), None, "{part:?}");
        }
    }
}
