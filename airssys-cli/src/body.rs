//! The body of a message as text.

use std::fmt::{self, Write as _};

use ciborium::Value;

use crate::failure::Failure;
use crate::plain::plain;

/// The maximum length of a body as text, in bytes.
const MAX_TEXT: usize = 16 << 10;

/// A body as people read it.
pub(crate) struct Body {
    /// The text, if it is one: JSON and CBOR in their notation, any other as it is.
    text: Option<String>,
    /// Lines of hexadecimal bytes, unless the text says it all.
    hex: Option<String>,
}

impl Body {
    /// Reads a body of `total` bytes, of which the first are given in hexadecimal.
    pub(crate) fn of(codec: Option<&str>, hex: &str, total: usize) -> Result<Body, Failure> {
        let bytes = from_hex(hex)
            .ok_or_else(|| Failure::run("the app sent a body that is not hexadecimal", hex.to_owned()))?;
        Ok(Body::new(codec, &bytes, total))
    }

    fn new(codec: Option<&str>, bytes: &[u8], total: usize) -> Body {
        let whole = bytes.len() == total;
        let decoded = match codec {
            Some("json") if whole => serde_json::from_slice::<serde_json::Value>(bytes)
                .ok()
                .and_then(|_| String::from_utf8(bytes.to_vec()).ok()),
            Some("cbor") if whole => cbor(bytes),
            _ => None,
        };
        if let Some(text) = decoded {
            return Body { text: Some(shortened(text)), hex: None };
        }
        let is_structured = matches!(codec, Some("json" | "cbor"));
        let text = if is_structured || !whole { None } else { printable(bytes) };
        let shown = &bytes[..bytes.len().min(MAX_TEXT / 3)];
        let mut hex = hex_lines(shown);
        if shown.len() < total {
            hex.push_str(&format!("\n… {} more bytes", total - shown.len()));
        }
        Body { text: text.map(shortened), hex: Some(hex) }
    }

    /// The notations in which it is shown.
    pub(crate) fn notation(&self) -> &'static str {
        match (&self.text, &self.hex) {
            (Some(_), Some(_)) => "text, then hexadecimal",
            (Some(_), None) => "text",
            (None, _) => "hexadecimal",
        }
    }

    /// The text, or else the hexadecimal bytes.
    pub(crate) fn text_or_hex(&self) -> Option<&str> {
        self.text.as_deref().or(self.hex.as_deref())
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.text, &self.hex].into_iter().flatten() {
            f.write_str("\n")?;
            part.lines().try_for_each(|line| writeln!(f, "{}", plain(line)))?;
        }
        Ok(())
    }
}

/// The bytes of a hexadecimal text. Returns `None` if it is not hexadecimal.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit =
        |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes = text.as_bytes().chunks(2).map(digit).collect::<Option<Vec<u8>>>();
    bytes.filter(|_| text.len().is_multiple_of(2))
}

/// The bytes as text. Returns `None` if they are not text, or have characters that do not show.
fn printable(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty())?;
    let shows = |character: char| !character.is_control() || matches!(character, '\n' | '\t' | '\r');
    text.chars().all(shows).then(|| text.to_owned())
}

fn shortened(mut text: String) -> String {
    let length = text.len();
    if length > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        let more = length - text.len();
        text.push_str(&format!("\n… {more} more bytes of text"));
    }
    text
}

/// Lines of 16 bytes.
fn hex_lines(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    bytes.chunks(16).map(line).collect::<Vec<_>>().join("\n")
}

/// One CBOR value in diagnostic notation. Returns `None` if the bytes are something else.
fn cbor(mut bytes: &[u8]) -> Option<String> {
    let value: Value = ciborium::from_reader(&mut bytes).ok()?;
    let mut text = String::new();
    diagnostic(&value, &mut text);
    bytes.is_empty().then_some(text)
}

/// Diagnostic notation as in RFC 8949, section 8.
fn diagnostic(value: &Value, text: &mut String) {
    match value {
        Value::Integer(number) => text.push_str(&i128::from(*number).to_string()),
        Value::Bytes(bytes) => {
            text.push_str("h'");
            // Writing to a string cannot fail.
            bytes.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap_or_default());
            text.push('\'');
        }
        Value::Float(number) if number.is_nan() => text.push_str("NaN"),
        Value::Float(number) if number.is_infinite() => {
            text.push_str(if *number > 0.0 { "Infinity" } else { "-Infinity" });
        }
        Value::Float(number) => text.push_str(&format!("{number:?}")),
        Value::Text(string) => text.push_str(&serde_json::Value::from(string.as_str()).to_string()),
        Value::Bool(boolean) => text.push_str(&boolean.to_string()),
        Value::Null => text.push_str("null"),
        Value::Tag(tag, value) => {
            text.push_str(&format!("{tag}("));
            diagnostic(value, text);
            text.push(')');
        }
        Value::Array(values) => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                diagnostic(value, text);
            }
            text.push(']');
        }
        Value::Map(entries) => {
            text.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                diagnostic(key, text);
                text.push_str(": ");
                diagnostic(value, text);
            }
            text.push('}');
        }
        other => text.push_str(&format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).unwrap();
        bytes
    }

    /// The body as text or else in hexadecimal, and true if it is shown in hexadecimal only.
    fn shown(codec: &str, bytes: &[u8]) -> (String, bool) {
        let body = Body::new(Some(codec), bytes, bytes.len());
        (body.text_or_hex().unwrap().to_owned(), body.text.is_none())
    }

    #[test]
    fn cbor_is_shown_in_diagnostic_notation() {
        let value = Value::Map(vec![
            (Value::from("name"), Value::from("a\"b")),
            (Value::from(1), Value::Array(vec![Value::from(-2.5), Value::Null, Value::from(true)])),
            (Value::Bytes(vec![1, 255]), Value::Tag(32, Value::from("x").into())),
        ]);
        let expected = r#"{"name": "a\"b", 1: [-2.5, null, true], h'01ff': 32("x")}"#;
        assert_eq!(shown("cbor", &encoded(&value)), (expected.to_owned(), false));
    }

    #[test]
    fn body_that_contradicts_its_codec_is_shown_in_hexadecimal() {
        for (codec, bytes) in
            [("cbor", &b"\xff\x00"[..]), ("json", b"{"), ("raw", b"a\0"), ("cbor", b"\x01\x02")]
        {
            let (text, is_hex) = shown(codec, bytes);
            assert!(is_hex, "{codec}: {text}");
        }
        assert_eq!(shown("raw", b"a\xff").0, "61 ff");
        // An incomplete body cannot be decoded.
        let cut = Body::new(Some("json"), b"[1", 3);
        assert_eq!(
            (cut.notation(), cut.to_string()),
            ("hexadecimal", "\n5b 31\n… 1 more bytes\n".to_owned())
        );
    }

    #[test]
    fn text_of_a_codec_without_a_notation_is_shown_as_text_and_in_hexadecimal() {
        for codec in ["raw", "borsh"] {
            let body = Body::new(Some(codec), "héllo\n".as_bytes(), 7);
            assert_eq!(body.notation(), "text, then hexadecimal");
            assert_eq!(body.to_string(), "\nhéllo\n\n68 c3 a9 6c 6c 6f 0a\n");
        }
        assert_eq!(Body::new(None, b"", 0).notation(), "hexadecimal");
    }

    #[test]
    fn long_text_is_cut() {
        let long = format!("\"{}\"", "é".repeat(MAX_TEXT));
        let (text, is_hex) = shown("json", long.as_bytes());
        assert!(!is_hex && text.len() < MAX_TEXT + 100 && text.ends_with("more bytes of text"));
    }

    #[test]
    fn deep_nesting_is_harmless() {
        let bytes = vec![0x81; 100_000];
        assert!(shown("cbor", &bytes).1);
    }

    #[test]
    fn hexadecimal_is_decoded() {
        assert_eq!(from_hex("00ff7f"), Some(vec![0, 255, 127]));
        assert_eq!((from_hex("0"), from_hex("zz")), (None, None));
    }
}
