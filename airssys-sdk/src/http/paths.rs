//! Patterns of paths, as the routes of an app have them.

use std::str::FromStr;

use crate::http::HttpError;

/// The values of a pattern's parameters, such as `{id}` in `/orders/{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Returns a parameter's value, without percent-encoding.
    ///
    /// # Errors
    /// [`HttpError`] with status 404 if the value is not of this type; with status 500 if the pattern has no
    /// such parameter.
    pub fn get<T: FromStr>(&self, name: &str) -> Result<T, HttpError> {
        let Some(text) = self.text(name) else {
            return Err(HttpError::internal(&NoParameter(name.to_owned())));
        };
        text.parse().map_err(|_| HttpError::NOT_FOUND)
    }

    /// Returns the text of a parameter, or `None` if the pattern has no such parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the pattern of the path has no parameter `{0}`")]
struct NoParameter(String);

/// Compares a path with a pattern: `{name}` stands for one segment that is not empty, `/*` at the end for
/// the rest. Returns the values, or `None` if the path does not match, or a value is not UTF-8.
pub(super) fn parameters(pattern: &str, path: &str) -> Option<Parameters> {
    let (pattern, is_prefix) = match pattern.strip_suffix("/*") {
        Some(prefix) => (prefix, true),
        None => (pattern, false),
    };
    let mut values = Vec::new();
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        let found = segments.next()?;
        match wanted.strip_prefix('{').and_then(|wanted| wanted.strip_suffix('}')) {
            Some(_) if found.is_empty() => return None,
            Some(name) => values.push((name.to_owned(), decoded(found)?)),
            None if wanted != found => return None,
            None => {}
        }
    }
    (is_prefix || segments.next().is_none()).then_some(Parameters(values))
}

/// Decodes a segment. Returns `None` if the result is not UTF-8.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.first_chunk::<2>().filter(|_| *first == b'%');
        let code = digits.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        // `from_str_radix` takes a sign too.
        match code.filter(|_| after[0] != b'+') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pattern: &str, path: &str) -> Option<Vec<String>> {
        let found = parameters(pattern, path)?;
        Some(found.0.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
    }

    #[test]
    fn path_matches_segment_by_segment() {
        assert_eq!(values("/orders", "/orders"), Some(vec![]));
        assert_eq!(values("/", "/"), Some(vec![]));
        assert_eq!(values("/orders/{id}/{line}", "/orders/7/x").unwrap(), ["id=7", "line=x"]);
        for path in ["/orders", "/orders/", "/orders/7/8", "/Orders/7", "orders/7"] {
            assert_eq!(values("/orders/{id}", path), None, "{path}");
        }
    }

    #[test]
    fn star_stands_for_the_rest() {
        for path in ["/files", "/files/", "/files/a/b"] {
            assert!(values("/files/*", path).is_some(), "{path}");
        }
        assert!(values("/files/*", "/filesystem").is_none());
        assert_eq!(values("/{user}/*", "/ada/x").unwrap(), ["user=ada"]);
    }

    #[test]
    fn values_are_decoded_once() {
        assert_eq!(values("/{id}", "/a%20b%2Fc%2525").unwrap(), ["id=a b/c%25"]);
        assert_eq!(values("/{id}", "/100%+1%zz%").unwrap(), ["id=100%+1%zz%"]);
        assert_eq!(values("/{id}", "/%ff"), None);
    }

    #[test]
    fn value_of_another_type_is_not_found() {
        let found = parameters("/{id}", "/x").unwrap();
        assert_eq!(found.get::<u64>("id").unwrap_err().status(), 404);
        assert_eq!(found.get::<u64>("number").unwrap_err().status(), 500);
        assert_eq!(found.get::<String>("id").unwrap(), "x");
    }
}
