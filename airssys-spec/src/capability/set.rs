//! The rights of a component.

use airssys_core::TopicPattern;

use super::patterns::PatternList;
use super::rows::Capability;
use crate::origin::OriginPattern;
use crate::pattern::NamePattern;
use crate::use_pattern::UsePattern;

/// The rights of a component. It may do only what is listed here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Names of components and instances to which it may send messages.
    pub send: Vec<NamePattern>,
    /// Names of components and instances to which it may send requests.
    pub request: Vec<NamePattern>,
    /// Topics on which it may publish.
    pub publish: Vec<TopicPattern>,
    /// Topics to which it may subscribe.
    pub subscribe: Vec<TopicPattern>,
    /// Services of the host that it may use: `use` in manifests.
    pub uses: Vec<UsePattern>,
    /// Servers to which it may send HTTP requests: `http.outgoing` in manifests.
    pub http_outgoing: Vec<OriginPattern>,
    /// Allows it to read a standard input.
    pub input: bool,
}

impl Capabilities {
    /// Returns every right, as the program that runs an app has them.
    pub fn everything() -> Capabilities {
        let mut everything = Capabilities { input: true, ..Capabilities::default() };
        for capability in Capability::LISTS {
            // The wildcard is a pattern of every kind.
            everything.list_mut(capability).map(|list| list.add("*"));
        }
        everything
    }

    /// Returns the patterns of one kind of right; `None` for [`Capability::Input`].
    pub fn list(&self, capability: Capability) -> Option<&dyn PatternList> {
        match capability {
            Capability::Send => Some(&self.send),
            Capability::Request => Some(&self.request),
            Capability::Publish => Some(&self.publish),
            Capability::Subscribe => Some(&self.subscribe),
            Capability::Use => Some(&self.uses),
            Capability::HttpOutgoing => Some(&self.http_outgoing),
            Capability::Input => None,
        }
    }

    /// Returns the patterns of one kind of right for changes; `None` for [`Capability::Input`].
    pub fn list_mut(&mut self, capability: Capability) -> Option<&mut dyn PatternList> {
        match capability {
            Capability::Send => Some(&mut self.send),
            Capability::Request => Some(&mut self.request),
            Capability::Publish => Some(&mut self.publish),
            Capability::Subscribe => Some(&mut self.subscribe),
            Capability::Use => Some(&mut self.uses),
            Capability::HttpOutgoing => Some(&mut self.http_outgoing),
            Capability::Input => None,
        }
    }

    /// Returns the patterns of one kind of right as text; empty for [`Capability::Input`].
    pub fn patterns(&self, capability: Capability) -> Vec<String> {
        self.list(capability).map(PatternList::texts).unwrap_or_default()
    }
}
