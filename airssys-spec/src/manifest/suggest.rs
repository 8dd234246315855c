//! Values to write in place of wrong ones. Help texts have them between backquotes.

use crate::origin::{OriginFault, OriginPattern};
use crate::pattern::{HOST_NAME, check_component_name};

/// The most bytes of a word that can be meant as another, because a comparison costs the product of the
/// lengths.
const MAX_WORD_BYTES: usize = 256;

/// Returns true if one word is most likely meant by the other.
///
/// Case, hyphens and underscores do not count, and a third of the letters may differ.
pub(super) fn is_similar(found: &str, known: &str) -> bool {
    if found.len() > MAX_WORD_BYTES {
        return false;
    }
    let (found, known) = (folded(found), folded(known));
    let most = (found.len() / 3).max(1);
    strsim::damerau_levenshtein(&found, &known) <= most
}

fn folded(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Returns the known word that is most likely meant.
pub(super) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&folded(found), &folded(name));
    let similar = known.into_iter().filter(|name| is_similar(found, name));
    similar.map(|name| (distance(name), name)).min().map(|(_, name)| name)
}

/// Returns the help for an unknown name: the most similar known name, or all of them.
pub(super) fn nearest_or_all(found: &str, kind: &str, known: &[&str]) -> String {
    match (nearest(found, known.iter().copied()), known) {
        (Some(name), _) => format!("did you mean `{name}`?"),
        (None, [name]) => format!("the only {kind} is `{name}`"),
        (None, []) => format!("there are no {kind}s"),
        (None, _) => format!("the {kind}s are {}", known.join(", ")),
    }
}

/// Returns texts as code, with `or` before the last: `` `1` or `2` ``.
pub(super) fn either(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Returns a text as a TOML string.
pub(super) fn string(text: &str) -> String {
    format!("{text:?}")
}

/// Turns a text into the name of a component.
pub(super) fn component_name(text: &str) -> Option<String> {
    let name = kebab(text);
    let name = name.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    (check_component_name(name).is_ok() && name != HOST_NAME).then(|| name.to_owned())
}

/// Turns a text into a pattern of names: segments between slashes. A segment that mixes `*` with
/// other characters stays wrong, because a pattern with `*` alone would give more rights than meant.
pub(super) fn name_pattern(text: &str) -> String {
    segments(text, '/', kebab)
}

/// Turns a text into a pattern of topics.
pub(super) fn topic_pattern(text: &str) -> String {
    segments(&text.replace('/', "."), '.', |segment| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let segment: String = segment.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
        segment.trim_matches('-').to_owned()
    })
}

/// Turns a text into a pattern of uses of a service.
pub(super) fn use_pattern(text: &str) -> String {
    let mut parts = text.split(':').filter(|part| !part.is_empty());
    let path = name_pattern(parts.next().unwrap_or_default());
    match parts.next() {
        Some("*") | None => path,
        Some(verb) => format!("{path}:{}", kebab(verb)),
    }
}

/// Turns a text into a pattern of origins: without user name and path, and with scheme and port.
pub(super) fn origin_pattern(text: &str) -> Option<String> {
    let (scheme, rest) = text.trim().split_once("://").unwrap_or(("https", text.trim()));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let mended = format!("{scheme}://{rest}");
    match OriginPattern::parse(&mended).map_err(|error| error.fault) {
        Ok(_) => Some(mended),
        Err(OriginFault::Form { canonical }) => Some(canonical),
        Err(_) => None,
    }
}

fn segments(text: &str, separator: char, mend: impl Fn(&str) -> String) -> String {
    let segments = text.split(separator).map(str::trim);
    let mended =
        segments.map(|segment| if segment.contains('*') { segment.to_owned() } else { mend(segment) });
    let mended: Vec<String> = mended.filter(|segment| !segment.is_empty()).collect();
    mended.join(&separator.to_string())
}

/// Turns a text into lower-case words joined by `-`, as far as possible.
fn kebab(text: &str) -> String {
    let mut name = String::new();
    let mut last = ' ';
    for c in text.chars() {
        if c.is_ascii_uppercase() && last.is_ascii_lowercase() {
            name.push('-');
        }
        last = c;
        let allowed = c.is_ascii_alphanumeric() || c == '-';
        name.push(if allowed { c.to_ascii_lowercase() } else { '-' });
    }
    name.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_words_differ_in_case_hyphens_or_a_few_letters() {
        for (found, known) in [("Transient", "transient"), ("maxRestarts", "max_restarts"), ("nmae", "name")]
        {
            assert!(is_similar(found, known), "{found} {known}");
        }
        for (found, known) in [("transient", "temporary"), ("send", "use"), ("messages_burst", "bytes_burst")]
        {
            assert!(!is_similar(found, known), "{found} {known}");
        }
        assert_eq!(nearest("max", ["initial", "max"]), Some("max"));
    }

    #[test]
    fn wrong_names_and_patterns_are_mended() {
        assert_eq!(component_name("My App").as_deref(), Some("my-app"));
        assert_eq!(component_name("2nd_feed").as_deref(), Some("nd-feed"));
        assert_eq!(component_name("2"), None);
        assert_eq!([name_pattern("a//B"), name_pattern("quake-*")], ["a/b", "quake-*"]);
        assert_eq!([topic_pattern("a..b c"), topic_pattern("quakes/*")], ["a.b-c", "quakes.*"]);
        assert_eq!([use_pattern("KV/x:Read"), use_pattern("kv/*:")], ["kv/x:read", "kv/*"]);
    }
}
