//! The host of an origin: a name or an address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// The most bytes of a name, and of a label of it (RFC 1035).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// The host of an origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OriginHost {
    /// A name, in lower case and without a dot at its end.
    Name(Box<str>),
    /// An address. An IPv4 address is never in the form of an IPv6 address.
    Address(IpAddr),
}

/// The rules that a host can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HostFault {
    /// It is empty, or has an empty label.
    #[error("the host is empty, or has two dots in a row")]
    Empty,
    /// It is too long.
    #[error("the host has more than 253 characters, or more than 63 between two dots")]
    TooLong,
    /// It has a character that is not of ASCII.
    #[error("write the host in ASCII: a word of another alphabet has a form that begins with `xn--`")]
    NotAscii,
    /// It has a character that names do not have.
    #[error("a host has letters, digits, `-`, `_` and dots, and no `-` beside a dot or at its ends")]
    Character,
    /// It is a number, or ends in one, without being an address of four decimal numbers.
    #[error("a host that ends in a number must be an address of four numbers, such as `192.0.2.7`")]
    Number,
    /// The text in brackets is not an IPv6 address.
    #[error("an IPv6 address stands in brackets, such as `[2001:db8::7]`, without a zone")]
    Ipv6,
    /// It is an IPv4 address in the form of an IPv6 address.
    #[error("write the IPv4 address itself, in place of the IPv6 address that stands for it")]
    MappedIpv4,
    /// A wildcard stands elsewhere than before a domain.
    #[error("`*.` stands before a domain, such as `*.example.org`, and `*` nowhere else in a host")]
    Wildcard,
}

impl OriginHost {
    /// Parses the host of an origin. Addresses have one text form each: no octal, hexadecimal or shortened
    /// IPv4 address, which resolvers accept, is one.
    pub(super) fn parse(text: &str) -> Result<OriginHost, HostFault> {
        if let Some(inner) = text.strip_prefix('[') {
            let address = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
            let address = address.ok_or(HostFault::Ipv6)?;
            return match address.to_ipv4_mapped() {
                Some(_) => Err(HostFault::MappedIpv4),
                None => Ok(OriginHost::Address(address.into())),
            };
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(OriginHost::Address(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        check_name(name)?;
        Ok(OriginHost::Name(name.to_ascii_lowercase().into()))
    }
}

fn check_name(name: &str) -> Result<(), HostFault> {
    if !name.is_ascii() {
        return Err(HostFault::NotAscii);
    }
    if name.contains('*') {
        return Err(HostFault::Wildcard);
    }
    if name.contains(['[', ']']) {
        return Err(HostFault::Ipv6);
    }
    if name.len() > MAX_NAME {
        return Err(HostFault::TooLong);
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err(HostFault::Empty);
        }
        if label.len() > MAX_LABEL {
            return Err(HostFault::TooLong);
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if label.starts_with('-') || label.ends_with('-') || !label.bytes().all(is_allowed) {
            return Err(HostFault::Character);
        }
    }
    // Resolvers read such a text as an IPv4 address, in decimal, octal or hexadecimal.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_digits = last.bytes().all(|byte| byte.is_ascii_digit());
    let is_hexadecimal = last.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"))
        && last[2..].bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digits || is_hexadecimal { Err(HostFault::Number) } else { Ok(()) }
}

impl fmt::Display for OriginHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OriginHost::Name(name) => f.write_str(name),
            OriginHost::Address(IpAddr::V4(address)) => address.fmt(f),
            OriginHost::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}
