//! Origins of HTTP servers, and the patterns that stand for sets of them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use airssys_core::Pattern;
use airssys_core::pattern::WILDCARD;
use thiserror::Error;

mod host;

pub use host::{HostFault, OriginHost};

/// The text before the domain of a pattern that stands for every name below it.
const BELOW: &str = "*.";

/// A text that is not the origin of a server, or not a pattern of origins.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not the origin of a server: {fault}")]
pub struct InvalidOrigin {
    /// The whole text.
    pub text: String,
    /// The rule that it breaks.
    pub fault: OriginFault,
}

/// The rules that a text can break that is to be an origin.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OriginFault {
    /// It begins neither with `http://` nor with `https://`.
    #[error("it must begin with `http://` or `https://`")]
    Scheme,
    /// It has a user name or a password.
    #[error("a user name and a password do not belong to an origin")]
    UserInfo,
    /// It has a path, a query or a fragment.
    #[error("it must end behind the port, without a path")]
    Path,
    /// Its host is neither a name nor an address.
    #[error("{0}")]
    Host(HostFault),
    /// Its port is not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// It is an origin, but not in the one form that patterns have.
    #[error("its form is `{canonical}`")]
    Form {
        /// The same origin in that form.
        canonical: String,
    },
}

/// The origin of an HTTP server: scheme, host and port (RFC 6454).
///
/// It is parsed from the text that a request has, and prints in one form: in lower case, with its port,
/// without the dot that can end a name.
///
/// ```
/// use airssys_spec::Origin;
///
/// let origin: Origin = "https://API.example.com".parse()?;
/// assert_eq!(origin.to_string(), "https://api.example.com:443");
/// # Ok::<(), airssys_spec::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    endpoint: Endpoint,
    host: OriginHost,
}

/// The scheme and the port, which patterns with and without a whole host have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Endpoint {
    tls: bool,
    port: u16,
}

impl Endpoint {
    fn scheme(self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }
}

impl Origin {
    /// Returns the host.
    pub fn host(&self) -> &OriginHost {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.endpoint.port
    }

    /// Returns `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        self.endpoint.scheme()
    }

    /// Returns true if the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.endpoint.tls
    }

    /// Returns the host, and the port unless it is that of the scheme: the `Host` of requests.
    pub fn authority(&self) -> String {
        let default = if self.endpoint.tls { 443 } else { 80 };
        match self.endpoint.port {
            port if port == default => self.host.to_string(),
            port => format!("{}:{port}", self.host),
        }
    }

    /// Returns the origin at one of the addresses of its name. An IPv4 address in the form of an IPv6
    /// address is that IPv4 address.
    #[must_use]
    pub fn at(&self, address: IpAddr) -> Origin {
        Origin { endpoint: self.endpoint, host: OriginHost::Address(address.to_canonical()) }
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Origin, InvalidOrigin> {
        let invalid = |fault| InvalidOrigin { text: text.to_owned(), fault };
        let (endpoint, host) = split(text).map_err(invalid)?;
        let host = OriginHost::parse(host).map_err(|fault| invalid(OriginFault::Host(fault)))?;
        Ok(Origin { endpoint, host })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme(), self.host, self.endpoint.port)
    }
}

/// Splits a text into scheme with port, and host.
fn split(text: &str) -> Result<(Endpoint, &str), OriginFault> {
    let (scheme, rest) = text.split_once("://").ok_or(OriginFault::Scheme)?;
    let tls = match scheme {
        _ if scheme.eq_ignore_ascii_case("https") => true,
        _ if scheme.eq_ignore_ascii_case("http") => false,
        _ => return Err(OriginFault::Scheme),
    };
    if rest.contains('@') {
        return Err(OriginFault::UserInfo);
    }
    if rest.contains(['/', '?', '#', '\\']) {
        return Err(OriginFault::Path);
    }
    // The colons of an IPv6 address are within brackets.
    let from = rest.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match rest[from..].find(':') {
        Some(colon) => (&rest[..from + colon], Some(&rest[from + colon + 1..])),
        None => (rest, None),
    };
    let port = match port {
        None if tls => 443,
        None => 80,
        Some(port) => {
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
            port.parse().ok().filter(|_| is_number).ok_or(OriginFault::Port)?
        }
    };
    Ok((Endpoint { tls, port }, host))
}

/// A set of origins: `https://api.example.com:443`, `https://*.example.org:443`, or `*`.
///
/// It is written in one form: in lower case, with its port. `*.` stands for every name below a domain,
/// the domain excluded. `*` stands for every name. An address is only contained in the pattern that is this
/// address.
///
/// ```
/// use airssys_spec::OriginPattern;
///
/// let below: OriginPattern = "https://*.example.org:443".parse()?;
/// assert!(below.matches(&"https://a.b.example.org".parse()?));
/// assert!(!below.matches(&"https://example.org".parse()?));
/// let every: OriginPattern = "*".parse()?;
/// assert!(!every.matches(&"http://127.0.0.1:80".parse()?));
/// # Ok::<(), airssys_spec::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginPattern(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Every,
    /// The names below a domain.
    Below(Endpoint, Box<str>),
    One(Origin),
}

impl OriginPattern {
    /// Parses a pattern, which has one form.
    ///
    /// # Errors
    /// [`InvalidOrigin`], with the right form if the text has another.
    pub fn parse(text: &str) -> Result<OriginPattern, InvalidOrigin> {
        let pattern = OriginPattern::parse_any_form(text)?;
        let canonical = pattern.to_string();
        match canonical == text {
            true => Ok(pattern),
            false => Err(InvalidOrigin { text: text.to_owned(), fault: OriginFault::Form { canonical } }),
        }
    }

    fn parse_any_form(text: &str) -> Result<OriginPattern, InvalidOrigin> {
        if text == WILDCARD {
            return Ok(OriginPattern(Kind::Every));
        }
        let invalid = |fault| InvalidOrigin { text: text.to_owned(), fault };
        let (endpoint, host) = split(text).map_err(invalid)?;
        let Some(domain) = host.strip_prefix(BELOW) else { return text.parse().map(Kind::One).map(Self) };
        match OriginHost::parse(domain).map_err(|fault| invalid(OriginFault::Host(fault)))? {
            OriginHost::Name(domain) => Ok(OriginPattern(Kind::Below(endpoint, domain))),
            OriginHost::Address(_) => Err(invalid(OriginFault::Host(HostFault::Wildcard))),
        }
    }

    /// Returns true if the pattern contains an origin.
    pub fn matches(&self, origin: &Origin) -> bool {
        match (&self.0, &origin.host) {
            (Kind::One(own), _) => own == origin,
            (Kind::Every, OriginHost::Name(_)) => true,
            (Kind::Below(endpoint, domain), OriginHost::Name(name)) => {
                *endpoint == origin.endpoint && is_below(name, domain)
            }
            (_, OriginHost::Address(_)) => false,
        }
    }
}

/// Returns true if a name has labels before those of a domain.
fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|labels| labels.ends_with('.'))
}

impl Pattern for OriginPattern {
    type Subject = Origin;

    fn matches(&self, origin: &Origin) -> bool {
        OriginPattern::matches(self, origin)
    }

    fn covers(&self, other: &OriginPattern) -> bool {
        match (&self.0, &other.0) {
            (_, Kind::One(origin)) => self.matches(origin),
            (Kind::Every, _) => true,
            (Kind::Below(endpoint, domain), Kind::Below(other_endpoint, other_domain)) => {
                endpoint == other_endpoint && (domain == other_domain || is_below(other_domain, domain))
            }
            (Kind::Below(..), Kind::Every) | (Kind::One(_), _) => false,
        }
    }

    fn overlaps(&self, other: &OriginPattern) -> bool {
        // The names below two domains are the same, or one contains the other, or they share nothing.
        Pattern::covers(self, other) || Pattern::covers(other, self)
    }
}

impl FromStr for OriginPattern {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<OriginPattern, InvalidOrigin> {
        OriginPattern::parse(text)
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Every => f.write_str(WILDCARD),
            Kind::Below(endpoint, domain) => {
                write!(f, "{}://{BELOW}{domain}:{}", endpoint.scheme(), endpoint.port)
            }
            Kind::One(origin) => origin.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
