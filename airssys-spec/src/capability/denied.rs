//! A denial, and the manifest lines that would lift it.

use std::fmt;

use thiserror::Error;

use super::rows::Capability;
use super::subject::Subject;

/// A denied access.
///
/// `Display` names the lines of both manifests that would allow the access. The text is meant for
/// the operator, because a guest learns only that access is denied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub struct Denied {
    /// The instance that was denied access.
    pub who: Subject,
    /// The kind of right that it lacks.
    pub capability: Capability,
    /// The name, topic, pattern or use; `None` for [`Capability::Input`].
    pub object: Option<String>,
}

impl Denied {
    /// Makes the denial of an access to this object.
    pub fn new(who: Subject, capability: Capability, object: impl Into<String>) -> Denied {
        Denied { who, capability, object: Some(object.into()) }
    }

    /// Returns the line under `[capabilities]` of `Component.toml` that asks for the right.
    pub fn component_line(&self) -> String {
        match &self.object {
            Some(object) => format!("{} = [{object:?}]", self.capability.key()),
            None => format!("{} = true", self.capability.key()),
        }
    }

    /// Returns the line under `[grants.<component>]` of `app.toml` that grants the right.
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

/// Returns the line of `app.toml` that grants a right to these objects.
pub fn grant_line(capability: Capability, objects: &[String]) -> String {
    match capability {
        Capability::Input => "input = \"FILE\"".to_owned(),
        _ => format!("{} = {objects:?}", capability.key()),
    }
}
