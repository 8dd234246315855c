//! Texts of others: what a terminal or a log gets of them, and the trace context that they carry.

use airssys_spec::plain::{is_unsafe, plain, plain_json, plain_lines};
use airssys_wasm::TraceContext;

/// Input: a text of a component, a manifest or a file. No form that is shown has a character that a
/// terminal obeys or hides, and the JSON form is still the same text.
pub fn shown_texts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let line = plain(&text);
    assert!(!line.contains(is_unsafe), "{line:?}");
    assert_eq!(plain(&line), line, "a safe text is left as it is");
    let lines = plain_lines(&text);
    assert!(!lines.contains(|character| character != '\n' && is_unsafe(character)), "{lines:?}");
    assert!(lines.lines().skip(1).all(|line| line.is_empty() || line.starts_with(' ')), "{lines:?}");
    let json = plain_json(serde_json::to_string(&text).unwrap_or_default());
    assert!(!json.contains(is_unsafe), "{json:?}");
    let read = serde_json::from_str::<String>(&json);
    assert!(read.is_ok_and(|read| read == text), "{json:?}");
}

/// Input: a `traceparent`. A context that is read is written in the form of version 00, and has valid ids.
pub fn traceparent(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(context) = text.parse::<TraceContext>() else { return };
    assert!(context.trace_id() != 0 && context.span_id() != 0, "{text}");
    let written = context.to_string();
    assert_eq!(written.parse(), Ok(context));
    // Flags that this version does not know are not passed on.
    assert_eq!(written.get(2..53), text.get(2..53), "{text}");
}
