//! The HTTP listeners of an app: `[[http]]` with its routes.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::amount::Unit;
use super::diagnostic::{Document, Fault};
use super::lists::component_name;
use super::load::join;
use super::reader::{Located, Setting, Table};
use super::secret::{Reference, reference};
use super::suggest::string;

/// The most listeners of an app.
const MAX_LISTENERS: usize = 64;

/// The most routes of a listener.
const MAX_ROUTES: usize = 1024;

/// A `[[http]]`: an address, and the routes of its requests to components.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpListener {
    /// The address. A loopback address, unless the manifest allows any (`anywhere = true`).
    pub listen: SocketAddr,
    /// The routes, in the order in which they are tried.
    pub routes: Vec<HttpRoute>,
    /// The limits of its requests and connections.
    pub limits: HttpLimits,
    /// The files of its certificate, if it speaks TLS.
    pub tls: Option<HttpTls>,
    /// True if each request is a line of the log.
    pub access_log: bool,
}

/// The certificate of a listener, in files in the PEM format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTls {
    /// The file with the certificate, and those that sign it.
    pub certificate: PathBuf,
    /// The place of the private key.
    pub key: HttpKey,
}

/// The place of a private key in the PEM format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpKey {
    /// The content of this file.
    File(PathBuf),
    /// The value of this environment variable.
    Variable(String),
}

/// The limits of the requests and connections of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// The largest body of a request, in bytes.
    pub body_bytes: u64,
    /// The most bytes of a request's line and headers.
    pub header_bytes: usize,
    /// The time from a request's headers to those of its response.
    pub request_timeout: Duration,
    /// The time that a client has to send its headers, or the next part of a body, and to take the next
    /// part of a response. An idle connection is closed after it, too.
    pub client_timeout: Duration,
    /// The most connections at once.
    pub connections: usize,
}

impl Default for HttpLimits {
    /// Returns 2 MiB for a body, 16 KiB for headers, 30 s for a request, 30 s for a client, and 4,096
    /// connections.
    fn default() -> HttpLimits {
        HttpLimits {
            body_bytes: 2 << 20,
            header_bytes: 16 << 10,
            request_timeout: Duration::from_secs(30),
            client_timeout: Duration::from_secs(30),
            connections: 4_096,
        }
    }
}

/// A `[[http.route]]`: the requests that a component gets, or that files answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpRoute {
    /// The host that the request names, in lower case, without a port. `None` for every host.
    pub host: Option<String>,
    /// The method. `None` for every method.
    pub method: Option<String>,
    /// The path.
    pub path: PathPattern,
    /// The part of the app that answers.
    pub target: HttpTarget,
}

/// The part of an app that answers the requests of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpTarget {
    /// The component of this name.
    Component(String),
    /// The files below this folder. The route's path ends with `/*`.
    Files(PathBuf),
}

/// A pattern of paths: segments that are equal, `{name}` for one segment, and `*` at the end for the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    segments: Vec<PathSegment>,
    /// True if any path below the segments matches as well.
    is_prefix: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PathSegment {
    Text(String),
    Parameter(String),
}

impl PathPattern {
    /// Reads a pattern, such as `/orders/{id}` or `/static/*`.
    ///
    /// ```
    /// use airssys_spec::manifest::PathPattern;
    ///
    /// let pattern = PathPattern::parse("/orders/{id}")?;
    /// assert!(pattern.matches("/orders/7"));
    /// assert!(!pattern.matches("/orders/7/lines"));
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub fn parse(text: &str) -> Result<PathPattern, String> {
        let Some(path) = text.strip_prefix('/') else { return Err("a path begins with `/`".to_owned()) };
        if let Some(wrong) = text.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '?' | '#')) {
            return Err(format!("a path cannot have {wrong:?}"));
        }
        let (path, is_prefix) = match path.strip_suffix('*') {
            Some("") => ("", true),
            Some(before) if before.ends_with('/') => (before.trim_end_matches('/'), true),
            Some(_) => return Err("`*` stands for whole segments, behind a `/`".to_owned()),
            None => (path, false),
        };
        let mut segments: Vec<PathSegment> = Vec::new();
        // The prefix `/*` has no segment of its own.
        for segment in path.split('/').filter(|_| !(path.is_empty() && is_prefix)) {
            let parameter = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            segments.push(match parameter {
                Some(name) if !is_name(name) => return Err(format!("`{name}` cannot name a part of a path")),
                Some(name) if segments.iter().any(|known| known.is_parameter(name)) => {
                    return Err(format!("`{{{name}}}` occurs twice"));
                }
                Some(name) => PathSegment::Parameter(name.to_owned()),
                None if segment.contains(['{', '}', '*']) => {
                    return Err(format!("`{segment}` is neither a text, `{{name}}` nor `*`"));
                }
                None => PathSegment::Text(segment.to_owned()),
            });
        }
        Ok(PathPattern { segments, is_prefix })
    }

    /// Returns true if a request's path, without its query, matches. A parameter is not empty. The path is
    /// compared as it is sent.
    pub fn matches(&self, path: &str) -> bool {
        self.rest(path).is_some()
    }

    /// Returns the part of a path for which the `*` stands, without the `/` before it. Returns an empty text
    /// if there is none, and `None` if the path does not match.
    pub fn rest<'a>(&self, path: &'a str) -> Option<&'a str> {
        let mut rest = Some(path.strip_prefix('/')?);
        for own in &self.segments {
            let (segment, behind) = match rest?.split_once('/') {
                Some((segment, behind)) => (segment, Some(behind)),
                None => (rest?, None),
            };
            let matches = match own {
                PathSegment::Text(text) => text == segment,
                PathSegment::Parameter(_) => !segment.is_empty(),
            };
            if !matches {
                return None;
            }
            rest = behind;
        }
        match rest {
            None => Some(""),
            Some(rest) => self.is_prefix.then_some(rest),
        }
    }

    /// Returns true if every path that another pattern matches matches this one, too.
    fn covers(&self, other: &PathPattern) -> bool {
        let mut others = other.segments.iter();
        let all = self.segments.iter().all(|own| match (own, others.next()) {
            (PathSegment::Text(own), Some(PathSegment::Text(other))) => own == other,
            (PathSegment::Parameter(_), Some(PathSegment::Text(other))) => !other.is_empty(),
            (PathSegment::Parameter(_), Some(PathSegment::Parameter(_))) => true,
            (PathSegment::Text(_), Some(PathSegment::Parameter(_))) | (_, None) => false,
        });
        all && (self.is_prefix || others.next().is_none() && !other.is_prefix)
    }

    /// Returns its text without a slash at the end.
    fn without_slash(&self) -> String {
        self.to_string().trim_end_matches('/').to_owned()
    }

    /// Returns true if the pattern ends with `*`.
    pub fn is_prefix(&self) -> bool {
        self.is_prefix
    }
}

impl PathSegment {
    fn is_parameter(&self, name: &str) -> bool {
        matches!(self, PathSegment::Parameter(own) if own == name)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

impl std::fmt::Display for PathPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for segment in &self.segments {
            match segment {
                PathSegment::Text(text) => write!(f, "/{text}")?,
                PathSegment::Parameter(name) => write!(f, "/{{{name}}}")?,
            }
        }
        f.write_str(if self.is_prefix { "/*" } else { "" })
    }
}

/// A listener as it is written.
#[derive(Debug)]
pub(super) struct WrittenListener {
    pub(super) listener: HttpListener,
    /// The components of the routes, with their places.
    pub(super) components: Vec<Located<String>>,
}

/// Reads every `[[http]]`.
pub(super) fn listeners(document: &Document, root: &Table<'_>) -> Vec<WrittenListener> {
    let (tables, _) = root.tables("http");
    if let Some(excess) = tables.get(MAX_LISTENERS) {
        let message = format!("the app has {} [[http]]: {MAX_LISTENERS} are allowed", tables.len());
        document.report(excess.span(), message, "use one [[http]] with several routes".to_owned());
        return Vec::new();
    }
    let mut listeners: Vec<WrittenListener> = Vec::new();
    for table in tables {
        let Some((span, listener)) = listener(table) else { continue };
        let address = listener.listener.listen;
        if address.port() != 0 && listeners.iter().any(|known| known.listener.listen == address) {
            let help = "write the routes of both below one [[http]]".to_owned();
            document.report(span, format!("two [[http]] listen on {address}"), help);
        }
        listeners.push(listener);
    }
    listeners
}

fn listener(table: Table<'_>) -> Option<(Option<Range<usize>>, WrittenListener)> {
    let listen = table.required("listen", "\"127.0.0.1:8080\"", address);
    let anywhere = table.boolean("anywhere").or(false).unwrap_or(true);
    if let Some(Located { value, span }) = listen.written()
        && !value.ip().is_loopback()
        && !anywhere
    {
        let message = format!("`{value}` is not a loopback address, so other machines could reach the app");
        let help = format!("write `listen = \"127.0.0.1:{}\"`, or add `anywhere = true`", value.port());
        table.document.report(Some(span.clone()), message, help);
    }
    let limits = limits(&table);
    let tls = tls(&table);
    let access_log = table.boolean("access_log").or(false).unwrap_or(false);
    let (routes, components) = routes(&table);
    let span = table.span();
    table.finish();
    let listen = listen.into_value()?;
    Some((
        span,
        WrittenListener { listener: HttpListener { listen, routes, limits, tls, access_log }, components },
    ))
}

fn tls(table: &Table<'_>) -> Option<HttpTls> {
    let certificate = table.text("certificate", "\"certificate.pem\"");
    let key = key(table);
    let missing = match (&certificate, &key) {
        (Setting::Written(_), Setting::Absent) => Some(("key", "\"key.pem\"")),
        (Setting::Absent, Setting::Written(_)) => Some(("certificate", "\"certificate.pem\"")),
        _ => None,
    };
    if let Some((key, example)) = missing {
        table.missing(key, example);
    }
    let certificate = join(&table.document.file, &certificate.into_value()?);
    Some(HttpTls { certificate, key: key.into_value()? })
}

/// Reads the place of a key: a path, `{ file = "PATH" }`, or `{ env = "VARIABLE" }`.
fn key(table: &Table<'_>) -> Setting<HttpKey> {
    let file = |written: &str| HttpKey::File(join(&table.document.file, written));
    let Some(value) = table.value("key") else {
        return table.text("key", "\"key.pem\"").and_then(|_| Setting::Absent);
    };
    let key = match (value.get_ref(), reference(value.get_ref())) {
        (DeValue::String(written), _) if written.contains("-----BEGIN") => {
            let message = "`key` in [[http]] is a key, not the place of one".to_owned();
            let help = "write it into a file that only you can read, and name that file".to_owned();
            table.document.report(Some(value.span()), message, help);
            return Setting::Wrong;
        }
        (DeValue::String(written), _) => file(written),
        (_, Some((Reference::File(written), _))) => file(&written),
        (_, Some((Reference::Variable(name), _))) => HttpKey::Variable(name),
        _ => {
            let help = "write `key = \"key.pem\"` or `key = { env = \"VARIABLE\" }`".to_owned();
            table.wrong_kind("key", value, "the place of a key", help);
            return Setting::Wrong;
        }
    };
    Setting::Written(Located { value: key, span: value.span() })
}

fn limits(table: &Table<'_>) -> HttpLimits {
    let default = HttpLimits::default();
    let time = |key, default: Duration| {
        let most = Duration::from_secs(24 * 3_600).as_millis() as u64;
        let written = table.amount(key, Unit::Time, 1..=most, default.as_millis() as u64).into_value();
        written.map_or(default, Duration::from_millis)
    };
    let bytes = |key, range, default: u64| {
        table.amount(key, Unit::Bytes, range, default).into_value().unwrap_or(default)
    };
    let connections = table.amount("connections", Unit::Count, 1..=1_000_000, default.connections as u64);
    HttpLimits {
        body_bytes: bytes("body", 0..=1 << 40, default.body_bytes),
        header_bytes: bytes("headers", 8_192..=1 << 20, default.header_bytes as u64) as usize,
        request_timeout: time("request_timeout", default.request_timeout),
        client_timeout: time("client_timeout", default.client_timeout),
        connections: connections.into_value().map_or(default.connections, |count| count as usize),
    }
}

fn routes(listener: &Table<'_>) -> (Vec<HttpRoute>, Vec<Located<String>>) {
    let (document, name) = (listener.document, string(&listener.document.name_of_app(0)));
    let (tables, all) = listener.tables("route");
    if tables.is_empty() && all {
        let help = format!("add this below it:\n[[http.route]]\npath = \"/*\"\ncomponent = {name}");
        document.report(listener.span(), "the [[http]] has no [[http.route]]".to_owned(), help);
    }
    if let Some(excess) = tables.get(MAX_ROUTES) {
        let message = format!("the [[http]] has {} routes: {MAX_ROUTES} are allowed", tables.len());
        document.report(excess.span(), message, "use parameters and `*` in paths".to_owned());
        return (Vec::new(), Vec::new());
    }
    let (mut routes, mut components): (Vec<HttpRoute>, Vec<_>) = (Vec::new(), Vec::new());
    for table in tables {
        let path = table.required("path", "\"/*\"", path);
        let target = target(&table, &name);
        let method = table.parsed("method", "\"GET\"", method).into_value();
        let host = table.parsed("host", "\"api.example.com\"", host).into_value();
        let span = table.span();
        table.finish();
        if let Some(Located { value: HttpTarget::Component(name), span }) = &target {
            components.push(Located { value: name.clone(), span: span.clone() });
        }
        let (Setting::Written(path), Some(target)) = (path, target) else { continue };
        if matches!(target.value, HttpTarget::Files(_)) && !path.value.is_prefix() {
            let message = format!("the route `{}` has files, and takes one path only", path.value);
            let help = format!("write `path = {}`", string(&format!("{}/*", path.value.without_slash())));
            document.report(Some(path.span.clone()), message, help);
        }
        let route = HttpRoute { host, method, path: path.value, target: target.value };
        let covers = |known: &&HttpRoute| {
            let is_wider = |known: &Option<String>, own: &Option<String>| known.is_none() || known == own;
            known.path.covers(&route.path)
                && is_wider(&known.host, &route.host)
                && is_wider(&known.method, &route.method)
        };
        if routes.iter().find(covers).is_some() {
            let message = format!("an earlier route takes every request for `{}` already", route.path);
            document.report(span, message, "remove one of the two, or give it another path".to_owned());
        }
        routes.push(route);
    }
    (routes, components)
}

/// Reads the component or the folder of a route.
fn target(table: &Table<'_>, name: &str) -> Option<Located<HttpTarget>> {
    let files = table.text("files", "\"web\"");
    if let Setting::Absent = files {
        let component = table.required("component", name, component_name);
        let Setting::Written(Located { value, span }) = component else { return None };
        return Some(Located { value: HttpTarget::Component(value), span });
    }
    let component = table.parsed("component", name, component_name);
    let Setting::Written(Located { value, span }) = files else { return None };
    if let Setting::Written(component) = component {
        let message = "the route has a component and files".to_owned();
        let help = "remove one of the two, or write a route for each".to_owned();
        table.document.report(Some(component.span), message, help);
    }
    Some(Located { value: HttpTarget::Files(join(&table.document.file, &value)), span })
}

fn fault(message: impl Into<String>, help: impl Into<String>) -> Fault {
    Fault { message: message.into(), help: help.into() }
}

fn address(text: &str) -> Result<SocketAddr, Fault> {
    let help = "write an IP address and a port, such as `\"127.0.0.1:8080\"`";
    text.parse().map_err(|_| fault(format!("{text:?} is not an address with a port"), help))
}

fn path(text: &str) -> Result<PathPattern, Fault> {
    PathPattern::parse(text).map_err(|message| {
        fault(message, "write a path such as `\"/orders\"`, `\"/orders/{id}\"` or `\"/static/*\"`")
    })
}

fn method(text: &str) -> Result<String, Fault> {
    let is_method =
        !text.is_empty() && text.len() <= 32 && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    let help = || match text.bytes().all(|byte| byte.is_ascii_alphabetic()) && !text.is_empty() {
        true => format!("write `{}`", string(&text.to_ascii_uppercase())),
        false => "write a method such as `\"GET\"`".to_owned(),
    };
    if is_method { Ok(text.to_owned()) } else { Err(fault(format!("{text:?} is not a method"), help())) }
}

fn host(text: &str) -> Result<String, Fault> {
    let is_host = !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'));
    let help = "write the name of a host in lower case, without a port, such as `\"api.example.com\"`";
    if is_host {
        Ok(text.to_owned())
    } else {
        Err(fault(format!("{text:?} is not the name of a host"), help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_segments() {
        for (pattern, yes, no) in [
            ("/", &["/"][..], &["/a", ""][..]),
            ("/*", &["/", "/a", "/a/b", "//"], &["", "*"]),
            ("/orders", &["/orders"], &["/orders/", "/order", "/ordersx", "/Orders"]),
            ("/orders/{id}", &["/orders/7", "/orders/%2F"], &["/orders/", "/orders", "/orders/7/x"]),
            ("/static/*", &["/static", "/static/", "/static/a/b"], &["/staticx", "/"]),
            ("/a/{b}/*", &["/a/x", "/a/x/y/z"], &["/a", "/a/"]),
        ] {
            let parsed = PathPattern::parse(pattern).unwrap();
            assert_eq!(parsed.to_string(), pattern);
            for path in yes {
                assert!(parsed.matches(path), "{pattern} {path}");
            }
            for path in no {
                assert!(!parsed.matches(path), "{pattern} {path}");
            }
        }
    }

    #[test]
    fn star_stands_for_the_rest_of_a_path() {
        for (pattern, path, rest) in [
            ("/*", "/", Some("")),
            ("/*", "/a/b", Some("a/b")),
            ("/static/*", "/static", Some("")),
            ("/static/*", "/static/", Some("")),
            ("/static/*", "/static//a", Some("/a")),
            ("/a/{b}/*", "/a/x/y/z", Some("y/z")),
            ("/static", "/static", Some("")),
            ("/static/*", "/other", None),
        ] {
            assert_eq!(PathPattern::parse(pattern).unwrap().rest(path), rest, "{pattern} {path}");
        }
    }

    #[test]
    fn pattern_covers_another_that_matches_no_other_paths() {
        for (pattern, other, expected) in [
            ("/*", "/", true),
            ("/*", "/a/{b}/*", true),
            ("/a/*", "/a", true),
            ("/a/*", "/*", false),
            ("/a", "/a/*", false),
            ("/{a}", "/b", true),
            ("/{a}", "/", false),
            ("/{a}", "/{b}", true),
            ("/a", "/{b}", false),
            ("/a/{b}", "/a/b", true),
            ("/a/{b}", "/a/b/c", false),
        ] {
            let parsed = |text| PathPattern::parse(text).unwrap();
            assert_eq!(parsed(pattern).covers(&parsed(other)), expected, "{pattern} {other}");
        }
    }

    #[test]
    fn wrong_patterns_are_refused_with_their_rule() {
        for (pattern, rule) in [
            ("orders", "begins with"),
            ("/a b", "cannot have ' '"),
            ("/a?x", "cannot have '?'"),
            ("/a*", "behind a `/`"),
            ("/*/a", "neither"),
            ("/{}", "cannot name"),
            ("/{a}/{a}", "twice"),
            ("/x{a}", "neither"),
        ] {
            let found = PathPattern::parse(pattern).unwrap_err();
            assert!(found.contains(rule), "{pattern}: {found}");
        }
    }
}
