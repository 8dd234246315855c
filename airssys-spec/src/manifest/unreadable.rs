//! The reasons for which a file cannot be read, and the remedies.

use std::io::{Error, ErrorKind};

/// A file is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file is not UTF-8: the byte 0x{byte:02x} on line {line} does not fit")]
struct NotUtf8 {
    byte: u8,
    line: usize,
}

/// A file begins with the mark of another encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file is {name}, not UTF-8")]
struct OtherEncoding {
    name: &'static str,
}

/// The byte order marks of other encodings. A longer one comes before its beginning.
const MARKS: [(&[u8], &str); 4] = [
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
];

/// Returns bytes as text.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, Error> {
    if let Some((_, name)) = MARKS.into_iter().find(|(mark, _)| bytes.starts_with(mark)) {
        return Err(Error::new(ErrorKind::InvalidData, OtherEncoding { name }));
    }
    String::from_utf8(bytes).map_err(|error| {
        let (valid, rest) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        let byte = rest.first().copied().unwrap_or_default();
        Error::new(ErrorKind::InvalidData, NotUtf8 { byte, line })
    })
}

/// Returns the message and the help about a file that cannot be read.
pub(super) fn explain(error: &Error) -> (String, String) {
    let unreadable = format!("the file cannot be read: {error}");
    if let Some(OtherEncoding { name }) = error.get_ref().and_then(|cause| cause.downcast_ref()) {
        let help = format!("save it as UTF-8, or convert it: `iconv -f {name} -t UTF-8 OLD > NEW`");
        return (error.to_string(), help);
    }
    let (message, help) = match error.kind() {
        ErrorKind::InvalidData => (error.to_string(), "save it with the encoding UTF-8"),
        ErrorKind::NotFound => (unreadable, "check the path, or write the file"),
        ErrorKind::InvalidInput => (unreadable, "give the path of a regular file"),
        ErrorKind::FileTooLarge => (unreadable, "check the path; a manifest has at most 1 MiB"),
        ErrorKind::IsADirectory => (unreadable, "name the manifest in this folder instead"),
        ErrorKind::PermissionDenied => (unreadable, "check its permissions, and those of its folder"),
        _ => (unreadable, "check the path and the disk"),
    };
    (message, help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_with_a_mark_is_named_with_its_conversion() {
        let utf16 =
            |bytes: fn(u16) -> [u8; 2]| "\u{feff}[app]".encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        let utf32 = "\u{feff}[app]".chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
        for (bytes, name) in
            [(utf16(u16::to_le_bytes), "UTF-16"), (utf16(u16::to_be_bytes), "UTF-16"), (utf32, "UTF-32")]
        {
            let (message, help) = explain(&text(bytes).unwrap_err());
            assert_eq!(message, format!("the file is {name}, not UTF-8"));
            assert!(help.contains(&format!("`iconv -f {name} -t UTF-8 OLD > NEW`")), "{help}");
        }
    }
}
