//! The decision about an access.

use airssys_core::{Topic, TopicPattern};

use super::denied::Denied;
use super::rows::Capability;
use super::set::Capabilities;
use super::subject::Subject;
use crate::origin::Origin;
use crate::pattern::NamePattern;
use crate::use_pattern::UsePattern;

/// Something that a component wants to do.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Access<'a> {
    /// Send a message.
    Send {
        /// The name of a component or an instance.
        to: &'a str,
    },
    /// Send a message that is to be answered.
    Request {
        /// The name of a component or an instance.
        to: &'a str,
    },
    /// Publish on a topic.
    Publish {
        /// The topic.
        topic: &'a Topic,
    },
    /// Subscribe to topics.
    Subscribe {
        /// The topics.
        pattern: &'a TopicPattern,
    },
    /// Use a service of the host.
    Use {
        /// The use, with resource and verb.
        right: &'a UsePattern,
    },
    /// Send an HTTP request.
    HttpOutgoing {
        /// The server.
        origin: &'a Origin,
    },
    /// Read the standard input.
    Input,
}

/// Decides whether a component may do something. Every access goes through this function.
///
/// A component may send messages to itself: to its own name and those of its instances. Every
/// other access is denied unless it is listed. The function is pure, so a decision may be kept as
/// long as the capabilities stay the same.
///
/// # Errors
/// [`Denied`] if the component may not do it.
///
/// ```
/// use airssys_spec::capability::{Access, Capabilities, Subject, decide};
///
/// let feed = Subject::new("feed", "feed");
/// let capabilities = Capabilities { send: vec!["parse".parse()?], ..Capabilities::default() };
/// assert!(decide(&feed, &capabilities, &Access::Send { to: "parse" }).is_ok());
/// assert!(decide(&feed, &capabilities, &Access::Send { to: "parser" }).is_err());
/// assert!(decide(&feed, &capabilities, &Access::Request { to: "parse" }).is_err());
/// # Ok::<(), airssys_spec::pattern::InvalidName>(())
/// ```
pub fn decide(who: &Subject, capabilities: &Capabilities, access: &Access<'_>) -> Result<(), Denied> {
    let names = |patterns: &[NamePattern], name: &str| patterns.iter().any(|pattern| pattern.matches(name));
    let server: String;
    let (allowed, capability, object) = match *access {
        Access::Send { to } => (who.is_own(to) || names(&capabilities.send, to), Capability::Send, Some(to)),
        Access::Request { to } => (names(&capabilities.request, to), Capability::Request, Some(to)),
        Access::Publish { topic } => {
            let allowed = capabilities.publish.iter().any(|pattern| pattern.matches(topic));
            (allowed, Capability::Publish, Some(topic.as_str()))
        }
        Access::Subscribe { pattern } => {
            let allowed = capabilities.subscribe.iter().any(|granted| granted.covers(pattern));
            (allowed, Capability::Subscribe, Some(pattern.as_str()))
        }
        Access::Use { right } => {
            let allowed = capabilities.uses.iter().any(|granted| granted.covers(right));
            (allowed, Capability::Use, Some(right.as_str()))
        }
        Access::HttpOutgoing { origin } => {
            let allowed = capabilities.http_outgoing.iter().any(|pattern| pattern.matches(origin));
            server = origin.to_string();
            (allowed, Capability::HttpOutgoing, Some(server.as_str()))
        }
        Access::Input => (capabilities.input, Capability::Input, None),
    };
    if allowed { Ok(()) } else { Err(Denied::of(who.clone(), capability, object.map(str::to_owned))) }
}

#[cfg(test)]
mod tests;
