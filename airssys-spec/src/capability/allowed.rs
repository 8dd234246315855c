//! The pattern that allows an access.

use std::borrow::Cow;

use airssys_core::{Topic, TopicPattern};

use super::decide::{Access, decide};
use super::patterns::InvalidPattern;
use super::rows::Capability;
use super::set::Capabilities;
use super::subject::Subject;
use crate::origin::Origin;
use crate::pattern::check_instance_name;
use crate::use_pattern::UsePattern;

/// The reason for which an access is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllowedBy {
    /// The target is the component itself, to which it may always send.
    Itself,
    /// This pattern in the list allows it; empty for [`Capability::Input`].
    Pattern(String),
}

/// Returns the reason for which [`decide`] allows an access, or `None` if it denies it.
///
/// `object` is a name for `send` and `request`, a topic for `publish`, a pattern of topics for
/// `subscribe`, a use for `use`, and a server for `http.outgoing`. It is ignored for `input`.
///
/// # Errors
/// [`InvalidPattern`] if the object is not of that kind.
pub fn allowed_by(
    who: &Subject,
    capabilities: &Capabilities,
    capability: Capability,
    object: &str,
) -> Result<Option<AllowedBy>, InvalidPattern> {
    let (topic, pattern, right, origin): (Topic, TopicPattern, UsePattern, Origin);
    let mut object = Cow::Borrowed(object);
    let access = match capability {
        Capability::Send | Capability::Request => {
            check_instance_name(&object)?;
            match capability {
                Capability::Send => Access::Send { to: &object },
                _ => Access::Request { to: &object },
            }
        }
        Capability::Publish => {
            topic = object.parse()?;
            Access::Publish { topic: &topic }
        }
        Capability::Subscribe => {
            pattern = object.parse()?;
            Access::Subscribe { pattern: &pattern }
        }
        Capability::Use => {
            right = object.parse()?;
            Access::Use { right: &right }
        }
        Capability::HttpOutgoing => {
            origin = object.parse()?;
            // Patterns have one form.
            object = Cow::Owned(origin.to_string());
            Access::HttpOutgoing { origin: &origin }
        }
        Capability::Input => Access::Input,
    };
    if decide(who, capabilities, &access).is_err() {
        return Ok(None);
    }
    if decide(who, &Capabilities::default(), &access).is_ok() {
        return Ok(Some(AllowedBy::Itself));
    }
    let covering = match capabilities.list(capability) {
        Some(list) => list.covering(&object)?,
        None => Vec::new(),
    };
    Ok(Some(AllowedBy::Pattern(covering.into_iter().next().unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(text: &str) -> TopicPattern {
        text.parse().unwrap()
    }

    #[test]
    fn allowing_pattern_is_named() {
        let who = Subject::new("feed", "feed");
        let capabilities = Capabilities {
            send: vec!["a".parse().unwrap(), "*".parse().unwrap()],
            subscribe: vec![topics("quakes.*")],
            ..Capabilities::default()
        };
        let by = |capability, object| allowed_by(&who, &capabilities, capability, object).unwrap();
        let pattern = |text: &str| Some(AllowedBy::Pattern(text.to_owned()));
        assert_eq!(by(Capability::Send, "a"), pattern("a"));
        assert_eq!(by(Capability::Send, "b"), pattern("*"));
        assert_eq!(by(Capability::Send, "feed"), Some(AllowedBy::Itself));
        assert_eq!(by(Capability::Request, "a"), None);
        assert_eq!(by(Capability::Subscribe, "quakes.big"), pattern("quakes.*"));
        assert_eq!(by(Capability::Publish, "quakes.big"), None);
        assert!(allowed_by(&who, &capabilities, Capability::Send, "A").is_err());
        assert!(allowed_by(&who, &capabilities, Capability::Publish, "a..b").is_err());
    }
}
