//! Origins of HTTP servers: a second, simple model decides the same.

use std::net::{Ipv4Addr, Ipv6Addr};

use airssys_core::Pattern;
use airssys_spec::{Origin, OriginPattern};

use crate::lines;

/// Input: two patterns, and the origin of a request, a line each.
pub fn origins(data: &[u8]) {
    let Some([one, other, request]) = lines(data) else { return };
    let origin = request.parse::<Origin>();
    assert_eq!(origin.as_ref().ok().map(ToString::to_string), model(request), "{request:?}");
    let patterns = [one, other].map(|text| (text, text.parse::<OriginPattern>()));
    for (text, pattern) in &patterns {
        let Ok(pattern) = pattern else { continue };
        assert_eq!(pattern.to_string(), *text, "a pattern has one form");
        if let Ok(origin) = &origin {
            let form = origin.to_string();
            assert_eq!(pattern.matches(origin), allows(text, &form), "{text} {form}");
        }
    }
    if let (Ok(origin), [(_, Ok(one)), (_, Ok(other))]) = (&origin, &patterns) {
        let (in_one, in_other) = (one.matches(origin), other.matches(origin));
        assert!(in_one || !in_other || !one.covers(other), "{one} {other}");
        assert!(one.overlaps(other) || !(in_one && in_other), "{one} {other}");
    }
}

/// Returns the one form of an origin, or `None` if the text is not one.
fn model(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let (scheme, rest, default) = match lower.strip_prefix("https://") {
        Some(rest) => ("https", rest, "443"),
        None => ("http", lower.strip_prefix("http://")?, "80"),
    };
    let (host, port) = match rest.strip_prefix('[') {
        Some(inner) => {
            let (address, port) = inner.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            // An IPv4 address in this form is not accepted.
            if address.segments()[..6] == [0, 0, 0, 0, 0, 0xffff] {
                return None;
            }
            let port = if port.is_empty() { default } else { port.strip_prefix(':')? };
            (format!("[{address}]"), port)
        }
        None => {
            let (host, port) = rest.split_once(':').unwrap_or((rest, default));
            (host_model(host)?, port)
        }
    };
    let number: u16 = port.parse().ok().filter(|number| *number > 0)?;
    (number.to_string() == port).then(|| format!("{scheme}://{host}:{port}"))
}

fn host_model(host: &str) -> Option<String> {
    if host.parse::<Ipv4Addr>().is_ok() {
        return Some(host.to_owned());
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let labels: Vec<&[u8]> = host.as_bytes().split(|byte| *byte == b'.').collect();
    let is_label = |label: &&[u8]| match label {
        [] | [b'-', ..] | [.., b'-'] => false,
        label => {
            label.len() < 64
                && label.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
        }
    };
    let is_number = match *labels.last()? {
        [b'0', b'x', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    };
    (host.len() < 254 && labels.iter().all(is_label) && !is_number).then(|| host.to_owned())
}

/// Returns true if a pattern contains an origin, both in their one form.
fn allows(pattern: &str, origin: &str) -> bool {
    if pattern == origin {
        return true;
    }
    let (scheme, rest) = origin.split_once("://").unwrap_or_default();
    let (host, port) = rest.rsplit_once(':').unwrap_or_default();
    if host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok() {
        return false;
    }
    // The pattern of each domain above the name.
    let above = |(at, _): (usize, &str)| format!("{scheme}://*{}:{port}", &host[at..]) == pattern;
    pattern == "*" || host.match_indices('.').any(above)
}
