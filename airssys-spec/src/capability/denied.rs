//! A denial, and the manifest lines that would lift it.

use std::fmt;

use thiserror::Error;

use super::rows::Capability;
use super::subject::Subject;

/// A component wanted to do what it may not.
///
/// Its Display names the lines of both manifests that would allow it. It is meant for the operator:
/// a guest learns only that access is denied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub struct Denied {
    /// Who wanted it.
    pub who: Subject,
    /// What kind of access it was.
    pub capability: Capability,
    /// The name, topic or pattern; none for [`Capability::Input`].
    pub object: Option<String>,
}

impl Denied {
    /// The denial of an access to this object, to tell what would allow it.
    pub fn new(who: Subject, capability: Capability, object: impl Into<String>) -> Denied {
        Denied { who, capability, object: Some(object.into()) }
    }

    /// The line under `[capabilities]` of the `Component.toml` that asks for it.
    pub fn component_line(&self) -> String {
        match &self.object {
            Some(object) => format!("{} = [{object:?}]", self.capability.key()),
            None => format!("{} = true", self.capability.key()),
        }
    }

    /// The line under `[grants.<component>]` of the `app.toml` that grants it.
    pub fn grant_line(&self) -> String {
        grant_line(self.capability, self.object.as_slice())
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` may not {}", self.who.instance(), self.capability.verb())?;
        if let Some(object) = &self.object {
            write!(f, " `{object}`")?;
        }
        let (ask, grant, component) = (self.component_line(), self.grant_line(), self.who.component());
        write!(f, ": to allow it, Component.toml asks under [capabilities]: {ask}")?;
        write!(f, ", and app.toml grants under [grants.{component}]: {grant}")
    }
}

/// The line of `app.toml` that grants a capability for these objects.
pub fn grant_line(capability: Capability, objects: &[String]) -> String {
    match capability {
        Capability::Input => "input = \"FILE\"".to_owned(),
        _ => format!("{} = {objects:?}", capability.key()),
    }
}
