//! Syntax errors of a manifest.

use super::diagnostic::Document;

/// Reports syntax errors, one per line, because further errors on a line mostly follow from the
/// first. Returns true if there was any.
pub(super) fn syntax(document: &Document, text: &str, errors: &[toml::de::Error]) -> bool {
    let mut lines = Vec::new();
    for error in errors {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).map_or(0, |before| before.matches('\n').count());
        if lines.contains(&line) {
            continue;
        }
        lines.push(line);
        let help = match error.message() {
            message if message.contains("duplicate key") => "remove one of the two, or write both into one",
            _ => "write key = value, each on a line of its own, and strings in double quotes",
        };
        document.report(error.span(), format!("this is not TOML: {}", error.message()), help.to_owned());
    }
    !errors.is_empty()
}
