//! The names of secrets as parts of a path on the server.

/// Returns a name as one part of a path. Letters, digits, `-`, `_` and `.` stand for themselves, and other
/// bytes for `=` and two digits. A name of dots alone would be another part of a path.
pub(crate) fn encode(name: &str) -> String {
    use std::fmt::Write;
    let are_dots = name.bytes().all(|byte| byte == b'.');
    name.bytes().fold(String::with_capacity(name.len()), |mut text, byte| {
        match byte {
            b'.' if !are_dots => text.push('.'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(byte)),
            // Writing to a string cannot fail.
            other => write!(text, "={other:02x}").unwrap_or_default(),
        }
        text
    })
}

/// Returns the name that [`encode`] makes this text of, or `None` if another program chose the text.
pub(crate) fn decode(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((plain, encoded)) = rest.split_once('=') {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(encoded.get(..2)?, 16).ok()?);
        rest = encoded.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    let name = String::from_utf8(bytes).ok()?;
    (encode(&name) == text).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_part_of_a_path_and_comes_back() {
        let every: String = (0..=0x2ff).filter_map(char::from_u32).collect();
        for name in ["a", "A", "a.b", ".", "..", "...", "a/b", "../x", "a=2fb", "=", "%2f", "日", "", &every]
        {
            let text = encode(name);
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
            assert!(text.bytes().all(is_part) && text != "." && text != "..", "{text}");
            assert_eq!(decode(&text).as_deref(), Some(name));
        }
        for other in ["a b", "=2", "=2F", "=61", "=zz", "=+1", "=ff", ".", "..", "folder/", "=\u{e9}"] {
            assert_eq!(decode(other), None, "{other}");
        }
    }
}
